"""The alertmanager channel and the alertmanager source against a real Alertmanager."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from monitor.alerting.channels.json_post import Target
from monitor.alerting.channels.outbound import Outbound, Rules
from monitor.alerting.channels.registry import HTTP_CHANNELS
from monitor.alerting.inbound.model import InboundSource, SourceKind
from monitor.alerting.policy import AlertPolicy, Route
from monitor.alerting.ports import EventAction, Notification
from monitor.clock import SystemClock
from monitor.incidents.model import Severity
from monitor.web.health import serve
from monitor.wiring.handling import InboundDoor
from tests.contract.test_channel_registry import notification
from tests.servers.alertmanager import AlertmanagerNode, alertmanager
from tests.servers.needs import ServerUnavailable
from tests.unit.alerting.record import sqlite_stores

pytestmark = pytest.mark.slow  # asks for Debian's prometheus-alertmanager, which the default run does not install

TOKEN = "a-bearer-token-of-enough-bytes"
PATIENCE_SECONDS = 60.0


@pytest.fixture
def node(tmp_path: Path) -> Iterator[AlertmanagerNode]:
    try:
        with alertmanager(tmp_path) as running:
            yield running
    except ServerUnavailable as error:
        pytest.fail(str(error), pytrace=False)


def send(node: AlertmanagerNode, *, deed: EventAction, severity: Severity = Severity.error) -> None:
    outbound = Outbound(Rules(allow_http=True, allow_private=True, timeout_s=20))
    target = Target(url=node.url, secret=None, outbound=outbound, clock=SystemClock())
    HTTP_CHANNELS["alertmanager"](target).send(_now(notification(deed, severity=severity)), attempt=1)


def _now(given: Notification) -> Notification:
    """The same, opened now."""
    opened = "2026-01-01T00:00:00.000Z"
    incident = {**given.body["incident"], "opened_at": opened}  # type: ignore[dict-item]
    return msgspec.structs.replace(given, body={**given.body, "incident": incident})


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_an_incident_is_one_firing_alert_until_it_is_resolved(node: AlertmanagerNode) -> None:
    send(node, deed=EventAction.trigger)
    send(node, deed=EventAction.update)
    assert eventually(lambda: len(node.alerts()) == 1)
    (alert,) = node.alerts()
    assert alert["labels"]["alertname"] == "DriftlineIncident"
    assert (alert["labels"]["incident"], alert["labels"]["severity"]) == ("INC-7", "error")
    assert "0.9 % -> 12.6 %" in alert["annotations"]["summary"]
    send(node, deed=EventAction.update, severity=Severity.critical)
    assert eventually(lambda: [each["labels"]["severity"] for each in node.alerts()] == ["critical"])
    send(node, deed=EventAction.resolve, severity=Severity.critical)
    assert eventually(lambda: node.alerts() == [])


def test_what_alertmanager_sends_opens_an_incident_and_ours_is_not_looped(tmp_path: Path) -> None:
    sources = {"alertmanager": InboundSource(name="am", kind=SourceKind.alertmanager, secret=TOKEN.encode())}
    door = InboundDoor(sources, AlertPolicy(routes=(Route(channel="chat"),)), clock=SystemClock())
    with (
        sqlite_stores() as stores,
        serve("127.0.0.1", 0, CollectorRegistry(), alive=list, ready=list, inbound=door) as address,
        alertmanager(
            tmp_path, receiver=f"http://{urlsplit(address).netloc}/inbound/alertmanager", token=TOKEN
        ) as node,
    ):
        door.stores = stores
        send(node, deed=EventAction.trigger)
        _post(node, [{"labels": {"alertname": "HighErrors", "severity": "critical", "guardrail": "toxicity"}}])

        def incidents() -> list[str]:
            with stores.alerts.transaction() as store:
                return [f"{each.guardrail} {each.severity.value}" for each in store.incidents()]

        assert eventually(lambda: incidents() == ["toxicity critical"])
        time.sleep(2)  # a group interval more: nothing else may come
        assert incidents() == ["toxicity critical"]


def _post(node: AlertmanagerNode, alerts: list[dict[str, object]]) -> None:
    outbound = Outbound(Rules(allow_http=True, allow_private=True, timeout_s=20))
    answer = outbound.post(
        f"{node.url}/api/v2/alerts",
        body=msgspec.json.encode(alerts),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status == 200
