"""`driftline try` on a topic of the real Kafka: up to its present end, and without a trace."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from kafka import KafkaAdminClient
from kafka.structs import TopicPartition

from monitor.ingestion.gaps import Gap, GapReason
from monitor.ingestion.kafka_range import KafkaRange
from tests.acceptance.story import driftline_json
from tests.chaos.producing import produce
from tests.chaos.traffic import INPUT, Change, Story, records
from tests.contract.source_logs import POLL_SECONDS, POLLS_AT_MOST, Claims, kafka_options
from tests.servers.kafka import KafkaNode

pytestmark = pytest.mark.kafka

HOUR_MS = 3_600_000
START_MS = 1_790_000_000_000
"""Long ago: a topic of the tests keeps its records for ever."""
STORY = Story(
    records=12_000,
    start_ms=START_MS,
    length_ms=3 * HOUR_MS,
    partitions=2,
    changes=[Change(what="probing", guardrail=INPUT, begin=0.6, end=0.9, share=0.3)],
)


def read(source: KafkaRange) -> dict[str, list[int]]:
    """The offsets of every partition, to the end."""
    found: dict[str, list[int]] = {}
    with closing(source):
        source.start(Claims())
        for _ in range(POLLS_AT_MOST):
            polled = source.poll(timeout_s=POLL_SECONDS)
            for block in polled.blocks:
                found.setdefault(block.partition, []).extend(block.offset.tolist())
            if polled.ended == source.partitions():
                return found
    raise AssertionError("the topic did not end")


def test_a_topic_is_tried_up_to_its_present_end_without_a_group(kafka: KafkaNode) -> None:
    topic = kafka.fresh_topic(partitions=2)
    produce(kafka.bootstrap_servers, topic, records(STORY))
    found = driftline_json("try", topic, "--servers", kafka.bootstrap_servers)
    assert (found["events"], found["log"]) == (12_000, f"topic {topic}")
    assert found["pages"] >= 1
    assert found["proposal"]["settings"]["source"]["kafka"]["topics"] == [topic]
    newest = driftline_json("try", topic, "--servers", kafka.bootstrap_servers, "--max-events", "2000")
    assert newest["events"] == 2_000
    with closing(KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)) as admin:
        assert "driftline" not in json.dumps(admin.list_groups(), default=str)


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "records"])
def test_the_newest_records_are_read_twice_alike_while_the_topic_grows(kafka: KafkaNode, raw: bool) -> None:
    topic = kafka.fresh_topic(partitions=2)
    produce(kafka.bootstrap_servers, topic, records(STORY), batch=700)
    options = kafka_options(kafka.bootstrap_servers, topic, raw=raw)
    first = KafkaRange(options, max_records=3_000)
    offsets = read(first)
    assert sum(map(len, offsets.values())) == 3_000
    assert all(part == list(range(part[0], part[-1] + 1)) for part in offsets.values())
    produce(kafka.bootstrap_servers, topic, records(STORY), batch=700)
    assert read(KafkaRange(options, max_records=3_000, like=first)) == offsets
    assert first.progress == (3_000, 3_000)


def test_only_what_came_since_is_read(kafka: KafkaNode) -> None:
    topic = kafka.fresh_topic(partitions=2)
    produce(kafka.bootstrap_servers, topic, records(STORY))
    since = START_MS + 2 * HOUR_MS
    late = sum(record.time_ms >= since for record in records(STORY))
    options = kafka_options(kafka.bootstrap_servers, topic, raw=True)
    assert sum(map(len, read(KafkaRange(options, max_records=10**6, since_ms=since)).values())) == late
    assert read(KafkaRange(options, max_records=10**6, since_ms=START_MS + 9 * HOUR_MS)) == {}


def test_records_that_retention_has_removed_are_told_as_a_gap(kafka: KafkaNode) -> None:
    topic = kafka.fresh_topic(partitions=2)
    produce(kafka.bootstrap_servers, topic, records(STORY))
    options = kafka_options(kafka.bootstrap_servers, topic, raw=True)
    first = KafkaRange(options, max_records=10**6)
    assert sum(map(len, read(first).values())) == STORY.records
    with closing(KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)) as admin:
        admin.delete_records({TopicPartition(topic, 0): 1_000})
    gaps: list[Gap] = []
    again = KafkaRange(options, max_records=10**6, like=first)
    again.tell_gaps(gaps.append)
    assert sum(map(len, read(again).values())) == STORY.records - 1_000
    assert [(gap.from_offset, gap.to_offset, gap.reason) for gap in gaps] == [(0, 1_000, GapReason.expired)]
