"""Counts of some slices are read in pieces, and are the same as when all were read at once."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.counts.cuts import of_slices
from monitor.counts.model import LoadedCounts
from monitor.judging.histograms import means
from monitor.judging.some_counts import counts_of
from monitor.signals.registry import COLUMNS, OFFSETS, SIGNALS

TICKS, SLICES = 300, 7


class Stored:
    """Two cells of each slice in each tick; it keeps which ticks were asked for."""

    def __init__(self) -> None:
        tick = np.repeat(np.arange(TICKS), 2 * SLICES)
        cell = np.tile(np.repeat(np.arange(SLICES), 2) * COLUMNS + np.tile([0, 1], SLICES), TICKS)
        self.every = LoadedCounts(tick, cell, np.arange(len(tick)) + 1)
        self.asked: list[tuple[int, int]] = []

    def counts(self, from_tick: int, to_tick: int) -> LoadedCounts:
        self.asked.append((from_tick, to_tick))
        return self.every.where((self.every.tick >= from_tick) & (self.every.tick < to_tick))


@pytest.mark.parametrize("ticks", [(0, TICKS), (5, 6), (17, 250), (9, 9)])
def test_in_pieces_as_at_once(ticks: tuple[int, int]) -> None:
    stored = Stored()
    found, first = counts_of(stored, [2, 5], ticks)  # type: ignore[arg-type]
    wanted = of_slices(Stored().counts(*ticks), [2, 5])
    for got, want in zip(
        (found.tick, found.cell, found.count), (wanted.tick, wanted.cell, wanted.count), strict=True
    ):
        assert got.tolist() == want.tolist()
    assert first == ticks[0]
    assert sum(end - start for start, end in stored.asked) == ticks[1] - ticks[0]


def test_of_too_much_the_newest_is_read_and_how_far_is_told() -> None:
    stored = Stored()
    found, first = counts_of(stored, [0], (0, TICKS), most=200)  # type: ignore[arg-type]
    assert 0 < first < TICKS
    assert found.tick.min() == first
    assert found.tick.max() == TICKS - 1


def test_means_are_over_steps_of_enough_events() -> None:
    signal = next(one for one in SIGNALS if len(one.bins) > 1)
    cells = np.array([OFFSETS[signal.name], OFFSETS[signal.name] + 1] * 4)
    counts = LoadedCounts(np.repeat([10, 11, 30, 31], 2), cells, np.array([30, 10, 30, 10, 10, 30, 10, 30]))
    values = (0.0, 1.0, *[0.0] * (len(signal.bins) - 2))
    course = means(counts, signal, values, ticks=(10, 40))
    assert course.step * len(course.values) >= 30
    assert sum(course.events) == 160
    known = [value for value in course.values if value is not None]
    assert known[0] == pytest.approx(0.25)
    assert known[-1] == pytest.approx(0.75)
    assert None in course.values
    assert means(counts.where(counts.tick > 99), signal, values, ticks=(10, 40)).values == [None]
