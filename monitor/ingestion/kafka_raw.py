"""The fast path: whole record batches from the Kafka client, split without a Python object per record.

kafka-python builds its per-partition iterator from the attribute ``PartitionRecords`` of its fetcher, so replacing
that attribute by a subclass is enough to get batches instead of records. This is private API: the version is pinned,
:func:`raw_fault` compares the path with the client's own iteration at start-up, and the source falls back to the
client's records, with a warning, when it is not the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import kafka
import numpy as np
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError, KafkaError, UnsupportedCodecError
from kafka.protocol.consumer import IsolationLevel
from kafka.record import MemoryRecords
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.structs import TopicPartition

from monitor.events.headers import Header
from monitor.events.records import RecordBlock
from monitor.ingestion.blocks import join_records
from monitor.ingestion.compression import LZ4, NONE, Damaged, TooLarge, expand
from monitor.ingestion.gaps import GapReason
from monitor.ingestion.record_split import MalformedRecords, split_records

TESTED_VERSION: Final = "3.0.12"
LEGACY_KEY_AT: Final = {0: 18, 1: 26}  # offset 8, size 4, checksum 4, magic 1, attributes 1, and in v1 timestamp 8


_Row = tuple[int, int, bytes | None, bytes | None, list[Header]]


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """One record batch as fetched, or a range of offsets whose batches failed their checksum.

    ``offset`` is the last one of the range, by which the client decides what lies before the fetch position.
    """

    from_offset: int
    offset: int
    batch: Any = None


class UnreadableBatch(Exception):  # noqa: N818 - named for what it says of the data
    """A batch that cannot be handed out."""

    def __init__(self, reason: GapReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class BatchRecords(Fetcher.PartitionRecords):  # type: ignore[misc]  # the client carries no types
    """The client's iterator over one partition's fetch answer, yielding :class:`FetchedBatch` instead of records."""

    next_fetch_offset: int

    def _unpack_records(self, tp: Any, records: Any, *_: Any) -> Iterator[FetchedBatch]:
        corrupt_from: int | None = None
        while True:
            try:
                batch = records.next_batch()
            except (CorruptRecordError, struct.error) as error:
                self.drain()  # the client would poll a dead iterator indefinitely
                raise KafkaError(f"unreadable fetch response for {tp}: {error}") from None
            if batch is None:
                break
            if self.check_crcs and not batch.validate_crc():
                corrupt_from = self.next_fetch_offset if corrupt_from is None else corrupt_from
                # The header may be what is corrupt: the next sound batch or the source corrects a wrong end.
                self.next_fetch_offset = max(self.next_fetch_offset, _last_offset(batch)) + 1
                continue
            if corrupt_from is not None:
                yield FetchedBatch(from_offset=corrupt_from, offset=max(corrupt_from, batch.base_offset - 1))
                corrupt_from = None
            from_offset = self.next_fetch_offset
            self.next_fetch_offset = max(from_offset, _last_offset(batch) + 1)
            if batch.magic < 2 or self._is_wanted(batch):
                self.records_read += 1
                self.bytes_read += batch.size_in_bytes
                yield FetchedBatch(from_offset=from_offset, offset=self.next_fetch_offset - 1, batch=batch)
        if corrupt_from is not None:
            yield FetchedBatch(from_offset=corrupt_from, offset=self.next_fetch_offset - 1)
        self.drain()

    def _is_wanted(self, batch: Any) -> bool:
        """Whether a batch is neither a control batch nor, where that matters, of an aborted transaction (KIP-98)."""
        self.leader_epoch = batch.leader_epoch
        if self.isolation_level == IsolationLevel.READ_COMMITTED and batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return False
        return not batch.is_control_batch


def to_block(partition: str, fetched: FetchedBatch, limit: int) -> RecordBlock | None:
    """The records of a fetched batch from its ``from_offset`` on; None if there are none.

    Raises:
        UnreadableBatch: its checksum, compression or structure is wrong, or it expands beyond ``limit`` bytes.
    """
    if fetched.batch is None:
        raise UnreadableBatch(GapReason.corrupt, "the checksum of the record batch is wrong")
    try:
        block = (_split_batch if fetched.batch.magic == 2 else _iterate_legacy)(partition, fetched, limit)
    except TooLarge as error:
        records = (
            fetched.batch.records_count if fetched.batch.magic == 2 else fetched.offset + 1 - fetched.from_offset
        )
        way_out = "source.kafka.max_decompressed_bytes sets it"
        raise UnreadableBatch(GapReason.too_large, f"a batch of {records} records {error}; {way_out}") from error
    except (Damaged, MalformedRecords) as error:
        raise UnreadableBatch(GapReason.corrupt, str(error)) from error
    return block if len(block) else None


def _split_batch(partition: str, fetched: FetchedBatch, limit: int) -> RecordBlock:
    batch = fetched.batch
    data = memoryview(batch._buffer)[batch._pos :]
    expanded = data if batch.compression_type == NONE else expand(batch.compression_type, data, limit)
    buffer = np.frombuffer(expanded, np.uint8)
    columns = split_records(
        buffer=buffer,
        begin=0,
        count=batch.records_count,
        base_offset=batch.base_offset,
        last_offset=batch.last_offset,
        first_timestamp=batch.first_timestamp,
        append_timestamp=batch.max_timestamp if batch.timestamp_type == batch.LOG_APPEND_TIME else None,
    )
    first = int(np.searchsorted(columns[0], fetched.from_offset))  # a fetch may begin in the middle of a batch
    offset, timestamp, value_start, value_end, key_start, key_end, headers_start, headers_end = (
        column[first:] for column in columns
    )
    with_headers = bool((headers_start >= 0).any())
    return RecordBlock(
        partition=partition,
        buffer=buffer,
        offset=offset,
        timestamp_ms=timestamp,
        value_start=value_start,
        value_end=value_end,
        key_start=key_start,
        key_end=key_end,
        next_offset=fetched.offset + 1,
        headers_start=headers_start if with_headers else None,
        headers_end=headers_end if with_headers else None,
    )


def _iterate_legacy(partition: str, fetched: FetchedBatch, limit: int) -> RecordBlock:
    """Message sets of before Kafka 0.11 (magic 0 and 1), by the client's own iteration."""
    batch = fetched.batch
    try:
        if batch.compression_type != NONE and not batch._decompressed:
            key_at = LEGACY_KEY_AT[batch.magic]
            key_size, value_size = struct.unpack_from(">ii", batch._buffer, key_at)
            if key_size > 0:
                raise Damaged("a compressed message set with a key")
            batch._buffer = memoryview(
                expand(batch.compression_type, memoryview(batch._buffer)[key_at + 8 :][:value_size], limit)
            )
            batch._decompressed = True
        records = [record for record in batch if record.offset >= fetched.from_offset]
    except (CorruptRecordError, UnsupportedCodecError, ValueError, IndexError, struct.error, AssertionError) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error
    return join_records(
        partition=partition,
        offsets=[record.offset for record in records],
        timestamps=[-1 if record.timestamp is None else record.timestamp for record in records],
        keys=[record.key for record in records],
        values=[record.value for record in records],
        next_offset=fetched.offset + 1,
    )


