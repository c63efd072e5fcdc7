"""Two ways of reading what the consumer has fetched: whole batches (fast), or the client's own records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from kafka import errors as kafka_errors
from kafka.structs import TopicPartition

from monitor.events.records import RecordBlock
from monitor.ingestion.blocks import concatenate, join_records
from monitor.ingestion.gaps import Gap, GapReason, OnGap
from monitor.ingestion.kafka_membership import partition_name
from monitor.ingestion.kafka_options import KafkaSourceOptions
from monitor.ingestion.kafka_raw import FetchedBatch, UnreadableBatch, to_block

MERGE_BYTES: Final = 1 << 20  # neighbouring batches are copied into one block up to this size
BATCH_GUESS: Final = 64 * 1024  # expanded size of a batch, until measured
RECORD_GUESS: Final = 512
MOST_UNITS: Final = 20_000  # records or batches asked of the client at once
PROBE_MS: Final = 5_000  # to fetch one place in the log when looking for the end of what is unreadable


class Reader(Protocol):
    """Blocks from the consumer's next poll."""

    def read(self, timeout_ms: int) -> list[RecordBlock]:
        """Blocks of all partitions, about ``poll_bytes`` of them at most, waiting up to ``timeout_ms``."""


class BatchReader:
    """The fast path: the consumer's ``PartitionRecords`` is :class:`~monitor.ingestion.kafka_raw.BatchRecords`."""

    def __init__(self, consumer: Any, options: KafkaSourceOptions, on_gap: OnGap) -> None:
        self._consumer = consumer
        self._options = options
        self._on_gap = on_gap
        self._batch_bytes = BATCH_GUESS

    def read(self, timeout_ms: int) -> list[RecordBlock]:
        """Blocks; a batch is only expanded while there is room, and left in the log for the next poll otherwise."""
        units = _units(self._options.poll_bytes, self._batch_bytes)
        fetched = self._consumer.poll(timeout_ms=timeout_ms, max_records=units)
        blocks: list[RecordBlock] = []
        room = self._options.poll_bytes
        expanded = batches = 0
        for tp, items in fetched.items():
            runs: list[list[RecordBlock]] = [[]]
            for item in items:
                if expanded >= room:
                    self._consumer.seek(tp, item.from_offset)
                    break
                block = self._block(tp, item)
                batches += 1
                if block is None:
                    runs.append([])  # a block must not reach over a gap, or the gap would look counted already
                else:
                    expanded += len(block.buffer)
                    runs[-1].append(block)
            mine = [block for run in runs for block in merged(run)]
            blocks += with_position(self._consumer, tp, mine)
        if batches:
            self._batch_bytes = max(expanded // batches, self._batch_bytes // 2, 1)
        return blocks

    def _block(self, tp: TopicPartition, item: FetchedBatch) -> RecordBlock | None:
        name = partition_name(tp)
        try:
            return to_block(name, item, self._options.max_batch_bytes)
        except UnreadableBatch as error:
            end = item.offset + 1
            highwater = self._consumer.highwater(tp)
            if item.batch is None and highwater is not None and end > highwater:
                # The corrupt header itself said where the batch ends; it cannot end beyond the log.
                end = max(highwater, item.from_offset + 1)
                self._consumer.seek(tp, end)
            self._on_gap(Gap(name, item.from_offset, end, error.reason, error.detail))
            return None


class RecordReader:
    """The ordinary path: the client makes a Python object per record. It bounds no batch's expansion."""

    def __init__(self, consumer: Any, options: KafkaSourceOptions, on_gap: OnGap) -> None:
        self._consumer = consumer
        self._options = options
        self._on_gap = on_gap
        self._record_bytes = RECORD_GUESS

    def read(self, timeout_ms: int) -> list[RecordBlock]:
        """Blocks; a batch that the client cannot read is skipped and reported."""
        units = _units(self._options.poll_bytes, self._record_bytes)
        try:
            fetched = self._consumer.poll(timeout_ms=timeout_ms, max_records=units)
        except Exception as error:
            if not _is_unreadable(error) or not self._skip_unreadable(error):
                raise
            return []
        blocks = [block for tp, records in fetched.items() for block in self._blocks(tp, records)]
        if records := sum(len(block) for block in blocks):
            self._record_bytes = max(1, sum(len(block.buffer) for block in blocks) // records)
        return blocks

    def _blocks(self, tp: TopicPartition, records: Sequence[Any]) -> list[RecordBlock]:
        block = join_records(
            partition=partition_name(tp),
            offsets=[record.offset for record in records],
            timestamps=[-1 if record.timestamp is None else record.timestamp for record in records],
            keys=[record.key for record in records],
            values=[record.value for record in records],
            next_offset=records[-1].offset + 1,
            headers=[record.headers for record in records],
        )
        return with_position(self._consumer, tp, [block])

    def _skip_unreadable(self, error: Exception) -> bool:
        """Go on behind the batch that the client gave up on; False if its partition is unknown.

        The error names no offsets, so the first readable one is searched for: ever larger steps, then halving.
        """
        part = getattr(self._consumer._fetcher, "_next_partition_records", None)
        if part is None:
            return False
        tp, bad = part.topic_partition, int(part.next_fetch_offset)
        running = [other for other in self._consumer.assignment() - self._consumer.paused() if other != tp]
        self._consumer.pause(*running)
        try:
            end = max(int(self._consumer.highwater(tp) or 0), bad + 1)
            low, step = bad, 1
            while (high := min(low + step, end)) < end and not self._readable(tp, high):
                low, step = high, step * 2
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if self._readable(tp, middle) else (middle, high)
            self._consumer.seek(tp, high)
        finally:
            self._consumer.resume(*(self._consumer.assignment() & set(running)))
        detail = f"the client cannot read the record batch: {type(error).__name__}"
        self._on_gap(Gap(partition_name(tp), bad, high, GapReason.corrupt, detail))
        return True

    def _readable(self, tp: TopicPartition, offset: int) -> bool:
        self._consumer.seek(tp, offset)
        try:
            found = self._consumer.poll(timeout_ms=PROBE_MS, max_records=1)
        except Exception as error:
            if not _is_unreadable(error):
                raise
            return False
        if not found:
            raise kafka_errors.KafkaTimeoutError(f"no response for {tp} at offset {offset} within {PROBE_MS} ms")
        return True


def merged(blocks: Sequence[RecordBlock]) -> list[RecordBlock]:
    """Neighbouring blocks of one partition joined, so that small batches do not make many blocks."""
    done: list[RecordBlock] = []
    group: list[RecordBlock] = []
    size = 0
    for block in blocks:
        if group and size + len(block.buffer) > MERGE_BYTES:
            done.append(concatenate(group))
            group, size = [], 0
        group.append(block)
        size += len(block.buffer)
    return [*done, concatenate(group)] if group else done


def with_position(consumer: Any, tp: TopicPartition, blocks: list[RecordBlock]) -> list[RecordBlock]:
    """The same blocks, the last one followed by what the client went on to: control records, gaps, compaction."""
    position = consumer.position(tp, timeout_ms=0)
    if not blocks or position is None or position <= blocks[-1].next_offset:
        return blocks
    return [*blocks[:-1], replace(blocks[-1], next_offset=position)]


def _units(room: int, unit_bytes: int) -> int:
    return max(1, min(MOST_UNITS, room // unit_bytes))


def _is_unreadable(error: Exception) -> bool:
    """Whether the client failed on the bytes of a batch: its own two errors, or any error of a codec."""
    if isinstance(error, kafka_errors.KafkaError):
        return isinstance(error, kafka_errors.CorruptRecordError | kafka_errors.UnsupportedCodecError)
    return not isinstance(error, OSError)
