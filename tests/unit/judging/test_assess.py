"""The judge's arithmetic from outside: counts, approvals and dismissals in, findings and baselines out."""

from __future__ import annotations

import pytest

from monitor.findings.model import Kind
from monitor.judging.ports import Baseline, BaselineState, Dismissal
from monitor.signals.registry import LAYOUT
from tests.unit.judging.ticks import BASE, Lab, column, like, verdicts

CALM, DRIFT = verdicts(95, 5), verdicts(60, 40)


def approval(lab: Lab, first: int, last: int, *, by: str = "ana") -> Baseline:
    """A person's approval of the stream's counts in these ticks."""
    counts = lab.assessor.fleet.counts_of(0, first, last)
    cells: dict[int, int] = {}
    for cell, n in zip(counts.cell.tolist(), counts.count.tolist(), strict=True):
        cells[cell] = cells.get(cell, 0) + n
    return Baseline(
        id=1,
        unit=lab.assessor.fleet.state.units[0].unit,
        state=BaselineState.approved,
        from_tick=first,
        to_tick=last,
        effective_tick=None,
        counts=cells,
        layout=LAYOUT,
        approved_by=by,
        reason="a new normal",
        created_at_ms=0,
    )


def paging() -> Lab:
    """A stream that has learned, and whose page is open."""
    lab = Lab({1: BASE})
    for _ in range(12):
        lab.tick({1: CALM})
    while not lab.assessor.open_pages():
        lab.tick({1: DRIFT})
    return lab


def test_enough_events_make_a_baseline_that_takes_effect_with_the_next_tick():
    lab = Lab({1: BASE})
    brought = []
    for _ in range(6):
        lab.tick({1: CALM})
        brought.append(lab.assessor.fleet.state.units[0].epoch is not None)
    assert brought == [False, False, False, True, True, True]
    assert lab.assessor.fleet.state.units[0].epoch.effective_tick == 4


def test_an_approval_takes_effect_with_the_next_tick_and_ends_what_was_found_against_the_old_baseline():
    lab = paging()
    page = lab.assessor.open_pages()[0]
    for _ in range(6):
        lab.tick({1: DRIFT})
    effective = lab.assessor.approve(approval(lab, lab.now - 6, lab.now))
    assert effective.effective_tick == lab.now
    assert [one.id for one in lab.assessor.open_pages()] == [page.id]
    found = lab.tick({1: DRIFT})
    ends = {one.id: one.ended_at_ms for one in found if one.ended_at_ms is not None}
    assert ends[page.id] == effective.effective_tick * lab.rule.tick_ms
    assert lab.assessor.open_pages() == []
    epoch = lab.assessor.fleet.state.units[0].epoch
    assert (epoch.by_person, epoch.effective_tick) == (True, effective.effective_tick)
    for _ in range(10):
        assert [one for one in lab.tick({1: DRIFT}) if one.kind is Kind.page] == []  # it is normal now


def test_a_dismissal_takes_effect_with_the_next_tick():
    lab = Lab({1: BASE})
    shifted = verdicts(100) | {column("score_shift", 2): 100}
    for _ in range(12):
        lab.tick({1: shifted})
    moved = verdicts(100) | {column("score_shift", 9): 100}
    notice = None
    while notice is None:
        notice = next((one for one in lab.tick({1: moved}) if one.signal == "score_shift"), None)
    epoch = lab.assessor.fleet.state.units[0].epoch
    (test,) = [one for one in epoch.any_change_tests if one.finding is not None]
    assert test.finding == notice
    dismissed = lab.assessor.dismiss(Dismissal(finding_id=notice.id, by="ana", reason="a load test", at_ms=0))
    assert dismissed.effective_tick == lab.now
    lab.tick({1: shifted})
    assert (test.finding, test.held_back) == (None, [])


def test_what_people_found_and_what_contradicts_itself_is_counted_by_guardrail():
    lab = Lab({1: BASE, 2: like(guardrail="other")})
    counts = {1: verdicts(10) | {column("contradictions", 0): 7, column("contradictions", 1): 3}, 2: verdicts(10)}
    counts[2] |= {column("labels_harmful", 0): 4}
    lab.tick(counts)
    outcome = lab.fresh().advance(lab.past[-1], 1)
    assert outcome.contradictions == {"shield": 3}
    assert list(outcome.labels.values()) == [4]
    assert {name for name, _ in outcome.labels} == {"other"}


@pytest.mark.parametrize("step", [1, 5, 1000])
def test_how_ticks_are_grouped_does_not_show(step):
    lab = paging()
    for _ in range(20):
        lab.tick({1: CALM})
    assert lab.assessor.open_pages() == []
    assert lab.again(step) == lab.found
