"""A page test through its life on a panel: fed, alarmed, looked at for its end, armed again, gone."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from monitor.findings.model import Direction, Effect
from monitor.judging.watching.battery import NONE
from monitor.judging.watching.from_baseline import NotTested
from monitor.judging.watching.pages import ALL_STRATA, end_bank, end_level
from monitor.signals.registry import SIGNALS
from tests.unit.alerting.record import page
from tests.unit.judging.ticks import BASE, Lab, like, verdicts

CALM = verdicts(95, 5)


@pytest.fixture
def lab() -> Lab:
    lab = Lab({1: BASE})
    for _ in range(12):
        lab.tick({1: CALM})
    return lab


def page_test(lab: Lab, question: str):
    """The page test of a question of ``verdict_mix``."""
    unit = lab.assessor.fleet.state.units[0]
    return next(t for t in unit.epoch.page_tests if SIGNALS[t.signal].questions[t.question].name == question)


def evidence(lab: Lab, test) -> float:
    return lab.assessor.fleet.panel.evidence.log_evidence_of(test.test)


def test_a_muted_test_is_fed_nothing_until_it_is_placed_again(lab):
    test, pages = page_test(lab, "adverse_rise"), lab.assessor.fleet.pages
    pages.mute(0, test)
    before = evidence(lab, test)
    lab.tick({1: verdicts(88, 12)})
    assert evidence(lab, test) == before
    pages.place(0, test)
    lab.tick({1: verdicts(88, 12)})
    assert evidence(lab, test) > before


def test_while_its_page_is_open_a_test_of_its_own_looks_for_the_end(lab):
    test, fleet = page_test(lab, "adverse_rise"), lab.assessor.fleet
    while test.case.open is None:
        lab.tick({1: verdicts(60, 40)})
    assert test.end_test != NONE
    assert fleet.tests[test.end_test] == fleet.tests[test.test] == (0, test)
    assert not fleet.panel.evidence.armed()[test.test]
    ending = test.end_test
    while test.case.open is not None:
        lab.tick({1: CALM})
    assert ending not in fleet.tests
    assert (test.end_test, test.end_stratum) == (NONE, ALL_STRATA)
    assert (evidence(lab, test), test.armed_tick) == (-np.inf, lab.now)
    assert fleet.panel.evidence.armed()[test.test]


def test_what_is_removed_leaves_nothing_behind(lab):
    test, fleet = page_test(lab, "adverse_rise"), lab.assessor.fleet
    fleet.pages.remove(0, test)
    assert test.test not in fleet.tests
    assert test.test not in fleet.panel.evidence.snapshot()["id"].tolist()


def test_a_question_that_the_baseline_says_nothing_of_is_not_tested():
    lab = Lab({1: BASE, 2: like(guardrail="other")})
    for _ in range(12):
        lab.tick({1: CALM, 2: verdicts(90, 10)})
    fleet = lab.assessor.fleet
    window = fleet.window(0, fleet.counts_of(0, 0, 6))
    labels = next(i for i, signal in enumerate(SIGNALS) if signal.name == "labels_harmful")
    with pytest.raises(NotTested, match="label"):
        fleet.pages.start(window, labels, 0, lab.now)


@pytest.mark.parametrize(("direction", "between"), [(Direction.rise, (0.1, 0.9)), (Direction.fall, (0.01, 0.1))])
def test_the_end_is_looked_for_halfway_between_the_bound_and_the_drift(direction, between):
    effect = Effect(baseline=0.1, current=0.9 if direction is Direction.rise else 0.01, ratio=None)
    seen = msgspec.structs.replace(page(), direction=direction, effect=effect)
    assert between[0] < end_level(seen, 0.1) < between[1]
    bank = end_bank(seen, 0.1, (0.0, 1.0), direction)
    assert bank is not None
    back = bank.log_e[1] - bank.log_e[0]  # bets that the mean has gone back the other way
    assert (np.sign(back) == (1 if direction is Direction.fall else -1)).all()
