"""Faults of topics: made anew, aborted transactions, added partitions, dead letters that have nowhere to go."""

from __future__ import annotations

import time
import uuid
from contextlib import closing

from kafka import KafkaAdminClient, KafkaProducer

from monitor.errors import SourceUnavailable
from monitor.ingestion.deadletter import Sealer
from monitor.ingestion.deadletter_kafka import KafkaDeadLetters
from monitor.ingestion.kafka_options import KafkaConnection
from monitor.ingestion.memory import MemoryRecord
from monitor.signals.registry import LAYOUT
from monitor.storage.stores import open_stores
from tests.contract.source_logs import produce
from tests.faults.fault import Fault, Place, Seen, judged, turns
from tests.integration.counting import counting, create_topic, delete_topic, events

GUARDRAIL = "pi"
BROKERS = "brokers"
APACHE = "Apache Kafka"


def topic_in(place: Place, *, records: int) -> str:
    """A new topic with so many events."""
    topic = f"topic-{uuid.uuid4().hex[:12]}"
    create_topic(place.servers, topic)
    produce(place.servers, topic, 0, events(records, "old"))
    return topic


def made_anew(place: Place, *, records: int, running: bool) -> Seen:
    """Deleted and made anew, between two runs or while it is read."""
    topic = topic_in(place, records=300)
    with counting(place.stores, place.servers, topic) as worker:
        worker.until(lambda: worker.events == 300)
        if running:
            delete_topic(place.servers, topic)
            create_topic(place.servers, topic)
            produce(place.servers, topic, 0, events(records, "new"))
            began = time.monotonic()
            try:
                worker.until(lambda: False)
            except SourceUnavailable:
                seconds = time.monotonic() - began
    if not running:
        delete_topic(place.servers, topic)
        create_topic(place.servers, topic)
        produce(place.servers, topic, 0, events(records, "new"))
        began = time.monotonic()
    with counting(place.stores, place.servers, topic) as worker:
        worker.until(lambda: bool(worker.renewed))
        seconds = seconds if running else time.monotonic() - began
        worker.until(lambda: worker.events == records)
    return judged(place.stores, {GUARDRAIL: 300 + records}, seconds=seconds, where=turns(place.stores))


def aborted_transactions(place: Place) -> Seen:
    """Every second transaction is aborted."""
    topic = f"topic-{uuid.uuid4().hex[:12]}"
    create_topic(place.servers, topic)
    with closing(
        KafkaProducer(bootstrap_servers=place.servers, transactional_id=f"tx-{uuid.uuid4().hex}")
    ) as producer:
        producer.init_transactions()
        for number in range(4):
            producer.begin_transaction()
            for event in events(50, f"tx{number}"):
                producer.send(topic, value=event.value)
            producer.flush()
            (producer.abort_transaction if number % 2 else producer.commit_transaction)()
    with counting(place.stores, place.servers, topic) as worker:
        worker.until(lambda: worker.events >= 100)
        for _ in range(10):
            worker.step()
    return judged(place.stores, {GUARDRAIL: 100}, seconds=None, where="-")


def partition_added(place: Place) -> Seen:
    """A partition is added while the topic is read."""
    topic = topic_in(place, records=100)
    with counting(place.stores, place.servers, topic) as worker:
        worker.until(lambda: worker.events == 100)
        with closing(KafkaAdminClient(bootstrap_servers=place.servers)) as admin:
            admin.create_partitions({topic: 2})
        produce(place.servers, topic, 1, events(70, "added"))
        seconds = worker.until(lambda: worker.events == 170)
    return judged(place.stores, {GUARDRAIL: 170}, seconds=seconds, where="counted")


def dead_letters_nowhere(place: Place) -> Seen:
    """The topic of dead letters is deleted while there are letters to write."""
    topic = topic_in(place, records=100)
    sealer, connection = Sealer(payload="drop", hash_key=b"a key of sixteen"), KafkaConnection((place.servers,))
    dead = f"{topic}.dead"
    with (
        closing(KafkaDeadLetters(connection, topic=dead, sealer=sealer, flush_seconds=3.0)) as letters,
        counting(place.stores, place.servers, topic, dead_letters=letters) as worker,
    ):
        worker.until(lambda: worker.events == 100)
        delete_topic(place.servers, dead)
        broken = [MemoryRecord(b"{", None, int(time.time() * 1000))] * 5
        produce(place.servers, topic, 0, [*broken, *events(50, "after")])
        began = time.monotonic()
        try:
            worker.until(lambda: False)
        except SourceUnavailable as error:
            seconds, said = time.monotonic() - began, str(error).partition(":")[0]
    with (
        closing(KafkaDeadLetters(connection, topic=dead, sealer=sealer)) as letters,
        counting(place.stores, place.servers, topic, dead_letters=letters) as worker,
    ):
        worker.until(lambda: worker.events == 50)
    return judged(place.stores, {GUARDRAIL: 150}, seconds=seconds, where=said)


def deployments_clash(place: Place) -> Seen:
    """Another deployment, with a database of its own, joins the consumer group."""
    topic = topic_in(place, records=300)
    own = place.stores.deployment
    with counting(place.stores, place.servers, topic, deployment=own) as worker:
        worker.until(lambda: worker.events == 300)
        for _ in range(10):
            worker.step()  # offsets are committed in the background
        with open_stores(f"sqlite:///{place.directory / 'other.db'}", layout=LAYOUT) as other:
            began = time.monotonic()
            try:
                with counting(other, place.servers, topic, deployment=other.deployment):
                    said = "nowhere"
            except SourceUnavailable:
                said = "not ready: another database"
            seconds = time.monotonic() - began
        produce(place.servers, topic, 0, events(100, "later"))
        worker.until(lambda: worker.events == 400)
    return judged(place.stores, {GUARDRAIL: 400}, seconds=seconds, where=said)


FAULTS = (
    Fault(
        "a topic is made anew, longer than the position",
        lambda place: made_anew(place, records=500, running=False),
        BROKERS,
    ),
    Fault("the same while it is read", lambda place: made_anew(place, records=500, running=True), BROKERS),
    Fault(
        "a topic is made anew while it is read, shorter",
        lambda place: made_anew(place, records=50, running=True),
        BROKERS,
    ),
    Fault("transactions are aborted", aborted_transactions, APACHE),
    Fault("a partition is added while the topic is read", partition_added, APACHE),
    Fault("the topic of dead letters is deleted", dead_letters_nowhere, APACHE),
    Fault("another deployment joins the consumer group", deployments_clash, APACHE),
)
