"""The judging role's jobs: named in the room's README as they are, and forgetting is the leader's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.alerting.policy import AlertPolicy
from monitor.clock import DAY_MS, ManualClock
from monitor.counts.model import Slice
from monitor.errors import TryAgain
from monitor.incidents.evidence import Setup
from monitor.judging.evidence_points import EvidencePoint, HourLevel, Record
from monitor.judging.evidence_record import EvidenceRetention
from monitor.judging.judge import JudgeReport
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.retention import RetentionRule
from monitor.storage.stores import Stores, open_stores
from monitor.wiring.handling import Handling
from monitor.wiring.judge_role import Judging

README = Path(__file__).resolve().parents[3] / "monitor" / "wiring" / "README.md"
DAY_TICKS = 8_640
UNIT = Slice.of_guardrail("shield")


@pytest.fixture
def stores() -> Iterator[Stores]:
    with open_stores("sqlite://") as opened:
        yield opened


def role(stores: Stores, retention: EvidenceRetention | None = None) -> Judging:
    return Judging(
        stores,
        JudgeSettings(),
        RetentionRule(tick_ms=10_000, ticks_ms=DAY_MS, hours_ms=DAY_MS, ledger_ms=DAY_MS, outbox_ms=DAY_MS),
        AlertPolicy(),
        {},
        retention or EvidenceRetention(),
        holder="j",
        clock=ManualClock(1_000),
        on_judged=lambda report, seconds: None,
        on_delivered=lambda delivered: None,
        on_alive=lambda name: None,
        handling=Handling(
            stores,
            AlertPolicy(),
            clock=ManualClock(1_000),
            tick_ms=10_000,
            setup=Setup(),
            rules={},
            receivers={},
        ),
    )


def test_the_readme_lists_the_jobs_as_they_are(stores: Stores) -> None:
    rows = re.findall(r"^\| `(\w+)` \| judge \| ([\d.]+) (s|min) \| (yes|no)", README.read_text(), re.MULTILINE)
    listed = {name: (float(n) * (60 if unit == "min" else 1), said == "yes") for name, n, unit, said in rows}
    gauges = listed.pop("gauges")
    assert gauges == (1.0, False)  # the service's own
    assert listed == {job.name: (job.every_s, job.leader_only) for job in role(stores).jobs()}


def test_the_leader_is_who_holds_the_lease(stores: Stores) -> None:
    first = role(stores)
    assert not first.leads
    first.judge_step()
    assert first.leads
    token = stores.judge.acquire(holder="rival", now_ms=1_000_000, ttl_ms=10_000)
    assert token is not None
    first._clock.advance(1_000_000)  # type: ignore[attr-defined]
    first.judge_step()
    assert not first.leads


def test_the_leader_leads_while_a_step_runs_and_no_more_when_one_fails(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judge that catches up is in a step nearly always; the leader's other jobs must not wait for its end."""
    first = role(stores)
    first.judge_step()
    step, during = first.judge.step, []

    def watched(now_ms: int) -> JudgeReport:
        during.append(first.leads)
        return step(now_ms)

    def fails(now_ms: int) -> JudgeReport:
        raise TryAgain("the database is away")

    monkeypatch.setattr(first.judge, "step", watched)
    first.judge_step()
    assert during == [True]
    monkeypatch.setattr(first.judge, "step", fails)
    with pytest.raises(TryAgain):
        first.judge_step()
    assert not first.leads


def test_forgetting_goes_by_the_retention_before_the_newest_judged_tick(stores: Stores) -> None:
    one = role(stores, EvidenceRetention(points_ms=86_400_000, levels_ms=2 * 86_400_000))
    one.forget_step()  # nothing is judged yet
    point = EvidencePoint(tick=0, unit=UNIT, signal="s", question="q", log_evidence=-1.0, spent=0.0)
    level = HourLevel(tick=0, unit=UNIT, signal="s", question="q", events=1, mean=0.1, level=0.2, limit=0.3)
    days = range(4)
    record = Record(
        tick=3 * DAY_TICKS,
        points=[replace(point, tick=day * DAY_TICKS) for day in days],
        levels=[replace(level, tick=day * DAY_TICKS) for day in days],
    )
    token = stores.judge.acquire(holder="j", now_ms=1_000, ttl_ms=10_000)
    assert token is not None
    with stores.judge.judgement(token) as judgement:
        judgement.save_record(record)
        judgement.advance(3 * DAY_TICKS, tick_ms=10_000)
    one.forget_step()
    assert [kept.tick // DAY_TICKS for kept in stores.evidence.points()] == [2, 3]
    assert [kept.tick // DAY_TICKS for kept in stores.evidence.levels()] == [1, 2, 3]
