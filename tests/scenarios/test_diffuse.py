"""A change that no single bin shows: every verdict's share moves a little, and only the dense bet can tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from monitor.counts.cuts import between, joined
from monitor.counts.model import LoadedCounts, Slice
from monitor.findings.model import Finding, Kind
from monitor.judging import snapshot
from monitor.judging.assess import Assessor
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import JudgeState
from monitor.judging.watching.fleet import Fleet
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS, SIGNALS
from monitor.signals.signal import Alternative

VERDICTS = next(signal for signal in SIGNALS if signal.name == "verdict_mix")
RULE = JudgeSettings(tick_ms=10_000, silence="off", volume="off")
TICKS, CHANGE = 900, 500
NORMAL = np.arange(1, len(VERDICTS.bins) + 1) % 5 + 3.0
TILT = np.where(np.arange(len(VERDICTS.bins)) % 2, 1.28, 0.78)
"""Every other verdict a quarter more often, the rest less: no bin gains more than two points."""


def stream(streams: int = 2, seed: int = 1) -> LoadedCounts:
    """The first stream changes in the middle, the others never do."""
    rng = np.random.default_rng(seed)
    parts = []
    for tick in range(TICKS):
        for number in range(streams):
            law = NORMAL * TILT if number == 0 and tick >= CHANGE else NORMAL
            drawn = rng.multinomial(100, law / law.sum())
            base = (number + 1) * COLUMNS
            bins = np.flatnonzero(drawn)
            cell = np.concatenate(([base + EVENTS_COLUMN], base + OFFSETS["verdict_mix"] + bins))
            count = np.concatenate(([100], drawn[bins]))
            parts.append(LoadedCounts(np.full(len(cell), tick), cell, count))
    return joined(parts)


@pytest.fixture(scope="module")
def counts() -> LoadedCounts:
    return stream()


def slices(streams: int = 2) -> dict[int, Slice]:
    return {
        n + 1: Slice(f"g{n}", "1", "", "input", "continuous", "p_unsafe", 500, "", "", "", "", "")
        for n in range(streams)
    }


def steps(size: int) -> Iterator[int]:
    yield from range(size, TICKS, size)
    yield TICKS


def judged(counts: LoadedCounts, *, step: int, restored_at: int | None = None) -> list[Finding]:
    def history(from_tick, to_tick):
        return between(counts, from_tick, to_tick)

    assessor = Assessor(RULE, history, state=JudgeState(judged_before=0, units=[], guardrails={}))
    assessor.learn_slices(slices())
    findings = []
    for to_tick in steps(step):
        findings += assessor.advance(between(counts, assessor.judged_before, to_tick), to_tick).findings
        if restored_at is not None and to_tick >= restored_at:
            state, panel = snapshot.load(snapshot.dump(assessor.fleet), RULE)
            assessor = Assessor(RULE, history, state=state, panel=panel)
            assessor.learn_slices(slices())
            restored_at = None
    return findings


def test_verdicts_are_bet_on_by_all_three_kinds_of_bets():
    assert {Alternative.sparse, Alternative.dense} <= set(VERDICTS.alternatives)


def test_a_diffuse_change_is_a_notice_raised_by_the_dense_bet(counts):
    first = judged(counts, step=1)[0]
    assert (first.guardrail, first.signal, first.kind) == ("g0", "verdict_mix", Kind.notice)
    assert first.detected_at_ms > CHANGE * RULE.tick_ms
    assert first.onset_low_ms <= (CHANGE + 5) * RULE.tick_ms
    assert first.onset_high_ms >= (CHANGE - 5) * RULE.tick_ms
    assert "spread over many bins" in first.evidence.detail


def test_without_the_dense_bet_it_is_found_much_later_or_not_at_all(counts, monkeypatch):
    with_dense = judged(counts, step=TICKS)[0]
    blind = tuple(replace(s, alternatives=(Alternative.boundary, Alternative.sparse)) for s in SIGNALS)
    for module in ("watching.fleet", "watching.from_baseline", "findings.describe"):
        monkeypatch.setattr(f"monitor.judging.{module}.SIGNALS", blind)
    without = judged(counts, step=TICKS)
    delay = [f.detected_at_ms - CHANGE * RULE.tick_ms for f in (with_dense, *without[:1])]
    assert len(delay) == 1 or delay[1] > 1.5 * delay[0]


@pytest.mark.parametrize(("step", "restored_at"), [(7, None), (TICKS, None), (3, 510), (1, 505)])
def test_it_is_the_same_finding_however_the_ticks_were_grouped_and_after_a_snapshot(counts, step, restored_at):
    expected, again = judged(counts, step=1), judged(counts, step=step, restored_at=restored_at)
    assert [(f.id, f.detected_at_ms, f.onset_low_ms, round(f.evidence.log_evidence, 6)) for f in again] == [
        (f.id, f.detected_at_ms, f.onset_low_ms, round(f.evidence.log_evidence, 6)) for f in expected
    ]


def test_a_fleet_knows_its_dense_bets_after_a_restore(counts):
    assessor = Assessor(
        RULE, lambda a, b: between(counts, a, b), state=JudgeState(judged_before=0, units=[], guardrails={})
    )
    assessor.learn_slices(slices())
    assessor.advance(between(counts, 0, 100), 100)
    state, panel = snapshot.load(snapshot.dump(assessor.fleet), RULE)
    fleet = Fleet(RULE, lambda a, b: between(counts, a, b), state, panel)
    noted = [n for unit in fleet.state.units if unit.epoch for n in unit.epoch.any_change_tests if n.dense]
    assert len(noted) == 2
    assert all(fleet.panel.dense.armed(bet) for notice in noted for bet in notice.dense)
