"""The logs that the conformance suite of sources reads: each writes the same records into another kind of source."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import zstandard
from kafka import KafkaAdminClient, KafkaProducer

from monitor.clock import Clock
from monitor.events.records import RecordBlock
from monitor.ingestion.files import FileSource
from monitor.ingestion.kafka import KafkaSource
from monitor.ingestion.kafka_options import KafkaConnection, KafkaSourceOptions
from monitor.ingestion.memory import MemoryRecord, MemorySource
from monitor.ingestion.source import Polled, Source

POLL_SECONDS = 0.2
IMPATIENT_POLLS_AT_MOST = 20_000
POLLS_AT_MOST = 150  # 30 s: a bound for a test that would otherwise wait for ever, not a time that tests rely on


@dataclass
class Claims:
    """An assignment that starts every partition where it is told, and remembers what it was told."""

    starts: Mapping[str, int] = field(default_factory=dict)
    assigned_names: list[str] = field(default_factory=list)
    revoked_names: list[str] = field(default_factory=list)
    lost_names: list[str] = field(default_factory=list)

    def assigned(self, partitions: Sequence[str]) -> Mapping[str, int]:
        self.assigned_names += partitions
        return {name: self.starts.get(name, -1) for name in partitions}

    def position(self, partition: str) -> int:
        return self.starts.get(partition, -1)

    def revoked(self, partitions: Sequence[str]) -> None:
        self.revoked_names += partitions

    def lost(self, partitions: Sequence[str]) -> None:
        self.lost_names += partitions


@dataclass(frozen=True)
class Log:
    """A written log with two partitions, and how to open a source on it.

    ``extend`` adds records to a log that never ends; None for one that does. ``claims_are_exact`` is False for the
    embedded broker, which may be called caught up one fetch too early (see monitor/ingestion/kafka.py).
    """

    names: Sequence[str]
    open: Callable[[], Source]
    extend: Callable[[str, Sequence[MemoryRecord]], None] | None = None
    carries_keys_and_times: bool = True
    claims_are_exact: bool = True


Written = Sequence[Sequence[MemoryRecord]]


def memory_log(records: Written) -> Log:
    names = ["log-0", "log-1"]
    return Log(names, lambda: MemorySource(list(zip(names, records, strict=True)), block_records=7))


def live_memory_log(records: Written, clock: Clock) -> Log:
    names = ["log-0", "log-1"]
    logs = {name: list(items) for name, items in zip(names, records, strict=True)}
    opened: list[MemorySource] = []

    def open_source() -> Source:
        opened.append(MemorySource(list(logs.items()), clock=clock, block_records=7))
        return opened[-1]

    def extend(name: str, items: Sequence[MemoryRecord]) -> None:
        opened[-1].append(name, items)

    return Log(names, open_source, extend)


def file_log(records: Written, directory: Path, ending: str) -> Log:
    paths = [directory / f"log-{number}.jsonl{ending}" for number in range(len(records))]
    for path, items in zip(paths, records, strict=True):
        data = b"".join(item.value + b"\n" for item in items if item.value is not None)
        if ending == ".gz":
            half = len(data) // 2
            data = gzip.compress(data[:half]) + gzip.compress(data[half:])
        elif ending == ".zst":
            data = zstandard.ZstdCompressor().compress(data)
        path.write_bytes(data)
    return Log(
        [path.name for path in paths],
        lambda: FileSource(paths, chunk_bytes=500),
        carries_keys_and_times=False,
    )


def kafka_log(
    records: Written, bootstrap_servers: str, clock: Clock, *, raw: bool, exact: bool = True, **changes: object
) -> Log:
    topic = f"log-{uuid.uuid4().hex[:12]}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        admin.create_topics(
            {topic: {"num_partitions": len(records), "replication_factor": 1}}, wait_for_metadata=True
        )
    finally:
        admin.close()

    def extend(name: str, items: Sequence[MemoryRecord]) -> None:
        produce(bootstrap_servers, topic, int(name.rsplit("-", 1)[1]), items)

    names = [f"{topic}-{number}" for number in range(len(records))]
    for name, items in zip(names, records, strict=True):
        extend(name, items)

    def open_source() -> Source:
        return KafkaSource(kafka_options(bootstrap_servers, topic, raw=raw, **changes), clock)

    return Log(names, open_source, extend, claims_are_exact=exact)


def kafka_options(bootstrap_servers: str, topic: str, *, raw: bool, **changes: object) -> KafkaSourceOptions:
    """Options for a group of its own; short waits, so that tests are short."""
    known: dict[str, object] = {"fetch_max_wait_ms": 20, "session_timeout_ms": 6_000, "heartbeat_interval_ms": 500}
    known["group"] = f"group-{uuid.uuid4().hex[:12]}"
    return KafkaSourceOptions(
        connection=KafkaConnection(bootstrap_servers=(bootstrap_servers,)),
        topics=(topic,),
        raw=raw,
        **(known | changes),  # type: ignore[arg-type]
    )


def produce(
    bootstrap_servers: str,
    topic: str,
    partition: int,
    items: Sequence[MemoryRecord],
    *,
    compression: str | None = "lz4",
) -> None:
    """Write records in several small compressed batches and wait until the broker has them."""
    producer = KafkaProducer(
        bootstrap_servers=bootstrap_servers, compression_type=compression, linger_ms=20, batch_size=600
    )
    try:
        answers = [
            producer.send(
                topic,
                value=item.value,
                key=item.key,
                partition=partition,
                timestamp_ms=item.timestamp_ms if item.timestamp_ms >= 0 else None,
            )
            for item in items
        ]
        producer.flush()
        for answer in answers:
            answer.get(10)
    finally:
        producer.close()


def rows(block: RecordBlock) -> list[tuple[int, MemoryRecord]]:
    """A block as (offset, record) pairs."""
    return [
        (int(block.offset[row]), MemoryRecord(block.value(row), block.key(row), int(block.timestamp_ms[row])))
        for row in range(len(block))
    ]


@dataclass
class Reading:
    """What has been read from a source so far."""

    rows: dict[str, list[tuple[int, MemoryRecord]]] = field(default_factory=dict)
    next_offset: dict[str, int] = field(default_factory=dict)
    polls: list[Polled] = field(default_factory=list)

    def take(self, polled: Polled) -> None:
        self.polls.append(polled)
        for block in polled.blocks:
            self.rows.setdefault(block.partition, []).extend(rows(block))
            self.next_offset[block.partition] = block.next_offset

    def until(self, source: Source, done: Callable[[Polled], bool], *, timeout_s: float = POLL_SECONDS) -> Polled:
        """Poll until ``done`` says so of a poll."""
        for _ in range(POLLS_AT_MOST if timeout_s else IMPATIENT_POLLS_AT_MOST):
            polled = source.poll(timeout_s=timeout_s)
            self.take(polled)
            if done(polled):
                return polled
        raise AssertionError(f"not done after {POLLS_AT_MOST} polls; read {self.next_offset}")

    def to_the_end(self, source: Source, names: Sequence[str]) -> Polled:
        """Poll until these partitions have ended or are caught up."""
        return self.until(source, lambda polled: set(names) <= polled.ended | polled.caught_up)
