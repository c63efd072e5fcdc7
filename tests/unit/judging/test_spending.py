"""What all tests spend, by what their alarms are: that of the engines, however ticks are grouped, and once."""

from __future__ import annotations

import dataclasses
from collections import Counter
from functools import cache

import pytest

from detectors.alternatives import material
from detectors.evidence import Evidence
from monitor.counts.cuts import between, joined
from monitor.findings.model import Kind
from monitor.judging import snapshot
from monitor.judging.assess import Assessment, Assessor
from monitor.judging.state import JudgeState
from monitor.judging.view_builder import ViewBuilder
from monitor.judging.watching.dense import DenseTests
from monitor.judging.watching.panel import Panel
from monitor.judging.watching.spending import PAGE, Spending
from tests.unit.judging.test_assess import approval
from tests.unit.judging.ticks import BASE, Lab, verdicts
from tests.unit.judging.worlds import eventful

CALM, DRIFT = verdicts(95, 5), verdicts(60, 40)
APPROVED = 60
"""The tick in which a person's baseline replaces all tests of the stream."""


@cache
def past() -> Lab:
    """A page, and its end, before the baseline is replaced, and another after it."""
    lab = Lab({1: BASE})
    for cells, times in ((CALM, 20), (DRIFT, 15), (CALM, 30), (DRIFT, 15), (CALM, 30)):
        for _ in range(times):
            lab.tick({1: cells})
    assert {found.kind for found in lab.found if found.ended_at_ms} == {Kind.page}
    return lab


def assessor(state: JudgeState | None = None, panel: Panel | None = None) -> Assessor:
    lab = past()
    made = Assessor(
        lab.rule,
        lambda start, end: between(joined(lab.past), start, end),
        state=state or JudgeState(judged_before=0, units=[], guardrails={}),
        panel=panel,
        approved=(dataclasses.replace(approval(lab, 4, 10), effective_tick=APPROVED),),
    )
    made.learn_slices(lab.slices)
    return made


def judged(made: Assessor, step: int, *, until: int | None = None) -> Assessment:
    """All ticks that are left, ``step`` at a time."""
    lab, whole, out = past(), joined(past().past), Assessment()
    end = lab.now if until is None else until
    while (start := made.judged_before) < end:
        stop = min(start + step, end)
        out.add(made.advance(between(whole, start, stop), stop))
    return out


@pytest.fixture
def engines(monkeypatch) -> Counter[str]:
    """What the engines say of tests that are removed, at that moment; the test adds those that are left."""
    past()  # its own assessor is not what is looked at
    gone: Counter[str] = Counter()
    of_evidence, of_dense = Evidence.remove, DenseTests.remove

    def remove(self: Evidence, test: int) -> None:
        gone["evidence"] += float(self.total_spend()[test])
        of_evidence(self, test)

    def remove_dense(self: DenseTests, test: int) -> None:
        gone["dense"] += self.spent(test)
        of_dense(self, test)

    monkeypatch.setattr(Evidence, "remove", remove)
    monkeypatch.setattr(DenseTests, "remove", remove_dense)
    return gone


@pytest.mark.parametrize("step", [1, 7, 110])
def test_it_is_what_the_engines_say_however_ticks_are_grouped(engines, step):
    made = assessor()
    spent = judged(made, step).spent
    panel = made.fleet.panel
    assert engines["evidence"] > 0  # tests are replaced, and tests for an end are gone
    engines["evidence"] += float(panel.evidence.total_spend().sum())
    engines["dense"] += sum(float(one.total_spend().sum()) for one in panel.dense._engines.values())
    assert sum(spent.values()) == pytest.approx(engines.total(), rel=1e-12)
    assert spent == pytest.approx(judged(assessor(), 1).spent, rel=1e-9)
    assert min(spent.values()) > 0


@pytest.mark.parametrize("at", [30, APPROVED, 85])
def test_a_restored_judge_goes_on_from_zero_and_knows_whose_spend_is_whose(at):
    made = assessor()
    judged(made, 1, until=at)
    state, panel = snapshot.load(snapshot.dump(made.fleet), past().rule)
    again = assessor(state, panel)
    again.fleet.respend()
    made.fleet.respend()
    assert judged(again, 7).spent == pytest.approx(judged(made, 1).spent, rel=1e-9)


def test_every_kind_of_test_spends_on_its_own_account():
    """By the view's tests, which know their alarm, tick by tick: no test with spend is gone in it."""
    seen: Counter[str] = Counter()
    before: dict[str, float] = {}
    for _, world, _ in eventful():
        for test in ViewBuilder(world.assessor.fleet).view().tests:
            seen["end" if test.alarm is None else test.alarm.value] += test.spent - before.get(test.key, 0.0)
            before[test.key] = test.spent
    assert {kind for kind, n in seen.items() if n > 0} == {"page", "notice", "end"}
    assert world.brought.spent == pytest.approx(dict(seen), rel=1e-9)


def test_what_a_test_spent_stays_on_its_account_and_its_id_is_booked_anew():
    evidence = Evidence()
    spending = Spending(evidence, DenseTests())

    def fed(test: int) -> None:
        evidence.advance([0, 1], [test], [0], [0], [50])

    bank = material([0, 1], level=0.05)
    page = evidence.add([bank], spend=0.25, n_ref=50)
    spending.book(page, PAGE)
    fed(page)
    spending.end(page)
    notice = evidence.add([bank], spend=0.5, n_ref=50)
    assert notice == page
    fed(notice)
    assert spending.sums().tolist() == [0.5, 0.25, 0.0]
