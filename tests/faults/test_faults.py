"""The short form of ``python -m tests.faults``: faults that need no brokers."""

from __future__ import annotations

import pytest

from tests.faults import databases, files
from tests.faults.__main__ import run
from tests.faults.fault import Fault

FAULTS = (*files.FAULTS, *databases.FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_loses_nothing_and_counts_nothing_twice(fault: Fault) -> None:
    seen = run(fault, "")
    assert seen.good, seen
    assert seen.where != "nowhere"
