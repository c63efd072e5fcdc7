"""Rules that every registered detector obeys; a new entry is enrolled by being registered."""

import dataclasses
import pickle
import sys

import numpy as np
import pytest

from detectors.reading import Reading, State
from detectors.registry import REGISTRY, Promise, Setting, entry

LAW = np.array([0.7, 0.2, 0.1])
DRIFTED = np.array([0.1, 0.2, 0.7])


def build(entry_, seed=1, spend=1e-4):
    rng = np.random.default_rng(seed)
    return entry_.build(
        Setting(
            q=LAW,
            values=np.array([0.0, 0.5, 1.0]),
            level=0.25,
            bag=rng.multinomial(5000, LAW),
            spend=spend,
            n_ref=50,
            seed=seed,
        )
    )


def ticks(law, number, seed=0, n=50):
    return np.random.default_rng(seed).multinomial(n, law, size=number)


every = pytest.mark.parametrize("entry_", REGISTRY, ids=lambda e: e.name)


@every
def test_a_large_drift_is_found_and_stays_found(entry_):
    detector = build(entry_)
    for counts in ticks(LAW, 20):
        detector.update(counts)
    detector.reset()
    detector = build(entry_)
    found = [detector.update(counts).state for counts in np.concatenate((ticks(LAW, 10), ticks(DRIFTED, 60)))]
    assert found[-1] == State.ALARMED
    first = found.index(State.ALARMED)
    assert set(found[first:]) == {State.ALARMED}


@every
def test_silence_moves_nothing(entry_):
    detector = build(entry_)
    for counts in ticks(LAW, 5):
        before = detector.update(counts)
    for _ in range(1000):
        assert detector.update(np.zeros(3, dtype=int)) == before


@every
def test_two_of_the_same_say_the_same(entry_):
    one, other = build(entry_), build(entry_)
    for counts in ticks(LAW, 15):
        assert one.update(counts) == other.update(counts)


@every
def test_a_copy_continues_exactly_and_independently(entry_):
    detector = build(entry_)
    for counts in ticks(LAW, 25):
        detector.update(counts)
    copy = detector.copy()
    rest = np.concatenate((ticks(LAW, 10, seed=1), ticks(DRIFTED, 20, seed=2)))
    ahead = [copy.update(counts) for counts in rest]
    assert [detector.update(counts) for counts in rest] == ahead


@every
def test_a_reset_detector_is_armed(entry_):
    detector = build(entry_)
    for counts in np.concatenate((ticks(LAW, 10), ticks(DRIFTED, 60))):
        detector.update(counts)
    detector.reset()
    assert detector.reading().state == State.ARMED


@every
@pytest.mark.parametrize("bad", [[1.0, 2.0, np.nan], [1, 2], [1, -1, 2], [[1, 2, 3], [1, 2, 3]], [0.5, 0.5, 1.0]])
def test_what_is_not_a_count_is_refused_and_leaves_no_trace(entry_, bad):
    detector = build(entry_)
    before = detector.update(np.array([30, 10, 10]))
    with pytest.raises(ValueError, match="counts"):
        detector.update(bad)
    assert detector.reading() == before


@every
def test_input_is_not_changed(entry_):
    counts = np.array([30, 10, 10])
    build(entry_).update(counts)
    assert counts.tolist() == [30, 10, 10]


@every
def test_a_reading_is_frozen_and_says_why(entry_):
    reading = build(entry_).update(np.array([30, 10, 10]))
    assert isinstance(reading, Reading)
    assert reading.reason
    with pytest.raises(dataclasses.FrozenInstanceError):
        reading.state = State.ALARMED


@every
def test_memory_stays_bounded(entry_):
    # a detector that keeps events would grow by 1,250 of them; adaptive windows may grow by their logarithm
    detector = build(entry_, spend=1e-9)

    def size():
        copied = detector.copy()
        keep = {k: v for k, v in vars(copied).items() if not callable(v)}
        try:
            return len(pickle.dumps(keep))
        except (TypeError, AttributeError, pickle.PicklingError):
            return sum(sys.getsizeof(v) for v in keep.values())

    for counts in ticks(LAW, 25):
        detector.update(counts)
    before = size()
    for counts in ticks(LAW, 25, seed=3):
        detector.update(counts)
        if detector.reading().state == State.ALARMED:
            detector.reset()
    assert size() < before + 4000


@pytest.mark.parametrize("entry_", [e for e in REGISTRY if e.promise == Promise.PROVED], ids=lambda e: e.name)
def test_a_proved_detector_keeps_its_budget_where_the_null_holds(entry_):
    # 20 detectors x 150 ticks x .002 = 6 alarms promised; 15 would be a one in 1,000 excess
    alarms = 0
    for seed in range(20):
        detector = build(entry_, seed=seed, spend=0.002)
        for counts in ticks(LAW, 150, seed=100 + seed):
            if detector.update(counts).state == State.ALARMED:
                alarms += 1
                detector.reset()
    assert alarms < 15


def test_names_are_unique_and_unknown_ones_are_answered_with_the_list():
    assert len({e.name for e in REGISTRY}) == len(REGISTRY)
    with pytest.raises(KeyError, match="material"):
        entry("no such detector")
