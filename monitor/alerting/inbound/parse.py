"""Requests of other tools as alerts and acts: strict about what decides, bounded in everything, open to more fields.

Alertmanager's webhook (version 4) and Grafana's contact point (version 1) share the alert's fields; ``status`` is
``firing`` or ``resolved``, as a whole word. Slack sends a form with a JSON document; PagerDuty an event.

Sources: Alertmanager's ``template.Data``, Grafana's webhook notifier, Slack's ``block_actions``, PagerDuty's V3
webhooks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, TypeVar
from urllib.parse import parse_qs

import msgspec

from monitor.alerting.channels.slack import ACKNOWLEDGE
from monitor.alerting.inbound.model import InboundAct, InboundAlert
from monitor.errors import Refused
from monitor.incidents.words import plain

MOST_BYTES: Final = 512 * 1024
MOST_ALERTS: Final = 200
MOST_LABELS: Final = 64
LONGEST: Final = 200
LONGEST_SUMMARY: Final = 500

T = TypeVar("T")
Short = Annotated[str, msgspec.Meta(max_length=4096)]


class _Alert(msgspec.Struct, frozen=True):
    status: str
    labels: dict[Short, Short] = {}
    annotations: dict[Short, Short] = {}
    startsAt: str = ""  # noqa: N815 - the sender's name
    fingerprint: str = ""
    generatorURL: str = ""  # noqa: N815


class _Webhook(msgspec.Struct, frozen=True):
    alerts: list[_Alert]


class _User(msgspec.Struct, frozen=True):
    name: str = ""
    username: str = ""
    id: str = ""


class _SlackAction(msgspec.Struct, frozen=True):
    action_id: str = ""
    value: str = ""


class _Slack(msgspec.Struct, frozen=True):
    type: str
    user: _User = _User()
    actions: list[_SlackAction] = []


class _Agent(msgspec.Struct, frozen=True):
    summary: str = ""


class _Data(msgspec.Struct, frozen=True):
    incident_key: str | None = None


class _Event(msgspec.Struct, frozen=True):
    event_type: str
    occurred_at: str = ""
    agent: _Agent | None = None
    data: _Data = _Data()


class _PagerDuty(msgspec.Struct, frozen=True):
    event: _Event


def alerts(body: bytes) -> list[InboundAlert]:
    """The alerts of a request by Alertmanager or Grafana.

    Raises:
        Refused: it is not one, with where it differs.
    """
    found = _decoded(body, _Webhook).alerts
    if len(found) > MOST_ALERTS:
        raise Refused(f"{len(found)} alerts in one request; {MOST_ALERTS} are taken: group them more finely")
    return [_alert(each) for each in found]


def slack_acts(body: bytes) -> list[InboundAct]:
    """What a person pressed in Slack.

    Raises:
        Refused: it is not a request of Slack's interactivity.
    """
    payloads = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20).get("payload", [])
    if len(payloads) != 1:
        raise Refused("no payload; is this the interactivity request of a Slack app?")
    pressed = _decoded(payloads[0].encode(), _Slack)
    user = pressed.user.name or pressed.user.username or pressed.user.id
    return [
        InboundAct(incident=plain(each.value), act="acknowledge", actor=plain(user))
        for each in pressed.actions
        if pressed.type == "block_actions" and each.action_id == ACKNOWLEDGE
    ]


def pagerduty_acts(body: bytes) -> tuple[list[InboundAct], int | None]:
    """What happened to an incident at PagerDuty, and when; other events are none.

    Raises:
        Refused: it is not a V3 webhook.
    """
    event = _decoded(body, _PagerDuty).event
    act = {"incident.acknowledged": "acknowledge", "incident.resolved": "resolve"}.get(event.event_type)
    key = event.data.incident_key
    acts = [] if act is None or not key else [InboundAct(incident=plain(key), act=act, actor=_agent(event))]
    return acts, _moment_ms(event.occurred_at)


def _agent(event: _Event) -> str:
    return plain(event.agent.summary if event.agent is not None and event.agent.summary else "somebody at PagerDuty")


def _alert(given: _Alert) -> InboundAlert:
    if given.status not in ("firing", "resolved"):
        raise Refused(f"status {given.status[:40]!r}; an alert is firing or resolved")
    labels = {
        plain(name): plain(value, longest=LONGEST) for name, value in sorted(given.labels.items())[:MOST_LABELS]
    }
    name = labels.get("alertname", "alert")
    said = given.annotations.get("summary") or given.annotations.get("description")
    started = _moment_ms(given.startsAt)
    if started is None:
        raise Refused(f"startsAt {given.startsAt[:40]!r} is no time")
    whole = json.dumps(given.labels, sort_keys=True)
    return InboundAlert(
        fingerprint=plain(given.fingerprint) or hashlib.sha256(whole.encode()).hexdigest()[:16],
        firing=given.status == "firing",
        name=name,
        summary=plain(said or name, longest=LONGEST_SUMMARY),
        labels=labels,
        started_ms=started,
        reference=_link(given.generatorURL),
    )


def _link(text: str) -> str:
    safe = plain(text, longest=LONGEST_SUMMARY)
    return safe if safe.startswith(("https://", "http://")) and " " not in safe else ""


def _moment_ms(text: str) -> int | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round(at.timestamp() * 1000) if at.tzinfo is not None and at.year > 1970 else None


def _decoded(body: bytes, kind: type[T]) -> T:
    if len(body) > MOST_BYTES:
        raise Refused(f"{len(body):,} bytes; {MOST_BYTES:,} are taken")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"not what this sender sends: {str(error)[:200]}") from None


def headers_of(given: Mapping[str, str]) -> dict[str, str]:
    """Headers by lower-case name."""
    return {name.lower(): value for name, value in given.items()}
