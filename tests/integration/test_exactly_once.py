"""Killing anything anywhere changes nothing in the end result: real processes, real Kafka, real PostgreSQL."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from tests.chaos.deployment import Deployment
from tests.chaos.outcome import accounted, announced, outcome_of, totals_of
from tests.chaos.producing import produce
from tests.chaos.storm import Storm
from tests.chaos.traffic import INPUT, OUTPUT, Change, Story, records
from tests.servers.kafka import KafkaNode
from tests.servers.postgres import PostgresNode
from tests.unit.alerting.receiver import HttpReceiver, answer, http_receiver

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

HOUR_MS = 3_600_000
RECORDS = 60_000
KILLS = 20
CALM_SECONDS, STORM_SECONDS = 300.0, 400.0  # bounds for what would never end, not times that are waited for
CHANGES = (
    Change(what="probing", guardrail=INPUT, begin=0.35, end=0.6, share=0.3),
    Change(what="fail_open", guardrail=OUTPUT, begin=0.5, end=0.8, share=0.3),
)
LETHAL_REQUESTS = (1, 3)
"""Of the storm's receiver: the judges die between sending and marking as sent."""
SMALL_FETCHES = {"source": {"kafka": {"fetch_bytes": "1KiB", "partition_fetch_bytes": "1KiB", "fetch_wait": "50ms"}}}
"""A broker then sends one record batch at a time: the log lasts for all kills, and commits cut it anywhere."""


@pytest.fixture
def log(kafka_node: KafkaNode) -> tuple[str, int]:
    """A topic with the whole story in it, in record batches of 20, and how many records it holds."""
    topic = kafka_node.create_topic("guardrail-events", partitions=4)
    kafka_node.create_topic("guardrail-events.dead")
    story = Story(
        records=RECORDS,
        start_ms=int(time.time() * 1000) - 5 * HOUR_MS,
        length_ms=3 * HOUR_MS,
        changes=CHANGES,
        repeated=0.005,
        garbled=0.002,
    )
    return topic, produce(kafka_node.bootstrap_servers, topic, records(story), batch=20)


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as one:
        yield one


def settings(receiver: HttpReceiver, group: str, more: dict[str, Any]) -> dict[str, Any]:
    kafka = {"group": group, **more.get("source", {}).get("kafka", {})}
    return more | {
        "source": {"kafka": kafka},
        "alerts": {
            "notify_within": "7d",
            "channels": [
                {
                    "type": "webhook",
                    "name": "hook",
                    "url": f"http://127.0.0.1:{receiver.port}/{group}",
                    "allow_private": True,
                    "allow_http": True,
                    "timeout": "1s",
                }
            ],
        },
    }


class Lethal:
    """An HTTP receiver that kills every judge when it has read a request, before it answers."""

    def __init__(self, deployment: Deployment, *, path: str) -> None:
        self._deployment = deployment
        self._path = path
        self._count = 0
        self.struck = 0

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.path == self._path:
            self._count += 1
            if self._count in LETHAL_REQUESTS:
                self.struck += 1
                for process in self._deployment.processes.values():
                    if process.role == "judge":
                        process.kill()
        answer(handler, 204)


def received(receiver: HttpReceiver, group: str) -> Counter[tuple[str, int]]:
    """How often each (dedup key, seq) came in; the key in the header is that of the body."""
    seen: Counter[tuple[str, int]] = Counter()
    for request in receiver.requests:
        if request.path == f"/{group}":
            body = json.loads(request.body)
            key, seq = body["dedup_key"], body["timeline"]["seq"]
            assert request.headers["Idempotency-Key"] == f"{key}-{seq}"
            seen[key, seq] += 1
    return seen


def dead_letters(node: KafkaNode) -> set[tuple[bytes, bytes]]:
    """Partition and offset of every dead letter."""
    consumer = KafkaConsumer(bootstrap_servers=node.bootstrap_servers, enable_auto_commit=False)
    try:
        tp = TopicPartition("guardrail-events.dead", 0)
        consumer.assign([tp])
        consumer.seek_to_beginning(tp)
        end = consumer.end_offsets([tp])[tp]
        found = set()
        while consumer.position(tp) < end:
            for record in consumer.poll(timeout_ms=200).get(tp, []):
                headers = dict(record.headers)
                found.add((headers["partition"], headers["offset"]))
        return found
    finally:
        consumer.close()


