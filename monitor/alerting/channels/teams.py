"""Microsoft Teams: an adaptive card to the webhook of a workflow ("when a Teams webhook request is received").

Source: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using (a message
has at most 28 KB). Teams may answer 200 and report throttling in the text: that is not a delivery.
"""

from __future__ import annotations

import re
from typing import Any, Final

from monitor.alerting.channels.base import ChannelError
from monitor.alerting.channels.json_post import JsonPost, Target
from monitor.alerting.channels.message import message
from monitor.alerting.ports import Notification

_COLOURS: Final = {"critical": "attention", "error": "attention", "warning": "warning"}
_MARKS: Final = re.compile(r"([\\`*_{}\[\]()#+!|<>~])")
_REFUSED: Final = b"returned HTTP error"


class TeamsChannel:
    """One workflow of Teams; its address is its secret."""

    def __init__(self, target: Target) -> None:
        self._post = JsonPost(target)

    @property
    def longest_ms(self) -> int:
        """The longest time that a request may take."""
        return self._post.longest_ms

    def send(self, notification: Notification, *, attempt: int) -> None:
        """Post one card.

        Raises:
            ChannelError: Teams did not take it.
        """
        answer = self._post.post(document(notification))
        if _REFUSED in answer.body:
            raise ChannelError(f"{self._post.host} accepted it and reports that Teams did not", permanent=False)


def document(notification: Notification) -> dict[str, Any]:
    """The card in the form that Teams expects."""
    shown = message(notification.body)
    facts = [{"title": escaped(label), "value": escaped(value)} for label, value in shown.facts]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {
                "type": "TextBlock",
                "text": escaped(shown.headline),
                "weight": "bolder",
                "wrap": True,
                "color": _COLOURS.get(shown.severity, "default"),
            },
            {"type": "FactSet", "facts": facts},
        ],
    }
    if shown.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the incident", "url": shown.link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def escaped(text: str) -> str:
    """Markdown's marks with a backslash, so that a name can be neither a link nor a heading."""
    return _MARKS.sub(r"\\\1", text)
