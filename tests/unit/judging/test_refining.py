"""A provisional baseline gives way to all of the traffic since, but for what a page has spoken of."""

import dataclasses

import numpy as np
import pytest

from monitor.clock import HOUR_MS
from monitor.counts.cuts import between
from monitor.counts.model import LoadedCounts
from monitor.counts.units import is_whole
from monitor.findings.model import Kind, Promise
from monitor.judging.assess import Assessor
from monitor.judging.state import JudgeState
from monitor.signals.registry import COLUMNS
from tests.unit.judging.ticks import BASE, RULE, Lab, verdicts

SPAN = dataclasses.replace(RULE, baseline_span_ms=12 * HOUR_MS)
HOUR = 60  # ticks of a minute; baselines are looked at every 360 ticks
CALM, DRIFT = verdicts(95, 5), verdicts(60, 40)


def counts_of(cells, first: int, ticks: int) -> LoadedCounts:
    """The same cells in every tick."""
    at, n = np.array(sorted(cells.items())).T
    return LoadedCounts(
        np.repeat(np.arange(first, first + ticks), len(at)), np.tile(at + COLUMNS, ticks), np.tile(n, ticks)
    )


def lab_of(*hours, rule=SPAN) -> Lab:
    """So many hours of each kind of minute."""
    return go_on(Lab({1: BASE}, rule), *hours)


def go_on(lab: Lab, *hours) -> Lab:
    """More of them."""
    for cells, length in hours:
        ticks = int(length * HOUR)
        lab.past.append(counts_of(cells, lab.now, ticks))
        lab.now += ticks
        lab.found += lab.assessor.advance(lab.past[-1], lab.now).findings
    return lab


def epoch_of(lab: Lab):
    return lab.assessor.fleet.state.units[0].epoch


def test_a_short_baseline_is_provisional_and_wider_than_the_same_that_may_be_short():
    provisional, firm = epoch_of(lab_of((CALM, 0.5))), epoch_of(lab_of((CALM, 0.5), rule=RULE))
    assert (provisional.provisional, firm.provisional) == (True, False)
    assert provisional.page_tests[0].limit > firm.page_tests[0].limit


def test_it_is_refined_as_traffic_accumulates_and_ends_with_the_span_that_is_wanted():
    lab = Lab({1: BASE}, SPAN)
    windows, limits = {}, []
    for _ in range(26):
        epoch = epoch_of(go_on(lab, (CALM, 1)))
        windows[epoch.window] = epoch.provisional
        limits.append(epoch.page_tests[0].limit)
    assert windows == {(0, 4): True, (0, 6 * HOUR): True, (0, 12 * HOUR): False}
    assert limits == sorted(limits, reverse=True)
    assert epoch_of(lab).watched_from == 4
    assert lab.found == []


@pytest.mark.parametrize(("calm", "promise"), [(1, Promise.provisional), (13, Promise.proved)])
def test_a_page_says_what_its_baseline_allows(calm, promise):
    page = next(f for f in lab_of((CALM, calm), (DRIFT, 0.2)).found if f.kind is Kind.page)
    assert page.promise is promise


def test_what_a_page_has_spoken_of_is_in_no_baseline():
    lab = lab_of((CALM, 0.5), (DRIFT, 1), (CALM, 1.5))
    assert any(f.kind is Kind.page for f in lab.found)
    assert lab.assessor.open_pages() == []
    ended = lab.assessor.fleet.state.units[0].learning_from
    assert ended >= 1.5 * HOUR
    epoch = epoch_of(go_on(lab, (CALM, 18)))
    assert epoch.window[0] == ended
    assert not epoch.provisional
    assert epoch.page_tests[0].rate == pytest.approx(0.05)


def test_while_a_page_is_open_nothing_is_refined():
    lab = lab_of((CALM, 0.9), (DRIFT, 12))
    assert lab.assessor.open_pages()
    assert epoch_of(lab).window[1] <= 0.9 * HOUR


def test_stored_baselines_take_effect_again_and_are_not_learned_twice():
    whole = counts_of(CALM, 0, 20 * HOUR)

    def judged(*, step: int, approved=()) -> tuple[Assessor, list]:
        made = Assessor(
            SPAN,
            lambda start, end: between(whole, start, end),
            state=JudgeState(judged_before=0, units=[], guardrails={}),
            approved=approved,
        )
        made.learn_slices({1: BASE})
        learned = []
        for start in range(0, 20 * HOUR, step):
            found = made.advance(between(whole, start, start + step), start + step).baselines
            learned += [one for one in found if not is_whole(one.unit)]
        return made, learned

    first, stored = judged(step=HOUR)
    rebuilt, learned = judged(step=HOUR * 20, approved=stored)
    assert [(one.from_tick, one.to_tick) for one in stored] == [(0, 4), (0, 6 * HOUR), (0, 12 * HOUR)]
    assert learned == []
    one, other = (made.fleet.state.units[0].epoch for made in (first, rebuilt))
    assert (one.window, one.provisional, one.watched_from) == (other.window, other.provisional, other.watched_from)
    assert [test.limit for test in one.page_tests] == [test.limit for test in other.page_tests]
