"""Grafana annotations: marks on every dashboard of incidents (opened, paged, acknowledged, resolved) and of releases.

An annotation belongs to no dashboard (`dashboardUID` is not sent), so each dashboard that asks for its tags shows it.
Grafana folds nothing: a message that is sent again after a lost answer makes a second mark. The tag with the
incident's number and the entry's seq is the same on both, so that they can be told to be one.

Source: https://grafana.com/docs/grafana/latest/developer-resources/api-reference/http-api/annotations/ (POST
/api/annotations: time in epoch milliseconds, text must not be empty).
"""

from __future__ import annotations

from collections.abc import Mapping
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
        self._mark(self.annotation(notification))

    def change(self, document: Mapping[str, object]) -> None:
        """Mark a release.

        Raises:
            ChannelError: Grafana did not take it.
        """
        name, version = str(document.get("name", "")), str(document.get("release", ""))
        tags = ["driftline", "release", str(document.get("kind", "")), f"{name}:{version}"]
        self._mark(
            {
                "time": self._moment_ms(document.get("seen_at")),
                "tags": [plain(tag, longest=LONGEST_TAG) for tag in tags if tag],
                "text": _cleaned(str(document.get("summary", "")) or "a release"),
            }
        )

    def annotation(self, notification: Notification) -> dict[str, object]:
        """The annotation in the form that Grafana expects."""
        shown, timeline = message(notification.body), notification.body.get("timeline")
        facts = dict(shown.facts)
        lines = [shown.headline, *(f"{label}: {facts[label]}" for label in _TOLD if label in facts)]
        return {
            "time": self._moment_ms(timeline.get("at") if isinstance(timeline, dict) else None),
            "tags": _tags(notification, shown.severity),
            "text": _cleaned("\n".join(lines)),
        }

    def _mark(self, annotation: Mapping[str, object]) -> None:
        body = msgspec.json.encode(annotation, order="deterministic")
        answer = self._target.outbound.post(self._url, body=body, headers=self._headers)
        require_delivered(answer, host=self._post.host, now_ms=self._target.clock.now_ms())

    def _moment_ms(self, at: object) -> int:
        """A moment of the body; where it says none, now."""
        try:
            return round(datetime.fromisoformat(str(at)).timestamp() * 1000)
        except ValueError:
            return self._target.clock.now_ms()


_TOLD: Final = ("What", "Since", "How large", "Where", "Type", "Paged", "Next", "Deployment", "Log offsets", "Open")


def _cleaned(text: str) -> str:
    """Grafana shows the text as HTML that it has cleaned; a name from outside shall not need the cleaning."""
    return text.replace("<", "&lt;")


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
