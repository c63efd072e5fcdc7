"""What a question would show, and how soon: the smallest change found within an hour, a day and a week.

For present traffic, the question's share of the budget, and the bets' discount for events that come together. A test
whose smallest change is a rate that nobody would accept watches nothing, and says so here before it is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from detectors.alternatives import Unavailable
from detectors.alternatives import limit as limit_of
from detectors.level import Level, minimum_detectable

HOUR: Final = 1 / 24
WEEK: Final = 7.0
WIDER: Final = 10.0
"""Times the budget, for comparison: evidence is on a logarithmic scale, and twice would hardly show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """The nearest mean beyond the limit that is found in time, on average; None where none is."""

    hour: float | None
    day: float | None
    week: float | None
    longer_baseline: float | None
    """Within a day, were the baseline so long that the approved level is the mean itself."""
    twice_the_traffic: float | None
    """Within a day, were the stream merged with another of its size."""
    wider_budget: float | None
    """Within a day, were ten times the false pages accepted."""

    def best(self, rate: float) -> tuple[str, float] | None:
        """What would bring the smallest change of a day nearest to the rate, and to where; None: nothing would."""
        options = {
            "a longer baseline": self.longer_baseline,
            "twice the traffic, as of a merged stream,": self.twice_the_traffic,
            "ten times the budget": self.wider_budget,
        }
        found = {what: value for what, value in options.items() if value is not None}
        what = min(found, key=lambda one: abs(found[one] - rate), default=None)
        if what is None or (self.day is not None and abs(found[what] - rate) >= abs(self.day - rate)):
            return None
        return what, found[what]


def power(level: Level, limit: float, *, events_per_day: float, spend_per_day: float) -> Power:
    """The power of a question.

    Args:
        level: its level.
        limit: the bound that is in force.
        events_per_day: present traffic.
        spend_per_day: false alarms that the question may spend.
    """

    def smallest(*, m: float = limit, days: float = 1.0, traffic: float = 1.0, budget: float = 1.0) -> float | None:
        events = events_per_day * traffic / level.bursts
        if events <= 0:
            return None
        spend = spend_per_day * budget
        found = minimum_detectable(
            m, direction=level.direction, events_per_day=events, spend_per_day=spend, days=days
        )
        return None if math.isnan(found) else found

    try:
        tight = limit_of(level.rate, margin=level.margin, floor=level.floor, direction=level.direction)
    except Unavailable:
        tight = limit
    return Power(
        hour=smallest(days=HOUR),
        day=smallest(),
        week=smallest(days=WEEK),
        longer_baseline=smallest(m=tight),
        twice_the_traffic=smallest(traffic=2.0),
        wider_budget=smallest(budget=WIDER),
    )
