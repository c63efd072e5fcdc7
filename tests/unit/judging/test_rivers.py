"""River's detectors on counts: what is stored is when they began, and the rest can be built again."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.judging.watching.rivers import EVENTS_AT_MOST, STRETCH, Rivers, RiverTest


def pair_of(**more) -> RiverTest:
    return RiverTest(
        **{"detector": "PageHinkley", "parameters": (), "values": (0.0, 1.0), "seed": 7, "since": 0, **more}
    )


def counts_of(ticks: range, change: int, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    bad = rng.binomial(40, np.where(np.array(ticks) < change, 0.1, 0.5))
    return np.stack((40 - bad, bad), axis=1)


def fed(rivers: Rivers, one: int, ticks: np.ndarray, counts: np.ndarray) -> tuple[int, list[int]]:
    """All of these ticks at once."""
    at, bins = np.nonzero(counts)
    return rivers.advance(ticks, at, np.full(len(at), one), bins, counts[at, bins])


def alarm_of(step: int, *, change: int, ticks: int, rebuilt_every: int = 2**62, since: int = 0) -> int | None:
    """The tick of the first alarm, fed ``step`` ticks at once."""
    rivers = Rivers()
    one = rivers.add(pair_of(since=since))
    counts = counts_of(range(since, ticks), change)
    position = since
    while position < ticks:
        end = min(position + step, ticks)
        consumed, alarmed = fed(rivers, one, np.arange(position, end), counts[position - since : end - since])
        position += consumed
        if alarmed:
            return position - 1
        if position % rebuilt_every == 0:
            first = rivers.first_tick(one, before=position)
            assert position - first <= 2 * STRETCH
            rivers = Rivers()
            rivers.put_back({one: pair_of(since=since)})
            rivers.rebuild(one, np.arange(first, position), counts[first - since : position - since])
    return None


@pytest.mark.parametrize("step", [3, 50, 1000])
def test_the_tick_of_the_alarm_does_not_depend_on_how_ticks_were_grouped(step):
    assert alarm_of(step, change=300, ticks=600) == alarm_of(1, change=300, ticks=600) > 300


@pytest.mark.parametrize("since", [0, 100, STRETCH - 5])
def test_built_again_from_counts_it_goes_on_as_if_nothing_had_been(since):
    change = 2 * STRETCH + 500
    whole = alarm_of(200, change=change, ticks=change + 300, since=since)
    assert whole is not None
    assert alarm_of(200, change=change, ticks=change + 300, since=since, rebuilt_every=200) == whole


def test_it_goes_back_to_an_alarm_of_somebody_else_and_on_from_there():
    rivers, counts = Rivers(), counts_of(range(400), 300)
    one = rivers.add(pair_of())
    consumed, alarmed = fed(rivers, one, np.arange(400), counts)
    assert alarmed == [one]
    rivers.retreat(np.arange(400), 150)
    again, alarmed = fed(rivers, one, np.arange(150, 400), counts[150:])
    assert (150 + again, alarmed) == (consumed, [one])


def test_of_a_huge_tick_only_some_events_are_fed_the_same_ones_every_time():
    def state(first: int) -> float:
        rivers = Rivers()
        one = rivers.add(pair_of(detector="ADWIN"))
        fed(rivers, one, np.arange(first, first + 1), np.array([[10**9, 10**9]]))
        return rivers._pairs[one].speaks._detector.width

    assert state(5) == state(5) == EVENTS_AT_MOST


def test_detectors_of_errors_are_fed_errors():
    rivers = Rivers()
    one = rivers.add(pair_of(detector="DDM", parameters=(("drift_threshold", 6.0),)))
    counts = counts_of(range(200), 100)
    consumed, alarmed = fed(rivers, one, np.arange(200), counts)
    assert alarmed == [one]
    assert consumed > 100
