"""Who shares the budgets, through the real Assessor: streams that appear, stop, come back, change their version."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from monitor.counts.cuts import between, joined
from monitor.counts.model import LoadedCounts, Slice
from monitor.judging import snapshot
from monitor.judging.assess import Assessor
from monitor.judging.judge_settings import UNITS_SHARE, JudgeSettings, SignalRule
from monitor.judging.state import JudgeState
from monitor.signals import verdict_mix
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS

HOUR_MS = 3_600_000
RULE = JudgeSettings(
    tick_ms=HOUR_MS, baseline_events=400, baseline_ticks=4, baseline_span_ms=0, silence="off", volume="off"
)
WHOLE = UNITS_SHARE * RULE.pages * HOUR_MS / RULE.page_period_ms
DAY = 24
ALLOW = OFFSETS["verdict_mix"] + verdict_mix.SIGNAL.bins.index("allow/allow")
DENY = OFFSETS["verdict_mix"] + verdict_mix.SIGNAL.bins.index("deny/block")
BASE = Slice("a", "1", "", "output", "continuous", "p_unsafe", 500, "", "", "", "", "")

Active = Callable[[int, int], bool]
"""(slice id, tick) -> whether it has events then."""


def counts_of(slices: Iterable[int], ticks: range, active: Active) -> LoadedCounts:
    rows = [
        (tick, s * COLUMNS + column, n)
        for tick in ticks
        for s in slices
        if active(s, tick)
        for column, n in sorted(((EVENTS_COLUMN, 100), (ALLOW, 95), (DENY, 5)))
    ]
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    return LoadedCounts(*columns)


def judged(
    slices: dict[int, Slice],
    active: Active,
    until: int,
    *,
    at_once: int = 1,
    rule: JudgeSettings = RULE,
    restart: int | None = None,
) -> Assessor:
    """After the ticks below ``until``, judged so many at a time; from a snapshot, if that is asked for."""
    whole = counts_of(sorted(slices), range(until), active)

    def history(from_tick: int, to_tick: int) -> LoadedCounts:
        return joined([between(whole, from_tick, to_tick)])

    assessor = Assessor(rule, history, state=JudgeState(judged_before=0, units=[], guardrails={}))
    assessor.learn_slices(slices)
    for start in range(0, until, at_once):
        end = min(start + at_once, until)
        assessor.advance(between(whole, start, end), end)
        if restart is not None and start <= restart < end:
            state, panel = snapshot.load(snapshot.dump(assessor.fleet), rule)
            assessor = Assessor(rule, history, state=state, panel=panel)
            assessor.learn_slices(slices)
    assessor.fleet.split_budgets()
    return assessor


def spends(assessor: Assessor) -> dict[str, float]:
    """What the pages of each unit may spend in the next full tick."""
    stored = assessor.fleet.panel.evidence.snapshot()
    spend = dict(zip(stored["id"].tolist(), np.where(stored["armed"], stored["spend"], 0.0).tolist(), strict=True))
    return {
        f"{unit.unit.guardrail}{unit.unit.guardrail_version}": sum(spend[w.test] for w in unit.epoch.page_tests)
        for unit in assessor.fleet.state.units
        if unit.epoch is not None
    }


def named(*names: str) -> dict[int, Slice]:
    return {
        1 + i: dataclasses.replace(BASE, guardrail=name[0], guardrail_version=name[1:] or "1")
        for i, name in enumerate(names)
    }


def test_streams_that_appear_share_a_tenth_until_they_have_been_there_for_a_day():
    slices = named("a", "b", "x", "y", "z")
    begin = 2 * DAY

    def active(s: int, tick: int) -> bool:
        return s <= 2 or tick >= begin

    before, new = spends(judged(slices, active, begin)), spends(judged(slices, active, begin + 12))
    later = spends(judged(slices, active, begin + DAY + 12))
    assert before == {"a1": pytest.approx(WHOLE / 2), "b1": pytest.approx(WHOLE / 2)}
    assert new["a1"] == new["b1"] == pytest.approx(0.45 * WHOLE)
    assert new["x1"] == new["y1"] == new["z1"] == pytest.approx(0.1 / 3 * WHOLE)
    assert later == dict.fromkeys(("a1", "b1", "x1", "y1", "z1"), pytest.approx(WHOLE / 5))


def test_a_fleet_that_is_new_shares_everything_evenly():
    found = spends(judged(named("a", "b", "c"), lambda s, tick: tick >= 2 * s, DAY))
    assert found == dict.fromkeys(("a1", "b1", "c1"), pytest.approx(WHOLE / 3))


def test_a_stream_that_stops_leaves_its_share_to_the_others_after_a_day_and_has_it_back_after_its_next_event():
    slices, stop, back = named("a", "b"), 2 * DAY, 4 * DAY

    def active(s: int, tick: int) -> bool:
        return s == 1 or tick < stop or tick >= back

    assert spends(judged(slices, active, stop + 20))["b1"] == pytest.approx(WHOLE / 2)
    assert spends(judged(slices, active, stop + DAY + 8)) == {"a1": pytest.approx(WHOLE), "b1": 0.0}
    assert spends(judged(slices, active, back + 1))["b1"] == pytest.approx(WHOLE / 2)


def test_after_an_outage_of_the_whole_source_nobody_has_stopped():
    found = judged(named("a", "b"), lambda _, tick: not 2 * DAY <= tick < 5 * DAY, 5 * DAY + 1)
    assert spends(found) == dict.fromkeys(("a1", "b1"), pytest.approx(WHOLE / 2))
    assert not any(unit.retired for unit in found.fleet.state.units)


def test_versions_of_one_stream_share_what_is_the_streams():
    versions = [f"a{i}" for i in range(2, 10)]
    found = spends(judged(named("b", "a", *versions), lambda s, tick: s <= 2 or tick >= 2 * DAY, 2 * DAY + 12))
    assert found["b1"] == pytest.approx(WHOLE / 2)
    assert found["a1"] == found["a9"] == pytest.approx(WHOLE / 2 / 9)


def test_a_guardrail_may_weigh_more_than_the_others():
    rule = dataclasses.replace(RULE, weights=(("a", 3.0),))
    assessor = judged(named("a", "b", "b2"), lambda *_: True, DAY, rule=rule)
    expected = {"a1": 3 / 4, "b1": 1 / 8, "b2": 1 / 8}
    assert spends(assessor) == {name: pytest.approx(share * WHOLE) for name, share in expected.items()}


def test_weights_of_signals_hold_within_a_stream_and_leave_the_others_alone():
    rule = dataclasses.replace(RULE, signals=(("verdict_mix", SignalRule(weight=3.0)),))
    assessor = judged(named("a", "b"), lambda *_: True, DAY, rule=rule)
    assert spends(assessor) == dict.fromkeys(("a1", "b1"), pytest.approx(WHOLE / 2))


EVENTFUL = named("a", "b", "x", "b2")


def eventful(s: int, tick: int) -> bool:
    match s:
        case 2:
            return tick < 50 or 101 <= tick < 110 or tick >= 140
        case 3:
            return tick >= 60 and tick % 3 != 1
        case 4:
            return tick >= 77
    return True


@pytest.mark.parametrize("at_once", [5, 24, 170])
@pytest.mark.parametrize("restart", [None, 90, 105])
def test_what_is_spent_does_not_depend_on_how_ticks_are_grouped_nor_on_restarts(at_once, restart):
    def spent(assessor: Assessor) -> list[float]:
        return assessor.fleet.panel.evidence.total_spend().tolist()

    slow = judged(EVENTFUL, eventful, 170)
    fast = judged(EVENTFUL, eventful, 170, at_once=at_once, restart=restart)
    assert spent(fast) == pytest.approx(spent(slow), rel=1e-12)
    assert spends(fast) == pytest.approx(spends(slow))
    assert sum(spent(slow)) > 0
    state = fast.fleet.state
    assert [unit.last_event_tick for unit in state.units] == [unit.last_event_tick for unit in slow.fleet.state.units]


def test_new_settings_of_the_budget_change_future_spend_only():
    before = judged(EVENTFUL, eventful, 60)
    rule = dataclasses.replace(RULE, pages=10.0, weights=(("x", 2.0),))
    assert snapshot.fingerprint(rule) == snapshot.fingerprint(RULE)  # the snapshot holds; nothing is judged anew
    state, panel = snapshot.load(snapshot.dump(before.fleet), rule)
    after = Assessor(rule, lambda *_: counts_of((), range(0), eventful), state=state, panel=panel)
    after.learn_slices(EVENTFUL)
    after.fleet.split_budgets()
    engines = [one.fleet.panel.evidence for one in (before, after)]
    assert engines[1].total_spend().tolist() == engines[0].total_spend().tolist()
    assert engines[1].log_evidence().tolist() == engines[0].log_evidence().tolist()
    assert sum(spends(after).values()) == pytest.approx(10 * WHOLE)


def test_no_tick_spends_more_than_the_budget_whoever_comes_and_goes():
    for until in (49, 60, 75, 78, 90, 103, 141, 170):
        assert sum(spends(judged(EVENTFUL, eventful, until, at_once=24)).values()) == pytest.approx(WHOLE)
    assessor = judged(EVENTFUL, eventful, 170)
    spent = assessor.fleet.panel.evidence.total_spend()
    epochs = [unit.epoch for unit in assessor.fleet.state.units if unit.epoch is not None]
    pages = sum(float(spent[watch.test]) for epoch in epochs for watch in epoch.page_tests)
    assert 0.7 * 170 * WHOLE < pages <= 170 * WHOLE
