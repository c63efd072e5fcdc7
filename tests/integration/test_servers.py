"""The real servers do what the rest of the tests rely on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Self

import psutil
import pytest
from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from sqlalchemy import create_engine, text

from monitor.demo.broker import EmbeddedBroker
from tests.servers.kafka import KafkaNode
from tests.servers.postgres import PostgresNode

PATIENCE_SECONDS = 60.0


def produce(bootstrap_servers: str, topic: str, values: Iterable[bytes], *, partition: int = 0) -> None:
    with KafkaProducer(bootstrap_servers=bootstrap_servers, acks="all") as producer:
        sent = [producer.send(topic, value, partition=partition) for value in values]
        for future in sent:
            future.get(timeout=PATIENCE_SECONDS)


def read_all(bootstrap_servers: str, topic: str, count: int) -> list[bytes]:
    """The first `count` records of partition 0, in order."""
    values: list[bytes] = []
    with KafkaConsumer(bootstrap_servers=bootstrap_servers, fetch_max_wait_ms=20) as consumer:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek(partition, 0)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(values) < count:
            assert time.monotonic() < deadline, f"{len(values)} of {count} records in {PATIENCE_SECONDS:g} s"
            for records in consumer.poll(timeout_ms=200).values():
                values.extend(record.value for record in records)
    return values


def test_acknowledged_records_survive_a_kill_of_the_broker(kafka_node: KafkaNode) -> None:
    topic = kafka_node.fresh_topic()
    before = [f"before-{i}".encode() for i in range(500)]
    produce(kafka_node.bootstrap_servers, topic, before)
    killed = kafka_node.pid
    kafka_node.kill()
    assert killed is not None
    assert not psutil.pid_exists(killed)

    kafka_node.restart()
    after = [f"after-{i}".encode() for i in range(500)]
    produce(kafka_node.bootstrap_servers, topic, after)

    assert kafka_node.pid != killed
    assert read_all(kafka_node.bootstrap_servers, topic, 1_000) == before + after


def test_a_client_finds_the_killed_broker_again(kafka_node: KafkaNode) -> None:
    topic = kafka_node.fresh_topic()
    with KafkaProducer(
        bootstrap_servers=kafka_node.bootstrap_servers, acks="all", reconnect_backoff_max_ms=200
    ) as producer:
        producer.send(topic, b"one").get(timeout=PATIENCE_SECONDS)
        kafka_node.kill()
        waiting = producer.send(topic, b"two")
        kafka_node.restart()
        waiting.get(timeout=PATIENCE_SECONDS)
    assert read_all(kafka_node.bootstrap_servers, topic, 2) == [b"one", b"two"]


class Member(ConsumerRebalanceListener):
    """A consumer of a group that polls in a thread of its own, as every worker of the service does.

    One thread cannot drive two members: in kafka-python 3.0.12 a join that completes between two polls is thrown
    away and begun anew, so members that take turns in one thread would rebalance for ever.
    """

    def __init__(self, node: KafkaNode, topic: str, changed: threading.Condition) -> None:
        self.owned: frozenset[int] = frozenset()
        self.revoked: set[int] = set()
        self.lost: set[int] = set()
        self.values: list[bytes] = []
        self._changed = changed
        self._leaving = threading.Event()
        self._consumer = KafkaConsumer(
            bootstrap_servers=node.bootstrap_servers,
            group_id=f"group-{topic}",
            partition_assignment_strategy=[CooperativeStickyAssignor],
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            heartbeat_interval_ms=100,
            fetch_max_wait_ms=20,
        )
        self._consumer.subscribe([topic], listener=self)
        self._thread = threading.Thread(target=self._poll, name=f"member of {topic}")

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing to note: `owned` tells."""

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self.revoked |= {partition.partition for partition in revoked}

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        self.lost |= {partition.partition for partition in lost}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        self._thread.join()
        self._consumer.close()

    def _poll(self) -> None:
        while not self._leaving.is_set():
            polled = self._consumer.poll(timeout_ms=100)
            with self._changed:
                self.values.extend(record.value for records in polled.values() for record in records)
                self.owned = frozenset(partition.partition for partition in self._consumer.assignment())
                self._changed.notify_all()
            if polled:
                self._consumer.commit()


