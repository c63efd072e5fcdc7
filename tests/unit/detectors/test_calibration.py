import json

import numpy as np
import pytest

from detectors.alternatives import boundary
from detectors.calibration import BOUND, Calibration, Plan, Source, calibrate
from detectors.calibration_cache import JsonCache

LAW = [0.95, 0.05]


def plan(n=50):
    return Plan(boundary(LAW, [0, 1]), np.array(LAW), np.array([n]), n)


def test_a_calibrated_test_may_spend_more_than_the_bound_allows():
    found = calibrate(plan(), spend=1 / 125, alarms=400)
    assert 1.2 < found.factor < found.estimate < 4
    assert found.source == Source.SIMULATED


def test_the_same_plan_and_seed_give_the_same_factor():
    assert calibrate(plan(), spend=1 / 125, alarms=200) == calibrate(plan(), spend=1 / 125, alarms=200)


def test_monthly_budgets_are_extrapolated_and_say_so(tmp_path):
    cache = JsonCache(tmp_path / "calibration.json")
    near = calibrate(plan(), spend=1 / 1000, alarms=200, cache=cache)
    far = calibrate(plan(), spend=1e-6, alarms=200, cache=cache)
    assert near.source == Source.SIMULATED
    assert far.source == Source.EXTRAPOLATED
    assert far.factor == near.factor


def test_budgets_of_an_alarm_every_few_ticks_fall_back_to_the_bound():
    assert calibrate(plan(), spend=0.1) is BOUND
    assert BOUND.factor == 1


def test_rungs_are_remembered_on_disk_and_not_simulated_again(tmp_path):
    path = tmp_path / "deep" / "calibration.json"
    first = calibrate(plan(), spend=1 / 125, alarms=150, cache=JsonCache(path))
    stored = json.loads(path.read_text())
    for rung in stored.values():
        rung["lower"] = 1.125
    path.write_text(json.dumps(stored))
    again = calibrate(plan(), spend=1 / 125, alarms=150, cache=JsonCache(path))
    assert isinstance(first, Calibration)
    assert again.factor == 1.125


@pytest.mark.parametrize("content", ["", "[1]", '{"a": {"lower": "x"}}', "{"])
def test_a_damaged_cache_is_an_empty_one(tmp_path, content):
    path = tmp_path / "calibration.json"
    path.write_text(content)
    assert len(JsonCache(path)) == 0


def test_traffic_of_another_size_is_not_covered():
    assert plan(50).covers([30, 60, 0, 45])
    assert not plan(50).covers([5, 8])
    assert not plan(50).covers([0, 0])


def test_plans_differ_by_bank_law_and_sizes():
    other = Plan(boundary(LAW, [0, 1]), np.array(LAW), np.array([49]), 50)
    assert plan().key() == plan().key()
    assert plan().key() != other.key()
    assert plan().key() != plan(10).key()
