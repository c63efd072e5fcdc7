"""One counting worker on a Kafka topic or on files, and a database, stepped by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from kafka import KafkaAdminClient
from kafka.errors import KafkaError, UnknownTopicOrPartitionError

from monitor.clock import SystemClock
from monitor.counting.counter import CountRule
from monitor.counting.slice_table import SliceTable
from monitor.events.batch import Vocabulary
from monitor.events.decode import Decoder
from monitor.ingestion.deadletter import CountedDeadLetters, DeadLetters
from monitor.ingestion.files import FileSource
from monitor.ingestion.gaps import OnGap
from monitor.ingestion.kafka import KafkaSource
from monitor.ingestion.kafka_membership import topic_name
from monitor.ingestion.memory import MemoryRecord
from monitor.ingestion.source import Source
from monitor.ingestion.worker import Renewal, Worker, WorkerReport
from monitor.storage.session import Database
from monitor.storage.stores import Stores
from tests.contract.source_logs import kafka_options

STEP_SECONDS = 0.1
WITHIN_SECONDS = 90.0
"""A bound for what would never end: a member joins within seconds, the embedded broker's after half a session."""
KEY = b"0123456789abcdef"


@dataclass
class Counted:
    """What a worker has said so far."""

    worker: Worker
    events: int = 0
    gap: int = 0
    rejected: int = 0
    lag: Mapping[str, int] = field(default_factory=dict)
    renewed: list[Renewal] = field(default_factory=list)
    owned: int = 0

    def step(self) -> WorkerReport:
        """One step, added up."""
        report = self.worker.step(timeout_s=STEP_SECONDS)
        self.events += report.tally.events
        self.gap += report.tally.gap
        self.rejected += sum(report.tally.rejected.values())
        self.renewed += report.renewed
        self.lag, self.owned = report.lag, report.owned
        return report

    def until(self, reached: Callable[[], bool], *, seconds: float = WITHIN_SECONDS) -> float:
        """Step until it is so; how many seconds that took."""
        began = time.monotonic()
        while not reached():
            assert time.monotonic() - began < seconds, f"not reached; {self}"
            self.step()
        return time.monotonic() - began


@contextmanager
def counting(
    stores: Stores, servers: str, topic: str, *, dead_letters: DeadLetters | None = None, **options: Any
) -> Iterator[Counted]:
    """A worker of a topic that has begun; it is abandoned on leaving, what it has not committed is lost."""
    known: dict[str, Any] = {"group": f"group-{topic}", "raw": True}
    settings = kafka_options(servers, topic, **(known | options))
    with working(
        stores,
        lambda on_gap: KafkaSource(settings, SystemClock(), on_gap=on_gap),
        topic_name,
        dead_letters or CountedDeadLetters(),
    ) as counted:
        yield counted


@contextmanager
def counting_files(
    stores: Stores, paths: Sequence[Path], *, dead_letters: DeadLetters | None = None, **options: Any
) -> Iterator[Counted]:
    """The same of files."""
    with working(
        stores,
        lambda _: FileSource(paths, **({"leave_half": True} | options)),
        str,
        dead_letters or CountedDeadLetters(),
    ) as counted:
        yield counted


@contextmanager
def working(
    stores: Stores,
    open_source: Callable[[OnGap], Source],
    source_of: Callable[[str], str],
    dead_letters: DeadLetters,
) -> Iterator[Counted]:
    """The same of any source."""
    vocabulary = Vocabulary.bounded()
    worker = Worker(
        open_source,
        stores.counts,
        Decoder(vocabulary, KEY),
        dead_letters,
        SliceTable(vocabulary, units=100, strata_per_unit=10, slices=1000),
        CountRule(),
        owner="worker",
        source_of=source_of,
        now_ms=SystemClock().now_ms,
        commit_interval_ms=100,
        timer=time.perf_counter,
    )
    worker.start()
    try:
        yield Counted(worker)
    finally:
        worker.abandon()


def events(count: int, tag: str) -> list[MemoryRecord]:
    """So many canonical events of now, whose ids begin with a tag."""
    now = int(time.time() * 1000)
    return [
        MemoryRecord(
            msgspec.json.encode(
                {
                    "v": 1,
                    "event_id": f"{tag}-{n}",
                    "time": now,
                    "guardrail": "pi",
                    "stage": "input",
                    "score": 0.05,
                    "threshold": 0.5,
                    "verdict": "allow",
                }
            ),
            None,
            now,
        )
        for n in range(count)
    ]


def delete_topic(servers: str, topic: str) -> None:
    """Delete it, and wait until it is gone."""
    admin = KafkaAdminClient(bootstrap_servers=servers)
    try:
        admin.delete_topics([topic])
        while topic in admin.list_topics():
            time.sleep(0.05)
    finally:
        admin.close()


def create_topic(servers: str, topic: str, *, partitions: int = 1) -> None:
    """Create it, trying again while a former one of the name is being removed."""
    admin = KafkaAdminClient(bootstrap_servers=servers)
    try:
        for _ in range(100):
            with suppress(UnknownTopicOrPartitionError):
                try:
                    admin.create_topics(
                        {topic: {"num_partitions": partitions, "replication_factor": 1}}, wait_for_metadata=True
                    )
                    return
                except KafkaError as error:
                    last = error
            time.sleep(0.1)
        raise last
    finally:
        admin.close()


def marks(database: Database) -> list[tuple[str, int, int]]:
    """The ledger's rows as (mark, from, to)."""
    with database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT mark, from_offset, to_offset FROM tick_ledger ORDER BY id")
        return [(mark, low, high) for mark, low, high in rows]