def test_a_second_consumer_takes_half_the_partitions_and_the_first_keeps_the_rest(kafka: KafkaNode) -> None:
    topic = kafka.fresh_topic(partitions=4)
    changed = threading.Condition()

    def wait_for(happened: Callable[[], bool], what: str) -> None:
        with changed:
            assert changed.wait_for(happened, PATIENCE_SECONDS), f"not within {PATIENCE_SECONDS:g} s: {what}"

    def produce_to_all(name: str) -> None:
        for partition in range(4):
            produce(kafka.bootstrap_servers, topic, [f"{name}-{partition}".encode()], partition=partition)

    with Member(kafka, topic, changed) as first:
        wait_for(lambda: len(first.owned) == 4, "the first consumer owns all partitions")
        produce_to_all("a")
        wait_for(lambda: len(first.values) == 4, "the first consumer reads all partitions")

        with Member(kafka, topic, changed) as second:
            wait_for(lambda: len(first.owned) == len(second.owned) == 2, "both own two partitions")
            kept, moved = first.owned, second.owned
            assert kept | moved == {0, 1, 2, 3}
            assert first.revoked == moved, "cooperative: only what moves is taken away"
            produce_to_all("b")
            wait_for(lambda: len(first.values) + len(second.values) >= 8, "both read on")

    assert sorted(first.values[4:]) == [f"b-{partition}".encode() for partition in sorted(kept)]
    assert sorted(second.values) == [f"b-{partition}".encode() for partition in sorted(moved)]
    assert not first.lost | second.lost


def test_committed_rows_survive_a_kill_of_postgres(postgres_node: PostgresNode) -> None:
    engine = create_engine(postgres_node.url())
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept (n integer PRIMARY KEY)"))
        connection.execute(text("INSERT INTO kept SELECT generate_series(1, 1000)"))
    open_transaction = engine.connect()
    open_transaction.execute(text("INSERT INTO kept VALUES (1001)"))
    killed = postgres_node.pid
    postgres_node.kill()
    assert not psutil.pid_exists(killed)
    open_transaction.invalidate()
    open_transaction.close()
    engine.dispose()

    postgres_node.restart()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*), max(n) FROM kept")).one() == (1000, 1000)
    engine.dispose()
    assert postgres_node.pid != killed


def test_a_fresh_database_is_empty_and_a_clone_starts_with_its_template(postgres: PostgresNode) -> None:
    with postgres.fresh_database() as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            assert connection.execute(text("SELECT count(*) FROM pg_stat_user_tables")).scalar_one() == 0
            connection.execute(text("CREATE TABLE shelf (book text)"))
            connection.execute(text("INSERT INTO shelf VALUES ('b'), ('B'), ('a')"))
        engine.dispose()  # a template may have no connections
        with postgres.fresh_database(template=engine.url.database) as clone_url:
            clone = create_engine(clone_url)
            with clone.connect() as connection:
                books = connection.execute(text("SELECT book FROM shelf ORDER BY book")).scalars().all()
                assert books == ["B", "a", "b"], "by code point on every machine"
            clone.dispose()


def test_any_database_url_gives_an_empty_database_of_the_kind_asked_for(
    any_database_url: str, request: pytest.FixtureRequest
) -> None:
    kind = request.node.callspec.params["any_database_url"]
    engine = create_engine(any_database_url)
    assert engine.dialect.name == {"sqlite": "sqlite", "postgres": "postgresql"}[kind]
    assert (request.node.get_closest_marker("postgres") is not None) == (kind == "postgres")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n integer)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))
    engine.dispose()


def test_the_embedded_broker_gives_back_what_was_produced(embedded_broker: EmbeddedBroker) -> None:
    admin = KafkaAdminClient(bootstrap_servers=embedded_broker.bootstrap_servers)
    admin.create_topics({"t": {"num_partitions": 1, "replication_factor": 1}})
    admin.close()
    values = [str(i).encode() for i in range(100)]
    produce(embedded_broker.bootstrap_servers, "t", values)
    assert read_all(embedded_broker.bootstrap_servers, "t", 100) == values


def test_an_ended_embedded_broker_leaves_its_port_free() -> None:
    with EmbeddedBroker() as broker:
        socket.create_connection(("127.0.0.1", broker.port), timeout=5.0).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", broker.port), timeout=5.0)
