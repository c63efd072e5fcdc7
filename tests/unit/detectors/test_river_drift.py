import numpy as np
import pytest
from river import drift

from detectors.river_drift import RiverDetector, adwin, tuned

LAW, VALUES = [0.95, 0.05], [0.0, 1.0]


def page_hinkley(threshold):
    return drift.PageHinkley(threshold=threshold, delta=0.005)


def test_tuning_finds_a_setting_that_keeps_the_budget_and_a_fresh_stream_agrees():
    found = tuned(page_hinkley, [5, 10, 20, 40], law=LAW, values=VALUES, spacing=5_000, events=100_000)
    assert found is not None
    assert found.lower >= 5_000
    rng = np.random.default_rng(99)
    detector, alarms = RiverDetector(lambda: page_hinkley(found.setting), values=VALUES), 0
    for counts in rng.multinomial(50, LAW, size=1000):
        if detector.update(counts).state.value == "alarmed":
            alarms += 1
            detector.reset()
    assert alarms <= 20  # 50,000 events: at most 10 expected


def test_no_setting_that_keeps_the_budget_is_an_answer_too():
    assert tuned(page_hinkley, [0.5], law=LAW, values=VALUES, spacing=5_000, events=50_000) is None


def test_a_simulation_too_short_to_say_anything_is_refused():
    with pytest.raises(ValueError, match="too few"):
        tuned(page_hinkley, [5], law=LAW, values=VALUES, spacing=5_000, events=10_000)


def test_errors_are_split_at_one_half():
    detector = RiverDetector(drift.binary.DDM, values=[0.0, 0.4, 0.9], binary=True)
    for counts in np.random.default_rng(0).multinomial(50, [0.5, 0.45, 0.05], size=20):
        detector.update(counts)
    for _ in range(40):
        detector.update(np.array([0, 5, 45]))
    assert detector.reading().state.value == "alarmed"
    assert "DDM" in detector.reading().reason


def test_fed_with_means_a_tick_is_one_value_and_an_empty_one_is_none():
    by_mean, by_event = adwin(VALUES), adwin(VALUES)
    for detector, feed in ((by_mean, by_mean.update_mean), (by_event, by_event.update)):
        feed([0, 0])
        for _ in range(300):
            feed([95, 5])
        assert not detector.alarmed
    ticks = 0
    while not by_mean.alarmed and ticks < 300:
        by_mean.update_mean([60, 40])
        ticks += 1
    assert 0 < ticks < 300
    by_mean.reset()
    assert not by_mean.alarmed
