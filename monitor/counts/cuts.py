"""Filters and slices of LoadedCounts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.counts.model import LoadedCounts
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OBSERVATIONS, OFFSETS
from monitor.signals.signal import Signal


def between(counts: LoadedCounts, from_tick: int, to_tick: int) -> LoadedCounts:
    """The ticks in [from_tick, to_tick)."""
    a, b = np.searchsorted(counts.tick, (from_tick, to_tick))
    return counts.where(slice(a, b))


def joined(parts: Sequence[LoadedCounts]) -> LoadedCounts:
    """Counts of ticks, then of later ticks, and so on; at least one part."""
    return LoadedCounts(
        np.concatenate([part.tick for part in parts]),
        np.concatenate([part.cell for part in parts]),
        np.concatenate([part.count for part in parts]),
    )


def of_slices(counts: LoadedCounts, slice_ids: Collection[int]) -> LoadedCounts:
    """The cells of these slices."""
    wanted = np.fromiter(slice_ids, np.int64, len(slice_ids))
    use = np.isin(counts.cell // COLUMNS, wanted)
    return counts.where(use)


def events_only(counts: LoadedCounts) -> LoadedCounts:
    """The cells that count events, with the slice's id in place of the cell."""
    return column_only(counts, EVENTS_COLUMN)


def column_only(counts: LoadedCounts, column: int) -> LoadedCounts:
    """The cells of one column, with the slice's id in place of the cell."""
    use = counts.cell % COLUMNS == column
    return LoadedCounts(counts.tick[use], counts.cell[use] // COLUMNS, counts.count[use])


def of_columns(counts: LoadedCounts, columns: NDArray[np.bool_]) -> LoadedCounts:
    """The cells of these columns, bool (COLUMNS,)."""
    return counts.where(columns[counts.cell % COLUMNS])


def by_unit(
    events: LoadedCounts, of_unit: NDArray[np.int64], wanted: Collection[int]
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """(unit, ticks, counts) of those of the wanted units that have any, in order of their numbers.

    One sort, however many units there are: whoever names thousands of them pays no more than anybody else.

    Args:
        events: cells in the order of ticks.
        of_unit: int64, the unit of each cell.
        wanted: numbers of units.
    """
    use = np.flatnonzero(np.isin(of_unit, np.fromiter(wanted, np.int64, len(wanted))))
    order = use[np.argsort(of_unit[use], kind="stable")]
    numbers, starts = np.unique(of_unit[order], return_index=True)
    parts = np.split(order, starts[1:]) if len(order) else []
    for number, mine in zip(numbers.tolist(), parts, strict=True):
        yield number, events.tick[mine], events.count[mine]


def observations(counts: LoadedCounts) -> LoadedCounts:
    """The cells that number a unit's observations, with the slice's id in place of the cell."""
    use = OBSERVATIONS[counts.cell % COLUMNS]
    return LoadedCounts(counts.tick[use], counts.cell[use] // COLUMNS, counts.count[use])


def by_guardrail(
    counts: LoadedCounts, guardrails: NDArray[np.int64], signal: Signal, *, most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts of one signal by tick, guardrail and bin.

    Args:
        counts: any cells.
        guardrails: int64 (cells,), number of the guardrail of each cell.
        signal: which signal.
        most: numbers of guardrails are below this.

    Returns:
        int64 (T,) ticks in which the signal was counted, rising, and int64 (T, most, bins).
    """
    bins = counts.cell % COLUMNS - OFFSETS[signal.name]
    use = (bins >= 0) & (bins < len(signal.bins))
    ticks, row = np.unique(counts.tick[use], return_inverse=True)
    table = np.zeros((len(ticks), most, len(signal.bins)), np.int64)
    np.add.at(table, (row, guardrails[use], bins[use]), counts.count[use])
    return ticks, table
