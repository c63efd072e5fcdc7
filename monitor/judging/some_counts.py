"""Counts of some slices over a long stretch, without ever holding those of all the others together."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np

from monitor.counts.cuts import joined, of_slices
from monitor.counts.model import LoadedCounts
from monitor.judging.ports import JudgeStore

READ_AT_MOST: Final = 10_000_000
"""Cells of all slices that are decoded, in a few seconds."""
PIECE: Final = 500_000
"""Cells that are held at once, roughly: 12 MB."""
FIRST_TICKS: Final = 6


def counts_of(
    store: JudgeStore, slice_ids: Collection[int], ticks: tuple[int, int], *, most: int = READ_AT_MOST
) -> tuple[LoadedCounts, int]:
    """The counts of these slices in [from, to), and the first tick that was read: the newest come first, until
    ``most`` cells were decoded.

    Args:
        store: holds the counts.
        slice_ids: which slices.
        ticks: from, to.
        most: cells of all slices that are decoded at most, give or take a piece.
    """
    first, end = ticks
    parts: list[LoadedCounts] = []
    read, length = 0, FIRST_TICKS
    while end > first and read < most:
        start = max(first, end - length)
        counts = store.counts(start, end)
        parts.append(of_slices(counts, slice_ids))
        read += len(counts.tick)
        length = length * 2 if len(counts.tick) < PIECE // 2 else max(1, length // 2)
        end = start
    if not parts:
        nothing = np.zeros(0, np.int64)
        return LoadedCounts(nothing, nothing, nothing), end
    return joined(parts[::-1]), end
