"""A log full of what nobody should have to read: nothing crashes, every record is accounted for, nothing leaks."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from monitor.ingestion.memory import MemoryRecord
from monitor.storage.reads import Totals
from tests.chaos.deployment import Deployment
from tests.chaos.hostile import SECRET, Hostile, kinds
from tests.chaos.outcome import Outcome, accounted, outcome_of, totals_of
from tests.chaos.producing import produce
from tests.chaos.traffic import INPUT, OUTPUT, Change, Record, Story, records
from tests.integration.test_kafka_source import batch, damage
from tests.servers.kafka import KafkaNode
from tests.servers.postgres import PostgresNode

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

HOUR_MS = 3_600_000
MEBI = 1 << 20
PARTITIONS = 2
MANY = 3_000
DONE_SECONDS = 300.0  # a bound for what would never end
MEMORY_MIB = 600
"""One service with its compiled kernels takes about 300 MiB; one fetch holds up to 16 MiB and one poll 32 MiB
expanded, and a record of 10 MiB is there as fetched, expanded and joined with its neighbours."""
PROBING = (Change(what="probing", guardrail=INPUT, begin=0.5, end=0.9, share=0.3),)


@dataclass(frozen=True)
class Read:
    """What a service made of a log."""

    produced: int
    hostile: Sequence[Hostile]
    totals: Totals
    outcome: Outcome
    letters: Sequence[tuple[dict[str, bytes], bytes]]
    most_memory: int
    log: str


@pytest.fixture(scope="module")
def runs(kafka: KafkaNode, postgres: PostgresNode, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Read]:
    """The same good traffic alone, and among all that is hostile."""
    start_ms = int(time.time() * 1000) - 4 * HOUR_MS
    story = Story(records=20_000, start_ms=start_ms, length_ms=2 * HOUR_MS, partitions=PARTITIONS, changes=PROBING)
    good = list(records(story))
    hostile = kinds(time_ms=start_ms + HOUR_MS, many=MANY)
    logs = {"clean": (good, []), "dirty": (_mixed(good, hostile), hostile)}
    return {
        name: _read(kafka, postgres, tmp_path_factory.mktemp(name), name, log, bad)
        for name, (log, bad) in logs.items()
    }


def _mixed(good: Sequence[Record], hostile: Sequence[Hostile]) -> list[Record]:
    """Every hostile record somewhere in the second half of the good traffic, with the time of its neighbour."""
    rng = random.Random(5)
    values = [value for kind in hostile for value in kind.values]
    places = sorted(rng.randrange(len(good) // 2, len(good)) for _ in values)
    rng.shuffle(values)
    mixed: list[Record] = []
    at = 0
    for index, record in enumerate(good):
        mixed.append(record)
        while at < len(values) and places[at] == index:
            mixed.append(Record(record.partition, b"hostile", values[at], record.time_ms))  # type: ignore[arg-type]
            at += 1
    return mixed


def _read(
    kafka: KafkaNode,
    postgres: PostgresNode,
    directory: Path,
    name: str,
    log: list[Record],
    hostile: Sequence[Hostile],
) -> Read:
    topic = kafka.fresh_topic(partitions=PARTITIONS, configs={"max.message.bytes": str(24 * MEBI)})
    kafka.create_topic(f"{topic}.dead")
    count = produce(kafka.bootstrap_servers, topic, log, batch=50)
    with (
        postgres.fresh_database() as url,
        Deployment(
            directory, url, kafka.bootstrap_servers, topic, count, settings={"source": {"kafka": {"group": topic}}}
        ) as deployment,
    ):
        process = deployment.add(name, "run")
        process.start()
        memory = _Memory(process.pid)
        deployment.wait_until(lambda: memory.look() and deployment.done(), seconds=DONE_SECONDS, what="done")
        assert process.stop() == 0
        return Read(
            produced=count,
            hostile=hostile,
            totals=totals_of(deployment.url),
            outcome=outcome_of(deployment.url),
            letters=dead_letters(kafka, f"{topic}.dead"),
            most_memory=memory.most,
            log=process.log.read_text(encoding="utf-8"),
        )


class _Memory:
    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.most = 0

    def look(self) -> bool:
        self.most = max(self.most, self._process.memory_info().rss)
        return True


def dead_letters(node: KafkaNode, topic: str) -> list[tuple[dict[str, bytes], bytes]]:
    """Headers and value of every record of a dead-letter topic."""
    consumer = KafkaConsumer(bootstrap_servers=node.bootstrap_servers, enable_auto_commit=False)
    try:
        tp = TopicPartition(topic, 0)
        consumer.assign([tp])
        consumer.seek_to_beginning(tp)
        end = consumer.end_offsets([tp])[tp]
        found: list[tuple[dict[str, bytes], bytes]] = []
        while consumer.position(tp) < end:
            found += [(dict(one.headers), one.value) for one in consumer.poll(timeout_ms=200).get(tp, [])]
        return found
    finally:
        consumer.close()


def test_every_part_of_a_record_is_in_exactly_one_tally(runs: dict[str, Read]) -> None:
    for read in runs.values():
        more = sum(kind.more for kind in read.hostile)
        assert accounted(read.totals) == read.produced + more


def test_every_kind_is_rejected_for_its_reason_or_counted(runs: dict[str, Read]) -> None:
    dirty, clean = runs["dirty"], runs["clean"]
    reasons: Counter[str] = Counter()
    for kind in dirty.hostile:
        if kind.reason is not None:
            reasons[kind.reason] += len(kind.values)
    events = sum(kind.events for kind in dirty.hostile)
    again = next(len(kind.values) for kind in dirty.hostile if kind.kind == "again and again")
    assert dict(dirty.totals.rejected) == dict(reasons)
    assert dirty.totals.gap == 0
    assert dirty.totals.duplicates == again - PARTITIONS  # the first in each partition is an event
    assert dirty.totals.events == clean.totals.events + events - (again - PARTITIONS)
    assert dirty.totals.future == 60
    assert dirty.totals.late == 60
    assert not clean.totals.rejected


def test_each_dead_letter_says_where_and_why_and_nothing_of_the_record(runs: dict[str, Read]) -> None:
    dirty = runs["dirty"]
    assert Counter(headers["reason"].decode() for headers, _ in dirty.letters) == Counter(dirty.totals.rejected)
    assert len({(headers["partition"], headers["offset"]) for headers, _ in dirty.letters}) == len(dirty.letters)
    for headers, value in dirty.letters:
        facts = json.loads(value)
        assert facts["detail"]
        assert str(facts["offset"]).encode() == headers["offset"]
        assert SECRET.encode() not in value
        assert len(value) < 1_000


def test_no_text_reaches_log_or_database(runs: dict[str, Read]) -> None:
    dirty = runs["dirty"]
    assert SECRET not in dirty.log
    assert SECRET not in repr(dirty.outcome)
    assert "Traceback" not in dirty.log


def test_good_traffic_is_counted_and_judged_as_if_it_were_alone(runs: dict[str, Read]) -> None:
    def good(read: Read) -> dict[object, int]:
        return {key: n for key, n in read.outcome.counts.items() if key[1].guardrail in (INPUT, OUTPUT)}

    def pages(read: Read) -> set[tuple[str, ...]]:
        return {
            (found["guardrail"], found["signal"], found["question"])
            for found in read.outcome.findings.values()
            if found["kind"] == "page"
        }

    assert good(runs["dirty"]) == good(runs["clean"])
    assert (INPUT, "boundary_proximity", "near_threshold") in pages(runs["clean"])
    assert pages(runs["dirty"]) >= pages(runs["clean"])


def test_what_an_attacker_may_name_is_bounded(runs: dict[str, Read]) -> None:
    slices = {key[1] for key in runs["dirty"].outcome.counts}
    guardrails = {one.guardrail for one in slices}
    assert "(other)" in guardrails
    assert len(guardrails) <= 1_001
    assert len([one for one in slices if one.guardrail == "hostile"]) <= 257


def test_memory_is_bounded(runs: dict[str, Read]) -> None:
    print({name: read.most_memory >> 20 for name, read in runs.items()})
    assert runs["dirty"].most_memory < MEMORY_MIB * MEBI


def test_damaged_and_exploding_batches_are_gaps_that_are_accounted_for(
    kafka_node: KafkaNode, postgres: PostgresNode, tmp_path: Path
) -> None:
    topic = kafka_node.create_topic("events", configs={"max.message.bytes": str(24 * MEBI)})
    kafka_node.create_topic("events.dead")
    start_ms = int(time.time() * 1000) - 2 * HOUR_MS
    story = Story(records=3_000, start_ms=start_ms, length_ms=HOUR_MS, partitions=1)
    good = [MemoryRecord(one.value, one.key, one.time_ms) for one in records(story)]
    bomb = [MemoryRecord(b" " * 80 * MEBI, None, good[1_999].timestamp_ms)]
    batch(kafka_node, topic, good[:1_000])
    batch(kafka_node, topic, good[1_000:1_500])
    batch(kafka_node, topic, good[1_500:2_000])
    batch(kafka_node, topic, bomb, max_request_size=128 * MEBI, batch_size=100 * MEBI)
    batch(kafka_node, topic, good[2_000:])
    kafka_node.stop()
    damage(kafka_node, f"{topic}-0", batch_number=1)
    kafka_node.start()
    with (
        postgres.fresh_database() as url,
        Deployment(tmp_path / "run", url, kafka_node.bootstrap_servers, topic, 3_001) as deployment,
    ):
        process = deployment.add("run", "run")
        process.start()
        deployment.wait_until(deployment.done, seconds=DONE_SECONDS, what="done")
        assert process.stop() == 0
        totals = totals_of(deployment.url)
    letters = [headers for headers, _ in dead_letters(kafka_node, "events.dead")]
    assert (totals.events, totals.gap) == (2_500, 501)
    assert accounted(totals) == 3_001
    assert [(one["reason"], one["offset"]) for one in letters] == [(b"corrupt", b"1000"), (b"too_large", b"2000")]
