from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.alerting.record import Judge, sqlite_stores


@pytest.fixture
def judge() -> Iterator[Judge]:
    with sqlite_stores() as stores:
        yield Judge(stores)
