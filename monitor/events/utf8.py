"""UTF-8 in a byte buffer: is it valid, how many characters, and JSON escapes turned into it."""

from __future__ import annotations

from typing import Final

import numpy as np

from detectors.compiled import njit
from monitor.events.words import partial_word, word

_TOP_BITS: Final = np.uint64(0x8080808080808080)


@njit(cache=True, nogil=True, forceinline=True)
def is_ascii(buffer, start, end):  # type: ignore[no-untyped-def]
    """Whether no byte of the span has its top bit set."""
    seen = np.uint64(0)
    at = start
    while at + 8 <= end:
        seen |= word(buffer, at)
        at += 8
    seen |= partial_word(buffer, at, end)
    return (seen & _TOP_BITS) == np.uint64(0)


@njit(cache=True, nogil=True)
def is_utf8(buffer, start, end):  # type: ignore[no-untyped-def]  # noqa: PLR0912 - a grammar branches
    """Whether the span is well-formed UTF-8: the byte ranges of table 3-7 of the Unicode Standard."""
    at = start
    while at < end:
        lead = buffer[at]
        if lead < 0x80:
            at += 1
            continue
        low, high = 0x80, 0xBF
        if 0xC2 <= lead <= 0xDF:
            length = 2
        elif 0xE0 <= lead <= 0xEF:
            length = 3
            if lead == 0xE0:
                low = 0xA0
            elif lead == 0xED:
                high = 0x9F
        elif 0xF0 <= lead <= 0xF4:
            length = 4
            if lead == 0xF0:
                low = 0x90
            elif lead == 0xF4:
                high = 0x8F
        else:
            return False
        if at + length > end or not low <= buffer[at + 1] <= high:
            return False
        for i in range(at + 2, at + length):
            if not 0x80 <= buffer[i] <= 0xBF:
                return False
        at += length
    return True


@njit(cache=True, nogil=True)
def characters(buffer, start, end):  # type: ignore[no-untyped-def]
    """Code points of UTF-8 text: the bytes that are not continuation bytes."""
    count = 0
    for i in range(start, end):
        count += (buffer[i] & 0xC0) != 0x80
    return count


@njit(cache=True, nogil=True, forceinline=True)
def hex_digit(byte):  # type: ignore[no-untyped-def]
    """Value of a hexadecimal digit; -1 for any other byte."""
    if 0x30 <= byte <= 0x39:
        return np.int64(byte) - 0x30
    lower = np.int64(byte) | 0x20
    if 0x61 <= lower <= 0x66:
        return lower - 0x61 + 10
    return np.int64(-1)


@njit(cache=True, nogil=True)
def _unit(buffer, at):  # type: ignore[no-untyped-def]
    """The UTF-16 code unit of the escape ``\\uXXXX`` that begins at ``at``."""
    unit = np.int64(0)
    for i in range(at + 2, at + 6):
        unit = unit << 4 | hex_digit(buffer[i])
    return unit


@njit(cache=True, nogil=True)
def _simple(byte):  # type: ignore[no-untyped-def]
    """Meaning of a one-letter escape; quote, backslash and slash stand for themselves."""
    if byte == 0x62:
        return 0x08
    if byte == 0x66:
        return 0x0C
    if byte == 0x6E:
        return 0x0A
    if byte == 0x72:
        return 0x0D
    if byte == 0x74:
        return 0x09
    return np.int64(byte)


@njit(cache=True, nogil=True)
def unescape(buffer, start, end, out):  # type: ignore[no-untyped-def]
    """Write the JSON string body ``buffer[start:end]``, whose escapes are known to be valid, to ``out`` as UTF-8.

    Half a surrogate pair becomes the three bytes that its code point would have. ``out`` needs end - start bytes:
    no escape is shorter than what it stands for.

    Returns:
        how many bytes were written.
    """
    size = 0
    at = start
    while at < end:
        byte = buffer[at]
        if byte != 0x5C:
            out[size] = byte
            at, size = at + 1, size + 1
            continue
        if buffer[at + 1] != 0x75:
            out[size] = _simple(buffer[at + 1])
            at, size = at + 2, size + 1
            continue
        point = _unit(buffer, at)
        at += 6
        if 0xD800 <= point <= 0xDBFF and at + 6 <= end and buffer[at] == 0x5C and buffer[at + 1] == 0x75:
            low = _unit(buffer, at)
            if 0xDC00 <= low <= 0xDFFF:
                point = 0x10000 + ((point - 0xD800) << 10 | (low - 0xDC00))
                at += 6
        if point < 0x80:
            out[size] = point
            size += 1
        elif point < 0x800:
            out[size] = 0xC0 | point >> 6
            out[size + 1] = 0x80 | point & 0x3F
            size += 2
        elif point < 0x10000:
            out[size] = 0xE0 | point >> 12
            out[size + 1] = 0x80 | point >> 6 & 0x3F
            out[size + 2] = 0x80 | point & 0x3F
            size += 3
        else:
            out[size] = 0xF0 | point >> 18
            out[size + 1] = 0x80 | point >> 12 & 0x3F
            out[size + 2] = 0x80 | point >> 6 & 0x3F
            out[size + 3] = 0x80 | point & 0x3F
            size += 4
    return size
