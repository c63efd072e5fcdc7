"""Requests of other tools over real sockets: the bytes reach the service as they were sent, within bounds."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest
from prometheus_client import CollectorRegistry

from monitor.alerting.inbound.model import InboundSource, SourceKind
from monitor.alerting.policy import AlertPolicy, Route
from monitor.clock import ManualClock
from monitor.web.health import MAX_BODY_BYTES, serve
from monitor.wiring.handling import InboundDoor
from tests.stories.handling import SECRET, body_of, signed
from tests.unit.alerting.record import T0, sqlite_stores

SOURCES = {"grafana": InboundSource(name="grafana", kind=SourceKind.grafana, secret=SECRET)}
BODY = body_of("HighErrors", firing=True, labels={"severity": "critical"}, at_ms=T0)


@pytest.fixture
def door() -> InboundDoor:
    return InboundDoor(SOURCES, AlertPolicy(routes=(Route(channel="chat"),)), clock=ManualClock(T0))


@pytest.fixture
def port(door: InboundDoor) -> Iterator[int]:
    checks: list[object] = []
    with serve("127.0.0.1", 0, CollectorRegistry(), alive=list, ready=list, inbound=door) as address:
        assert not checks
        yield urlsplit(address).port or 0


def post(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text.startswith(b"{") else {}
    finally:
        connection.close()


def test_a_genuine_alert_opens_an_incident(door: InboundDoor, port: int) -> None:
    with sqlite_stores() as stores:
        door.stores = stores
        status, said = post(port, "/inbound/grafana", BODY, signed("grafana", BODY, T0))
        assert (status, said["opened"]) == (200, ["INC-1"])
        assert post(port, "/inbound/grafana?x=1", BODY + b" ", signed("grafana", BODY, T0))[0] == 401
        assert post(port, "/inbound/other", BODY, {})[0] == 404
        with stores.alerts.transaction() as store:
            assert len(store.incidents()) == 1


def test_before_the_database_is_open_the_sender_is_to_come_again(port: int) -> None:
    assert post(port, "/inbound/grafana", BODY, signed("grafana", BODY, T0))[0] == 503


def test_nothing_else_takes_a_body(port: int) -> None:
    assert post(port, "/metrics", b"x", {})[0] == 405


def test_a_body_that_is_too_long_or_of_unknown_length_is_refused_before_it_is_read(port: int) -> None:
    for headers, status in (
        (f"Content-Length: {MAX_BODY_BYTES + 1}", b" 413 "),
        ("Transfer-Encoding: chunked", b" 411 "),
        ("Content-Length: -5", b" 411 "),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
            raw.sendall(f"POST /inbound/grafana HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n".encode())
            assert status in raw.recv(200)
