"""Which columns hold which signal: the layout that a count was written under, and what another version reads of it.

Columns are append-only. A signal keeps its columns for as long as its rule is the same; a rule that changes gets a
new version and new columns, and the old ones keep the old rule's meaning. So counts of two releases can lie side by
side in one database: whoever reads them takes the columns of the signals that both know, and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

MOST_COLUMNS: Final = 65_536
"""Most columns of a layout read from a database: 256 times the present number, and a mask of 64 KiB."""


@dataclass(frozen=True, slots=True, order=True)
class Columns:
    """The columns of one version of one signal."""

    signal: str
    version: int
    first: int
    bins: int

    @property
    def end(self) -> int:
        """The column after the last."""
        return self.first + self.bins

    def __str__(self) -> str:
        return f"{self.signal} version {self.version} in columns {self.first} to {self.end - 1}"


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a row of cells. ``cell = slice id * width + column``; column 0 counts the events."""

    columns: tuple[Columns, ...]
    width: int

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits; layouts that are alike have the same."""
        return hashlib.sha256(self.document().encode()).hexdigest()[:16]

    def document(self) -> str:
        """The layout as JSON, for a database; :func:`layout_of` is the inverse."""
        return msgspec.json.encode(
            {"width": self.width, "columns": [[c.signal, c.version, c.first, c.bins] for c in self.columns]}
        ).decode()

    def without(self, signals: Collection[str]) -> Layout:
        """The layout of counts that lack these signals."""
        return Layout(tuple(c for c in self.columns if c.signal not in signals), self.width)

    def only(self, signals: Collection[str]) -> Layout:
        """The layout of counts that hold these signals alone."""
        return Layout(tuple(c for c in self.columns if c.signal in signals), self.width)

    def shared(self, other: Layout) -> frozenset[str]:
        """The signals whose counts mean the same in both: same version, same columns."""
        return frozenset(c.signal for c in set(self.columns) & set(other.columns))

    def narrowed(self, other: Layout) -> Layout:
        """The rest of this layout once its cells are those of the other one, see :meth:`cells_in`."""
        return Layout(tuple(c for c in self.columns if c in other.columns), other.width)

    def lacking(self, other: Layout) -> frozenset[str]:
        """Signals of this layout that the other one does not count, or counts by another version's rule."""
        return frozenset(c.signal for c in self.columns) - self.shared(other)

    def mask(self, other: Layout) -> NDArray[np.bool_]:
        """bool (width,): the columns of this layout that mean the same in the other one; column 0 always does."""
        return self.mask_of(self.shared(other))

    def mask_of(self, signals: Collection[str]) -> NDArray[np.bool_]:
        """bool (width,): the columns of these signals, and column 0."""
        kept = np.zeros(self.width, np.bool_)
        kept[0] = True
        for one in self.columns:
            if one.signal in signals:
                kept[one.first : one.end] = True
        return kept

    def cells_in(self, other: Layout, cell: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Cells of this layout as cells of the other one: which of them mean the same, and what those become."""
        slice_id, column = np.divmod(cell, self.width)
        kept = self.mask(other)[column]
        return kept, slice_id[kept] * other.width + column[kept]

    def contradictions(self, other: Layout) -> list[str]:
        """Conflicts of meaning between the two, a sentence each: one column twice, or one rule in two places."""
        found = []
        for mine in self.columns:
            for theirs in other.columns:
                same_rule = (mine.signal, mine.version) == (theirs.signal, theirs.version)
                overlap = mine.first < theirs.end and theirs.first < mine.end
                if mine != theirs and (same_rule or overlap):
                    found.append(f"{mine} here, {theirs} there")
        return found


def layout_of(document: str) -> Layout:
    """The layout that was written down.

    Raises:
        ValueError: it is none.
    """
    try:
        whole = msgspec.json.decode(document, type=_Document)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not the layout of counts: {error}") from error
    columns = tuple(Columns(*one) for one in whole.columns)
    if not 1 <= whole.width <= MOST_COLUMNS or any(not 1 <= c.first < c.end <= whole.width for c in columns):
        raise ValueError(f"not the layout of counts: columns outside of 1 to {whole.width - 1}")
    return Layout(columns, whole.width)


def checked(columns: Iterable[Columns], width: int) -> tuple[Columns, ...]:
    """The columns of all signals that there are and were, in order.

    Raises:
        ValueError: two of them share a column or a version, or there is no room.
    """
    out = tuple(sorted(columns, key=lambda one: one.first))
    for one, other in pairwise(out):
        if one.end > other.first:
            raise ValueError(f"{one} and {other} overlap; give the newer one columns of its own at the end")
    if len({(one.signal, one.version) for one in out}) < len(out):
        raise ValueError("one version of one signal has columns twice")
    if out and (out[0].first < 1 or out[-1].end > width):
        raise ValueError(f"{out[-1]}: the layout has columns 1 to {width - 1}; raise COLUMNS")
    return out


class _Document(msgspec.Struct):
    width: int
    columns: list[tuple[str, int, int, int]]
