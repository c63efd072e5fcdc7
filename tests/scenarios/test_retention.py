"""Rolling up behind the judge's back changes nothing that it finds, and a rebuilt judge holds on to its baselines."""

from __future__ import annotations

from sqlalchemy import delete, func, select

from monitor.clock import HOUR_MS
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.retention import RetentionRule
from monitor.storage.tables import hour_counts, snapshots, tick_counts
from tests.scenarios.service import Judging, Outcome, Service, service
from tests.scenarios.story import at, log_of

TICK_MS = 10_000
STORY = """
00:00 injection: rate=60/min
00:00 toxicity:  rate=60/min
01:30 injection: near=20%
01:50 injection: near=1%
03:00 toxicity:  near=20%
04:30 end
"""
RULE = RetentionRule(tick_ms=TICK_MS, ticks_ms=HOUR_MS, hours_ms=30 * HOUR_MS, ledger_ms=HOUR_MS)


def tick(clock: str) -> int:
    return at(clock) // TICK_MS


def rolling_up(built: Service) -> None:
    built.judge.retain(RULE, built.clock.now_ms())


def found(outcome: Outcome) -> list[tuple[object, ...]]:
    return [(f.id, f.kind, f.onset_low_ms, f.detected_at_ms, f.paged_at_ms, f.ended_at_ms) for f in outcome.findings]


def run(*, retention: bool) -> tuple[Outcome, int, list[int], dict[object, int]]:
    """What was found, how many hours were rolled up, which ticks are left, and what a rebuilt judge knows."""
    rule = JudgeSettings(baseline_span_ms=0)  # a provisional baseline needs its counts until it spans a day
    with service([log_of(STORY)], rule=rule, block_records=500, judging=Judging(snapshot_ticks=60)) as built:
        built.before_step = rolling_up if retention else built.before_step
        outcome = built.run()
        with built.stores.database.writing() as connection:
            connection.execute(delete(snapshots))
            hours = connection.execute(select(func.count()).select_from(hour_counts)).scalar_one()
            left = list(connection.execute(select(tick_counts.c.tick).order_by(tick_counts.c.tick)).scalars())
        rebuilt = built._new_judge("after an upgrade")
        built.clock.advance(60_000)
        built.judge.close()
        rebuilt.step(built.clock.now_ms())
        assert rebuilt.assessor is not None
        units = rebuilt.assessor.fleet.state.units
        return outcome, hours, left, {u.unit: u.epoch.events for u in units if u.epoch is not None}


def test_the_same_is_found_with_and_without_and_a_rebuilt_judge_has_its_baselines() -> None:
    kept, rolled = run(retention=False), run(retention=True)
    assert found(rolled[0]) == found(kept[0])
    assert kept[1] == 0
    assert rolled[1] >= 1
    # The hour of the baselines stays, ticks from the open page's onset on do, and what lies between is hours.
    assert min(rolled[2]) < tick("00:10")
    between = [one for one in rolled[2] if tick("01:00") <= one < tick("02:00")]
    assert between == []
    assert {one for one in kept[2] if one >= tick("03:00")} <= set(rolled[2])
    assert rolled[3] == kept[3]
