"""The headers of a Kafka record, as they are on the wire: a count, then key and value of each, every length a varint.

Source: the record format of the Kafka protocol, https://kafka.apache.org/documentation/#recordheader .
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit

Header = tuple[str, bytes | None]


def headers_of(encoded: bytes) -> list[Header]:
    """The headers in these bytes; keys that are not UTF-8 are read with replacement characters.

    Raises:
        ValueError: the bytes are not headers.
    """
    count, at = _varint(encoded, 0)
    if not 0 <= count <= len(encoded):
        raise ValueError(f"{count} headers in {len(encoded)} bytes")
    found: list[Header] = []
    for _ in range(count):
        key, at = _piece(encoded, at)
        value, at = _piece(encoded, at)
        found.append(((key or b"").decode("utf-8", "replace"), value))
    return found


def encoded_headers(headers: Sequence[Header]) -> bytes:
    """The headers that :func:`headers_of` reads."""
    parts = [_zigzag(len(headers))]
    for key, value in headers:
        name = key.encode("utf-8", "replace")
        parts += [_zigzag(len(name)), name, _zigzag(-1 if value is None else len(value)), value or b""]
    return b"".join(parts)


def rows_with(
    name: bytes, buffer: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.int64]:
    """int64: the rows whose span of ``buffer`` holds these bytes anywhere; spans from -1 are empty."""
    rows: NDArray[np.int64] = _rows_with(np.frombuffer(name, np.uint8), buffer, start, end)
    return rows


@njit(cache=True, nogil=True)
def _rows_with(name, buffer, start, end):  # type: ignore[no-untyped-def]
    rows = np.empty(len(start), np.int64)
    found = 0
    for row in range(len(start)):
        if start[row] < 0:
            continue
        for at in range(start[row], end[row] - len(name) + 1):
            i = 0
            while i < len(name) and buffer[at + i] == name[i]:
                i += 1
            if i == len(name):
                rows[found] = row
                found += 1
                break
    return rows[:found]


def _piece(encoded: bytes, at: int) -> tuple[bytes | None, int]:
    length, at = _varint(encoded, at)
    if length > len(encoded) - at:
        raise ValueError(f"a header of {length} bytes where {len(encoded) - at} are left")
    return (None, at) if length < 0 else (encoded[at : at + length], at + length)


def _varint(encoded: bytes, at: int) -> tuple[int, int]:
    raw = shift = 0
    while True:
        if at >= len(encoded) or shift > 63:
            raise ValueError(f"no varint at byte {at} of {len(encoded)}")
        raw |= (encoded[at] & 0x7F) << shift
        at += 1
        if encoded[at - 1] < 0x80:
            return (raw >> 1) ^ -(raw & 1), at
        shift += 7


def _zigzag(number: int) -> bytes:
    raw = (number << 1) ^ (number >> 63)
    out = bytearray()
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    return bytes([*out, raw])
