"""The compiled reader of plain times and the general one agree on every day of the calendar."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from monitor.events.instant import rfc3339_ms
from monitor.events.plain_time import plain_time_ms


def plain(text: str) -> int:
    return int(plain_time_ms(np.frombuffer(text.encode(), np.uint8), 0, len(text)))


@pytest.mark.parametrize("year", [1970, 1999, 2000, 2023, 2024, 2100, 2400, 9999])
def test_every_day_and_no_day_that_does_not_exist(year: int) -> None:
    for month, day in product(range(14), range(33)):
        text = f"{year:04d}-{month:02d}-{day:02d}T12:34:56.789Z"
        general = rfc3339_ms(text)
        assert plain(text) == (-1 if general is None else general), text


def test_every_offset() -> None:
    for sign, hours, minutes in product("+-", range(25), range(0, 61, 15)):
        text = f"2026-03-01T00:30:00{sign}{hours:02d}:{minutes:02d}"
        general = rfc3339_ms(text)
        assert plain(text) == (-1 if general is None else general), text
