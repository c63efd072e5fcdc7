"""Apache Kafka as a source: a member of a consumer group whose positions are kept elsewhere, with the counts.

**Caught up.** A poll reads the clock, reads records, and then asks the brokers for the end of every partition that
brought none (ListOffsets). The question is sent after the clock was read, so the answer is at least the end of the
log at that moment; if the position has reached it, every record that the log held then has been handed out. The high
watermark of the last fetch alone would not do: that fetch may have been answered before the clock was read. The
position must have reached it as well, for three reasons: a partition of which nothing has been fetched yet is not
known to be caught up; with ``read_committed`` ListOffsets stops in front of an open transaction, whose records are in
the log and not handed out; and the demo's embedded broker answers ListOffsets too low at times (there the claim may
be early by one fetch, ``fetch_max_wait_ms``). A paused partition is never caught up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import structlog
from kafka import KafkaConsumer
from kafka import errors as kafka_errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import OffsetAndMetadata, TopicPartition

from monitor.clock import Clock
from monitor.counting.ports import LogIdentity
from monitor.errors import SourceRefused, SourceUnavailable
from monitor.events.records import RecordBlock
from monitor.ingestion.gaps import Gap, GapReason, OnGap, ignore_gap
from monitor.ingestion.kafka_deployment import Deployment
from monitor.ingestion.kafka_errors import to_driftline
from monitor.ingestion.kafka_membership import Membership, partition_name, topic_name
from monitor.ingestion.kafka_options import KafkaSourceOptions
from monitor.ingestion.kafka_raw import BatchRecords, raw_fault
from monitor.ingestion.kafka_reader import BatchReader, Reader, RecordReader
from monitor.ingestion.kafka_topics import TopicIds
from monitor.ingestion.source import Assignment, Polled

log = structlog.get_logger(__name__)

JOIN_SLICE_MS: Final = 100  # while nothing is owned, poll in slices, so that a new partition is claimed at once
END_TIMEOUT_MS: Final = 2_000  # for the end of the log; a broker that is well answers in milliseconds
END_EVERY_MS: Final = 500  # how often at most to ask for it while other partitions bring records


class KafkaSource:
    """Reads topics as a member of a consumer group; cooperative-sticky, optionally a static member.

    A position before the start of the log, because retention was faster than us, is reported as a gap, and reading
    goes on at the start of the log. A topic that was deleted and made anew, as its id tells, is read from its start.
    A position beyond the end of a topic that was not is refused: the topic lost records, and what will lie at our
    offsets is not what was counted.
    """

    def __init__(self, settings: KafkaSourceOptions, clock: Clock, *, on_gap: OnGap = ignore_gap) -> None:
        self._settings = settings
        self._clock = clock
        self._on_gap = on_gap
        self._consumer: Any = None
        self._membership: Membership
        self._reader: Reader
        self._topics: TopicIds
        self._deployment: Deployment
        self._asked_end_ms: int | None = None

    def start(self, assignment: Assignment) -> None:
        """Connect and join the group; partitions arrive inside :meth:`poll`.

        Raises:
            SettingsError: a secret is missing.
            SourceUnavailable: no broker answers, or a topic does not exist; somebody may be about to make it.
            SourceRefused: we are not let in.
        """
        if self._consumer is not None:
            raise RuntimeError("the source is started already")
        with border():
            self._consumer = KafkaConsumer(
                **self._settings.client_settings(), partition_assignment_strategy=[CooperativeStickyAssignor]
            )
        try:
            with border():
                missing = [t for t in self._settings.topics if not self._consumer.partitions_for_topic(t)]
                if missing:
                    raise SourceUnavailable(
                        f"Kafka: topic {missing[0]} does not exist or this user may not describe it; create it, or "
                        "grant Describe"
                    )
                self._topics = TopicIds(self._consumer)
                self._deployment = Deployment(
                    self._consumer, own=self._settings.deployment, group=self._settings.group
                )
                self._deployment.confirm(self._every_partition(), self._clock.now_ms(), joining=True)
                self._membership = Membership(self._consumer, assignment)
                self._reader = self._choose_reader()
                self._consumer.subscribe(topics=list(self._settings.topics), listener=self._membership)
        except BaseException:
            self.close()
            raise

    def poll(self, *, timeout_s: float, behind: str | None = None) -> Polled:
        """The next blocks; claims new partitions and gives back lost ones on the way."""
        now = self._clock.now_ms()
        with border():
            self._membership.settle()
            if self._deployment.due(now):
                self._deployment.confirm(self._every_partition(), now, joining=False)
                self._commit(self._deployment.alive(self._membership.owned, now))
            try:
                blocks = self._read(int(timeout_s * 1000))
                caught_up = self._caught_up(blocks, now)
            except kafka_errors.LogTruncationError:
                self._topics.refresh()  # a topic that was made anew looks like one that was cut
                self._topics.confirm({tp.topic for tp in self._membership.owned})
                raise
            lag = self._lag()
        return Polled(blocks=blocks, caught_up=caught_up, ended=frozenset(), clock_ms=now, lag=lag)

    def partitions(self) -> frozenset[str]:
        """All partitions of the topics, also those that other members own."""
        with border():
            return frozenset(partition_name(tp) for tp in self._every_partition())

    def _every_partition(self) -> list[TopicPartition]:
        return [
            TopicPartition(topic, number)
            for topic in self._settings.topics
            for number in self._consumer.partitions_for_topic(topic)
        ]

    def identify(self, partition: str, known: str) -> LogIdentity:
        """Identity by the id of its topic."""
        with border():
            now = self._topics.identify(topic_name(partition))
        return LogIdentity(now=now or known, was=known, renewed=bool(known and now) and now != known)

    def confirm(self, *, ask: bool) -> None:
        """That no topic of ours was made anew since its partitions were claimed."""
        with border():
            if ask:
                self._topics.refresh()
            self._topics.confirm({tp.topic for tp in self._membership.owned})

    def committed(self, positions: Mapping[str, int]) -> None:
        """Commit offsets to Kafka, asynchronously (for lag tools, and so that other deployments see ours)."""
        owned = {partition_name(tp): tp for tp in self._membership.owned}
        at = {owned[name]: position for name, position in positions.items() if name in owned}
        self._commit(self._deployment.offsets(at, self._clock.now_ms()))

    def _commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        if not offsets:
            return
        try:
            self._consumer.commit_async(offsets, callback=_log_commit)
        except kafka_errors.KafkaError as error:
            log.debug("kafka.commit_failed", error=str(error))

    def pause(self, partitions: frozenset[str]) -> None:
        """Hand out nothing more of these."""
        self._membership.pause(partitions)

    def resume(self, partitions: frozenset[str]) -> None:
        """Hand them out again."""
        self._membership.resume(partitions)

    def close(self) -> None:
        """Give back every partition and leave the group (a static member stays in it until its session is over)."""
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        try:
            consumer.close(autocommit=False, timeout_ms=END_TIMEOUT_MS)
        except (kafka_errors.KafkaError, OSError) as error:
            log.warning("kafka.close_failed", error=str(error))

    def _choose_reader(self) -> Reader:
        if self._settings.raw:
            fault = raw_fault()
            if fault is None:
                self._consumer._fetcher.PartitionRecords = BatchRecords
                return BatchReader(self._consumer, self._settings, self._on_gap)
            log.warning("kafka.fast_path_off", reason=fault)
        return RecordReader(self._consumer, self._settings, self._on_gap)

    def _read(self, timeout_ms: int) -> list[RecordBlock]:
        left = timeout_ms
        while True:
            wait = left if self._membership.owned else min(left, JOIN_SLICE_MS)
            self._membership.hold_on()
            try:
                blocks = self._reader.read(wait)
            except kafka_errors.OffsetOutOfRangeError as error:
                self._go_on_in_range(error.args[0])
                blocks = []
            if blocks:
                return blocks
            left -= wait
            self._membership.settle()
            if left <= 0:
                return []

    def _caught_up(self, blocks: list[RecordBlock], now: int) -> frozenset[str]:
        busy = {block.partition for block in blocks}
        quiet = [tp for tp in self._membership.running() if partition_name(tp) not in busy]
        position = {tp: self._consumer.position(tp, timeout_ms=0) for tp in quiet}
        seen = {tp: self._consumer.highwater(tp) for tp in quiet}
        asked = [tp for tp in quiet if position[tp] is not None and seen[tp] is not None]
        recently = self._asked_end_ms is not None and 0 <= now - self._asked_end_ms < END_EVERY_MS
        if not asked or (blocks and recently):
            return frozenset()
        self._asked_end_ms = now
        try:
            end = self._consumer.end_offsets(asked, timeout_ms=END_TIMEOUT_MS)
        except (kafka_errors.RetriableError, KeyError) as error:
            if blocks:
                return frozenset()
            raise SourceUnavailable(f"Kafka: the end of {asked[0].topic} cannot be read: {error}") from error
        return frozenset(partition_name(tp) for tp in asked if position[tp] >= max(end[tp], seen[tp]))

    def _lag(self) -> dict[str, int]:
        """Lag by the end of each partition in the last fetch; sends no request."""
        lag = {}
        for tp in self._membership.owned:
            end, position = self._consumer.highwater(tp), self._consumer.position(tp, timeout_ms=0)
            if end is not None and position is not None:
                lag[partition_name(tp)] = max(0, end - position)
        return lag

    def _go_on_in_range(self, out_of_range: Mapping[TopicPartition, int]) -> None:
        self._topics.refresh()
        self._topics.confirm({tp.topic for tp in out_of_range})
        first = self._consumer.beginning_offsets(list(out_of_range), timeout_ms=END_TIMEOUT_MS)
        end = self._consumer.end_offsets(list(out_of_range), timeout_ms=END_TIMEOUT_MS)
        for tp, position in out_of_range.items():
            name = partition_name(tp)
            if position > end[tp]:
                raise SourceRefused(
                    f"Kafka: partition {name} ends at offset {end[tp]}, before the position {position} that was "
                    "counted: the topic lost records, or was created anew and its brokers are too old to report it. "
                    "Copy it to a topic under another name and read that one"
                )
            self._consumer.seek(tp, max(position, first[tp]))
            if first[tp] > position:
                detail = "retention removed the records before they were read"
                self._on_gap(Gap(name, position, first[tp], GapReason.expired, detail))


@contextmanager
def border() -> Iterator[None]:
    """Every error of the client leaves as one of ours."""
    try:
        yield
    except (kafka_errors.KafkaError, OSError) as error:
        raise to_driftline(error) from error


def _log_commit(_: object, answer: object) -> None:
    if isinstance(answer, Exception):
        log.debug("kafka.commit_failed", error=str(answer))
