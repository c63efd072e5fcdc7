"""Reading counts back: a unit's baseline, an alarm's stretch. Memory is bounded for any request.

Stored counts are read for the whole fleet and then narrowed to a few slices, so long spans are read in pieces; and
the piece read last is kept, because units that learn together ask for much the same ticks, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.counts.cuts import between, column_only, joined, of_slices
from monitor.counts.model import Cluster, LoadedCounts
from monitor.judging.ports import Baseline
from monitor.signals.registry import EVENTS_COLUMN

History = Callable[[int, int], LoadedCounts]
"""Counts of the ticks in [from, to), all of them judged or being judged."""

Clusters = Callable[[int, int], Sequence[Cluster]]
"""Clusters of near-duplicate prompts of the ticks in [from, to), by tick and name."""

PIECE_CELLS: Final = 1_000_000
"""24 MB."""
FEW_TICKS: Final = 60
HELD_CELLS: Final = 2 * PIECE_CELLS


class Past:
    """The counts of judged ticks."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._held: tuple[int, int, LoadedCounts] | None = None

    def counts(self, slice_ids: Collection[int], from_tick: int, to_tick: int) -> LoadedCounts:
        """Counts of these slices in [from_tick, to_tick)."""
        parts = [of_slices(piece, slice_ids) for piece in self._pieces(from_tick, to_tick)]
        return joined(parts) if parts else self._history(from_tick, from_tick)

    def counts_of_each(
        self, wanted: Mapping[int, tuple[Collection[int], int, int]], to_tick: int
    ) -> dict[int, LoadedCounts]:
        """Counts of several units at once, by a key of the caller's.

        Args:
            wanted: slices, first tick, and how many ticks are put together, under the number of the first.
            to_tick: the tick after the last.
        """
        first = min((from_tick for _, from_tick, _ in wanted.values()), default=to_tick)
        parts: dict[int, list[LoadedCounts]] = {key: [] for key in wanted}
        for piece in self._pieces(first, to_tick):
            for key, (slice_ids, from_tick, together) in wanted.items():
                mine = of_slices(between(piece, from_tick, to_tick), slice_ids)
                if len(mine.tick):
                    parts[key].append(_together(mine, together))
        return {key: joined(found) for key, found in parts.items() if found}

    def events(
        self, places: NDArray[np.int64], size: int, from_tick: int, to_tick: int, *, column: int = EVENTS_COLUMN
    ) -> NDArray[np.int64]:
        """Events in [from_tick, to_tick), or those of a column, summed by ``places[slice id]``; int64 (size,)."""
        sums = np.zeros(size, np.int64)
        for piece in self._pieces(from_tick, to_tick):
            total = column_only(piece, column)
            np.add.at(sums, places[total.cell], total.count)
        return sums

    def _pieces(self, from_tick: int, to_tick: int) -> Iterator[LoadedCounts]:
        position, span = from_tick, FEW_TICKS
        if self._held is not None and self._held[0] <= from_tick < self._held[1]:
            position = min(self._held[1], to_tick)
            yield between(self._held[2], from_tick, position)
        while position < to_tick:
            end = min(to_tick, position + span)
            piece = self._history(position, end)
            span = min(2 * span, max(1, span * PIECE_CELLS // max(1, len(piece.tick))))
            self._hold(position, end, piece)
            position = end
            yield piece

    def _hold(self, from_tick: int, to_tick: int, piece: LoadedCounts) -> None:
        """Keep the newest ticks that were read, as many as there is room for."""
        held = self._held
        if held is not None and held[1] == from_tick and len(held[2].tick) + len(piece.tick) <= HELD_CELLS:
            self._held = (held[0], to_tick, joined([held[2], piece]))
        elif held is None or to_tick > held[1] or from_tick < held[0]:
            self._held = (from_tick, to_tick, piece)


def _together(counts: LoadedCounts, ticks: int) -> LoadedCounts:
    """Sums of so many ticks each."""
    if ticks == 1:
        return counts
    tick = counts.tick // ticks * ticks
    order = np.lexsort((counts.cell, tick))
    tick, cell, count = tick[order], counts.cell[order], counts.count[order]
    edges = np.flatnonzero((np.diff(tick, prepend=-1) != 0) | (np.diff(cell, prepend=-1) != 0))
    return LoadedCounts(tick[edges], cell[edges], np.add.reduceat(count, edges))


def no_clusters(from_tick: int, to_tick: int) -> Sequence[Cluster]:
    """A history where none is kept."""
    return ()


def kept_counts(baseline: Baseline) -> LoadedCounts:
    """The counts kept with a baseline, as one tick: how they scattered over ticks is not known."""
    cells = np.array(sorted(baseline.counts), np.int64)
    return LoadedCounts(
        np.full(len(cells), baseline.from_tick, np.int64),
        cells,
        np.array([baseline.counts[int(cell)] for cell in cells], np.int64),
    )
