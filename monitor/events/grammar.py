"""The grammar of JSON (RFC 8259) over a byte buffer: where strings, numbers and whole values end.

Every function takes a position and the end of the record, reads nothing at or after the end, and returns the
position after what it read, or -1 if that is not JSON (or is cut short). Non-ASCII bytes inside of strings are taken
as they are; whoever calls has checked that the record is UTF-8.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from detectors.compiled import njit
from monitor.events.utf8 import hex_digit
from monitor.events.words import word

_LOW_BITS: Final = np.uint64(0x0101010101010101)
_HIGH_BITS: Final = np.uint64(0x8080808080808080)
_SPACES: Final = np.uint64(0x2020202020202020)
_QUOTES: Final = np.uint64(0x2222222222222222)
_BACKSLASHES: Final = np.uint64(0x5C5C5C5C5C5C5C5C)
_ONE: Final = np.uint64(1)


@njit(cache=True, nogil=True, forceinline=True)
def skip_space(buffer, at, end):  # type: ignore[no-untyped-def]
    """The first position from ``at`` that is not whitespace (maybe ``end``)."""
    while at < end:
        byte = buffer[at]
        if byte > 0x20 or not (byte == 0x20 or byte == 0x0A or byte == 0x0D or byte == 0x09):  # noqa: PLR1714
            break
        at += 1
    return at


@njit(cache=True, nogil=True, forceinline=True)
def _first_special(buffer, at):  # type: ignore[no-untyped-def]
    """Number of the 8 bytes from ``at`` before the first control byte, quote or backslash; 8 if all are.

    The subtractions borrow only from a special byte into the one above it, so the lowest mark is always right.
    """
    w = word(buffer, at)
    quote = w ^ _QUOTES
    backslash = w ^ _BACKSLASHES
    marks = (
        ((w - _SPACES) & ~w) | ((quote - _LOW_BITS) & ~quote) | ((backslash - _LOW_BITS) & ~backslash)
    ) & _HIGH_BITS
    if marks == np.uint64(0):
        return np.int64(8)
    below = (marks & (~marks + _ONE)) - _ONE
    # one low bit per byte up to and with the marked one, summed into the top byte
    return np.int64(((below & _LOW_BITS) * _LOW_BITS) >> np.uint64(56)) - 1


@njit(cache=True, nogil=True, forceinline=True)
def string_end(buffer, at, end):  # type: ignore[no-untyped-def]
    """The closing quote of the string whose body begins at ``at``.

    Returns:
        (position of the closing quote or -1, whether the body holds escapes)
    """
    # short strings, most of them, are found without a call
    for _ in range(2):
        if at + 8 > end:
            break
        ahead = _first_special(buffer, at)
        at += ahead
        if ahead < 8:
            if buffer[np.uint64(at)] == 0x22:
                return np.int64(at), False
            break
    return _long_string_end(buffer, at, end)


@njit(cache=True, nogil=True)
def _long_string_end(buffer, at, end):  # type: ignore[no-untyped-def]
    escaped = False
    while True:
        while at + 8 <= end:
            ahead = _first_special(buffer, at)
            at += ahead
            if ahead < 8:
                break
        if at >= end:
            return np.int64(-1), escaped
        byte = buffer[at]
        if byte == 0x22:
            return np.int64(at), escaped
        if byte < 0x20:
            return np.int64(-1), escaped
        if byte == 0x5C:
            escaped = True
            at = skip_escape(buffer, at, end)
            if at < 0:
                return np.int64(-1), escaped
        else:
            at += 1


@njit(cache=True, nogil=True)
def skip_escape(buffer, at, end):  # type: ignore[no-untyped-def]
    """The position after the escape that begins with the backslash at ``at``."""
    if at + 1 >= end:
        return np.int64(-1)
    letter = buffer[at + 1]
    if letter == 0x75:
        if at + 6 > end:
            return np.int64(-1)
        for i in range(at + 2, at + 6):
            if hex_digit(buffer[i]) < 0:
                return np.int64(-1)
        return np.int64(at + 6)
    for known in (0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74):
        if letter == known:
            return np.int64(at + 2)
    return np.int64(-1)


@njit(cache=True, nogil=True, forceinline=True)
def skip_digits(buffer, at, end):  # type: ignore[no-untyped-def]
    """The position after a run of digits, maybe none."""
    while at < end and 0x30 <= buffer[at] <= 0x39:
        at += 1
    return at


@njit(cache=True, nogil=True)
def skip_number(buffer, at, end):  # type: ignore[no-untyped-def]
    """The position after a number of any size."""
    if at < end and buffer[at] == 0x2D:
        at += 1
    if at >= end or not 0x30 <= buffer[at] <= 0x39:
        return np.int64(-1)
    at = at + 1 if buffer[at] == 0x30 else skip_digits(buffer, at, end)
    if at < end and buffer[at] == 0x2E:
        begin = at + 1
        at = skip_digits(buffer, begin, end)
        if at == begin:
            return np.int64(-1)
    if at < end and (buffer[at] | 0x20) == 0x65:
        begin = at + 1
        if begin < end and (buffer[begin] == 0x2B or buffer[begin] == 0x2D):
            begin += 1
        at = skip_digits(buffer, begin, end)
        if at == begin:
            return np.int64(-1)
    return np.int64(at)


@njit(cache=True, nogil=True, forceinline=True)
def skip_literal(buffer, at, end):  # type: ignore[no-untyped-def]
    """The position after ``true``, ``false`` or ``null``."""
    if at + 4 <= end:
        a, b, c, d = buffer[at], buffer[at + 1], buffer[at + 2], buffer[at + 3]
        if a == 0x74 and b == 0x72 and c == 0x75 and d == 0x65:
            return np.int64(at + 4)
        if a == 0x6E and b == 0x75 and c == 0x6C and d == 0x6C:
            return np.int64(at + 4)
        if a == 0x66 and b == 0x61 and c == 0x6C and d == 0x73 and at + 5 <= end and buffer[at + 4] == 0x65:
            return np.int64(at + 5)
    return np.int64(-1)


@njit(cache=True, nogil=True, forceinline=True)
def skip_colon(buffer, at, end):  # type: ignore[no-untyped-def]
    """The position of the value, from right after its key's closing quote."""
    if at < end and buffer[at] != 0x3A:
        at = skip_space(buffer, at, end)
    if at >= end or buffer[at] != 0x3A:
        return np.int64(-1)
    return np.int64(skip_space(buffer, at + 1, end))


