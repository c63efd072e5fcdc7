"""All tests of all units side by side: counts in, the next tick with an alarm out.

The panel owns the maps from a cell (slice, column) to what it feeds: the material tests of the cell's questions, the
tests for an end, and, through the recoupler, the any-change test with its dense tests. The battery feeds them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.evidence import Evidence
from detectors.recoupling import Recoupler
from monitor.counts.model import LoadedCounts
from monitor.judging.watching.battery import NONE, Battery, Cells, TestId, room
from monitor.judging.watching.dense import DenseTests
from monitor.judging.watching.rivers import RiverId, Rivers
from monitor.judging.watching.spending import Spending
from monitor.signals.registry import COLUMNS, OFFSETS, SIGNALS

QUESTIONS: Final = max(1, *(len(signal.questions) for signal in SIGNALS))

Ints = NDArray[np.int64]


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

    def __init__(self, *, strata: int, battery: Battery | None = None) -> None:
        self.battery = battery or Battery()
        self.spending = Spending(self.battery.evidence, self.battery.dense)
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

    @property
    def evidence(self) -> Evidence:
        """The engine of page tests and any-change tests."""
        return self.battery.evidence

    @property
    def recoupler(self) -> Recoupler:
        """The recoupler, which stands before the any-change tests."""
        return self.battery.recoupler

    @property
    def dense(self) -> DenseTests:
        """The dense tests beside them."""
        return self.battery.dense

    @property
    def rivers(self) -> Rivers:
        """River's detectors."""
        return self.battery.rivers

    def place_slice(self, slice_id: int, *, unit: int, stratum: int) -> None:
        """Cells of this slice feed that stratum of that unit's tests."""
        self._unit_of = room(self._unit_of, slice_id, NONE)
        self._stratum_of = room(self._stratum_of, slice_id, 0)
        self._unit_of[slice_id], self._stratum_of[slice_id] = unit, stratum

    def units_of(self, slice_ids: Ints) -> Ints:
        """int64 (n,) unit numbers of slices; :data:`NONE` where a slice is not placed."""
        if len(slice_ids):
            self._unit_of = room(self._unit_of, int(slice_ids.max()), NONE)
        return self._unit_of[slice_ids]

    def _place_unit(self, unit: int) -> None:
        for name in ("_material", "_material_stratum", "_end", "_end_stratum", "_row", "_river"):
            setattr(self, name, room(getattr(self, name), unit, NONE))

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
        """These recoupler rows, one per stratum, feed the any-change test and its dense tests (one per row, or none).

        No rows: they are not fed.
        """
        self._place_unit(unit)
        self._row[unit, signal] = NONE
        self._row[unit, signal, : len(rows)] = rows
        for stratum, row in enumerate(rows):
            self.battery.place_row(row, test=test, stratum=stratum, dense=dense[stratum] if dense else NONE)

    def place_river(self, unit: int, signal: int, river: RiverId | None) -> None:
        """This river detector is fed the signal's counts; None: none is."""
        self._place_unit(unit)
        self._river[unit, signal] = NONE if river is None else river.number

    def advance(self, counts: LoadedCounts) -> tuple[int | None, list[TestId]]:
        """Feed ticks in order until a test alarms.

        Returns:
            The tick of the alarm and the tests that alarmed in it; (None, []) when everything was consumed.
        """
        if len(counts.tick) == 0:
            return None, []
        slice_id, column = np.divmod(counts.cell, COLUMNS)
        self._unit_of = room(self._unit_of, int(slice_id.max()), NONE)
        self._stratum_of = room(self._stratum_of, int(slice_id.max()), 0)
        unit, signal = self._unit_of[slice_id], _SIGNAL_OF[column]
        known = (unit >= 0) & (unit < len(self._material)) & (signal >= 0)
        tick, count = counts.tick[known], counts.count[known]
        unit, signal, bin_ = unit[known], signal[known], _BIN_OF[column[known]]
        stratum = self._stratum_of[slice_id[known]]
        ticks, at = np.unique(tick, return_inverse=True)
        if len(ticks) == 0:
            return None, []
        river = self._river[unit, signal]
        use = river >= 0
        done, alarmed = self.battery.advance(
            ticks,
            direct=self._material_cells(at, unit, signal, stratum, bin_, count),
            rows=(at, self._row[unit, signal, stratum].astype(np.int64), bin_, count),
            rivers=(at[use], river[use], bin_[use], count[use]),
        )
        return (int(ticks[done - 1]), list(alarmed)) if alarmed else (None, [])

    def _material_cells(
        self, at: Ints, unit: Ints, signal: Ints, stratum: Ints, bin_: Ints, count: Ints
    ) -> list[Cells]:
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
