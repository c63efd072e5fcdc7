"""Two judges: one works, one stands by, and nobody has to do anything when the first one dies."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.acceptance.story import Live, driftline_json, metric, until
from tests.chaos.deployment import Deployment
from tests.chaos.producing import produce
from tests.chaos.traffic import INPUT, Story, records
from tests.servers.kafka import KafkaNode
from tests.servers.postgres import PostgresNode

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

MINUTE_MS = 60_000
BOUND_SECONDS = 180.0


def test_a_second_judge_takes_over_when_the_first_is_killed(
    kafka: KafkaNode, postgres: PostgresNode, tmp_path: Path
) -> None:
    topic = kafka.fresh_topic(partitions=2)
    kafka.create_topic(f"{topic}.dead")
    quiet = Story(
        records=6_000,
        start_ms=int(time.time() * 1000) - 30 * MINUTE_MS,
        length_ms=29 * MINUTE_MS,
        partitions=2,
        guardrails=(INPUT,),
    )
    history = produce(kafka.bootstrap_servers, topic, records(quiet))
    settings = {"source": {"kafka": {"group": topic}}, "ticks": {"length": "1s"}}
    live = Live(kafka.bootstrap_servers, topic, partitions=2)
    with (
        postgres.fresh_database() as url,
        Deployment(tmp_path, url, kafka.bootstrap_servers, topic, history, settings=settings) as team,
    ):
        for name, role in (("counter", "count"), ("judge-1", "judge"), ("judge-2", "judge")):
            team.add(name, role).start()
        team.wait_until(lambda: team.done() and team.leader(), seconds=BOUND_SECONDS, what="quiet and judged")
        first = str(team.leader())
        second = {"judge-1": "judge-2", "judge-2": "judge-1"}[first]
        team.processes[first].kill()

        def opened() -> bool:
            live.probe()
            return team.number("SELECT count(*) FROM incidents") > 0

        team.wait_until(opened, seconds=BOUND_SECONDS, what="with an incident")
        assert team.leader() == second
        (incident,) = driftline_json("incidents", "list", "-c", team.file)
        assert (incident["guardrail"], incident["status"]) == (INPUT, "open")
        assert team.processes[second].stop() == 0
        assert team.processes["counter"].stop() == 0


def test_two_judges_under_one_name_are_still_one_judge(
    kafka: KafkaNode, postgres: PostgresNode, tmp_path: Path
) -> None:
    topic = kafka.fresh_topic()
    with postgres.fresh_database() as url, Deployment(tmp_path, url, kafka.bootstrap_servers, topic, 0) as team:
        twins = [team.add(name, "judge") for name in ("judge-a", "judge-b")]
        for twin in twins:
            twin.variables = {"DRIFTLINE__WORKER_ID": "judge"}
            twin.start()
        addresses = [until(twin.http_address, what="started", process=twin) for twin in twins]

        def told() -> list[float]:
            """Whether each leads; nothing before both have tried."""
            leads = [metric(address, "driftline_judge_leader", absent=-1.0) for address in addresses]
            return [] if -1.0 in leads else sorted(leads)

        assert until(told, what="decided", process=twins[0]) == [0.0, 1.0]
