"""A stretch of one topic, from some offset of each partition to its present end: read without a group, and it ends.

Whoever only looks must leave no trace: no membership, so that no worker loses a partition to us, and no commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from kafka import KafkaConsumer
from kafka import errors as kafka_errors
from kafka.structs import TopicPartition

from monitor.errors import SourceRefused
from monitor.events.records import RecordBlock
from monitor.ingestion.gaps import Gap, GapReason, OnGap, ignore_gap
from monitor.ingestion.kafka import END_TIMEOUT_MS, border
from monitor.ingestion.kafka_membership import partition_name
from monitor.ingestion.kafka_options import KafkaSourceOptions
from monitor.ingestion.kafka_raw import BatchRecords, raw_fault
from monitor.ingestion.kafka_reader import BatchReader, Reader, RecordReader
from monitor.ingestion.source import Assignment, Polled, UnchangingLogs

ASK_TIMEOUT_MS: Final = 5 * END_TIMEOUT_MS


@dataclass(frozen=True, slots=True)
class Stretch:
    """Half-open offsets of one partition."""

    first: int
    end: int


class KafkaRange(UnchangingLogs):
    """Records of the topics of ``options`` up to the ends that they had when it was first started.

    Args:
        options: topics and connection; the group is not used.
        max_records: the newest so many of all partitions together.
        since_ms: only records with this timestamp or a later one.
        like: another one, that was started: the same stretch is read again.
    """

    def __init__(
        self,
        options: KafkaSourceOptions,
        *,
        max_records: int,
        since_ms: int | None = None,
        like: KafkaRange | None = None,
    ) -> None:
        self._options = options
        self._max_records = max_records
        self._since_ms = since_ms
        self._stretches: dict[TopicPartition, Stretch] | None = None if like is None else like._stretches
        self._on_gap: OnGap = ignore_gap
        self._consumer: Any = None
        self._reader: Reader
        self._at: dict[TopicPartition, int] = {}

    def tell_gaps(self, on_gap: OnGap) -> None:
        """From :meth:`start` on, receives records that cannot be handed out."""
        self._on_gap = on_gap

    @property
    def progress(self) -> tuple[int, int | None]:
        """Offsets read, and how many there are."""
        known = self._stretches or {}
        read = sum(self._at.get(tp, stretch.first) - stretch.first for tp, stretch in known.items())
        return read, sum(stretch.end - stretch.first for stretch in known.values()) or None

    def start(self, assignment: Assignment) -> None:
        """Connect, find out what there is, and claim all of it.

        Raises:
            SettingsError: a secret is missing.
            SourceUnavailable: no broker answers.
            SourceRefused: a topic does not exist, or we are not let in.
        """
        with border():
            alone = {"group_id": None, "group_instance_id": None}
            self._consumer = KafkaConsumer(**(self._options.client_settings() | alone))
        try:
            with border():
                every = [tp for topic in self._options.topics for tp in self._partitions(topic)]
                self._consumer.assign(every)
                if self._stretches is None:
                    self._stretches = self._choose(every)
                self._reader = self._choose_reader()
                assignment.assigned([partition_name(tp) for tp in every])
                for tp, stretch in self._stretches.items():
                    self._consumer.seek(tp, stretch.first)
                    self._at[tp] = stretch.first
                    if stretch.first >= stretch.end:
                        self._consumer.pause(tp)
        except BaseException:
            self.close()
            raise

    def poll(self, *, timeout_s: float, behind: str | None = None) -> Polled:
        """The next blocks, without what lies behind the end."""
        with border():
            blocks = self._read(int(timeout_s * 1000)) if self._open() else []
            for tp in self._open():
                position = self._consumer.position(tp, timeout_ms=0)
                self._at[tp] = max(self._at[tp], -1 if position is None else min(position, self._end(tp)))
                if self._at[tp] >= self._end(tp):
                    self._consumer.pause(tp)
            ended = frozenset(partition_name(tp) for tp, at in self._at.items() if at >= self._end(tp))
        return Polled(blocks=blocks, caught_up=frozenset(), ended=ended, clock_ms=None)

    def partitions(self) -> frozenset[str]:
        """All partitions of the topics."""
        return frozenset(partition_name(tp) for tp in self._stretches or {})

    def committed(self, positions: Mapping[str, int]) -> None:
        """Commits no offsets to Kafka."""

    def pause(self, partitions: frozenset[str]) -> None:
        """Hand out nothing more of these."""
        self._consumer.pause(*(tp for tp in self._open() if partition_name(tp) in partitions))

    def resume(self, partitions: frozenset[str]) -> None:
        """Hand them out again."""
        self._consumer.resume(*(tp for tp in self._open() if partition_name(tp) in partitions))

    def close(self) -> None:
        """Disconnect."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close(autocommit=False, timeout_ms=END_TIMEOUT_MS)

    def _partitions(self, topic: str) -> list[TopicPartition]:
        numbers = self._consumer.partitions_for_topic(topic)
        if not numbers:
            raise SourceRefused(
                f"Kafka: topic {topic} does not exist or this user may not describe it; create it, or grant Describe"
            )
        return [TopicPartition(topic, number) for number in sorted(numbers)]

    def _choose(self, every: list[TopicPartition]) -> dict[TopicPartition, Stretch]:
        first = self._consumer.beginning_offsets(every, timeout_ms=ASK_TIMEOUT_MS)
        end = self._consumer.end_offsets(every, timeout_ms=ASK_TIMEOUT_MS)
        if self._since_ms is not None:
            asked = self._consumer.offsets_for_times(dict.fromkeys(every, self._since_ms), timeout_ms=ASK_TIMEOUT_MS)
            for tp in every:
                found = asked.get(tp)
                first[tp] = end[tp] if found is None else max(first[tp], found.offset)
        sizes = newest({tp: max(0, end[tp] - first[tp]) for tp in every}, self._max_records)
        return {tp: Stretch(end[tp] - sizes[tp], end[tp]) for tp in every}

    def _choose_reader(self) -> Reader:
        if self._options.raw and raw_fault() is None:
            self._consumer._fetcher.PartitionRecords = BatchRecords
            return BatchReader(self._consumer, self._options, self._on_gap)
        return RecordReader(self._consumer, self._options, self._on_gap)

    def _read(self, timeout_ms: int) -> list[RecordBlock]:
        try:
            blocks = self._reader.read(timeout_ms)
        except kafka_errors.OffsetOutOfRangeError as error:
            first = self._consumer.beginning_offsets(list(error.args[0]), timeout_ms=ASK_TIMEOUT_MS)
            for tp, position in error.args[0].items():
                self._consumer.seek(tp, first[tp])
                detail = "retention removed the records before they were read"
                self._on_gap(Gap(partition_name(tp), position, first[tp], GapReason.expired, detail))
            return []
        ends = {partition_name(tp): self._end(tp) for tp in self._at}
        return [cut for block in blocks if len(cut := before(block, ends[block.partition]))]

    def _open(self) -> list[TopicPartition]:
        return [tp for tp, at in self._at.items() if at < self._end(tp)]

    def _end(self, tp: TopicPartition) -> int:
        return (self._stretches or {})[tp].end


def newest(sizes: Mapping[TopicPartition, int], most: int) -> dict[TopicPartition, int]:
    """The amount taken of each, ``most`` together: evenly, and the rest of the small ones goes to the large ones."""
    taken: dict[TopicPartition, int] = {}
    left = most
    for place, (tp, size) in enumerate(sorted(sizes.items(), key=lambda item: item[1])):
        taken[tp] = min(size, left // (len(sizes) - place))
        left -= taken[tp]
    return taken


def before(block: RecordBlock, end: int) -> RecordBlock:
    """The records of a block below an offset."""
    if block.next_offset <= end:
        return block
    count = int((block.offset < end).sum())
    columns: dict[str, Any] = {
        one.name: column[:count]
        for one in fields(block)
        if one.name != "buffer" and isinstance(column := getattr(block, one.name), np.ndarray)
    }
    return replace(block, **columns, next_offset=end)
