"""A team's day with Driftline, as they see it: a process, its endpoints, and commands in a terminal."""

from __future__ import annotations

import subprocess
import time
import uuid
from pathlib import Path

import pytest

from monitor.counts.units import WHOLE
from monitor.storage.stores import open_stores
from tests.acceptance.story import Live, driftline, driftline_json, get, metric, until
from tests.chaos.outcome import accounted, totals_of
from tests.chaos.process import COMMAND, Process, environment, write_settings
from tests.chaos.producing import produce
from tests.chaos.traffic import INPUT, Story, records
from tests.servers.kafka import KafkaNode

pytestmark = pytest.mark.kafka

PARTITIONS = 2
MINUTE_MS = 60_000
STOP_SECONDS = 10.0


def test_a_probing_campaign_in_live_traffic_from_the_first_event_to_the_lessons_learned(
    kafka: KafkaNode, tmp_path: Path
) -> None:
    # A topic with half an hour of quiet traffic in it, and a settings file of a few lines.
    topic = kafka.fresh_topic(partitions=PARTITIONS)
    kafka.create_topic(f"{topic}.dead")
    quiet = Story(
        records=6_000,
        start_ms=int(time.time() * 1000) - 30 * MINUTE_MS,
        length_ms=29 * MINUTE_MS,
        partitions=PARTITIONS,
        guardrails=(INPUT,),
    )
    history = produce(kafka.bootstrap_servers, topic, records(quiet))
    url = f"sqlite:///{tmp_path / 'driftline.db'}"
    settings = write_settings(
        tmp_path / "driftline.yaml",
        {
            "source": {"kafka": {"servers": kafka.bootstrap_servers, "topics": [topic], "group": topic}},
            "budget": {"pages": 1, "per": "day"},
            "database": url,
            "ticks": {"length": "1s"},
            "http": {"port": 0},
        },
    )

    # It starts, says that it lives and is ready, and counts what is there.
    service = Process("driftline", "run", settings, tmp_path / "log", {})
    service.start()
    try:
        address = until(service.http_address, what="started", process=service)
        until(lambda: get(address, "/readyz")[0] == 200, what="ready", process=service)
        assert get(address, "/healthz")[0] == 200
        until(lambda: metric(address, "driftline_events_total") == history, what="caught up", process=service)

        # The quiet half hour is the baseline, and nothing has happened.
        learned = until(lambda: baselines(settings), what="with a baseline", process=service)
        assert [(one["unit"]["guardrail"], one["state"]) for one in learned] == [(INPUT, "approved")]
        assert driftline_json("incidents", "list", "-c", settings) == []

        # Somebody starts to probe the threshold: an incident is open while it goes on.
        live = Live(kafka.bootstrap_servers, topic, partitions=PARTITIONS)

        def opened() -> list[dict[str, object]]:
            live.probe()
            found: list[dict[str, object]] = []
            if metric(address, "driftline_incidents_open") > 0:
                found = driftline_json("incidents", "list", "-c", settings)
            return found

        (incident,) = until(opened, what="with an incident", process=service)
        assert (incident["guardrail"], incident["status"]) == (INPUT, "open")

        # The person on call looks at it and takes it.
        name = str(incident["name"])
        shown = driftline("incidents", "show", name, "-c", settings)
        assert INPUT in shown
        assert "of the decision threshold" in " ".join(shown.split())
        driftline("incidents", "ack", name, "looking at the sessions", "--as", "on-call", "-c", settings)
        (taken,) = driftline_json("incidents", "list", "-c", settings)
        assert (taken["status"], taken["acknowledged_by"]) == ("acknowledged", "on-call")

        # The service is told to stop: within seconds, with exit code 0 and everything committed.
        until(
            lambda: metric(address, "driftline_events_total") == history + live.produced,
            what="done with the probing",
            process=service,
        )
        began = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - began < STOP_SECONDS
    finally:
        service.kill()
    assert accounted(totals_of(url)) == history + live.produced
    with open_stores(url) as stores:
        assert sum(part.next_offset for part in stores.reads.partitions()) == history + live.produced
    assert not [line for line in service.lines() if "text" in line], service.tail()

    # What remains is the record: it was over, this is why, this is what will be different; and it verifies.
    driftline("incidents", "resolve", name, "--reason", "the sessions are blocked", "--as", "on-call", "-c", settings)
    driftline("incidents", "close", name, "--learned", "rate-limit new accounts", "--as", "on-call", "-c", settings)
    record = driftline_json("incidents", "show", name, "-c", settings)
    assert record["incident"]["status"] == "closed"
    assert {entry["kind"] for entry in record["timeline"]} >= {"opened", "acknowledged", "resolved", "closed"}
    assert record["findings"][0]["offsets"]
    driftline("incidents", "verify", "-c", settings)


def baselines(settings: Path) -> list[dict[str, dict[str, object]]]:
    """Of units; each guardrail as a whole has one, too."""
    found: list[dict[str, dict[str, object]]] = driftline_json("baseline", "show", "-c", settings)
    return [one for one in found if one["unit"]["category"] != WHOLE]


def test_a_topic_that_does_not_exist_is_waited_for_or_ends_the_service_with_a_sentence(
    kafka: KafkaNode, tmp_path: Path
) -> None:
    topic = f"not-yet-{uuid.uuid4().hex[:12]}"
    settings = write_settings(
        tmp_path / "driftline.yaml",
        {
            "source": {"kafka": {"servers": kafka.bootstrap_servers, "topics": [topic], "group": topic}},
            "budget": {"pages": 1},
            "database": f"sqlite:///{tmp_path / 'driftline.db'}",
            "http": {"port": 0},
        },
    )
    sentence = f"topic {topic} does not exist"
    impatient = subprocess.run(
        [*COMMAND, "run", "--no-wait", "--config", str(settings)],
        capture_output=True,
        text=True,
        env=environment({}),
        timeout=120,
        check=False,
    )
    assert impatient.returncode == 75
    assert sentence in impatient.stderr
    assert "Traceback" not in impatient.stderr

    service = Process("driftline", "run", settings, tmp_path / "log", {})
    service.start()
    try:
        until(lambda: sentence in service.tail(), what="said", process=service)
        kafka.create_topic(topic)
        with open_stores(f"sqlite:///{tmp_path / 'driftline.db'}") as stores:
            until(lambda: any(part.owner for part in stores.reads.partitions()), what="assigned", process=service)
    finally:
        assert service.stop() == 0
