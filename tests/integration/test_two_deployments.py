"""Two deployments with one consumer group and two databases: the second is refused, the first counts everything."""

from __future__ import annotations

import uuid
from contextlib import ExitStack

import pytest
from kafka import KafkaConsumer
from kafka.structs import OffsetAndMetadata, TopicPartition

from monitor.errors import SourceUnavailable
from monitor.ingestion.kafka_deployment import EVERY_MS, LIVE_MS, Deployment
from monitor.signals.registry import LAYOUT
from monitor.storage.stores import open_stores
from tests.contract.source_logs import produce
from tests.integration.counting import counting, create_topic, events

NOW = 1_767_225_600_000


@pytest.fixture
def topic(kafka) -> str:
    name = f"topic-{uuid.uuid4().hex[:12]}"
    create_topic(kafka.bootstrap_servers, name, partitions=2)
    for partition in (0, 1):
        produce(kafka.bootstrap_servers, name, partition, events(20, f"p{partition}"))
    return name


def test_a_second_deployment_is_refused_and_the_first_counts_everything(kafka, topic, tmp_path):
    servers = kafka.bootstrap_servers
    with ExitStack() as opened:
        ours, theirs = (
            opened.enter_context(open_stores(f"sqlite:///{tmp_path / name}.db", layout=LAYOUT))
            for name in ("ours", "theirs")
        )
        assert ours.deployment == ours.deployment != theirs.deployment
        with counting(ours, servers, topic, deployment=ours.deployment) as first:
            first.until(lambda: first.events == 40)
            first.until(lambda: _metadata(servers, topic) != "")  # offsets are committed in the background
            assert _metadata(servers, topic).split()[:2] == ["driftline", ours.deployment]
            with (
                pytest.raises(
                    SourceUnavailable, match=rf"deployment {ours.deployment} reads .* into another database"
                ),
                counting(theirs, servers, topic, deployment=theirs.deployment),
            ):
                raise AssertionError("it was let in")
            for partition in (0, 1):
                produce(servers, topic, partition, events(5, f"later{partition}"))
            first.until(lambda: first.events == 50)
            assert (ours.reads.totals().events, theirs.reads.totals().events) == (50, 0)
        with counting(ours, servers, topic, deployment=ours.deployment) as next_:  # of the same one: welcome
            next_.until(lambda: next_.owned == 2)


def _metadata(servers: str, topic: str) -> str:
    consumer = KafkaConsumer(bootstrap_servers=servers, group_id=f"group-{topic}")
    try:
        found = consumer.committed(TopicPartition(topic, 0), metadata=True)
        return found.metadata if found is not None else ""
    finally:
        consumer.close()


class Group:
    """What a coordinator answers; the rest of the client is not asked."""

    def __init__(self, **committed_by: str) -> None:
        self.committed = {
            TopicPartition("t", int(p[1:])): OffsetAndMetadata(9, m, -1) for p, m in committed_by.items()
        }
        self._coordinator = self

    def fetch_committed_offsets(self, partitions, timeout_ms):
        return {tp: found for tp, found in self.committed.items() if tp in partitions}


EVERY = [TopicPartition("t", n) for n in range(3)]


@pytest.mark.parametrize(
    ("metadata", "joining", "refused"),
    [
        (f"driftline b {NOW - 1}", True, True),
        (f"driftline b {NOW + LIVE_MS // 2}", True, True),
        (f"driftline a {NOW - 1}", True, False),
        (f"driftline b {NOW - LIVE_MS}", True, False),
        ("", True, False),
        ("of another tool", True, False),
        ("driftline b soon", True, False),
        (f"driftline b {NOW - 1}", False, False),
        (f"driftline A {NOW - 1}", False, True),
    ],
    ids=[
        "at work",
        "by a clock ahead",
        "ours",
        "gone",
        "no word",
        "foreign",
        "damaged",
        "later than we",
        "before us",
    ],
)
def test_who_leaves(metadata, joining, refused):
    deployment = Deployment(Group(p1=metadata), own="a", group="g")
    if not refused:
        deployment.confirm(EVERY, NOW, joining=joining)
        return
    with pytest.raises(SourceUnavailable, match=r"source\.kafka\.group"):
        deployment.confirm(EVERY, NOW, joining=joining)


def test_it_says_every_few_seconds_that_it_is_there():
    deployment = Deployment(Group(), own="a", group="g")
    assert deployment.due(NOW)
    deployment.confirm(EVERY, NOW, joining=True)
    assert not deployment.due(NOW + EVERY_MS - 1)
    assert deployment.due(NOW + EVERY_MS)
    assert deployment.due(NOW - EVERY_MS)  # a clock that was set back
    deployment.offsets({EVERY[0]: 5, EVERY[1]: 7}, NOW)
    assert deployment.alive({EVERY[0]}, NOW + 1) == {EVERY[0]: OffsetAndMetadata(5, f"driftline a {NOW + 1}", -1)}


def test_without_an_identity_nothing_is_looked_for():
    deployment = Deployment(Group(p1=f"driftline b {NOW}"), own="", group="g")
    deployment.confirm(EVERY, NOW, joining=True)
    assert not deployment.due(NOW)
    assert deployment.offsets({EVERY[0]: 5}, NOW)[EVERY[0]].metadata == ""
