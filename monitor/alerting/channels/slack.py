"""Slack incoming webhooks: a headline, the facts in two columns, a button to the incident.

Source: https://api.slack.com/messaging/webhooks and block kit's limits: a header 150 characters, a section 3,000, ten
fields of 2,000 each. ``text`` is what a phone's notification shows. One message a second per channel; 429 gives the
waiting time.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.alerting.channels.json_post import JsonPost, Target
from monitor.alerting.channels.message import message
from monitor.alerting.ports import EventAction, Notification

LONGEST_HEADER: Final = 150
LONGEST_SECTION: Final = 3000
LONGEST_FIELD: Final = 2000
MOST_FIELDS: Final = 10

ACKNOWLEDGE: Final = "driftline_acknowledge"
"""Action id of the button that acknowledges; its value is the incident's number."""
_ASKS: Final = frozenset({EventAction.trigger, EventAction.update, EventAction.page})


class SlackChannel:
    """One Slack channel; its address is its secret."""

    def __init__(self, target: Target) -> None:
        self._post = JsonPost(target)
        self._buttons = target.buttons

    @property
    def longest_ms(self) -> int:
        """The longest time that a request may take."""
        return self._post.longest_ms

    def send(self, notification: Notification, *, attempt: int) -> None:
        """Post one message.

        Raises:
            ChannelError: Slack did not take it.
        """
        self._post.post(document(notification, buttons=self._buttons))


def document(notification: Notification, *, buttons: bool = False) -> dict[str, Any]:
    """The message in the form that Slack expects; with ``buttons`` whoever reads it can acknowledge."""
    shown = message(notification.body)
    fields = [
        {"type": "mrkdwn", "text": _cut(f"*{escaped(label)}*\n{escaped(value)}", LONGEST_FIELD)}
        for label, value in shown.facts
        if label not in ("What", "Open", "Record")
    ]
    what = dict(shown.facts).get("What", "")
    blocks: list[dict[str, Any]] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": _cut(shown.headline, LONGEST_HEADER), "emoji": False},
        },
        {"type": "section", "text": {"type": "mrkdwn", "text": _cut(escaped(what) or "-", LONGEST_SECTION)}},
    ]
    if fields:
        blocks.append({"type": "section", "fields": fields[:MOST_FIELDS]})
    pressed = []
    if buttons and notification.deed in _ASKS:
        pressed.append(_button("Acknowledge", action_id=ACKNOWLEDGE, value=str(notification.incident_id)))
    if shown.link:
        pressed.append(_button("Open the incident", url=shown.link))
    if pressed:
        blocks.append({"type": "actions", "elements": pressed})
    tail = " ".join(escaped(value) for label, value in shown.facts if label in ("Open", "Record"))
    if tail:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _cut(tail, LONGEST_FIELD)}]})
    return {"text": escaped(shown.headline), "blocks": blocks, "unfurl_links": False}


def _button(label: str, **more: str) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": label, "emoji": False}, **more}


def escaped(text: str) -> str:
    """Slack's three control characters, so that a guardrail's name cannot mention @channel or hide a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
