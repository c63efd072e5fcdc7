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


VALUES = np.array([0.0, 0.5, 1.0])


def build(entry_, seed=1, spend=1e-4, order=(0, 1, 2)):
    """`order` gives the bins other places."""
    rng, places = np.random.default_rng(seed), list(order)
    return entry_.build(
        Setting(
            q=LAW[places],
            values=VALUES[places],
            level=0.25,
            reference=rng.multinomial(5000, LAW)[places],
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


def alarm_of(detector, table):
    """The first tick that alarms."""
    return next(t for t, counts in enumerate(table) if detector.update(counts).state == State.ALARMED)


MATERIAL = entry("material")
EVENTFUL = np.concatenate((ticks(LAW, 15), ticks([0.62, 0.2, 0.18], 300, seed=4)))
BY_COUNTS = pytest.mark.parametrize(
    "entry_", [e for e in REGISTRY if e.promise == Promise.PROVED], ids=lambda e: e.name
)


@BY_COUNTS
@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2)])
def test_what_the_bins_are_called_does_not_matter(entry_, order):
    # to the digit where nothing is random; else the ties of the surrogates fall differently
    places = list(order)
    one, other = build(entry_), build(entry_, order=order)
    if entry_ is MATERIAL:
        for counts in EVENTFUL[:30]:
            found, expected = other.update(counts[places]), one.update(counts)
            assert found.evidence == pytest.approx(expected.evidence, abs=1e-9)
    assert abs(alarm_of(one, EVENTFUL) - alarm_of(other, EVENTFUL[:, places])) <= 8


@BY_COUNTS
def test_when_it_happens_does_not_matter(entry_):
    late = build(entry_)
    for _ in range(1000):
        late.update(np.zeros(3, dtype=int))
    now = build(entry_)
    if entry_ is MATERIAL:
        one, other = now.copy(), late.copy()
        assert [one.update(counts) for counts in EVENTFUL] == [other.update(counts) for counts in EVENTFUL]
    assert abs(alarm_of(now, EVENTFUL) - alarm_of(late, EVENTFUL)) <= 8


@every
def test_partitions_may_be_added_up_in_any_order(entry_):
    # three partitions' counts of each tick; sums are integers, so whoever adds them up, the detector sees the same
    parts = [np.concatenate((ticks(LAW, 10, seed=s, n=17), ticks(DRIFTED, 10, seed=s, n=17))) for s in (5, 6, 7)]
    one, other = build(entry_), build(entry_)
    for a, b, c in zip(*parts, strict=True):
        assert one.update(a + b + c) == other.update(c + (b + a))


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
