"""The Kafka source against the real Kafka: membership, transactions, damage, retention, outages, dead letters."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from monitor.clock import ManualClock
from monitor.errors import Fenced, SourceRefused, SourceUnavailable, StoreUnavailable
from monitor.ingestion.deadletter import Sealer
from monitor.ingestion.deadletter_kafka import KafkaDeadLetters
from monitor.ingestion.gaps import Gap, GapReason
from monitor.ingestion.kafka import KafkaSource
from monitor.ingestion.kafka_options import KafkaConnection
from monitor.ingestion.memory import MemoryRecord
from tests.contract.source_logs import POLL_SECONDS, Claims, Reading, kafka_options, produce
from tests.integration.counting import delete_topic
from tests.servers.kafka import KafkaNode

pytestmark = pytest.mark.kafka

MEBI = 1 << 20
MANY_POLLS = 1_000
"""A bound for what ends by itself: a rebalance takes seconds, on a busy machine many."""
BATCH_HEADER = 61
both_paths = pytest.mark.parametrize("raw", [True, False], ids=["raw", "records"])


def numbered(count: int, *, begin: int = 0) -> list[MemoryRecord]:
    return [MemoryRecord(b'{"n":%d}' % n, None, 1_750_000_000_000 + n) for n in range(begin, begin + count)]


def offsets(read: Reading, name: str) -> list[int]:
    return [offset for offset, _ in read.rows.get(name, [])]


@contextmanager
def opened(node: KafkaNode, topic: str, claims: Claims, **changes: object) -> Iterator[tuple[KafkaSource, list[Gap]]]:
    raw = bool(changes.pop("raw", True))
    gaps: list[Gap] = []
    options = kafka_options(node.bootstrap_servers, topic, raw=raw, **changes)
    source = KafkaSource(options, ManualClock(5), on_gap=gaps.append)
    with closing(source):
        source.start(claims)
        yield source, gaps


def test_a_topic_that_does_not_exist_is_named_and_may_come(kafka: KafkaNode) -> None:
    with pytest.raises(SourceUnavailable, match="no-such-topic"), opened(kafka, "no-such-topic", Claims()):
        pass


def test_a_cluster_that_does_not_answer_is_unavailable() -> None:
    options = kafka_options("127.0.0.1:9", "events", raw=True, bootstrap_timeout_ms=300)
    source = KafkaSource(options, ManualClock(5))
    with pytest.raises(SourceUnavailable):
        source.start(Claims())
    source.close()


@both_paths
def test_aborted_and_open_transactions_are_hidden(kafka: KafkaNode, raw: bool) -> None:
    topic = kafka.fresh_topic()
    producer = KafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, transactional_id=f"tx-{uuid.uuid4().hex}", compression_type="lz4"
    )
    try:
        producer.init_transactions()
        for outcome in ("commit", "abort", "commit", "open"):
            producer.begin_transaction()
            for n in range(3):
                producer.send(topic, value=f"{outcome} {n}".encode(), partition=0)
            producer.flush()
            if outcome == "commit":
                producer.commit_transaction()
            elif outcome == "abort":
                producer.abort_transaction()
        name = f"{topic}-0"
        with opened(kafka, topic, Claims(), raw=raw) as (source, _):
            read = Reading()
            read.until(source, lambda _: read.next_offset.get(name) == 12)
            # Each transaction is three records and a marker: 0-3, 4-7 (aborted), 8-11, 12-14 (open).
            assert offsets(read, name) == [0, 1, 2, 8, 9, 10]
            # What the open transaction holds is in the log and not handed out: not caught up.
            assert not any(source.poll(timeout_s=POLL_SECONDS).caught_up for _ in range(3))
            producer.abort_transaction()
            read.to_the_end(source, [name])
            assert offsets(read, name) == [0, 1, 2, 8, 9, 10]
        with opened(kafka, topic, Claims(), raw=raw, read_committed=False) as (source, _):
            read = Reading()
            read.to_the_end(source, [name])
        assert offsets(read, name) == [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14]
    finally:
        producer.close()


@both_paths
def test_records_that_retention_removed_are_a_gap(kafka: KafkaNode, raw: bool) -> None:
    topic = kafka.fresh_topic()
    name, tp = f"{topic}-0", TopicPartition(topic, 0)
    produce(kafka.bootstrap_servers, topic, 0, numbered(50))
    with kafka.admin() as admin:
        admin.delete_records({tp: 30})
    with opened(kafka, topic, Claims({name: 10}), raw=raw) as (source, gaps):
        read = Reading()
        read.to_the_end(source, [name])
    assert offsets(read, name) == list(range(30, 50))
    assert [(gap.partition, gap.from_offset, gap.to_offset, gap.reason) for gap in gaps] == [
        (name, 10, 30, GapReason.expired)
    ]


def test_a_first_start_after_retention_is_no_gap(kafka: KafkaNode) -> None:
    topic = kafka.fresh_topic()
    name = f"{topic}-0"
    produce(kafka.bootstrap_servers, topic, 0, numbered(20))
    with kafka.admin() as admin:
        admin.delete_records({TopicPartition(topic, 0): 15})
    with opened(kafka, topic, Claims()) as (source, gaps):
        read = Reading()
        read.to_the_end(source, [name])
    assert offsets(read, name) == list(range(15, 20))
    assert gaps == []


def test_a_position_beyond_the_end_of_the_log_is_refused(kafka: KafkaNode) -> None:
    topic = kafka.fresh_topic()
    produce(kafka.bootstrap_servers, topic, 0, numbered(5))
    with (
        opened(kafka, topic, Claims({f"{topic}-0": 50})) as (source, gaps),
        pytest.raises(SourceRefused, match=f"{topic}-0 ends at offset 5, before the position 50"),
    ):
        Reading().until(source, lambda _: False)
    assert gaps == []


@both_paths
@pytest.mark.parametrize("last", [False, True], ids=["in the middle", "at the end"])
def test_a_batch_damaged_on_disk_is_a_gap_and_reading_goes_on(kafka_node: KafkaNode, raw: bool, last: bool) -> None:
    topic = kafka_node.fresh_topic()
    name = f"{topic}-0"
    for begin in (0, 20, 40):
        batch(kafka_node, topic, numbered(20, begin=begin))
    if not last:
        batch(kafka_node, topic, numbered(20, begin=60))
    kafka_node.stop()
    damage(kafka_node, name, batch_number=2)
    kafka_node.start()
    with opened(kafka_node, topic, Claims({name: 5}), raw=raw) as (source, gaps):
        read = Reading()
        read.to_the_end(source, [name])
        batch(kafka_node, topic, numbered(3, begin=100))
        read.until(source, lambda _: offsets(read, name)[-1] == (62 if last else 82))
    rest = [] if last else list(range(60, 80))
    assert offsets(read, name) == [*range(5, 40), *rest, *range(60 if last else 80, 63 if last else 83)]
    assert [(gap.partition, gap.from_offset, gap.to_offset, gap.reason) for gap in gaps] == [
        (name, 40, 60, GapReason.corrupt)
    ]


def batch(node: KafkaNode, topic: str, items: Sequence[MemoryRecord], **changes: object) -> None:
    """Write the records as one record batch: it is sent by the flush, however slow the machine is."""
    known: dict[str, object] = {"compression_type": "lz4", "linger_ms": 60_000, "batch_size": MEBI}
    producer = KafkaProducer(bootstrap_servers=node.bootstrap_servers, **(known | changes))
    try:
        for item in items:
            producer.send(topic, value=item.value, key=item.key, partition=0, timestamp_ms=item.timestamp_ms)
        producer.flush()
    finally:
        producer.close()


def damage(node: KafkaNode, name: str, *, batch_number: int) -> None:
    """Change a byte of the compressed records of one batch in the partition's log file."""
    path = Path(node._properties).parent / "data" / name / "00000000000000000000.log"
    data = bytearray(path.read_bytes())
    at = 0
    for _ in range(batch_number):
        at += 12 + int.from_bytes(data[at + 8 : at + 12], "big")
    data[at + BATCH_HEADER + 30] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_a_bomb_is_a_gap_with_its_reason(kafka: KafkaNode, compression: str) -> None:
    topic = kafka.fresh_topic()
    name = f"{topic}-0"
    produce(kafka.bootstrap_servers, topic, 0, numbered(5))
    bomb = [MemoryRecord(b"\0" * 8 * MEBI, None, 1)]
    batch(kafka, topic, bomb, compression_type=compression, max_request_size=32 * MEBI, batch_size=16 * MEBI)
    produce(kafka.bootstrap_servers, topic, 0, numbered(5))
    with opened(kafka, topic, Claims(), max_batch_bytes=MEBI) as (source, gaps):
        read = Reading()
        read.to_the_end(source, [name])
    assert offsets(read, name) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert [(gap.from_offset, gap.to_offset, gap.reason) for gap in gaps] == [(5, 6, GapReason.too_large)]


