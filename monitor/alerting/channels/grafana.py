"""Grafana annotations: a mark on every dashboard when an incident opens, pages, is acknowledged, is resolved.

An annotation belongs to no dashboard (`dashboardUID` is not sent), so each dashboard that asks for its tags shows it.
Grafana folds nothing: a message that is sent again after a lost answer makes a second mark. The tag with the
incident's number and the entry's seq is the same on both, so that they can be told to be one.

Source: https://grafana.com/docs/grafana/latest/developer-resources/api-reference/http-api/annotations/ (POST
/api/annotations: time in epoch milliseconds, text must not be empty).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from monitor.alerting.channels.answers import require_delivered
from monitor.alerting.channels.base import ChannelError
from monitor.alerting.channels.json_post import HEADERS, JsonPost, Target
from monitor.alerting.channels.message import message
from monitor.alerting.ports import EventAction, Notification
from monitor.incidents.words import plain

PATH: Final = "/api/annotations"
LONGEST_TAG: Final = 100
"""Characters of a tag that Grafana keeps."""


class GrafanaChannel:
    """One Grafana; ``url`` is its base, as it is in a browser."""

    def __init__(self, target: Target) -> None:
        """
        Raises:
            ChannelError: there is no token, or nothing may be sent to the address.
        """
        if not target.secret:
            raise ChannelError("Grafana needs the token of a service account as its secret", permanent=True)
        base = target.url.rstrip("/")
        self._url = base if base.endswith(PATH) else base + PATH
        self._headers = {**HEADERS, "Authorization": f"Bearer {target.secret.decode('utf-8', 'replace').strip()}"}
        self._target = target
        self._post = JsonPost(target)

    @property
    def longest_ms(self) -> int:
        """The longest time that a request may take."""
        return self._post.longest_ms

    def send(self, notification: Notification, *, attempt: int) -> None:
        """Make the mark. An update makes none: an incident would cover its own curve.

        Raises:
            ChannelError: Grafana did not take it.
        """
        if notification.deed is EventAction.update:
            return
        body = msgspec.json.encode(self.annotation(notification), order="deterministic")
        answer = self._target.outbound.post(self._url, body=body, headers=self._headers)
        require_delivered(answer, host=self._post.host, now_ms=self._target.clock.now_ms())

    def annotation(self, notification: Notification) -> dict[str, object]:
        """The annotation in the form that Grafana expects."""
        shown = message(notification.body)
        facts = dict(shown.facts)
        lines = [shown.headline, *(f"{label}: {facts[label]}" for label in _TOLD if label in facts)]
        return {
            "time": self._at_ms(notification),
            "tags": _tags(notification, shown.severity),
            # Grafana shows the text as HTML that it has cleaned; a name from outside shall not need the cleaning.
            "text": "\n".join(lines).replace("<", "&lt;"),
        }

    def _at_ms(self, notification: Notification) -> int:
        timeline = notification.body.get("timeline")
        at = timeline.get("at") if isinstance(timeline, dict) else None
        try:
            return round(datetime.fromisoformat(str(at)).timestamp() * 1000)
        except ValueError:
            return self._target.clock.now_ms()


_TOLD: Final = ("What", "Since", "How large", "Where", "Type", "Paged", "Next", "Deployment", "Log offsets", "Open")


def _tags(notification: Notification, severity: str) -> list[str]:
    incident = notification.body.get("incident")
    known = incident if isinstance(incident, dict) else {}
    found = [
        "driftline",
        "incident",
        notification.deed.value,
        severity,
        str(known.get("name", "")),
        f"guardrail:{known.get('guardrail', '')}",
        f"{notification.dedup_key}.{notification.seq}",
    ]
    return [plain(tag, longest=LONGEST_TAG) for tag in found if tag]