@njit(cache=True, nogil=True)
def _skip_key(buffer, at, end):  # type: ignore[no-untyped-def]
    """The position of the value whose key begins at ``at``, after optional space."""
    at = skip_space(buffer, at, end)
    if at >= end or buffer[at] != 0x22:
        return np.int64(-1)
    at, _ = string_end(buffer, at + 1, end)
    if at < 0:
        return np.int64(-1)
    return skip_colon(buffer, at + 1, end)


@njit(cache=True, nogil=True)
def skip_value(buffer, at, end, max_depth):  # type: ignore[no-untyped-def]  # noqa: PLR0911, PLR0912 - a grammar branches
    """The position after any value nested at most ``max_depth`` deep (a scalar is 0 deep); at most 64."""
    objects = np.uint64(0)  # the kinds of the open brackets, innermost lowest: 1 object, 0 array
    depth = 0
    while True:
        at = skip_space(buffer, at, end)
        if at >= end:
            return np.int64(-1)
        byte = buffer[at]
        if byte == 0x22:
            at, _ = string_end(buffer, at + 1, end)
            if at < 0:
                return np.int64(-1)
            at += 1
        elif byte == 0x7B or byte == 0x5B:  # noqa: PLR1714
            depth += 1
            if depth > max_depth:
                return np.int64(-1)
            is_object = byte == 0x7B
            objects = (objects << _ONE) | (_ONE if is_object else np.uint64(0))
            inside = skip_space(buffer, at + 1, end)
            if inside < end and buffer[inside] == byte + 2:  # } is { + 2 and ] is [ + 2
                at = inside + 1
                depth -= 1
                objects >>= _ONE
            else:
                at = _skip_key(buffer, inside, end) if is_object else inside
                if at < 0:
                    return np.int64(-1)
                continue
        else:
            at = skip_number(buffer, at, end) if byte <= 0x39 else skip_literal(buffer, at, end)
            if at < 0:
                return np.int64(-1)
        more = False
        while depth > 0 and not more:
            at = skip_space(buffer, at, end)
            if at >= end:
                return np.int64(-1)
            in_object = (objects & _ONE) == _ONE
            if buffer[at] == 0x2C:
                at = _skip_key(buffer, at + 1, end) if in_object else at + 1
                if at < 0:
                    return np.int64(-1)
                more = True
            elif buffer[at] == (0x7D if in_object else 0x5D):
                at += 1
                depth -= 1
                objects >>= _ONE
            else:
                return np.int64(-1)
        if not more:
            return np.int64(at)
