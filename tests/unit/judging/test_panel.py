"""Which cell feeds which test: by unit, stratum, signal and question, and by nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.alternatives import material
from monitor.counts.model import LoadedCounts
from monitor.judging.watching.battery import NONE
from monitor.judging.watching.panel import Panel
from monitor.signals.registry import COLUMNS, SIGNALS
from tests.unit.judging.ticks import column

VERDICTS = next(i for i, signal in enumerate(SIGNALS) if signal.name == "verdict_mix")
RISE = next(i for i, question in enumerate(SIGNALS[VERDICTS].questions) if question.name == "adverse_rise")
VALUES = SIGNALS[VERDICTS].questions[RISE].values


def cells(tick: int, slice_id: int, deny: int, allow: int = 60) -> LoadedCounts:
    """One tick of one slice."""
    found = {column("verdict_mix", "allow/allow"): allow, column("verdict_mix", "deny/block"): deny}
    rows = sorted((slice_id * COLUMNS + c, n) for c, n in found.items() if n)
    cell, count = np.array(rows, np.int64).T
    return LoadedCounts(np.full(len(cell), tick, np.int64), cell, count)


@pytest.fixture
def panel() -> Panel:
    """Slices 1 and 2 are the strata of unit 0, slice 3 is unit 1's."""
    panel = Panel(strata=2)
    for slice_id, unit, stratum in ((1, 0, 0), (2, 0, 1), (3, 1, 0)):
        panel.place_slice(slice_id, unit=unit, stratum=stratum)
    return panel


def level_test(panel: Panel, *, strata: int = 1) -> int:
    return panel.evidence.add([material(VALUES, level=0.1)] * strata, spend=1e-9, n_ref=100)


def moved(panel: Panel, test: int, counts: LoadedCounts) -> bool:
    """Whether these counts changed the evidence of the test."""
    before = panel.evidence.log_evidence_of(test)
    panel.advance(counts)
    return panel.evidence.log_evidence_of(test) != before


def test_a_test_sees_the_slices_of_its_unit_and_of_its_strata(panel):
    test = level_test(panel)
    panel.place_material(0, VERDICTS, RISE, test, [1])
    assert [moved(panel, test, cells(t, slice_id, 9)) for t, slice_id in enumerate((1, 2, 3))] == [
        False,
        True,
        False,
    ]


def test_a_test_for_the_end_looks_at_one_stratum_or_at_all(panel):
    test = level_test(panel)
    panel.place_end(0, VERDICTS, RISE, test, 0)
    assert [moved(panel, test, cells(t, slice_id, 9)) for t, slice_id in enumerate((1, 2))] == [True, False]
    panel.place_end(0, VERDICTS, RISE, test, NONE)
    assert [moved(panel, test, cells(t, slice_id, 9)) for t, slice_id in enumerate((1, 2), 2)] == [True, True]


def test_a_test_that_is_taken_away_is_fed_no_more(panel):
    test = level_test(panel)
    panel.place_material(0, VERDICTS, RISE, test, [0])
    panel.place_material(0, VERDICTS, RISE, NONE, [])
    assert not moved(panel, test, cells(0, 1, 40))


def test_it_stops_after_the_tick_of_the_alarm_and_says_which_test(panel):
    loud = panel.evidence.add([material(VALUES, level=0.1)], spend=1e-3, n_ref=100)
    panel.place_material(1, VERDICTS, RISE, loud, [0])
    parts = [cells(t, 3, 40 if t >= 5 else 5, 95) for t in range(5, 12)]
    whole = LoadedCounts(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("tick", "cell", "count")))
    tick, alarmed = panel.advance(whole)
    assert alarmed == [loud]
    assert 5 <= tick < 12
    spent = panel.evidence.total_spend()[loud]
    assert spent == pytest.approx(1e-3 * (tick - 5 + 1))  # nothing was fed beyond it


def test_slices_that_nobody_has_placed_are_nobody_s(panel):
    assert panel.units_of(np.array([1, 3, 900])).tolist() == [0, 1, NONE]
    assert panel.advance(cells(0, 900, 40)) == (None, [])
