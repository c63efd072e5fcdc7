"""The judge's view: every engine's tests, once each; and what is known of streams."""

from __future__ import annotations

import math
from functools import cache

import pytest

from monitor.findings.model import Kind
from monitor.judging.view import JudgeView, StreamState, TestKind
from monitor.judging.view_builder import ViewBuilder
from tests.unit.judging.test_followers import PATIENCE, joins
from tests.unit.judging.ticks import BASE, Lab
from tests.unit.judging.worlds import World, eventful


@cache
def world_after(ticks: int) -> World:
    for tick, world, _ in eventful():
        if tick == ticks:
            return world
    raise AssertionError("so long it is not")


@cache
def view_after(ticks: int) -> JudgeView:
    return ViewBuilder(world_after(ticks).assessor.fleet).view()


def spent_by_engines(world: World) -> float:
    """What all engines have spent, by their own sums: they do not know whose tests theirs are."""
    fleet = world.assessor.fleet
    dense = sum(float(engine.total_spend().sum()) for engine in fleet.panel.dense._engines.values())
    releases = sum(
        one.alpha for one in fleet.state.releases.following.values() if one.start_tick is not None and one.verdicts
    )
    return float(fleet.panel.evidence.total_spend().sum()) + dense + releases


def test_there_is_a_test_of_every_kind():
    assert {test.kind for test in view_after(59).tests} == set(TestKind)


@pytest.mark.parametrize("ticks", [10, 25, 35, 59])
def test_the_spend_of_all_tests_is_that_of_all_engines(ticks):
    view = view_after(ticks)
    assert sum(test.spent for test in view.tests) == pytest.approx(spent_by_engines(world_after(ticks)), rel=1e-12)
    assert (sum(test.spent for test in view.tests) > 0) == (ticks > 20)


def test_no_test_is_listed_twice_and_a_key_stays_a_tests_own():
    keys: dict[str, object] = {}
    for _, world, _ in eventful():
        tests = ViewBuilder(world.assessor.fleet).view().tests
        assert len({test.key for test in tests}) == len(tests)
        for test in tests:
            assert keys.setdefault(test.key, (test.unit, test.signal, test.question, test.kind)) == (
                test.unit,
                test.signal,
                test.question,
                test.kind,
            )


def test_a_river_detector_has_neither_evidence_nor_spend_and_takes_nobody_elses():
    view = view_after(25)
    rivers = [test for test in view.tests if test.kind is TestKind.river]
    assert {test.signal for test in rivers} == {"coverage"}
    assert all(test.log_evidence == -math.inf and test.spent == test.spend == 0 for test in rivers)
    by_kind = {
        kind: sum(test.spent for test in view.tests if test.alarm is kind) for kind in (Kind.page, Kind.notice)
    }
    assert by_kind[Kind.notice] > by_kind[Kind.page] > 0


def test_a_test_says_what_it_is_held_to():
    view = view_after(45)
    page = next(t for t in view.tests if (t.unit.guardrail, t.question, t.kind) == ("second", "adverse_rise", "page"))
    assert page.level is not None
    assert page.limit is not None
    assert 0.04 < page.level < page.limit < 0.1
    assert page.finding is not None
    assert page.spend == 0  # nothing is spent on it while its page is open
    release = next(t for t in view.tests if t.kind is TestKind.release and t.question == "verdict_mix/adverse_rise")
    assert release.log_threshold > math.log(20)
    assert release.level == pytest.approx(0.05, abs=0.005)
    assert release.limit is not None
    assert release.limit > release.level


def test_streams_learn_then_they_are_watched():
    learning = view_after(10).streams[0]
    assert (learning.state, learning.events, learning.wanted_events) == (StreamState.learning, 1_100, 1_600)
    assert (learning.ticks, learning.wanted_ticks, learning.watched_from) == (11, 20, None)
    watched = view_after(25).streams[0]
    assert (watched.state, watched.watched_from, watched.window) == (StreamState.watched, 20, (0, 20))
    assert dict(watched.unavailable)["layer_bypass"]
    late = next(stream for stream in view_after(59).streams if stream.unit.guardrail == "late")
    assert (late.state, late.events, late.learning_from) == (StreamState.learning, 210, 50)


def test_a_view_does_not_change_later():
    for tick, world, _ in eventful():
        if tick == 25:
            before = ViewBuilder(world.assessor.fleet).view()
            spent = [test.spent for test in before.tests]
    assert [test.spent for test in before.tests] == spent
    assert before.judged_before == 26


def test_what_is_not_tested_now_is_listed_and_what_is_tested_again_is_not():
    lab = Lab({1: BASE})
    builder = ViewBuilder(lab.assessor.fleet)  # one for all of it, as in the service

    def untested() -> set[str]:
        return {signal for signal, _ in builder.view().streams[0].unavailable}

    def after(found: int, missed: int, *, listed: bool) -> None:
        for _ in range(PATIENCE):
            lab.tick({1: joins(found, missed)})
            if lab.assessor.fleet.state.units[0].epoch is not None and ("layer_bypass" in untested()) == listed:
                break
        assert ("layer_bypass" in untested()) == listed

    after(100, 0, listed=False)
    after(50, 50, listed=True)
    after(100, 0, listed=False)
