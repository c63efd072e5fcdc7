"""More sentences: measures of containment, action items, other tools, evidence, drills, reports.

tighten is offered for 2 hours, approved by ben and kim
ann proposes tighten for INC-1 [as a dry run]     also: ben approves M-1, refuses M-1, takes M-1 back
the receiver goes down / refuses / comes back     what carries measures out
the receiver was asked to do M-1 [once]           also: undo, try; nothing
M-1 is taken                                      its state
ann adds an action for kim to INC-1, due in 3 days
kim has done A-1
grafana reports HighErrors [of jailbreak] [as critical] [again]   also: grafana resolves HighErrors; alertmanager
grafana's request is answered 401 when forged     also: when late, when cut off
slack says that ann acknowledges INC-1            also: pagerduty; resolves
kim drills probing
the evidence of f1 is kept in INC-1
entry 3 of INC-1 is redacted by kim
the report of INC-1 says "EXERCISE"
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from monitor.alerting import drilling
from monitor.alerting.inbound.model import InboundSource, Reply, SourceKind
from monitor.alerting.inbound.receive import receive
from monitor.findings.model import IncidentType
from monitor.incidents.containment import MeasureRule
from monitor.incidents.evidence import changed
from monitor.incidents.playbook import Action
from monitor.incidents.report import Record, parts, state, title
from monitor.incidents.report_html import html
from monitor.incidents.report_markdown import markdown
from monitor.incidents.words import rfc3339
from tests.stories.world import World

SECRET: Final = b"a secret of enough bytes"
SOURCES: Final = {kind.value: InboundSource(name=kind.value, kind=kind, secret=SECRET) for kind in SourceKind}
UNITS_MS: Final = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
LENGTH: Final = r"(\d+) (minute|hour|day)s?"


def _offer(world: World, said: re.Match[str]) -> None:
    lasts = int(said[2]) * UNITS_MS[said[3]] if said[2] else None
    approvers = frozenset(said[4].split(" and "))
    world.rules[said[1]] = MeasureRule(
        name=said[1], action=Action.tighten_threshold, approvers=approvers, lasts_ms=lasts, guardrails=frozenset()
    )


def _propose(world: World, said: re.Match[str]) -> None:
    rule, dry_run = world.rules[said[2]], bool(said[4])
    world.acts("propose", said[1], int(said[3]), text="probing", rule=rule, dry_run=dry_run)


def _decide(world: World, said: re.Match[str]) -> None:
    more = {"rules": world.rules} if said[2] == "approves" else {}
    act = {"approves": "approve", "refuses": "refuse", "takes back": "undo"}[said[2]]
    world.acts(act, said[1], int(said[3]), text="looked at it", **more)


def _receiver(world: World, said: re.Match[str]) -> None:
    world.actuator.down = said[1] == "goes down"
    world.actuator.refuses = said[1] == "refuses"


def _asked(world: World, said: re.Match[str]) -> None:
    asked = world.actuator.asked
    if said[1] == "nothing":
        assert not asked, asked
    else:
        assert asked.get(f"M-{said[3]}-{said[2]}") == said[2], asked


def _measure(world: World, said: re.Match[str]) -> None:
    with world.stores.alerts.transaction() as store:
        measure = store.measure(int(said[1]))
    assert measure is not None
    assert measure.state.value == said[2], measure


def _action(world: World, said: re.Match[str]) -> None:
    due = world.now_ms + int(said[4]) * UNITS_MS[said[5]]
    world.acts("add", said[1], int(said[3]), text="alarm on time-outs", owner=said[2], due_ms=due)


def body_of(name: str, *, firing: bool, labels: dict[str, str], at_ms: int) -> bytes:
    """A request as Alertmanager and Grafana send it, with fields that nobody here reads."""
    alert = {
        "status": "firing" if firing else "resolved",
        "labels": {"alertname": name, **labels},
        "annotations": {"summary": f"{name} fired"},
        "startsAt": rfc3339(at_ms),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "https://grafana.example/alerting/1",
        "fingerprint": hashlib.sha256(f"{name}{sorted(labels.items())}".encode()).hexdigest()[:16],
    }
    whole = {"version": "1", "groupKey": "{}:{}", "status": alert["status"], "receiver": "driftline"}
    return json.dumps({**whole, "alerts": [alert], "truncatedAlerts": 0}).encode()


def signed(kind: str, body: bytes, now_ms: int) -> dict[str, str]:
    """The headers of a genuine request."""
    at = str(now_ms // 1000)

    def mac(of: bytes) -> str:
        return hmac.new(SECRET, of, hashlib.sha256).hexdigest()

    return {
        "grafana": {
            "X-Grafana-Alerting-Signature": mac(f"{at}:".encode() + body),
            "X-Grafana-Alerting-Timestamp": at,
        },
        "alertmanager": {"Authorization": f"Bearer {SECRET.decode()}"},
        "slack": {"X-Slack-Signature": f"v0={mac(f'v0:{at}:'.encode() + body)}", "X-Slack-Request-Timestamp": at},
        "pagerduty": {"X-PagerDuty-Signature": f"v1={'0' * 64},v1={mac(body)}"},
    }[kind]


def _send(world: World, kind: str, headers: dict[str, str], body: bytes) -> Reply:
    reply = receive(world.stores.alerts, SOURCES, kind, headers, body, now_ms=world.now_ms, policy=world.policy)
    world.reply = reply
    world.settle()
    return reply


def _reports(world: World, said: re.Match[str]) -> None:
    labels = {name: said[name] for name in ("guardrail", "severity") if said[name]}
    began = world.alerts.setdefault(said["alert"], world.now_ms) if said["again"] else world.now_ms
    world.alerts[said["alert"]] = began
    body = body_of(said["alert"], firing=said["deed"] == "reports", labels=labels, at_ms=began)
    reply = _send(world, said["kind"], signed(said["kind"], body, world.now_ms), body)
    assert reply.status == 200, reply


def _bad(world: World, said: re.Match[str]) -> None:
    body = body_of("HighErrors", firing=True, labels={}, at_ms=world.now_ms)
    headers = signed(said[1], body, world.now_ms - (600_000 if said[3] == "late" else 0))
    if said[3] == "forged":
        body += b" "
        headers = {name: f"{value}0" if said[1] == "alertmanager" else value for name, value in headers.items()}
    elif said[3] == "cut off":
        body = body[:-20]
        headers = signed(said[1], body, world.now_ms)
    assert _send(world, said[1], headers, body).status == int(said[2])


def _replayed(world: World, said: re.Match[str]) -> None:
    body = body_of(said[2], firing=True, labels={}, at_ms=world.alerts.setdefault(said[2], world.now_ms))
    headers = signed(said[1], body, world.now_ms)
    for _ in range(2):
        assert _send(world, said[1], headers, body).status == 200


def _press(world: World, said: re.Match[str]) -> None:
    act, number = said[3].removesuffix("s"), said[4]
    if said[1] == "slack":
        pressed = {
            "type": "block_actions",
            "user": {"id": "U1", "username": said[2]},
            "actions": [{"action_id": "driftline_acknowledge", "value": number}],
        }
        body = urlencode({"payload": json.dumps(pressed)}).encode()
    else:
        at = datetime.fromtimestamp(world.now_ms / 1000, UTC).isoformat()
        event = {
            "event_type": f"incident.{act}d",
            "occurred_at": at,
            "agent": {"summary": said[2]},
            "data": {"incident_key": world.incident(int(number)).key},
        }
        body = json.dumps({"event": event}).encode()
    assert _send(world, said[1], signed(said[1], body, world.now_ms), body).status == 200


def _drill(world: World, said: re.Match[str]) -> None:
    with world.stores.alerts.transaction() as store:
        drilling.start(store, IncidentType(said[2]), actor=said[1], now_ms=world.now_ms, policy=world.policy)
    world.settle()


def _drill_over(world: World, said: re.Match[str]) -> None:
    with world.stores.alerts.transaction() as store:
        drilling.over(store, int(said[1]), now_ms=world.now_ms, policy=world.policy)
    world.settle()


def _measured(world: World, said: re.Match[str]) -> None:
    with world.stores.alerts.transaction() as store:
        lengths = drilling.measure(store, int(said[1]), actor="kim", now_ms=world.now_ms).lengths()
    assert lengths[said[2]] == int(said[3]) * UNITS_MS[said[4]], lengths


def _kept(world: World, said: re.Match[str]) -> None:
    with world.stores.alerts.transaction() as store:
        found = {(each.finding_id, each.moment.value) for each in store.captures(int(said[3]))}
        assert changed(store.captures(int(said[3])), store.timeline(int(said[3]))) is None
    assert (said[1], said[2] or "found") in found, found


def _report(world: World, said: re.Match[str]) -> None:
    number = int(said[1])
    incident = world.incident(number)
    with world.stores.alerts.transaction() as store:
        record = Record(
            incident=incident,
            case=store.case(number),
            findings=store.findings(incident_id=number),
            entries=store.timeline(number),
            captures=store.captures(number),
            measures=store.measures(number),
            actions=store.actions(number),
        )
    whole = parts(record, phrases={}, now_ms=world.now_ms)
    for written in (markdown, html):
        assert said[2] in written(title(record.incident), state(record.incident), whole), written.__name__


ALERT: Final = (
    r"(?P<kind>grafana|alertmanager) (?P<deed>reports|resolves) (?P<alert>\w+)(?: of (?P<guardrail>\S+))?"
    r"(?: as (?P<severity>\w+))?(?P<again> again)?"
)
HANDLING: Final[tuple[tuple[str, Callable[[World, re.Match[str]], None]], ...]] = (
    (rf"(\w+) is offered(?: for {LENGTH})?, approved by (.+)", _offer),
    (r"(\w+) proposes (\w+) for INC-(\d+)( as a dry run)?", _propose),
    (r"(\w+) (approves|refuses|takes back) M-(\d+)", _decide),
    (r"the receiver (goes down|refuses|comes back)", _receiver),
    (r"the receiver was asked to ((do|undo|try) M-(\d+)|nothing)", _asked),
    (r"M-(\d+) is (\w+)", _measure),
    (rf"(\w+) adds an action for (\w+) to INC-(\d+), due in {LENGTH}", _action),
    (r"(\w+) has done A-(\d+)", lambda world, said: world.acts("done", said[1], int(said[2]), text="it is there")),
    (ALERT, _reports),
    (r"(\w+)'s request is answered (\d+) when (forged|late|cut off)", _bad),
    (r"(grafana|alertmanager) sends (\w+) twice", _replayed),
    (r"(slack|pagerduty) says that (\w+) (acknowledges|resolves) INC-(\d+)", _press),
    (r"(\w+) drills (\w+)", _drill),
    (r"the drill INC-(\d+) is over", _drill_over),
    (rf"the drill INC-(\d+) took to (\w+) {LENGTH}", _measured),
    (r"the evidence of (\w+)(?: (found|ended))? is kept in INC-(\d+)", _kept),
    (
        r"entry (\d+) of INC-(\d+) is redacted by (\w+)",
        lambda world, said: world.acts("redact", said[3], int(said[2]), text="a name was in it", seq=int(said[1])),
    ),
    (r"the report of INC-(\d+) says \"(.+)\"", _report),
)