@both_paths
def test_a_poll_hands_out_a_bounded_amount_and_loses_nothing(kafka: KafkaNode, raw: bool) -> None:
    topic = kafka.fresh_topic()
    name = f"{topic}-0"
    items = [MemoryRecord(b"%06d" % n + b"x" * 1000, None, n) for n in range(3000)]
    for begin in range(0, 3000, 500):
        batch(kafka, topic, items[begin : begin + 500])
    with opened(kafka, topic, Claims(), raw=raw, poll_bytes=300_000) as (source, _):
        read = Reading()
        read.to_the_end(source, [name])
    assert read.rows[name] == list(enumerate(items))
    largest = max(sum(len(block.buffer) for block in polled.blocks) for polled in read.polls)
    assert largest <= 300_000 + 520_000  # the bound and one batch more


def test_small_batches_are_joined_into_few_blocks(kafka: KafkaNode) -> None:
    topic = kafka.fresh_topic()
    produce(kafka.bootstrap_servers, topic, 0, numbered(2000))
    with opened(kafka, topic, Claims()) as (source, _):
        read = Reading()
        read.to_the_end(source, [f"{topic}-0"])
    blocks = [block for polled in read.polls for block in polled.blocks]
    assert offsets(read, f"{topic}-0") == list(range(2000))
    assert len(blocks) <= 5


