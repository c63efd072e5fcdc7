"""The wanted values of the canonical event, from the buffer into a row of the cells.

Every reader takes the position of a value that is not null, stores what it says, and returns the position after it,
or -1 to leave the whole record to the general decoder: because it is wrong, or because it is merely unusual (escapes
in a string, 20 digits in a number). Readers never reject.
"""

from __future__ import annotations

import numpy as np

from detectors.compiled import njit
from monitor.events.columns import LENGTH_BITS, SPANS
from monitor.events.grammar import skip_colon, skip_literal, skip_space, string_end
from monitor.events.keyed import keyed_hash
from monitor.events.lookup import find_choice
from monitor.events.numeral import read_number, to_double
from monitor.events.plain_time import plain_time_ms
from monitor.events.schema import MAX_IDENTIFIER_BYTES, MAX_LABELS, MAX_RULES, MAX_WORD_BYTES, ROUNDING
from monitor.events.utf8 import hex_digit


@njit(cache=True, nogil=True, forceinline=True)
def plain_string_end(buffer, at, end, longest):  # type: ignore[no-untyped-def]
    """The closing quote of the string whose opening quote is at ``at``; -1 with escapes or over ``longest`` bytes."""
    if buffer[at] != 0x22:
        return np.int64(-1)
    close, escaped = string_end(buffer, at + 1, end)
    return np.int64(-1) if escaped or close - at - 1 > longest else close


@njit(cache=True, nogil=True, forceinline=True)
def read_word(buffer, at, end, cells, slot, row, keys):  # type: ignore[no-untyped-def]
    """A string of an open vocabulary: its hash and where it is."""
    close = plain_string_end(buffer, at, end, MAX_WORD_BYTES)
    if close < 0:
        return close
    length = close - at - 1
    cells[slot, row] = np.uint64(0) if length == 0 else keyed_hash(buffer, at + 1, close, keys[0], keys[1])
    cells[slot + SPANS, row] = np.uint64((at + 1) << LENGTH_BITS | length)
    return close + 1


@njit(cache=True, nogil=True, forceinline=True)
def read_identifier(buffer, at, end, cells, slot, row, keys):  # type: ignore[no-untyped-def]
    """An identifier: its hash."""
    close = plain_string_end(buffer, at, end, MAX_IDENTIFIER_BYTES)
    if close < 0:
        return close
    empty = close == at + 1
    cells[slot, row] = np.uint64(0) if empty else keyed_hash(buffer, at + 1, close, keys[0], keys[1])
    return close + 1


@njit(cache=True, nogil=True, forceinline=True)
def read_choice(buffer, at, end, cells, slot, row, field, fields):  # type: ignore[no-untyped-def]
    """A word of a closed vocabulary: its code."""
    close = plain_string_end(buffer, at, end, MAX_WORD_BYTES)
    if close < 0:
        return close
    code = np.int64(-1)
    if close > at + 1:
        code = find_choice(buffer, at + 1, close, field, fields)
        if code < 0:
            return code
    cells[slot, row] = np.uint64(code)
    return close + 1


@njit(cache=True, nogil=True, forceinline=True)
def read_flag(buffer, at, end, cells, slot, row):  # type: ignore[no-untyped-def]
    """``true`` or ``false``."""
    cells[slot, row] = np.uint64(buffer[at] == 0x74)
    return skip_literal(buffer, at, end)


@njit(cache=True, nogil=True, forceinline=True)
def read_integer(buffer, at, end, minimum, maximum):  # type: ignore[no-untyped-def]
    """(position after it or -1, an integer of the range)."""
    at, mantissa, _, whole = read_number(buffer, at, end)
    if at < 0 or not whole or mantissa < minimum or mantissa > maximum:
        return np.int64(-1), np.int64(-1)
    return at, np.int64(mantissa)


