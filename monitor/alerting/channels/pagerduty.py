"""PagerDuty Events API v2: trigger, acknowledge, resolve, folded by the incident's dedup key.

A page and an update are triggers with the same key: PagerDuty appends them to the alert that there is. What has been
resolved opens anew. Acknowledge and resolve use the routing key of the trigger.

Source: https://developer.pagerduty.com/docs/events-api-v2/overview/ (202 accepted, 400 never again, 429 and 5xx
later; summary at most 1,024 characters, dedup key 255, an event 512 KB); change events go to ``/v2/change/enqueue``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from monitor.alerting.channels.base import ChannelError
from monitor.alerting.channels.json_post import JsonPost, Target
from monitor.alerting.channels.message import message
from monitor.alerting.ports import EventAction, Notification

ADDRESS: Final = "https://events.pagerduty.com/v2/enqueue"
LONGEST_SUMMARY: Final = 1024
LONGEST_KEY: Final = 255
_ACTIONS: Final = {EventAction.acknowledge: "acknowledge", EventAction.resolve: "resolve"}
_SEVERITIES: Final = {"critical": "critical", "error": "error", "warning": "warning"}


class PagerDutyChannel:
    """One PagerDuty service."""

    def __init__(self, target: Target) -> None:
        """
        Raises:
            ChannelError: there is no routing key, or nothing may be sent to the address.
        """
        if not target.secret:
            raise ChannelError("PagerDuty needs the service's routing key as its secret", permanent=True)
        self._routing_key = target.secret.decode("utf-8", "replace").strip()
        self._post = JsonPost(target)
        self._changes = JsonPost(replace(target, url=target.url.replace("/v2/enqueue", "/v2/change/enqueue")))

    @property
    def longest_ms(self) -> int:
        """The longest time that a request may take."""
        return self._post.longest_ms

    def send(self, notification: Notification, *, attempt: int) -> None:
        """Enqueue one event.

        Raises:
            ChannelError: PagerDuty did not take it.
        """
        self._post.post(self.event(notification))

    def change(self, document: Mapping[str, object]) -> None:
        """Enqueue a change event: shown beside incidents, wakes nobody.

        Raises:
            ChannelError: PagerDuty did not take it.
        """
        self._changes.post(
            {
                "routing_key": self._routing_key,
                "payload": {
                    "summary": str(document["summary"])[:LONGEST_SUMMARY],
                    "source": str(document["deployment"] or "driftline"),
                    "timestamp": document["seen_at"],
                    "custom_details": dict(document),
                },
            }
        )

    def event(self, notification: Notification) -> dict[str, object]:
        """The event in the form that PagerDuty expects."""
        action = _ACTIONS.get(notification.deed, "trigger")
        event: dict[str, object] = {
            "routing_key": self._routing_key,
            "event_action": action,
            "dedup_key": notification.dedup_key[:LONGEST_KEY],
        }
        if action != "trigger":
            return event
        shown = message(notification.body)
        facts = dict(shown.facts)
        event["payload"] = {
            "summary": shown.headline[:LONGEST_SUMMARY],
            "source": facts.get("Deployment") or "driftline",
            "severity": _SEVERITIES.get(shown.severity, "error"),
            "timestamp": facts.get("Since"),
            "component": facts.get("Where"),
            "group": "guardrails",
            "class": facts.get("Type"),
            "custom_details": facts,
        }
        event["client"] = "Driftline"
        if shown.link:
            event["client_url"] = shown.link
            event["links"] = [{"href": shown.link, "text": "the incident"}]
        return event