class GoingOn(Claims):
    """Claims that go on where reading stopped, for an outage may outlast the session."""

    def __init__(self, read: Reading) -> None:
        super().__init__(read.next_offset)


class Stored(Claims):
    """Claims that keep positions like a worker does: what was read counts when the partition is given back."""

    def __init__(self, shared: dict[str, int]) -> None:
        super().__init__(shared)
        self.read = Reading()
        self.shared = shared

    def revoked(self, partitions: Sequence[str]) -> None:
        super().revoked(partitions)
        for name in partitions:
            if name in self.read.next_offset:
                self.shared[name] = self.read.next_offset[name]


def test_a_second_member_takes_over_partitions_where_the_first_gave_them_back(kafka: KafkaNode) -> None:
    topic = kafka.fresh_topic(partitions=4)
    names = [f"{topic}-{n}" for n in range(4)]
    for n in range(4):
        produce(kafka.bootstrap_servers, topic, n, numbered(20))
    shared: dict[str, int] = {}
    first, second = Stored(shared), Stored(shared)
    options = kafka_options(kafka.bootstrap_servers, topic, raw=True)
    one, two = KafkaSource(options, ManualClock(5)), KafkaSource(options, ManualClock(5))
    with closing(one), closing(two):
        one.start(first)
        first.read.to_the_end(one, names)
        two.start(second)
        for _ in range(MANY_POLLS):
            first.read.take(one.poll(timeout_s=0.05))
            second.read.take(two.poll(timeout_s=0.05))
            if len(second.assigned_names) == 2:
                break
        assert sorted(first.revoked_names) == sorted(second.assigned_names)
        for n in range(4):
            produce(kafka.bootstrap_servers, topic, n, numbered(20, begin=20))
        for _ in range(MANY_POLLS):
            first.read.take(one.poll(timeout_s=0.05))
            second.read.take(two.poll(timeout_s=0.05))
            if sum(len(offsets(claims.read, name)) for claims in (first, second) for name in names) >= 160:
                break
    for name in names:
        assert offsets(first.read, name) + offsets(second.read, name) == list(range(40))
    assert {name for name in names if offsets(second.read, name)} == set(second.assigned_names)


def test_a_rejoin_that_outlasts_a_poll_is_not_forgotten(kafka: KafkaNode) -> None:
    topic = kafka.fresh_topic(partitions=2)
    first, second = Claims(), Claims()
    options = kafka_options(kafka.bootstrap_servers, topic, raw=True)
    one, two = KafkaSource(options, ManualClock(5)), KafkaSource(options, ManualClock(5))
    with closing(one), closing(two):
        one.start(first)
        Reading().to_the_end(one, [f"{topic}-0", f"{topic}-1"])
        coordinator = one._consumer._coordinator
        coordinator._assignment_snapshot = {topic: {0}}  # as if a partition had been added since
        one.poll(timeout_s=0.0)
        assert coordinator.rejoining
        for _ in range(MANY_POLLS):  # answered while nobody polls
            if coordinator._join_task.is_done:
                break
            time.sleep(0.01)
        two.start(second)
        for _ in range(MANY_POLLS):
            one.poll(timeout_s=0.05)
            two.poll(timeout_s=0.05)
            if second.assigned_names:
                break
    # Without its rejoin the first would send no heartbeats, be thrown out, and read on unaware of the second.
    assert first.revoked_names[:1] == second.assigned_names


