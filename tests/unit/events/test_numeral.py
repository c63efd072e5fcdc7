"""Numbers come out exactly as Python reads them, or not at all."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.events.numeral import read_number, to_double

DIGITS = st.integers(0, 10**19 - 1).map(str)


def read(text: str) -> float | None:
    at, mantissa, power, _ = read_number(np.frombuffer(text.encode(), np.uint8), 0, len(text))
    if at < 0:
        return None
    assert at == len(text)
    value = to_double(np.uint64(mantissa), power)
    return None if value < 0 else float(value)


@settings(max_examples=2000, deadline=None)
@given(
    st.one_of(
        st.floats(0, 1).map(repr),
        st.floats(1e-60, 1e30).map(repr),
        st.tuples(DIGITS, st.integers(-90, 50)).map(lambda p: f"{p[0]}e{p[1]}"),
        st.tuples(st.integers(0, 999), DIGITS).map(lambda p: f"{p[0]}.{p[1]}"),
    )
)
def test_a_number_that_is_read_is_the_nearest_double(text: str) -> None:
    value = read(text)
    assert value is None or struct.pack("d", value) == struct.pack("d", float(text))


@settings(max_examples=500, deadline=None)
@given(st.floats(1e-60, 1e9))
def test_every_repr_of_a_double_in_the_ranges_is_read(value: float) -> None:
    assert read(repr(value)) == value


@pytest.mark.parametrize(
    "text", ["", ".5", "1.", "01", "1e", "1e+", "-1", "12345678901234567890", "1e1000", "1e-1000"]
)
def test_what_is_no_plain_number_is_left_to_the_general_decoder(text: str) -> None:
    assert read_number(np.frombuffer(text.encode() + b" ", np.uint8), 0, len(text))[0] < 0 or read(text) is None


@pytest.mark.parametrize("text", ["0.000000000000000001234", "0.0", "0", "1e22", "9007199254740992.7", "1e-05"])
def test_leading_zeros_are_no_digits_and_long_ones_are_rounded_once(text: str) -> None:
    assert read(text) == float(text)
