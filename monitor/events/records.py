"""Records as they arrive: one block of undecoded bytes of one partition.

A block is what one poll of a source yields for one partition: a shared byte buffer and, per record,
the spans of its value, key and headers in that buffer. Whatever the source (raw Kafka record batches, ordinary
Kafka records, lines of a file), decoding and counting see the same arrays, so there is one path
from bytes to counts and no Python object per record.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.events.headers import Header, headers_of


@dataclass(frozen=True, slots=True, eq=False)
class RecordBlock:
    """n undecoded records of one partition, in offset order.

    Attributes:
        partition: name of the partition, unique inside the source (``guardrail-events-3``, a file's name).
        buffer: uint8, the bytes that the spans point into.
        offset: int64 (n,), strictly increasing; gaps are allowed (control records, compaction).
        timestamp_ms: int64 (n,), the record's own timestamp, epoch milliseconds; -1 where the source has none.
        value_start, value_end: int64 (n,), span of the value in ``buffer``; start = end = -1 for a null value
            (a Kafka tombstone).
        key_start, key_end: int64 (n,), span of the key; -1 where there is none.
        next_offset: the offset to read next once these records are counted (beyond the last record, also when
            control records follow it).
        headers_start, headers_end: int64 (n,), span of the record's headers in ``buffer``, as Kafka writes them on
            the wire; -1 for a record without any; None where no record of the block has any.
    """

    partition: str
    buffer: NDArray[np.uint8]
    offset: NDArray[np.int64]
    timestamp_ms: NDArray[np.int64]
    value_start: NDArray[np.int64]
    value_end: NDArray[np.int64]
    key_start: NDArray[np.int64]
    key_end: NDArray[np.int64]
    next_offset: int
    headers_start: NDArray[np.int64] | None = None
    headers_end: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.offset)

    def value(self, row: int) -> bytes | None:
        """The bytes of one record's value (odd records and dead letters only)."""
        start, end = int(self.value_start[row]), int(self.value_end[row])
        return None if start < 0 else self.buffer[start:end].tobytes()

    def key(self, row: int) -> bytes | None:
        """The bytes of one record's key (dead letters only)."""
        start, end = int(self.key_start[row]), int(self.key_end[row])
        return None if start < 0 else self.buffer[start:end].tobytes()

    def headers(self, row: int) -> list[Header]:
        """One record's headers (odd records only)."""
        if self.headers_start is None or self.headers_end is None or self.headers_start[row] < 0:
            return []
        return headers_of(self.buffer[int(self.headers_start[row]) : int(self.headers_end[row])].tobytes())