@njit(cache=True, nogil=True, forceinline=True)
def read_double(buffer, at, end, minimum, maximum):  # type: ignore[no-untyped-def]
    """(position after it or -1, a double of the range; what is above it by a rounding error is its end)."""
    at, mantissa, power, _ = read_number(buffer, at, end)
    if at < 0:
        return at, np.nan
    value = to_double(mantissa, power)
    if value < np.float64(minimum) or value > np.float64(maximum) + ROUNDING:
        return np.int64(-1), np.nan
    return at, min(value, np.float64(maximum))


@njit(cache=True, nogil=True, forceinline=True)
def read_time(buffer, at, end, minimum, maximum):  # type: ignore[no-untyped-def]
    """(position after it or -1, epoch milliseconds of the range; -1 for an empty string)."""
    if buffer[at] != 0x22:
        return read_integer(buffer, at, end, minimum, maximum)
    close = plain_string_end(buffer, at, end, MAX_WORD_BYTES)
    if close < 0 or close == at + 1:
        return close + (close > 0), np.int64(-1)
    milliseconds = plain_time_ms(buffer, at + 1, close)
    if milliseconds < np.int64(minimum) or milliseconds > np.int64(maximum):
        return np.int64(-1), np.int64(-1)
    return close + 1, milliseconds


@njit(cache=True, nogil=True)
def read_fingerprint(buffer, at, end):  # type: ignore[no-untyped-def]
    """(position after it or -1, the value of 16 hexadecimal digits; 0 for an empty string)."""
    close = plain_string_end(buffer, at, end, 16)
    value = np.uint64(0)
    if close < 0 or close == at + 1:
        return close + (close > 0), value
    if close - at - 1 != 16:
        return np.int64(-1), value
    for i in range(at + 1, close):
        digit = hex_digit(buffer[i])
        if digit < 0:
            return np.int64(-1), value
        value = (value << np.uint64(4)) | np.uint64(digit)
    return close + 1, value


@njit(cache=True, nogil=True)
def read_rules(buffer, at, end):  # type: ignore[no-untyped-def]
    """(position after it or -1, how many strings the array holds)."""
    failed = (np.int64(-1), np.int64(-1))
    if buffer[at] != 0x5B:
        return failed
    at = skip_space(buffer, at + 1, end)
    if at < end and buffer[at] == 0x5D:
        return np.int64(at + 1), np.int64(0)
    count = np.int64(0)
    while at < end and buffer[at] == 0x22 and count < MAX_RULES:
        close, _ = string_end(buffer, at + 1, end)
        if close < 0:
            return failed
        count += 1
        at = skip_space(buffer, close + 1, end)
        if at < end and buffer[at] == 0x5D:
            return np.int64(at + 1), count
        if at >= end or buffer[at] != 0x2C:
            return failed
        at = skip_space(buffer, at + 1, end)
    return failed


@njit(cache=True, nogil=True)
def read_labels(buffer, at, end):  # type: ignore[no-untyped-def]  # noqa: PLR0911 - a grammar branches
    """The position after an object of small strings."""
    failed = np.int64(-1)
    if buffer[at] != 0x7B:
        return failed
    at = skip_space(buffer, at + 1, end)
    if at < end and buffer[at] == 0x7D:
        return np.int64(at + 1)
    count = 0
    while at < end and count < MAX_LABELS:
        close = plain_string_end(buffer, at, end, MAX_WORD_BYTES)
        if close < 0:
            return failed
        at = skip_colon(buffer, close + 1, end)
        if at < 0 or at >= end:
            return failed
        close = plain_string_end(buffer, at, end, MAX_IDENTIFIER_BYTES)
        if close < 0:
            return failed
        count += 1
        at = skip_space(buffer, close + 1, end)
        if at < end and buffer[at] == 0x7D:
            return np.int64(at + 1)
        if at >= end or buffer[at] != 0x2C:
            return failed
        at = skip_space(buffer, at + 1, end)
    return failed
