"""Attacks by somebody who knows the design and sends a share of the traffic: what each event of theirs looks like.

The plain attack probes the decision threshold. Every other one is the same, with fields that a request can influence
set so that its events are counted where nobody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Event = dict[str, Any]


@dataclass(frozen=True)
class Attack:
    """One row of the table.

    Attributes:
        name: for people.
        disguise: the fields of the i-th event of the attack that differ from those of the plain one.
        flood: whether a flood of junk versions comes first, and then everything is of a version that there is no
            room for.
    """

    name: str
    disguise: Callable[[int], Mapping[str, Any]] = lambda i: {}
    flood: bool = False


PLAIN: Final = Attack("without evasion")
ATTACKS: Final = (
    Attack("one event_id for all", lambda i: {"event_id": "same"}),
    Attack("session of 600 bytes", lambda i: {"session_id": f"{i:0>600}"}),
    Attack("language of 200 bytes", lambda i: {"language": f"{i:x>200}"}),
    Attack("a language for every event", lambda i: {"language": f"x-{i}"}),
    Attack("a version for every event", lambda i: {"guardrail_version": f"1.0.{i}"}),
    Attack("a category for every event", lambda i: {"category": f"harm {i}"}),
    Attack(
        "a threshold for every event",
        lambda i: {"threshold": round(0.2 + 0.001 * (i % 500), 3), "score": round(0.22 + 0.001 * (i % 500), 3)},
    ),
    Attack("a guardrail for every event", lambda i: {"guardrail": f"shield-{i}"}),
    Attack("another kind of score", lambda i: {"score_kind": "boolean", "score": 1.0}),
    Attack("harmful: true", lambda i: {"harmful": True}),
    Attack("a release after thousands of junk versions", flood=True),
)


def attacked(attack: Attack, i: int, event: Event) -> Event:
    """An ordinary event as the i-th one of the attack: a score at the threshold, denied."""
    return {**event, "score": 0.52, "verdict": "deny", "action": "block", **attack.disguise(i)}
