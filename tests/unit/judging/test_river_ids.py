"""A river detector has an id of its own kind: no array of the engines can be indexed by it."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from monitor.findings.model import Promise
from monitor.judging import snapshot
from monitor.judging.judge_settings import SignalRule
from monitor.judging.state import AnyChangeTest
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.rivers import RiverId
from tests.unit.judging.ticks import BASE, RULE, Lab, verdicts

RIVER = dataclasses.replace(RULE, signals=(("verdict_mix", SignalRule(detector="PageHinkley")),))


def watched_lab() -> Lab:
    lab = Lab({1: BASE}, RIVER)
    for _ in range(12):
        lab.tick({1: verdicts(90, 10)})
    return lab


def test_no_array_can_be_indexed_by_it():
    with pytest.raises(IndexError):
        np.zeros(8)[RiverId(0)]


def test_the_tests_of_a_fleet_are_the_engines_own_and_river_s_are_kept_apart():
    """As gauges read them: the spend of the engine is that of its tests, and of none of them twice."""
    fleet = watched_lab().assessor.fleet
    assert [watch.signal for _, watch in fleet.rivers.values()] == [1]
    assert all(isinstance(test, int) for test in fleet.tests)
    assert fleet.rivers.keys().isdisjoint(fleet.tests)
    spent = fleet.panel.evidence.total_spend()
    mix = fleet.state.traffic.mix
    others = [mix.test, mix.surge.test]
    assert sum(spent[test] for test in [*fleet.tests, *others]) == pytest.approx(spent.sum())
    assert spent.sum() > 0


def test_its_alarm_is_a_notice_that_promises_nothing():
    lab = watched_lab()
    for _ in range(6):
        lab.tick({1: verdicts(60, 40)})
    notices = [one for one in lab.found if one.question == "any_change" and one.signal == "verdict_mix"]
    assert {one.promise for one in notices} == {Promise.uncalibrated}
    assert lab.again(lab.now) == lab.found


def test_it_comes_out_of_a_snapshot_as_it_went_in():
    lab = watched_lab()
    state, panel = snapshot.load(snapshot.dump(lab.assessor.fleet), RIVER)
    restored = Fleet(RIVER, lambda *_: lab.past[0], state, panel)
    assert list(restored.rivers) == list(lab.assessor.fleet.rivers)
    assert restored.tests.keys() == lab.assessor.fleet.tests.keys()
    test = AnyChangeTest(signal=1, test=RiverId(3), rows=[])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(test), type=AnyChangeTest) == test
