import dataclasses

import numpy as np
import pytest

from detectors.alternatives import material
from detectors.reading import State, Watch


def test_a_reading_names_what_it_is_about():
    watch = Watch([material([0, 1], level=0.05)] * 2, spend=1e-3, n_ref=50)
    assert watch.reading().reason == "no evidence yet"
    reading = watch.update(np.array([[40, 2], [30, 20]]))
    assert reading.state == State.ALARMED
    assert reading.evidence >= reading.threshold
    assert reading.reason.endswith("in stratum 1") or reading.reason.endswith("in all strata")


def test_a_watch_is_armed_again_after_a_reset():
    watch = Watch(material([0, 1], level=0.05), spend=1e-3, n_ref=50)
    watch.update(np.array([10, 40]))
    assert watch.update(np.array([48, 2])).state == State.ALARMED
    watch.reset()
    assert watch.update(np.array([48, 2])).state == State.ARMED


def test_a_reading_is_frozen():
    reading = Watch(material([0, 1], level=0.05), spend=1e-3, n_ref=50).reading()
    with pytest.raises(dataclasses.FrozenInstanceError):
        reading.evidence = 1.0


def test_fractions_of_events_are_refused():
    with pytest.raises(ValueError, match="integers"):
        Watch(material([0, 1], level=0.05), spend=1e-3, n_ref=50).update([1.5, np.nan])
