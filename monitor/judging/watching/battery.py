"""The engines of all tests, fed in the one order that the guarantee needs. All counts to test pass here.

    battery.place_row(row, test=, stratum=, dense=)     where the recoupled counts of a row go
    battery.advance(ticks, direct=, rows=, rivers=)  -> (ticks consumed, tests that alarmed)

Page tests see counts as they are; any-change tests and their dense tests see them recoupled, and river's detectors
see means. All go through the same ticks and stop after the first one in which any of them alarms:

    recouple          a tick's surrogates depend on earlier ticks and on nothing that is decided about it
    rivers, dense     how far they get; whoever comes next goes no further
    evidence          how far all get
    dense, rivers     back to that tick, if they went past it
    retract           so does the recoupler: what was not judged is not history yet
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.evidence import Evidence
from detectors.recoupling import Recoupler
from monitor.judging.watching.dense import DenseTests
from monitor.judging.watching.rivers import RiverId, Rivers

NONE: Final = -1

Ints = NDArray[np.int64]
Cells = tuple[Ints, Ints, Ints, Ints, Ints]
"""Place of the tick among those given, test, stratum of the test, bin, count; one entry per cell."""
RowCells = tuple[Ints, Ints, Ints, Ints]
"""Place of the tick, row of the recoupler (or number of the river detector), bin, count."""
TestId = int | RiverId
"""A test in the evidence engine, or a river detector."""
T = TypeVar("T", bound=np.signedinteger[Any])

_NOTHING: Final[RowCells] = (np.zeros(0, np.int64),) * 4


class Battery:
    """Evidence, recoupler, dense tests and river's detectors."""

    def __init__(
        self,
        evidence: Evidence | None = None,
        recoupler: Recoupler | None = None,
        dense: DenseTests | None = None,
    ) -> None:
        """The engines as a snapshot brings them back, or new ones. River's detectors are never stored."""
        self.evidence = evidence or Evidence()
        self.recoupler = recoupler or Recoupler()
        self.dense = dense or DenseTests()
        self.rivers = Rivers()
        self._row_test = np.full(64, NONE, np.int64)
        self._row_stratum = np.zeros(64, np.int64)
        self._row_dense = np.full(64, NONE, np.int64)
        self._beside: dict[int, int] = {}
        """Dense test -> the any-change test that it stands beside."""

    def place_row(self, row: int, *, test: int, stratum: int, dense: int) -> None:
        """This row of the recoupler feeds that stratum of the test, and the dense test unless it is :data:`NONE`."""
        self._row_test = room(self._row_test, row, NONE)
        self._row_stratum = room(self._row_stratum, row, 0)
        self._row_dense = room(self._row_dense, row, NONE)
        self._row_test[row], self._row_stratum[row], self._row_dense[row] = test, stratum, dense
        if dense != NONE:
            self._beside[dense] = test

    def advance(
        self, ticks: Ints, *, direct: Sequence[Cells], rows: RowCells, rivers: RowCells = _NOTHING
    ) -> tuple[int, set[TestId]]:
        """Feed ticks in order until a test alarms.

        Args:
            ticks: int64 (T,), their numbers, rising.
            direct: for the evidence engine as they are.
            rows: for the recoupler; a row of :data:`NONE` is left out.
            rivers: for river's detectors, in the order of ticks.

        Returns:
            How many ticks were consumed, and the tests that alarmed in the last one of them; a dense test counts as
            the any-change test that it stands beside.
        """
        (at, row, bin_, count), given = self._recouple(ticks, *rows)
        reach, drifting = self.rivers.advance(ticks, *rivers)
        dense = self._row_dense[row]
        fed = (dense >= 0) & (at < reach)
        limit, diffuse = self.dense.advance(at[fed], dense[fed], bin_[fed], count[fed], ticks=reach)
        parts = [*direct, (at, self._row_test[row], self._row_stratum[row], bin_, count)]
        cells = [np.concatenate(column) for column in zip(*parts, strict=True)]
        order = np.argsort(cells[0], kind="stable")
        ptr = np.searchsorted(cells[0][order], np.arange(limit + 1))
        order = order[: ptr[-1]]
        done, found = self.evidence.advance(ptr, *(column[order] for column in cells[1:]))
        self.dense.retreat(done)
        self.rivers.retreat(ticks, done)
        alarmed: set[TestId] = set(found.tolist())
        if done == limit:
            alarmed |= {self._beside[test] for test in diffuse}
        if done == reach:
            alarmed |= {RiverId(one) for one in drifting}
        if alarmed:
            self.recoupler.retract(*given, keep=done)
        return done, alarmed

    def _recouple(
        self, ticks: Ints, at: Ints, rows: Ints, bin_: Ints, count: Ints
    ) -> tuple[RowCells, tuple[Ints, Ints, Ints, Ints, Ints]]:
        """Surrogate cells (at, row, bin, count), and the cells that went in (to be retracted after an early stop)."""
        use = rows >= 0
        at, rows, bin_, count = at[use], rows[use], bin_[use], count[use]
        order = np.lexsort((bin_, rows, at))
        at, rows, bin_, count = at[order], rows[order], bin_[order], count[order]
        new = np.ones(len(at), np.bool_)
        new[1:] = (np.diff(at) != 0) | (np.diff(rows) != 0) | (np.diff(bin_) != 0)
        start = np.flatnonzero(new)
        if len(start):
            at, rows, bin_, count = at[start], rows[start], bin_[start], np.add.reduceat(count, start)
        ptr = np.searchsorted(at, np.arange(len(ticks) + 1))
        given = (ptr, ticks, rows, bin_, count)
        out_ptr, out_row, out_bin, out_count = self.recoupler.recouple(*given)
        out_at = np.repeat(np.arange(len(ticks)), np.diff(out_ptr))
        return (out_at, out_row, out_bin, out_count), given


def room(array: NDArray[T], index: int, fill: int) -> NDArray[T]:
    """The array with room for ``index``; doubled when it grows."""
    if index < len(array):
        return array
    grown = np.full((max(index + 1, 2 * len(array)), *array.shape[1:]), fill, array.dtype)
    grown[: len(array)] = array
    return grown
