"""Verdict, action and status as the canonical event spells them, and the parts that several formats share."""

from __future__ import annotations

from typing import Final

from monitor.events.formats.format import Event
from monitor.events.formats.values import strongest

VERDICTS: Final = ("allow", "flag", "modify", "deny")
"""Verdicts from weak to strong."""
ACTIONS: Final = ("allow", "audit", "redact", "block")
"""Actions from weak to strong."""

ALLOWED: Final[Event] = {"verdict": "allow", "action": "allow"}
BLOCKED: Final[Event] = {"verdict": "deny", "action": "block"}
MASKED: Final[Event] = {"verdict": "modify", "action": "redact"}
AUDITED: Final[Event] = {"verdict": "flag", "action": "audit"}
"""Detected, and deliberately let through."""

BOOLEAN: Final[Event] = {"score_kind": "boolean"}
"""A verdict without a score: it has no boundary, and must be declared so."""


def worst(events: list[Event]) -> Event:
    """Verdict and action of several parts as one: the strongest of each."""
    return {
        "verdict": strongest((event.get("verdict") for event in events), VERDICTS),
        "action": strongest((event.get("action") for event in events), ACTIONS),
    }


def by_category(events: list[Event]) -> list[Event]:
    """One event per category: a list of ten hits of one kind is one verdict of that kind, the strongest."""
    merged: dict[str | None, Event] = {}
    for event in events:
        known = merged.setdefault(event.get("category"), event)
        if known is not event:
            known.update(worst([known, event]))
    return list(merged.values())
