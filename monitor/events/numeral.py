"""JSON numbers to integers and doubles, exactly as Python reads them; -1 for what needs the general decoder.

Sources: Clinger, *How to read floating point numbers accurately* (PLDI 1990) for short numbers; Lemire, *Number
parsing at a gigabyte per second* (Software: Practice and Experience 51, 2021) for up to 19 digits, which covers every
shortest repr of a double.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit

MAX_DIGITS: Final = 19
"""10**19 - 1 < 2**64: so many digits always fit a word."""
LOWEST_POWER: Final = -80
HIGHEST_POWER: Final = 40
"""Powers of ten in the table: the ranges of all fields end at 1e9, and below 1e-60 no score is meant."""

_ZERO: Final = np.uint64(0)
_ONE: Final = np.uint64(1)
_NINE: Final = np.uint64(9)
_LOW_HALF: Final = np.uint64(0xFFFFFFFF)
_HALF: Final = np.uint64(32)
_EXACT: Final = np.uint64(1 << 53)
_FRACTION_BITS: Final = np.uint64(52)
_FRACTION: Final = np.uint64((1 << 52) - 1)
_BELOW_BIT: Final = np.uint64(0x1FF)
_TENS: Final = 10.0 ** np.arange(23)
"""The powers of ten that are exact doubles: 5**22 < 2**53."""


def _power_table() -> NDArray[np.uint64]:
    """(powers, 2): the highest 128 bits of 10**power, cut off, as high and low word."""
    table = np.empty((HIGHEST_POWER - LOWEST_POWER + 1, 2), np.uint64)
    for i, power in enumerate(range(LOWEST_POWER, HIGHEST_POWER + 1)):
        # 10**-80 > 2**-266, so 400 bits after the point leave more than 128 of them
        value = (10**power << 400) if power >= 0 else (1 << 400) // 10**-power
        value >>= value.bit_length() - 128
        table[i] = value >> 64, value & (1 << 64) - 1
    return table


_POWERS: Final = _power_table()


@njit(cache=True, nogil=True, forceinline=True)
def _product(a, b):  # type: ignore[no-untyped-def]
    """The 128-bit product of two words, as (high, low)."""
    al, ah = a & _LOW_HALF, a >> _HALF
    bl, bh = b & _LOW_HALF, b >> _HALF
    low = al * bl
    middle = ah * bl + (low >> _HALF)
    other = al * bh + (middle & _LOW_HALF)
    return ah * bh + (middle >> _HALF) + (other >> _HALF), a * b


@njit(cache=True, nogil=True, forceinline=True)
def _leading_zeros(value):  # type: ignore[no-untyped-def]
    zeros = np.uint64(0)
    for shift in (32, 16, 8, 4, 2, 1):
        if (value >> np.uint64(64 - shift)) == _ZERO:
            zeros += np.uint64(shift)
            value <<= np.uint64(shift)
    return zeros


@njit(cache=True, nogil=True)
def to_double(mantissa, power):  # type: ignore[no-untyped-def]
    """The double nearest to mantissa * 10**power, ties to even; -1.0 if this method cannot decide."""
    if mantissa == _ZERO:
        return 0.0
    if mantissa <= _EXACT and -22 <= power <= 22:
        return np.float64(mantissa) / _TENS[-power] if power < 0 else np.float64(mantissa) * _TENS[power]
    if power < LOWEST_POWER or power > HIGHEST_POWER:
        return -1.0
    zeros = _leading_zeros(mantissa)
    mantissa <<= zeros
    # 217706 / 2**16 is log2(10), near enough for the floor over this range; 1023 is the bias of a double
    exponent = np.int64(((217706 * power) >> 16) + 64 + 1023) - np.int64(zeros)
    high, low = _product(mantissa, _POWERS[power - LOWEST_POWER, 0])
    if (high & _BELOW_BIT) == _BELOW_BIT and low + mantissa < mantissa:
        # the cut-off bits of the power may carry: take its low word into account
        more_high, more_low = _product(mantissa, _POWERS[power - LOWEST_POWER, 1])
        low_sum = low + more_high
        if low_sum < low:
            high += _ONE
        low = low_sum
        if (high & _BELOW_BIT) == _BELOW_BIT and low + _ONE == _ZERO and more_low + mantissa < mantissa:
            return -1.0
    top = high >> np.uint64(63)
    bits = high >> (top + _NINE)
    exponent -= np.int64(_ONE ^ top)
    if low == _ZERO and (high & _BELOW_BIT) == _ZERO and (bits & np.uint64(3)) == _ONE:
        return -1.0  # half way between two doubles, or not: undecided
    bits = (bits + (bits & _ONE)) >> _ONE
    if bits >> np.uint64(53):
        bits >>= _ONE
        exponent += 1
    # the table's powers keep the exponent far from those of subnormal numbers and infinity
    return np.uint64((np.uint64(exponent) << _FRACTION_BITS) | (bits & _FRACTION)).view(np.float64)


@njit(cache=True, nogil=True)
def read_number(buffer, at, end):  # type: ignore[no-untyped-def]
    """Read a non-negative number of at most 19 digits.

    Returns:
        (position after it or -1, mantissa, power of ten, whether it is written as an integer)
    """
    failed = (np.int64(-1), _ZERO, np.int64(0), False)
    mantissa = _ZERO
    power = np.int64(0)
    whole = True
    begin = at
    while at < end and 0x30 <= buffer[at] <= 0x39:
        mantissa = mantissa * np.uint64(10) + np.uint64(buffer[at] - 0x30)
        at += 1
    digits = at - begin
    if digits == 0 or (digits > 1 and buffer[begin] == 0x30):
        return failed
    if at < end and buffer[at] == 0x2E:
        whole = False
        at += 1
        point = at
        while at < end and 0x30 <= buffer[at] <= 0x39:
            mantissa = mantissa * np.uint64(10) + np.uint64(buffer[at] - 0x30)
            at += 1
        power = np.int64(point - at)
        if power == 0:
            return failed
        digits -= power
        if buffer[begin] == 0x30:
            # leading zeros are no digits; there is a point after the first
            zero = begin
            while zero < at and (buffer[zero] == 0x30 or buffer[zero] == 0x2E):
                zero += 1
            digits = at - zero if zero > point else digits - 1
    if digits > MAX_DIGITS:
        return failed
    if at < end and (buffer[at] | 0x20) == 0x65:
        whole = False
        at += 1
        negative = False
        if at < end and (buffer[at] == 0x2B or buffer[at] == 0x2D):
            negative = buffer[at] == 0x2D
            at += 1
        begin = at
        exponent = np.int64(0)
        while at < end and 0x30 <= buffer[at] <= 0x39 and at - begin < 4:
            exponent = exponent * 10 + np.int64(buffer[at] - 0x30)
            at += 1
        if at == begin or at - begin == 4:
            return failed
        power += -exponent if negative else exponent
    return np.int64(at), mantissa, power, whole