def storm_and_calm(
    seed: int, log: tuple[str, int], kafka: KafkaNode, postgres: PostgresNode, receiver: HttpReceiver, tmp: Path
) -> None:
    topic, count = log
    with (
        postgres.fresh_database() as calm_url,
        postgres.fresh_database() as storm_url,
        Deployment(
            tmp / "calm", calm_url, kafka.bootstrap_servers, topic, count, settings=settings(receiver, "calm", {})
        ) as calm,
        Deployment(
            tmp / "storm",
            storm_url,
            kafka.bootstrap_servers,
            topic,
            count,
            settings=settings(receiver, "storm", SMALL_FETCHES | {"commit_interval": "20ms"}),
        ) as stormy,
    ):
        calm.add("all", "run").start()
        calm.wait_until(calm.done, seconds=CALM_SECONDS, what="done in calm")
        assert calm.processes["all"].stop() == 0
        letters = dead_letters(kafka)

        for name, role, static in (
            ("count-1", "count", False),
            ("count-2", "count", True),
            ("count-3", "count", True),
            ("judge-1", "judge", False),
            ("judge-2", "judge", False),
        ):
            stormy.add(name, role, static=static).start()

        def broker() -> None:
            kafka.kill()
            kafka.restart()

        def database() -> None:
            postgres.kill()
            postgres.restart()

        lethal = Lethal(stormy, path="/storm")
        receiver.reply = lethal
        storm = Storm(seed=seed, kills=KILLS, servers={"broker": broker, "database": database})
        print(f"seed {seed}; plan {[(round(share, 3), victim) for share, victim in storm.plan]}")
        began = time.monotonic()
        storm.rage(stormy, seconds=STORM_SECONDS)
        print(f"storm of {time.monotonic() - began:.0f} s; restarts {storm.restarts}; landed {storm.landed}")
        codes = [process.stop() for process in stormy.processes.values()]

        expected, found = outcome_of(calm.url), outcome_of(stormy.url)
        assert len(storm.landed) == KILLS + 2
        assert {finding["question"] for finding in expected.findings.values()} >= {"near_threshold", "not_run_rise"}
        assert len(expected.incidents) >= 2
        assert expected.counts == found.counts
        assert expected.findings == found.findings
        assert expected.incidents == found.incidents
        assert expected.timelines == found.timelines
        calm_came, storm_came = received(receiver, "calm"), received(receiver, "storm")
        assert set(calm_came) == set(expected.notifications)
        assert set(storm_came) == set(found.notifications)
        assert announced(found) == announced(expected)
        assert set(calm_came.values()) == {1}
        assert lethal.struck == len(LETHAL_REQUESTS)
        assert max(storm_came.values()) > 1, "nobody was killed between sending and marking as sent"
        for deployment in (calm, stormy):
            totals = totals_of(deployment.url)
            assert accounted(totals) == count
            assert (totals.late, totals.gap) == (0, 0)
        assert len(letters) == sum(totals_of(calm.url).rejected.values()) > 0
        assert dead_letters(kafka) == letters
        assert codes == [0] * len(codes)


def test_twenty_kills_a_broker_and_a_database_later_everything_is_as_if_nothing_had_happened(
    log: tuple[str, int],
    kafka_node: KafkaNode,
    postgres_node: PostgresNode,
    receiver: HttpReceiver,
    tmp_path: Path,
) -> None:
    storm_and_calm(20261123, log, kafka_node, postgres_node, receiver, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_for_other_storms(
    seed: int,
    log: tuple[str, int],
    kafka_node: KafkaNode,
    postgres_node: PostgresNode,
    receiver: HttpReceiver,
    tmp_path: Path,
) -> None:
    storm_and_calm(seed, log, kafka_node, postgres_node, receiver, tmp_path)