def test_a_claim_that_storage_refuses_is_tried_again_and_nothing_is_read_before(kafka: KafkaNode) -> None:
    topic = kafka.fresh_topic()
    name = f"{topic}-0"
    produce(kafka.bootstrap_servers, topic, 0, numbered(5))

    class Failing(Claims):
        failures = 2

        def assigned(self, partitions: Sequence[str]) -> Mapping[str, int]:
            if self.failures:
                self.failures -= 1
                raise StoreUnavailable("the database is away")
            return super().assigned(partitions)

    with opened(kafka, topic, Failing({name: 3})) as (source, _):
        read, failed = Reading(), 0
        while not offsets(read, name):
            try:
                read.take(source.poll(timeout_s=POLL_SECONDS))
            except StoreUnavailable:
                failed += 1
    assert failed == 2
    assert offsets(read, name) == [3, 4]


def test_a_second_process_with_the_same_instance_fences_the_first(kafka: KafkaNode) -> None:
    topic = kafka.fresh_topic()
    options = kafka_options(kafka.bootstrap_servers, topic, raw=True, instance_id="worker-1")
    one, two = KafkaSource(options, ManualClock(5)), KafkaSource(options, ManualClock(5))
    with closing(one), closing(two):
        one.start(Claims())
        Reading().to_the_end(one, [f"{topic}-0"])
        two.start(Claims())
        Reading().to_the_end(two, [f"{topic}-0"])
        one.committed({f"{topic}-0": 0})
        with pytest.raises(Fenced):
            Reading().until(one, lambda _: False)


def test_committed_positions_reach_the_group_for_lag_tools(kafka: KafkaNode) -> None:
    topic = kafka.fresh_topic()
    produce(kafka.bootstrap_servers, topic, 0, numbered(5))
    options = kafka_options(kafka.bootstrap_servers, topic, raw=True)
    source = KafkaSource(options, ManualClock(5))
    watcher = KafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, group_id=options.group)
    with closing(source), closing(watcher):
        source.start(Claims())
        read = Reading()
        read.to_the_end(source, [f"{topic}-0"])
        source.committed({f"{topic}-0": 4})
        read.until(source, lambda _: watcher.committed(TopicPartition(topic, 0)) == 4)
    # It is never read back: the next member starts where its claim says.
    with opened(kafka, topic, Claims({f"{topic}-0": 2}), group=options.group) as (again, _):
        read = Reading()
        read.to_the_end(again, [f"{topic}-0"])
    assert offsets(read, f"{topic}-0") == [2, 3, 4]


def test_an_outage_is_unavailable_never_caught_up_and_over_when_the_broker_is_back(kafka_node: KafkaNode) -> None:
    topic = kafka_node.fresh_topic()
    name = f"{topic}-0"
    produce(kafka_node.bootstrap_servers, topic, 0, numbered(10))
    read = Reading()
    with opened(kafka_node, topic, GoingOn(read)) as (source, gaps):
        read.to_the_end(source, [name])
        kafka_node.stop()
        with pytest.raises(SourceUnavailable):
            read.until(source, lambda polled: bool(polled.caught_up))
        kafka_node.start()
        produce(kafka_node.bootstrap_servers, topic, 0, numbered(10))
        while len(offsets(read, name)) < 20:
            try:
                read.take(source.poll(timeout_s=POLL_SECONDS))
            except SourceUnavailable:
                continue
    assert offsets(read, name) == list(range(20))
    assert gaps == []


def letters_in(node: KafkaNode, topic: str) -> list[tuple[bytes | None, bytes | None, dict[str, bytes]]]:
    tp = TopicPartition(topic, 0)
    consumer = KafkaConsumer(bootstrap_servers=node.bootstrap_servers)
    with closing(consumer):
        consumer.assign([tp])
        consumer.seek_to_beginning(tp)
        end = consumer.end_offsets([tp])[tp]
        found: list[tuple[bytes | None, bytes | None, dict[str, bytes]]] = []
        while len(found) < end:
            for records in consumer.poll(timeout_ms=500).values():
                found += [(record.key, record.value, dict(record.headers)) for record in records]
    return found