def _last_offset(batch: Any) -> int:
    return int(batch.last_offset if batch.magic == 2 else batch.base_offset)


def raw_fault() -> str | None:
    """Why the fast path must not be used; None if it gives what the client's own iteration gives.

    Runs both on a small hand-made log: plain and compressed batches, null keys and values, headers, an offset gap,
    and a position in the middle of a batch.
    """
    if kafka.__version__ != TESTED_VERSION:
        return f"kafka-python is {kafka.__version__}, the fast path is tested with {TESTED_VERSION}"
    try:
        log = b"".join(bytes(_sample(codec, offset)) for codec, offset in ((NONE, 0), (LZ4, 40), (NONE, 80)))
        for position in (0, 5, 47):
            if _by_batches(log, position) != _by_records(log, position):
                return f"the fast path differs from the client's records from offset {position}"
    except Exception as error:  # noqa: BLE001 - whatever a changed client raises, the ordinary path is the answer
        return f"the fast path failed its self-check: {type(error).__name__}: {error}"
    return None


def _sample(codec: int, base_offset: int) -> bytearray:
    builder = MemoryRecordsBuilder(magic=2, compression_type=codec, batch_size=1 << 20)
    for row in range(30):
        key = None if row % 3 == 0 else b"key-%d" % row
        value = None if row == 7 else b'{"row":%d}' % row * (row + 1)
        builder.append(
            1_700_000_000_000 - 50 * row, key, value, [("h", b"x"), ("none", None)] if row % 4 == 0 else []
        )
        if row == 11:
            builder.skip(3)
    builder.close()
    data = bytearray(builder.buffer())
    struct.pack_into(">q", data, 0, base_offset)  # outside the checksum, because brokers write it
    return data


def _by_batches(log: bytes, position: int) -> tuple[list[_Row], int]:
    part = BatchRecords(position, TopicPartition("self-check", 0), MemoryRecords(log))
    blocks = [to_block("self-check-0", fetched, 1 << 20) for fetched in part.take(100)]
    rows = [
        (int(block.offset[row]), int(block.timestamp_ms[row]), block.key(row), block.value(row), block.headers(row))
        for block in blocks
        if block is not None
        for row in range(len(block))
    ]
    if part:
        raise RuntimeError("the client's iterator is not used up")
    return rows, part.next_fetch_offset


def _by_records(log: bytes, position: int) -> tuple[list[_Row], int]:
    part = Fetcher.PartitionRecords(position, TopicPartition("self-check", 0), MemoryRecords(log))
    rows = [
        (record.offset, record.timestamp, record.key, record.value, list(record.headers))
        for record in part.take(10_000)
    ]
    return rows, int(part.next_fetch_offset)
