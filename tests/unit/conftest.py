"""Compile before the clock of hypothesis runs."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.counting.counter import CountRule, PartitionCounter
from monitor.counting.ports import Position
from monitor.counting.slice_table import SliceTable
from tests.unit.batches import batch


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """One event through every compiled kernel: compiling takes seconds, and hypothesis allows 200 ms."""
    events = batch(time_ms=[0] * 30, event_id=1)
    table = SliceTable(events.vocabulary)
    counter = PartitionCounter(Position("p", -1, None, 1, b""), CountRule(), table)
    assert counter.count(events) == 1
    assert np.array_equal(table.codes(events), np.zeros(30))
