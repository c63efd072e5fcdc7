"""Driftline at a real Kafka that asks for TLS and a login: reading, and writing dead letters."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer

from tests.acceptance.story import metric, until
from tests.chaos.process import Process, write_settings
from tests.chaos.producing import produce
from tests.chaos.traffic import INPUT, Record, Story, records
from tests.servers.kafka_secure import MECHANISMS, PASSWORD, USER, SecureKafkaNode, token

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
EVENTS = 500


@pytest.fixture(scope="module")
def asking() -> Iterator[SecureKafkaNode]:
    with tempfile.TemporaryDirectory() as directory:
        node = SecureKafkaNode(Path(directory))
        node.start()
        try:
            yield node
        finally:
            node.stop()


def filled_topic(node: SecureKafkaNode) -> str:
    """A topic with readable events and one record that is none, written over the open listener."""
    topic = node.fresh_topic()
    node.create_topic(f"{topic}.dead")
    story = Story(
        records=EVENTS, start_ms=int(time.time() * 1000) - 60_000, length_ms=50_000, partitions=1, guardrails=(INPUT,)
    )
    unreadable = Record(partition=0, key=b"k", value=b"{not json", time_ms=story.start_ms)
    produce(node.bootstrap_servers, topic, [*records(story), unreadable])
    return topic


def settings(node: SecureKafkaNode, topic: str, tmp_path: Path, sasl: dict[str, Any]) -> Path:
    kafka = {
        "servers": node.secure_servers,
        "topics": [topic],
        "group": topic,
        "tls": {"enabled": True, "ca_file": str(node.ca_file)},
        "sasl": sasl,
    }
    written = {
        "source": {"kafka": kafka},
        "budget": {"pages": 1},
        "database": f"sqlite:///{tmp_path / 'driftline.db'}",
        "http": {"port": 0},
    }
    return write_settings(tmp_path / "driftline.yaml", written)


def login(mechanism: str, tmp_path: Path, *, password: str = PASSWORD) -> dict[str, Any]:
    secret = tmp_path / "secret"
    if mechanism == "OAUTHBEARER":
        secret.write_text(token(), encoding="utf-8")
        return {"mechanism": mechanism, "token_file": str(secret)}
    secret.write_text(password, encoding="utf-8")
    return {"mechanism": mechanism, "username": USER, "password_file": str(secret)}


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_it_logs_in_counts_and_writes_its_dead_letters(
    asking: SecureKafkaNode, tmp_path: Path, mechanism: str
) -> None:
    topic = filled_topic(asking)
    service = Process(
        "driftline", "run", settings(asking, topic, tmp_path, login(mechanism, tmp_path)), tmp_path / "log", {}
    )
    service.start()
    try:
        address = until(service.http_address, what="started", process=service)
        until(lambda: metric(address, "driftline_events_total") == EVENTS, what="caught up", process=service)
        consumer = KafkaConsumer(
            f"{topic}.dead",
            bootstrap_servers=asking.bootstrap_servers,
            auto_offset_reset="earliest",
            consumer_timeout_ms=20_000,
        )
        assert next(iter(consumer)).value
        consumer.close()
        assert service.stop() == 0
    finally:
        service.kill()
    assert PASSWORD not in str(service.lines())


def test_a_wrong_password_is_said_and_shown_nowhere(asking: SecureKafkaNode, tmp_path: Path) -> None:
    topic = filled_topic(asking)
    wrong = settings(asking, topic, tmp_path, login("SCRAM-SHA-512", tmp_path, password="battery staple"))
    service = Process("driftline", "run", wrong, tmp_path / "log", {})
    service.start()
    try:
        until(lambda: "uthentication" in str(service.lines()), what="refused", process=service)
    finally:
        service.kill()
    assert "battery staple" not in str(service.lines())


def test_a_certificate_of_another_authority_is_refused(asking: SecureKafkaNode, tmp_path: Path) -> None:
    topic = filled_topic(asking)
    given = settings(asking, topic, tmp_path, login("PLAIN", tmp_path))
    text = given.read_text(encoding="utf-8").replace(str(asking.ca_file), "/etc/ssl/certs/ca-certificates.crt")
    given.write_text(text, encoding="utf-8")
    service = Process("driftline", "run", given, tmp_path / "log", {})
    service.start()
    try:
        until(
            lambda: "certificate verify failed" in str(service.lines()).lower(),
            what="refused",
            process=service,
        )
    finally:
        service.kill()
