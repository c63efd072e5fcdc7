"""A guardrail as a whole: whatever a request can influence, it is watched; and what is told once is told once."""

from __future__ import annotations

import pytest

from monitor.counts.units import RECORDS, WHOLE, is_whole, whole_of
from monitor.findings.model import EVERY_GUARDRAIL, Finding, Kind
from monitor.judging.ports import Baseline, BaselineState
from monitor.signals.intake import Record
from monitor.signals.registry import LAYOUT
from tests.unit.judging.ticks import BASE, RULE, Cells, Lab, column, like, verdicts

CALM, DRIFT, JUNK = verdicts(95, 5), verdicts(60, 40), verdicts(0, 10)
SPLIT = {
    "versions": [like(guardrail_version=f"1.{n}") for n in range(40)],
    "categories": [like(category=f"harm {n}") for n in range(40)],
    "thresholds": [like(threshold_milli=n) for n in range(40)],  # type: ignore[arg-type]
    "kinds of score": [like(score_kind=kind) for kind in ("boolean", "ordinal")] * 20,
    "pool": [like(guardrail_version="(other)", category="(other)")] * 40,
}


def pages(lab: Lab, category: str | None = None) -> list[Finding]:
    found = {one.id: one for one in lab.found if one.kind is Kind.page and one.signal != "intake"}
    return [one for one in found.values() if category in (None, one.category)]


def watched(slices) -> Lab:
    lab = Lab({n + 1: piece for n, piece in enumerate(slices)})
    for _ in range(12):
        lab.tick({1: CALM})
    return lab


@pytest.mark.parametrize("split", SPLIT)
def test_an_attack_whose_events_are_spread_over_units_that_never_learn_pages(split):
    """A tenth of the traffic, each tick's in another unit."""
    lab = watched([BASE, *SPLIT[split]])
    for n in range(40):
        lab.tick({1: CALM, 2 + n: JUNK})
        if pages(lab):
            break
    (page,) = pages(lab)
    assert (page.guardrail, page.category, page.question) == ("shield", WHOLE, "adverse_rise")
    units = [unit for unit in lab.assessor.fleet.state.units if unit.epoch is not None and not is_whole(unit.unit)]
    assert [unit.unit for unit in units] == [lab.assessor.fleet.state.units[0].unit]


def test_what_a_stream_says_its_guardrail_does_not_say_again():
    lab = watched([BASE])
    for _ in range(30):
        lab.tick({1: DRIFT})
    assert [one.category for one in pages(lab)] == [BASE.category]


def test_an_open_page_hides_nothing_of_what_no_other_test_watches():
    lab = watched([BASE, *SPLIT["categories"]])
    while not pages(lab):
        lab.tick({1: verdicts(80, 20)})
    for n in range(20):
        lab.tick({1: verdicts(80, 20), 2 + n: verdicts(0, 60)})
    assert sorted(one.category for one in pages(lab)) == [BASE.category, WHOLE]


def test_what_a_person_approves_for_a_stream_is_normal_of_its_guardrail_too():
    lab = watched([BASE])
    for _ in range(6):
        lab.tick({1: DRIFT})
    counts = lab.assessor.fleet.counts_of(0, lab.now - 6, lab.now)
    sums = {int(cell): int(counts.count[counts.cell == cell].sum()) for cell in counts.cell}
    unit = lab.assessor.fleet.state.units[0].unit
    span = lab.now - 6, lab.now
    lab.assessor.approve(Baseline(1, unit, BaselineState.approved, *span, None, sums, LAYOUT, "ana", "a new norm", 0))
    before = len(pages(lab))
    for _ in range(30):
        lab.tick({1: DRIFT})
    assert len(pages(lab)) == before
    assert lab.assessor.open_pages() == []
    whole = next(one for one in lab.assessor.fleet.state.units if one.unit == whole_of("shield"))
    assert (whole.epoch.window, whole.epoch.by_person) == (span, True)


def records(**number: int) -> Cells:
    return {column("intake", name): n for name, n in number.items()}


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        (Record.rejected, Kind.page),
        (Record.label, Kind.page),
        (Record.duplicate, Kind.notice),
        (Record.reused_id, Kind.notice),
        (Record.pooled, Kind.notice),
    ],
    ids=lambda one: one.name,
)
def test_more_records_of_a_kind_than_the_baseline_showed_are_a_finding_of_the_log(what, kind):
    lab = Lab({1: BASE, 2: RECORDS})
    for _ in range(12):
        lab.tick({1: CALM, 2: records(event=100)})
    for _ in range(15):
        lab.tick({1: CALM, 2: records(event=95, **{what.name: 5})})
    (found,) = {one.id: one for one in lab.found if one.signal == "intake"}.values()
    assert (found.guardrail, found.question, found.kind) == (EVERY_GUARDRAIL, f"{what.name}_rise", kind)
    assert lab.assessor.fleet.guardrails == ["shield"]
    for step in (7, lab.now):
        assert {one.id for one in lab.again(step)} == {one.id for one in lab.found}


def test_a_threshold_that_nobody_announced_is_named_once_it_has_thirty_events():
    lab = watched([BASE, like(threshold_milli=300)])  # type: ignore[arg-type]
    for _ in range(10):
        lab.tick({1: CALM, 2: verdicts(5)})
    (found,) = [one for one in lab.found if one.question == "new_unit"]
    assert found.kind is Kind.notice
    assert found.detected_at_ms == (12 + 6) * RULE.tick_ms
    assert "threshold 0.3" in found.evidence.detail


def test_the_budget_of_units_is_not_touched_by_more_guardrails_as_a_whole():
    lab = watched([BASE])
    lab.assessor.fleet.split_budgets()
    spends = lab.assessor.fleet.panel.evidence.spends()
    by_kind = {True: 0.0, False: 0.0}
    for unit in lab.assessor.fleet.state.units:
        for test in unit.epoch.page_tests if unit.epoch is not None else ():
            by_kind[is_whole(unit.unit)] += spends[test.test]
    assert by_kind[True] / by_kind[False] == pytest.approx(0.05 / 0.8)
