"""GoAlert's generic API: one alert per incident, closed when it is resolved.

A second message with the same ``dedup`` is counted as a duplicate and wakes nobody anew. GoAlert has no
acknowledgement from outside; whoever acknowledges here is named in the details. It never re-opens an alert: a
re-opened incident is a new alert there.

Source: https://github.com/target/goalert, genericapi/handler.go: summary, details, action=close, dedup; 204.
"""

from __future__ import annotations

from typing import Final

from monitor.alerting.channels.json_post import JsonPost, Target
from monitor.alerting.channels.message import message
from monitor.alerting.ports import EventAction, Notification

LONGEST_SUMMARY: Final = 1024
LONGEST_DETAILS: Final = 6144
LONGEST_KEY: Final = 255


class GoAlertChannel:
    """One service of GoAlert; its address holds the integration key."""

    def __init__(self, target: Target) -> None:
        self._post = JsonPost(target)

    @property
    def longest_ms(self) -> int:
        """The longest time that a request may take."""
        return self._post.longest_ms

    def send(self, notification: Notification, *, attempt: int) -> None:
        """Post it.

        Raises:
            ChannelError: GoAlert did not take it.
        """
        self._post.post(alert(notification))


def alert(notification: Notification) -> dict[str, str]:
    """The alert in the form that GoAlert expects."""
    shown = message(notification.body)
    found = {
        "summary": shown.headline[:LONGEST_SUMMARY],
        "details": shown.text[:LONGEST_DETAILS],
        "dedup": notification.dedup_key[:LONGEST_KEY],
    }
    return found | ({"action": "close"} if notification.deed is EventAction.resolve else {})
