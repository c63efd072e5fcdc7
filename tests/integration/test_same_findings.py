"""The same log gives the same findings, however many workers count it and by whichever path they read it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.deployment import Deployment, merged
from tests.chaos.outcome import Outcome, accounted, announced, outcome_of, totals_of
from tests.chaos.producing import produce
from tests.chaos.traffic import INPUT, OUTPUT, Change, Story, records
from tests.servers.kafka import KafkaNode
from tests.servers.postgres import PostgresNode

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

HOUR_MS = 3_600_000
DONE_SECONDS = 300.0  # a bound for what would never end
CHANGES = (
    Change(what="probing", guardrail=INPUT, begin=0.35, end=0.6, share=0.2),
    Change(what="fail_open", guardrail=OUTPUT, begin=0.5, end=0.8, share=0.1),
)
ONE, THREE = ("run",), ("count", "count", "count", "judge")


@pytest.fixture(scope="module")
def log(kafka: KafkaNode) -> tuple[str, int]:
    """A topic of four partitions with the whole story in it, and how many records it holds."""
    topic = kafka.fresh_topic(partitions=4)
    kafka.create_topic(f"{topic}.dead")
    start_ms = int(time.time() * 1000) - 5 * HOUR_MS
    story = Story(
        records=40_000, start_ms=start_ms, length_ms=3 * HOUR_MS, changes=CHANGES, repeated=0.01, garbled=0.003
    )
    return topic, produce(kafka.bootstrap_servers, topic, records(story), batch=100)


@pytest.fixture(scope="module")
def one_worker(
    log: tuple[str, int], kafka: KafkaNode, postgres: PostgresNode, tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    return read(log, kafka, postgres, tmp_path_factory.mktemp("one"), roles=ONE, kafka_settings={})


def read(
    log: tuple[str, int],
    kafka: KafkaNode,
    postgres: PostgresNode,
    directory: Path,
    *,
    roles: tuple[str, ...],
    kafka_settings: Mapping[str, Any],
) -> Outcome:
    topic, count = log
    settings = {
        "source": {"kafka": merged({"group": directory.name}, kafka_settings)},
        "alerts": {"notify_within": "7d"},
        "commit_interval": "100ms",
    }
    with (
        postgres.fresh_database() as url,
        Deployment(directory, url, kafka.bootstrap_servers, topic, count, settings=settings) as deployment,
    ):
        for number, role in enumerate(roles):
            deployment.add(f"{role}-{number}", role).start()
        deployment.wait_until(deployment.done, seconds=DONE_SECONDS, what="done")
        workers = max(1, roles.count("count"))
        deployment.wait_until(lambda: len(deployment.owners()) == workers, seconds=DONE_SECONDS, what="shared out")
        assert [process.stop() for process in deployment.processes.values()] == [0] * len(roles)
        assert accounted(totals_of(deployment.url)) == count
        return outcome_of(deployment.url)


def test_one_worker_finds_both_changes(one_worker: Outcome) -> None:
    pages = {
        (found["guardrail"], found["question"]) for found in one_worker.findings.values() if found["kind"] == "page"
    }
    assert pages >= {(INPUT, "near_threshold"), (OUTPUT, "not_run_rise")}
    assert len(one_worker.incidents) >= 2
    assert one_worker.judged


SMALL = {"fetch_bytes": "4KiB", "partition_fetch_bytes": "4KiB"}


@pytest.mark.parametrize(
    ("roles", "kafka_settings"),
    [
        pytest.param(THREE, SMALL, id="three workers, small fetches"),
        pytest.param(ONE, {"raw_batches": "off"}, id="one worker, the client's own records"),
        pytest.param(THREE, {"raw_batches": "off"}, id="three workers, the client's own records"),
    ],
)
def test_other_ways_of_reading_it_come_to_the_very_same(
    one_worker: Outcome,
    log: tuple[str, int],
    kafka: KafkaNode,
    postgres: PostgresNode,
    tmp_path: Path,
    roles: tuple[str, ...],
    kafka_settings: Mapping[str, Any],
) -> None:
    other = read(log, kafka, postgres, tmp_path, roles=roles, kafka_settings=kafka_settings)
    assert other.counts == one_worker.counts
    assert other.findings == one_worker.findings
    assert other.incidents == one_worker.incidents
    assert other.timelines == one_worker.timelines
    assert announced(other) == announced(one_worker)
