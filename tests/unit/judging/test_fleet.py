"""Every unit with its tests: whose events count where, what is asked meanwhile, and what a new epoch ends."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.judging.watching.battery import NONE
from monitor.signals.registry import SIGNALS
from tests.unit.judging.ticks import BASE, Lab, like, verdicts

CALM, DRIFT = verdicts(95, 5), verdicts(60, 40)
UNSCORED = like(score_kind="", semantics="", threshold_milli=-1)


def watched(slices: dict, ticks: int = 12) -> Lab:
    lab = Lab(slices)
    for _ in range(ticks):
        lab.tick(dict.fromkeys(slices, CALM))
    return lab


def test_events_without_a_score_count_in_the_stream_of_their_family_that_has_scores():
    lab = Lab({1: BASE, 2: UNSCORED})
    for tick in range(12):
        lab.tick({1: CALM} | ({2: verdicts(1)} if tick % 4 == 0 else {}))
    fleet = lab.assessor.fleet
    scored = fleet.number_of(fleet.state.units[0].unit)
    assert set(fleet.slices_of(scored)) == {1, 2}
    assert fleet.panel.units_of(np.array([1, 2])).tolist() == [scored, scored]


def test_a_new_baseline_ends_the_tests_of_the_old_one():
    lab = watched({1: BASE})
    fleet = lab.assessor.fleet
    old = dict(fleet.tests)
    spent = fleet.panel.evidence.total_spend().sum()
    fleet.activate(0, fleet.counts_of(0, 6, 12), span=(6, 12), tick=lab.now, by_person=True)
    epoch = fleet.state.units[0].epoch
    assert (epoch.window, epoch.effective_tick, epoch.by_person) == ((6, 12), lab.now, True)
    others = {id(watch) for number, watch in fleet.tests.values() if number != 0}
    ended = {id(watch) for number, watch in old.values() if number == 0}
    assert {id(watch) for _, watch in fleet.tests.values()} & {id(watch) for _, watch in old.values()} == others
    assert ended.isdisjoint(others)
    assert len(fleet.tests) == len(old)
    assert 0 <= fleet.panel.evidence.total_spend().sum() < spent
    lab.tick({1: CALM})


def test_while_a_page_is_open_nothing_else_is_asked_of_its_signal():
    lab = watched({1: BASE})
    fleet, epoch = lab.assessor.fleet, lab.assessor.fleet.state.units[0].epoch
    while not lab.assessor.open_pages():
        lab.tick({1: DRIFT})
    (signal,) = {test.signal for test in epoch.page_tests if test.case.open is not None}
    assert [s for s in range(len(SIGNALS)) if fleet.paging(epoch, s)] == [signal]
    fleet.split_budgets()
    (mixed,) = [test for test in epoch.any_change_tests if test.signal == signal]
    reference = [fleet.panel.recoupler.reference(row).sum() for row in mixed.rows]
    lab.tick({1: DRIFT})
    assert [fleet.panel.recoupler.reference(row).sum() for row in mixed.rows] == reference
    assert not fleet.panel.evidence.armed()[mixed.test]


def test_a_signal_that_is_paused_is_fed_nothing_and_starts_at_nothing_when_it_is_resumed():
    lab = watched({1: BASE})
    fleet, epoch = lab.assessor.fleet, lab.assessor.fleet.state.units[0].epoch
    test = next(one for one in epoch.page_tests if SIGNALS[one.signal].name == "verdict_mix")
    fleet.pause(0, epoch, test.signal)
    before = fleet.panel.evidence.log_evidence_of(test.test)
    lab.tick({1: DRIFT})
    assert fleet.panel.evidence.log_evidence_of(test.test) == before
    fleet.resume(0, epoch, test.signal, lab.now)
    assert (fleet.panel.evidence.log_evidence_of(test.test), test.armed_tick) == (-np.inf, lab.now)
    lab.tick({1: verdicts(90, 10)})
    assert fleet.panel.evidence.log_evidence_of(test.test) > -np.inf


def test_alarms_of_one_tick_are_ordered_by_what_they_are_and_not_by_when_their_tests_were_made():
    one, other = watched({1: BASE, 2: like(guardrail="a")}), watched({1: like(guardrail="a"), 2: BASE})
    orders = [sorted(lab.assessor.fleet.order_of(test) for test in lab.assessor.fleet.tests) for lab in (one, other)]
    assert orders[0] == orders[1]
    assert len(set(orders[0])) == len(orders[0])


@pytest.mark.parametrize("heard", [True, False])
def test_a_guardrail_has_stopped_when_none_of_its_units_was_heard_for_a_day(heard):
    lab = watched({1: BASE, 2: like(guardrail_version="2"), 3: like(guardrail="other")})
    fleet = lab.assessor.fleet
    fleet.state.last_tick = lab.now + 24 * 60
    fleet.state.units[0].last_event_tick = fleet.state.last_tick if heard else 0
    assert fleet.has_stopped("shield") is not heard


def test_no_test_of_a_fleet_is_none():
    assert NONE not in watched({1: BASE}).assessor.fleet.tests
