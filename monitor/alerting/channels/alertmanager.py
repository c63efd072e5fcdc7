"""Alertmanager API v2: one alert per incident and severity, firing until it is resolved.

Alertmanager distinguishes alerts by their labels. Severity is one, because routes match on it; so a rise of severity
is a new alert, and every message ends those of the severities below. It has no acknowledgement: that is an
annotation.

An alert without an end is taken for resolved after Alertmanager's own ``resolve_timeout``. Firing alerts therefore
have an end far ahead; a resolution has the present one.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml (postAlerts), types.Alert.Merge.
"""

from __future__ import annotations

from typing import Final

from monitor.alerting.channels.json_post import JsonPost, Target
from monitor.alerting.channels.message import Message, message
from monitor.alerting.ports import EventAction, Notification
from monitor.incidents.words import rfc3339

PATH: Final = "/api/v2/alerts"
FIRING_MS: Final = 366 * 86_400_000
"""How far ahead the end of a firing alert lies; an incident that is open for longer is sent again long before."""
_RANK: Final = ("warning", "error", "critical")


class AlertmanagerChannel:
    """One Alertmanager; ``url`` is its base, as it is in a browser."""

    def __init__(self, target: Target) -> None:
        base = target.url.rstrip("/")
        url = base if base.endswith(PATH) else base + PATH
        self._post = JsonPost(Target(url=url, secret=target.secret, outbound=target.outbound, clock=target.clock))

    @property
    def longest_ms(self) -> int:
        """The longest time that a request may take."""
        return self._post.longest_ms

    def send(self, notification: Notification, *, attempt: int) -> None:
        """Post the alert, and the ends of those that it replaces.

        Raises:
            ChannelError: Alertmanager did not take it.
        """
        self._post.post(self.alerts(notification))

    def alerts(self, notification: Notification) -> list[dict[str, object]]:
        """The alerts in the form that Alertmanager expects."""
        shown = message(notification.body)
        now_ms = self._post.now_ms()
        over = notification.deed is EventAction.resolve
        present = _RANK.index(shown.severity) if shown.severity in _RANK else 1
        return [
            _alert(notification, shown, _RANK[rank], now_ms=now_ms, firing=rank == present and not over)
            for rank in range(present, -1, -1)
        ]


def _alert(
    notification: Notification, shown: Message, severity: str, *, now_ms: int, firing: bool
) -> dict[str, object]:
    facts = dict(shown.facts)
    incident = notification.body.get("incident")
    known = incident if isinstance(incident, dict) else {}
    labels = {
        "alertname": "DriftlineIncident",
        "incident": str(known.get("name", "")),
        "guardrail": str(known.get("guardrail", "")),
        "dedup_key": notification.dedup_key,
        "severity": severity,
        "deployment": facts.get("Deployment", ""),
    }
    annotations = {
        "summary": shown.headline,
        "description": shown.text,
        "acknowledged_by": str(known.get("acknowledged_by") or ""),
    }
    alert: dict[str, object] = {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": known.get("opened_at") or rfc3339(now_ms),
        "endsAt": rfc3339(now_ms + FIRING_MS if firing else now_ms),
    }
    return alert | ({"generatorURL": shown.link} if shown.link else {})
