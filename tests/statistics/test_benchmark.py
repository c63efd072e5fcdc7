"""The benchmark of detection measures the same in portions as in one piece, and what it shortens changes nothing."""

import json

import numpy as np
import pytest
from river import drift
from scipy import stats

from tests.benchmarks import detection_floors, detection_store
from tests.benchmarks.detection_families import Binary, Scores
from tests.benchmarks.detection_floors import Told
from tests.benchmarks.detection_oracle import oracle, tune
from tests.benchmarks.detection_ours import any_change
from tests.benchmarks.detection_river import DETECTORS, _alarms, by_event, ks_30, looked_up
from tests.benchmarks.detection_river_loops import LOOPS
from tests.benchmarks.detection_store import Store, fingerprint
from tests.benchmarks.detection_streams import SPACING, TICK, draw, joined

RATE = Binary(0.05, 0.10)


def drawn(numbers):
    return draw(RATE, numbers, before=2000, after=4000)


def test_portions_joined_are_the_whole():
    for method in (any_change(), by_event("ADWIN")):
        whole = method(drawn(range(6)))
        parts = joined([method(drawn(range(4))), method(drawn(range(4, 6)))])
        assert parts.delay.tolist() == whole.delay.tolist()
        assert (parts.false, parts.exposure, parts.events) == (whole.false, whole.exposure, whole.events)
        assert (whole.delay > 0).all()


def test_the_table_of_p_values_is_scipys_and_kswin_alarms_where_it_did():
    rng = np.random.default_rng(0)
    for scale in (1.0, 2.0, 6.0):
        for decimals in (1, 12):  # with ties and without
            one, other = np.round(rng.normal(loc=[[0], [scale / 3]], size=(2, 30)), decimals)
            expected = stats.ks_2samp(one, other)
            assert np.allclose(ks_30(one, other), (expected.statistic, expected.pvalue), rtol=1e-9)
    x = draw(Scores(0.10), range(1)).baseline[0][:2500].tolist()

    def alarms():
        detector = drift.KSWIN(seed=1)
        out = []
        for at, value in enumerate(x):
            detector.update(value)
            if detector.drift_detected:
                out.append(at)
        return out

    own = alarms()
    with looked_up():
        assert alarms() == own
    assert own


@pytest.mark.parametrize("name", LOOPS)
def test_the_compiled_loops_alarm_where_river_does(name):
    form, make, own, settings = DETECTORS[name]
    x = draw(Binary(0.05, 0.25), range(1), before=1000, after=3000, history=0).events[0]
    for setting in (own, settings[0], settings[len(settings) // 2]):
        alarms, start = [], 0
        while (at := LOOPS[name](x, start, setting)) >= 0:
            alarms.append(at)
            start = at + 1
        assert alarms == _alarms(x, lambda s=setting: make(s), form, stop_after=len(x))[0]
    assert LOOPS[name](x, 0, settings[0]) >= 0


def test_bayes_rule_is_the_sum_over_all_onsets_and_levels():
    past = np.array([[1.0] * 30 + [0.0] * 470])
    near, size = [4, 1, 7], [50, 50, 30]
    step, _ = detection_floors._bayes(Told.RATIO, RATE, past)
    for count, n in zip(near, size, strict=True):
        evidence = step(np.array([0]), np.array([count]), np.array([n]))
    p = detection_floors.LEVELS
    history = p**30.5 * (1 - p) ** 470.5
    undrifted = [stats.binom.pmf(c, n, p) for c, n in zip(near, size, strict=True)]
    drifted = [stats.binom.pmf(c, n, 2 * p) for c, n in zip(near, size, strict=True)]
    total = 0.0
    for onset in range(3):  # the drift begins with this tick
        chance = np.prod(undrifted[:onset] + drifted[onset:], axis=0)
        total += size[onset] / 50 * (history * chance).sum()
    assert np.isclose(evidence[0], total / (history * np.prod(undrifted, axis=0)).sum(), rtol=1e-9)


def test_ticks_cost_less_than_a_tick():
    bound = detection_floors.tune_ticks(RATE, steps=100)
    quiet = detection_floors.ticks_undrifted(RATE, 0, bound, steps=100)
    assert 0.8 < quiet.exposure / quiet.false / SPACING < 1.25
    shown = detection_floors.ticks(RATE, range(300), bound).delay
    told = oracle(RATE, range(300), tune(RATE, alarms=300)).delay
    assert 0 < (shown - told).mean() < TICK


def test_a_store_outlives_a_kill_and_forgets_what_other_code_measured(tmp_path, monkeypatch):
    module, path = "tests.benchmarks.detection_chunks", tmp_path / "cells"
    portion = {"family": "f", "row": "r", "code": fingerprint(module), "value": 0.5, "portion": 3, "size": "9"}
    setting = {"family": "f", "row": "r", "code": fingerprint(module), "value": 0.5, "effort": 20}
    store = Store(path)
    store.add(portion)
    store.add(setting)
    path.write_text(path.read_text() + json.dumps(portion | {"portion": 4})[:-10])
    again = Store(path)
    assert again.portions("f", "r", module, 0.5, "9") == {3: portion}
    assert again.portions("f", "r", module, 0.6, "9") == {}
    assert again.portions("f", "r", module, 0.5, "8") == {}
    assert again.setting("f", "r", module, 20) == setting
    assert again.setting("f", "r", module, 21) is None
    monkeypatch.setattr(detection_store, "fingerprint", lambda _: "other code")
    assert again.portions("f", "r", module, 0.5, "9") == {}


def test_the_fingerprint_covers_what_a_module_imports():
    names = detection_store._closure("tests.benchmarks.detection_ours", set(), set())
    assert {"detectors.evidence_kernel", "detectors.recoupling", "tests.benchmarks.detection_streams"} <= names
    assert "tests.benchmarks.detection_river" not in names
    assert fingerprint("tests.benchmarks.detection_ours") != fingerprint("tests.benchmarks.detection_river")
