"""The counts behind a stored baseline: of its window, tick by tick, or those kept with it."""

from __future__ import annotations

import numpy as np

from monitor.counts.cuts import of_columns, of_slices
from monitor.counts.model import LoadedCounts
from monitor.judging.history import kept_counts
from monitor.judging.ports import Baseline
from monitor.judging.watching.fleet import Fleet
from monitor.signals.registry import LAYOUT


def approved_counts(fleet: Fleet, number: int, baseline: Baseline) -> LoadedCounts:
    """The counts that were approved, of the signals that were counted then and mean the same today.

    Tick by tick where the stored counts of the window are still what was approved: nothing excluded, nothing gone or
    rolled up since. Else those kept with the baseline, as one tick.
    """
    columns = LAYOUT.mask(baseline.layout)
    counts = of_columns(fleet.counts_of(number, baseline.from_tick, baseline.to_tick), columns)
    cells, at = np.unique(counts.cell, return_inverse=True)
    sums = np.zeros(len(cells), np.int64)
    np.add.at(sums, at, counts.count)
    if dict(zip(cells.tolist(), sums.tolist(), strict=True)) == dict(baseline.counts):
        return counts
    return of_columns(of_slices(kept_counts(baseline), fleet.slices_of(number)), columns)
