"""Splitting an expanded Kafka record batch (message format v2) into spans, without a Python object per record.

Source: the record format of the Kafka protocol, https://kafka.apache.org/documentation/#messageformat .
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit

SMALLEST_RECORD: Final = 7  # length, attributes, timestamp, offset, key length, value length, headers: a byte each

Spans = tuple[
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
]


class MalformedRecords(Exception):  # noqa: N818 - named for what it says of the data
    """The bytes are not the records that the batch's header promises."""


def split_records(
    *,
    buffer: NDArray[np.uint8],
    begin: int,
    count: int,
    base_offset: int,
    last_offset: int,
    first_timestamp: int,
    append_timestamp: int | None,
) -> Spans:
    """Offsets, timestamps, and starts and ends of values, keys and headers of ``count`` records from ``begin``.

    Every length is checked against the bytes that are there, offsets must rise within the batch's own range, and the
    records must fill the buffer exactly. ``append_timestamp`` stands for every record's own where the broker stamps.

    Raises:
        MalformedRecords: any of that is not so.
    """
    if not 0 <= count <= (len(buffer) - begin) // SMALLEST_RECORD:
        raise MalformedRecords(f"{count} records cannot be in {len(buffer) - begin} bytes")
    columns = np.empty((8, count), np.int64)
    fault = _split(buffer, begin, base_offset, last_offset, first_timestamp, columns)
    if fault >= 0:
        raise MalformedRecords(f"the record structure is wrong near byte {fault} of {len(buffer)}")
    if append_timestamp is not None:
        columns[1] = append_timestamp
    return columns[0], columns[1], columns[2], columns[3], columns[4], columns[5], columns[6], columns[7]


@njit(cache=True, nogil=True)
def _varint(buffer, at, end):  # type: ignore[no-untyped-def]
    """A zigzag varint of at most 10 bytes before ``end``: the value and where it ends; -1 there if it is wrong."""
    raw = np.uint64(0)
    shift = 0
    while at < end and shift < 70:
        byte = buffer[at]
        at += 1
        raw |= np.uint64(byte & 0x7F) << np.uint64(shift)
        if byte < 0x80:
            if shift == 63 and byte > 1:
                return np.int64(0), np.int64(-1)
            return np.int64(raw >> np.uint64(1)) ^ -np.int64(raw & np.uint64(1)), np.int64(at)
        shift += 7
    return np.int64(0), np.int64(-1)


@njit(cache=True, nogil=True)
def _skip_headers(buffer, at, end):  # type: ignore[no-untyped-def]
    """End of the headers that begin at ``at``; -1 if they do not end by ``end``."""
    headers, at = _varint(buffer, at, end)
    if at < 0 or headers < 0 or headers > end - at:
        return np.int64(-1)
    for _ in range(headers):
        for part in range(2):
            length, at = _varint(buffer, at, end)
            if at < 0 or length > end - at or (part == 0 and length < 0):
                return np.int64(-1)
            at += max(length, 0)
    return at


@njit(cache=True, nogil=True)
def _split(buffer, begin, base_offset, last_offset, first_timestamp, columns):  # type: ignore[no-untyped-def]
    """Fills the columns; -1 if all is well, else about where the fault is."""
    at = np.int64(begin)
    size = len(buffer)
    previous = base_offset - 1
    for row in range(columns.shape[1]):
        record = at
        length, at = _varint(buffer, at, size)
        if at < 0 or length < SMALLEST_RECORD - 1 or length > size - at:
            return record
        end = at + length
        timestamp, at = _varint(buffer, at + 1, end)  # past the attributes, which no version uses
        if at < 0:
            return record
        delta, at = _varint(buffer, at, end)
        if at < 0 or delta < 0 or delta > last_offset - base_offset or base_offset + delta <= previous:
            return record
        previous = base_offset + delta
        columns[0, row] = previous
        columns[1, row] = first_timestamp + timestamp
        for column in (4, 2):  # the key comes first
            length, at = _varint(buffer, at, end)
            if at < 0 or length > end - at:
                return record
            if length < 0:
                columns[column, row] = -1
                columns[column + 1, row] = -1
            else:
                columns[column, row] = at
                at += length
                columns[column + 1, row] = at
        if at == end - 1 and buffer[at] == 0:
            columns[6, row] = columns[7, row] = -1
            at = end
        else:
            columns[6, row] = at
            at = _skip_headers(buffer, at, end)
            columns[7, row] = at
        if at != end:
            return record
    return np.int64(-1) if at == size else at
