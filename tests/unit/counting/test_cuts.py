"""Cuts of counts."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.counts.cuts import by_unit
from monitor.counts.model import LoadedCounts


@pytest.mark.parametrize("cells", [0, 1, 50])
@pytest.mark.parametrize("wanted", [[], [3], [0, 3, 5, 9]])
def test_cells_by_unit_are_those_of_each_wanted_unit_in_the_order_of_ticks(cells: int, wanted: list[int]) -> None:
    draw = np.random.default_rng(1)
    events = LoadedCounts(np.sort(draw.integers(0, 9, cells)), np.zeros(cells, np.int64), draw.integers(1, 5, cells))
    of_unit = draw.integers(-1, 6, cells)
    found = [(unit, ticks.tolist(), counts.tolist()) for unit, ticks, counts in by_unit(events, of_unit, wanted)]
    assert found == [
        (unit, events.tick[of_unit == unit].tolist(), events.count[of_unit == unit].tolist())
        for unit in wanted
        if (of_unit == unit).any()
    ]
