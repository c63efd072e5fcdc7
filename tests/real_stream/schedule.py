"""What happens when: the labelled segments, with quiet stretches in between."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from monitor.clock import DAY_MS
from tests.real_stream.answers import FINE_TUNED, MODEL, SLIGHTLY_SWEARING, SWEARING, Model
from tests.real_stream.users import SHARES, Audience

NULL = "null"
"""Name of the stretches in which nothing happens."""
LEARNING = "learning"
START_MS = 1_767_582_000_000
"""2026-01-05T03:00:00Z, a Monday."""
REQUESTS_PER_MINUTE = 12.0
"""Mean over a day: a small product. Three events a request."""
DAILY_SWING, MIX_SWING = 0.5, 0.15
"""Traffic is 1.5 times its mean at its peak and half of it at night; the companion's share wanders by 15 %."""

NEW_MARKET: Mapping[Audience, float] = SHARES | {
    Audience("companion", "es", "chatterbot"): 0.30,
    Audience("companion", "pt", "chatterbot"): 0.20,
    Audience("companion", "it", "chatterbot"): 0.20,
}
"""A campaign in southern Europe and South America: harmless, and the largest change of the day."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch of traffic of one kind.

    Attributes:
        name: what happens; :data:`NULL` for nothing.
        requests: its length.
        attack: "probing", a name of `ATTACKS`, or "".
        share: the attack's share of the requests.
        shares: who begins conversations.
        model: what answers.
        injection: which build of the injection guardrail judges.
    """

    name: str
    requests: int
    attack: str = ""
    share: float = 0.0
    shares: Mapping[Audience, float] = field(default_factory=lambda: SHARES)
    model: Model = MODEL
    injection: Literal["shipped", "retrained", "quantised"] = "shipped"


def _attack(name: str, requests: int, share: float) -> Segment:
    return Segment(name=name, requests=requests, attack=name, share=share)


EVENTFUL = (
    _attack("probing", 300, 1 / 3),
    _attack("jailbreak wave", 600, 0.6),
    _attack("suffix attack", 400, 0.25),
    Segment(name="benign language shift", requests=800, shares=NEW_MARKET),
    _attack("multilingual injection", 400, 0.2),
    _attack("long-context injection", 400, 0.12),
    Segment(name="output-toxicity shift", requests=900, model=SWEARING),
    Segment(name="fine-tuned model", requests=800, model=FINE_TUNED),
    Segment(name="retrained guardrail", requests=800, injection="retrained"),
    Segment(name="library update", requests=1_000, injection="quantised"),
    Segment(name="small output-toxicity shift", requests=250, model=SLIGHTLY_SWEARING),
)
"""In this order. The last is too small for its length, and has to be said to be."""
QUIET = 700
LEARNED = 2_400
"""Requests before the first quiet stretch: 1,600 events make a baseline, and one in five answers is of an app whose
language mix is still settling."""


def schedule(*, only: tuple[str, ...] = ()) -> tuple[Segment, ...]:
    """Learning, then every eventful segment between quiet ones; `only` picks some, for a shorter stream."""
    unknown = set(only) - {segment.name for segment in EVENTFUL}
    if unknown:
        raise ValueError(f"no segments {sorted(unknown)}; there are {[segment.name for segment in EVENTFUL]}")
    out = [Segment(name=LEARNING, requests=LEARNED)]
    for segment in EVENTFUL:
        if not only or segment.name in only:
            out += [Segment(name=NULL, requests=QUIET), segment]
    return (*out, Segment(name=NULL, requests=QUIET))


def rate_per_ms(time_ms: float) -> float:
    """Requests per millisecond at a moment of the day."""
    day = 2 * math.pi * (time_ms % DAY_MS) / DAY_MS
    return REQUESTS_PER_MINUTE / 60_000 * (1 - DAILY_SWING * math.cos(day))


def wandered(shares: Mapping[Audience, float], time_ms: float) -> dict[Audience, float]:
    """The audiences at a moment of the day: people are at leisure in the evening."""
    evening = 1 - MIX_SWING * math.sin(2 * math.pi * (time_ms % DAY_MS) / DAY_MS)
    return {a: share * (evening if a.app == "companion" else 1.0) for a, share in shares.items()}