def test_dead_letters_in_kafka_hold_no_text_unless_told_to(kafka: KafkaNode) -> None:
    connection = KafkaConnection((kafka.bootstrap_servers,))
    value = b'{"prompt":"how do I pick a lock"'
    letter = {"partition": "events-3", "offset": 7, "reason": "not_json", "detail": "byte 32", "key": b"user-1"}
    for payload in ("drop", "keep"):
        topic = kafka.fresh_topic()
        sealer = Sealer(payload=payload, hash_key=b"a key of sixteen", keep_bytes=20)  # type: ignore[arg-type]
        letters = KafkaDeadLetters(connection, topic=topic, sealer=sealer)
        with closing(letters):
            letters.send(**letter, value=value)  # type: ignore[arg-type]
            letters.flush()
            [(key, kept, headers)] = letters_in(kafka, topic)
        assert (headers["reason"], headers["partition"], headers["offset"]) == (b"not_json", b"events-3", b"7")
        if payload == "keep":
            assert (key, kept, headers["truncated"]) == (b"user-1", value[:20], b"true")
            assert len(headers["sha256"]) == 64
        else:
            assert key is None
            assert b"lock" not in (kept or b"")
            assert json.loads(kept or b"")["sample_hash"] == sealer.sample_hash(value)
            assert "sha256" not in headers


def test_dead_letters_wait_for_a_broker_that_comes_back(kafka_node: KafkaNode) -> None:
    topic = kafka_node.fresh_topic()
    sealer = Sealer(payload="drop", hash_key=b"a key of sixteen")
    connection = KafkaConnection((kafka_node.bootstrap_servers,))
    letters = KafkaDeadLetters(connection, topic=topic, sealer=sealer, flush_seconds=2.0)
    with closing(letters):
        send = {"partition": "events-3", "reason": "not_json", "detail": "", "key": None, "value": b"{"}
        letters.send(offset=1, **send)  # type: ignore[arg-type]
        letters.flush()
        kafka_node.stop()
        letters.send(offset=2, **send)  # type: ignore[arg-type]
        with pytest.raises(SourceUnavailable):
            letters.flush()
        kafka_node.start()
        for _ in range(20):
            try:
                letters.flush()
            except SourceUnavailable:
                continue
            break
    found = [headers["offset"] for _, _, headers in letters_in(kafka_node, topic)]
    assert sorted(set(found)) == [b"1", b"2"]


def test_a_dead_letter_topic_that_does_not_exist_is_made_and_one_that_goes_away_is_named(kafka: KafkaNode) -> None:
    connection = KafkaConnection((kafka.bootstrap_servers,))
    sealer = Sealer(payload="drop", hash_key=b"a key of sixteen")
    topic = f"made-{uuid.uuid4().hex[:12]}"
    letter = {"partition": "events-3", "reason": "not_json", "detail": "", "key": None, "value": b"{"}
    letters = KafkaDeadLetters(connection, topic=topic, sealer=sealer, flush_seconds=2.0)
    with closing(letters):
        letters.send(offset=1, **letter)  # type: ignore[arg-type]
        letters.flush()
        delete_topic(kafka.bootstrap_servers, topic)
        letters.send(offset=2, **letter)  # type: ignore[arg-type]
        with pytest.raises(SourceUnavailable, match=f"dead letters cannot be written to topic {topic}"):
            letters.flush()
    with closing(KafkaDeadLetters(connection, topic=topic, sealer=sealer)) as again:  # as the next worker does
        again.send(offset=2, **letter)  # type: ignore[arg-type]
        again.flush()
    assert {headers["offset"] for _, _, headers in letters_in(kafka, topic)} == {b"2"}


@pytest.mark.parametrize("limit", [2_000, 2 * MEBI], ids=["refused by the broker", "refused by the client"])
def test_a_letter_that_is_too_large_for_its_topic_goes_without_its_payload(kafka: KafkaNode, limit: int) -> None:
    topic = kafka.fresh_topic(configs={"max.message.bytes": str(limit)})
    size = 2 * MEBI if limit > MEBI else 50_000
    value = random.Random(7).randbytes(size)
    sealer = Sealer(payload="keep", hash_key=b"a key of sixteen", keep_bytes=size)
    letters = KafkaDeadLetters(KafkaConnection((kafka.bootstrap_servers,)), topic=topic, sealer=sealer)
    with closing(letters):
        letters.send(partition="events-3", offset=1, reason="not_json", detail="", key=None, value=value)
        letters.flush()
    [(_, kept, headers)] = letters_in(kafka, topic)
    assert headers["dropped"] == b"too large for the topic"
    assert json.loads(kept or b"")["size"] == size
