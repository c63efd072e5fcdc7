"""All tests of all units side by side: counts in, the next tick with an alarm out.

The panel owns the evidence engine, the recoupler and the maps from a cell (slice, column) to what it feeds: the
material tests of the cell's questions, the tests for an end, and, through the recoupler, the any-change test with
its dense bets.
One pass feeds them all, tick by tick, and stops after the first tick in which any of them alarms.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.evidence import Evidence
from detectors.recoupling import Recoupler
from monitor.counts.model import LoadedCounts
from monitor.judging.watching.dense import DenseTests
from monitor.judging.watching.rivers import Rivers
from monitor.signals.registry import COLUMNS, OFFSETS, SIGNALS

NONE: Final = -1


def test_of(river: int) -> int:
    """A river detector's id among those of the tests, which are not negative; :func:`river_of` is its inverse."""
    return NONE - 1 - river


def river_of(test: int) -> int:
    """The id in ``panel.rivers`` of a test below :data:`NONE`."""
    return NONE - 1 - test


QUESTIONS: Final = max(1, *(len(signal.questions) for signal in SIGNALS))

Ints = NDArray[np.int64]
T = TypeVar("T", bound=np.signedinteger[Any])


def _column_maps() -> tuple[Ints, Ints]:
    signal, bin_ = np.full(COLUMNS, NONE, np.int64), np.full(COLUMNS, NONE, np.int64)
    for s, kind in enumerate(SIGNALS):
        first = OFFSETS[kind.name]
        signal[first : first + len(kind.bins)] = s
        bin_[first : first + len(kind.bins)] = np.arange(len(kind.bins))
    return signal, bin_


_SIGNAL_OF, _BIN_OF = _column_maps()


class Panel:
    """Tests by unit number, signal and question. Unit and slice numbers are the caller's."""

    def __init__(self, *, strata: int) -> None:
        self.evidence = Evidence()
        self.recoupler = Recoupler()
        self.dense = DenseTests()
        self.rivers = Rivers()
        self._strata = strata
        self._unit_of = np.full(64, NONE, np.int64)
        self._stratum_of = np.zeros(64, np.int64)
        self._material = np.full((16, len(SIGNALS), QUESTIONS), NONE, np.int64)
        # Narrow where they are large: most streams have no test of most signals.
        self._material_stratum = np.full((16, len(SIGNALS), QUESTIONS, strata), NONE, np.int16)
        self._end = np.full((16, len(SIGNALS), QUESTIONS), NONE, np.int64)
        self._end_stratum = np.full((16, len(SIGNALS), QUESTIONS), NONE, np.int64)
        self._row = np.full((16, len(SIGNALS), strata), NONE, np.int32)
        self._river = np.full((16, len(SIGNALS)), NONE, np.int64)
        self._row_test = np.full(64, NONE, np.int64)
        self._row_stratum = np.zeros(64, np.int64)
        self._row_dense = np.full(64, NONE, np.int64)
        self._beside: dict[int, int] = {}
        """Dense test -> the any-change test that it stands beside."""

    def place_slice(self, slice_id: int, *, unit: int, stratum: int) -> None:
        """Cells of this slice feed that stratum of that unit's tests."""
        self._unit_of = _room(self._unit_of, slice_id, NONE)
        self._stratum_of = _room(self._stratum_of, slice_id, 0)
        self._unit_of[slice_id], self._stratum_of[slice_id] = unit, stratum

    def units_of(self, slice_ids: Ints) -> Ints:
        """int64 (n,) unit numbers of slices; :data:`NONE` where a slice is not placed."""
        if len(slice_ids):
            self._unit_of = _room(self._unit_of, int(slice_ids.max()), NONE)
        return self._unit_of[slice_ids]

    def _place_unit(self, unit: int) -> None:
        for name in ("_material", "_material_stratum", "_end", "_end_stratum", "_row", "_river"):
            setattr(self, name, _room(getattr(self, name), unit, NONE))

    def place_material(self, unit: int, signal: int, question: int, test: int, strata: list[int]) -> None:
        """This test answers the question by these strata of the unit, in its order; :data:`NONE` takes it away."""
        self._place_unit(unit)
        self._material_stratum[unit, signal, question] = NONE
        self._material_stratum[unit, signal, question, strata] = np.arange(len(strata))
        self._material[unit, signal, question] = test

    def place_end(self, unit: int, signal: int, question: int, test: int, stratum: int) -> None:
        """This test looks for the question's end in one stratum, or in all (:data:`NONE`)."""
        self._place_unit(unit)
        self._end[unit, signal, question] = test
        self._end_stratum[unit, signal, question] = stratum

    def place_rows(self, unit: int, signal: int, rows: list[int], test: int, dense: list[int]) -> None:
        """These recoupler rows, one per stratum, feed the any-change test and its dense bets (one per row, or none).

        No rows: they are not fed.
        """
        self._place_unit(unit)
        self._row[unit, signal] = NONE
        self._row[unit, signal, : len(rows)] = rows
        for stratum, row in enumerate(rows):
            self._row_test = _room(self._row_test, row, NONE)
            self._row_stratum = _room(self._row_stratum, row, 0)
            self._row_dense = _room(self._row_dense, row, NONE)
            self._row_test[row], self._row_stratum[row] = test, stratum
            self._row_dense[row] = dense[stratum] if dense else NONE
        self._beside |= dict.fromkeys(dense, test)

    def place_river(self, unit: int, signal: int, river: int) -> None:
        """This river detector is fed the signal's counts; :data:`NONE`: none is."""
        self._place_unit(unit)
        self._river[unit, signal] = river

    def advance(self, counts: LoadedCounts) -> tuple[int | None, list[int]]:
        """Feed ticks in order until a test alarms.

        Returns:
            The tick of the alarm and the tests that alarmed in it, where a dense bet counts as the any-change test
            that it stands beside; (None, []) when everything was consumed.
        """
        if len(counts.tick) == 0:
            return None, []
        slice_id, column = np.divmod(counts.cell, COLUMNS)
        self._unit_of = _room(self._unit_of, int(slice_id.max()), NONE)
        self._stratum_of = _room(self._stratum_of, int(slice_id.max()), 0)
        unit, signal = self._unit_of[slice_id], _SIGNAL_OF[column]
        known = (unit >= 0) & (unit < len(self._material)) & (signal >= 0)
        tick, count = counts.tick[known], counts.count[known]
        unit, signal, bin_ = unit[known], signal[known], _BIN_OF[column[known]]
        stratum = self._stratum_of[slice_id[known]]
        ticks, at = np.unique(tick, return_inverse=True)
        if len(ticks) == 0:
            return None, []
        parts = [*self._material_cells(at, unit, signal, stratum, bin_, count)]
        rows = self._row[unit, signal, stratum].astype(np.int64)
        (out_at, out_row, out_bin, out_count), given = self._recouple(ticks, at, rows, bin_, count)
        parts.append((out_at, self._row_test[out_row], self._row_stratum[out_row], out_bin, out_count))
        river = self._river[unit, signal]
        use = river >= 0
        reach, rivers = self.rivers.advance(ticks, at[use], river[use], bin_[use], count[use])
        dense = self._row_dense[out_row]
        fed = (dense >= 0) & (out_at < reach)
        limit, diffuse = self.dense.advance(out_at[fed], dense[fed], out_bin[fed], out_count[fed], ticks=reach)
        cells = [np.concatenate(column_) for column_ in zip(*parts, strict=True)]
        order = np.argsort(cells[0], kind="stable")
        ptr = np.searchsorted(cells[0][order], np.arange(limit + 1))
        order = order[: ptr[-1]]
        done, found = self.evidence.advance(ptr, *(column_[order] for column_ in cells[1:]))
        alarmed = set(found.tolist())
        self.dense.retreat(done)
        self.rivers.retreat(ticks, done)
        if done == limit:
            alarmed |= {self._beside[test] for test in diffuse}
        if done == reach:
            alarmed |= {test_of(one) for one in rivers}
        if not alarmed:
            return None, []
        self.recoupler.retract(*given, keep=done)
        return int(ticks[done - 1]), sorted(alarmed)

    def _material_cells(
        self, at: Ints, unit: Ints, signal: Ints, stratum: Ints, bin_: Ints, count: Ints
    ) -> list[tuple[Ints, Ints, Ints, Ints, Ints]]:
        parts = []
        for question in range(QUESTIONS):
            test = self._material[unit, signal, question]
            place = self._material_stratum[unit, signal, question, stratum]
            use = (test >= 0) & (place >= 0)
            parts.append((at[use], test[use], place[use].astype(np.int64), bin_[use], count[use]))
            test, only = self._end[unit, signal, question], self._end_stratum[unit, signal, question]
            use = (test >= 0) & ((only < 0) | (only == stratum))
            parts.append((at[use], test[use], np.zeros(int(use.sum()), np.int64), bin_[use], count[use]))
        return parts

    def _recouple(
        self, ticks: Ints, at: Ints, rows: Ints, bin_: Ints, count: Ints
    ) -> tuple[tuple[Ints, Ints, Ints, Ints], tuple[Ints, Ints, Ints, Ints, Ints]]:
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


def _room(array: NDArray[T], index: int, fill: int) -> NDArray[T]:
    """The array with room for ``index``; doubled when it grows."""
    if index < len(array):
        return array
    grown = np.full((max(index + 1, 2 * len(array)), *array.shape[1:]), fill, array.dtype)
    grown[: len(array)] = array
    return grown
