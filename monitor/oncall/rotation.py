"""Rotations: whose turn it is, by the wall clock of one zone.

| every | hand-overs |
| --- | --- |
| n hours, n divides 24 | by the wall clock, anchored at ``first``: always at the same minutes of the day |
| n hours, n does not | elapsed time since ``first``, whatever the wall clock does |
| n days, n weeks | at the same time of the day |
| n months | on the same day of the month; the last day of a shorter one, and again the same day after it |

A hand-over at a local time that exists twice is at its first occurrence; at one that is skipped, at the first instant
that exists. A turn that a clock change leaves no time for is left out: the person is passed over, so that hand-overs
strictly increase and the end of every shift is the start of the next.
"""

from __future__ import annotations

import calendar as months
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from monitor.clock import DAY_MS, HOUR_MS
from monitor.oncall.zones import WallClock, calendar, local, wall_clock

MOST_PEOPLE: Final = 200
_LENGTHS: Final = {"hour": HOUR_MS, "day": DAY_MS, "week": 7 * DAY_MS}


class Unit(StrEnum):
    """The unit of a shift's length."""

    hour = "hour"
    day = "day"
    week = "week"
    month = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """People who take turns.

    Attributes:
        people: in the order of their turns; a person may have several.
        zone: whose wall clock governs.
        first_local_ms: local time of the first hand-over; before it nobody has a turn.
        every: units per shift.

    Raises:
        ValueError: nobody takes part, there are too many people, no such zone, or a shift has no length.
    """

    people: tuple[str, ...]
    zone: str
    first_local_ms: int
    unit: Unit
    every: int = 1

    def __post_init__(self) -> None:
        if not 1 <= len(self.people) <= MOST_PEOPLE:
            raise ValueError(f"a rotation has 1 to {MOST_PEOPLE} people, got {len(self.people)}")
        if not 1 <= self.every <= 1000:
            raise ValueError(f"a shift lasts 1 to 1000 {self.unit}s, got {self.every}")
        wall_clock(self.zone)

    @property
    def elapsed(self) -> bool:
        """Whether hand-overs follow elapsed time and not the wall clock."""
        return self.unit is Unit.hour and 24 % self.every != 0

    def hand_over(self, turn: int) -> int:
        """When the given turn (0 is the first) begins; the same instant as the next one's where it has no time."""
        clock = wall_clock(self.zone)
        if self.unit is Unit.month:
            return clock.first_instant(_months_later(self.first_local_ms, turn * self.every))
        length = _LENGTHS[self.unit] * self.every
        if self.elapsed:
            return clock.first_instant(self.first_local_ms) + turn * length
        return clock.first_instant(self.first_local_ms + turn * length)

    def turn_at(self, at_ms: int) -> int | None:
        """The turn that an instant belongs to; None before the first."""
        if at_ms < self.hand_over(0):
            return None
        turn = max(0, self._about(at_ms, wall_clock(self.zone)))
        while self.hand_over(turn) > at_ms:
            turn -= 1
        while self.hand_over(turn + 1) <= at_ms:
            turn += 1
        return turn

    def person(self, turn: int) -> str:
        """The person whose turn it is."""
        return self.people[turn % len(self.people)]

    def shifts(self, from_ms: int, to_ms: int) -> list[tuple[int, int, str]]:
        """``(begin, end, person)`` of every shift within ``[from_ms, to_ms)``, cut to it, by time."""
        begin = max(from_ms, self.hand_over(0))
        turn = self.turn_at(begin) if begin < to_ms else None
        found: list[tuple[int, int, str]] = []
        while turn is not None and begin < to_ms:
            end = self.hand_over(turn + 1)
            if end > begin:
                found.append((begin, min(end, to_ms), self.person(turn)))
                begin = end
            turn += 1
        return found

    def _about(self, at_ms: int, clock: WallClock) -> int:
        """The turn, give or take a few."""
        if self.elapsed:
            return (at_ms - self.hand_over(0)) // (_LENGTHS[self.unit] * self.every)
        since = clock.local_ms(at_ms) - self.first_local_ms
        if self.unit is Unit.month:
            then, now = calendar(self.first_local_ms), calendar(self.first_local_ms + max(0, since))
            return ((now.year - then.year) * 12 + now.month - then.month) // self.every
        return since // (_LENGTHS[self.unit] * self.every)


def _months_later(local_ms: int, count: int) -> int:
    """The same day and time, ``count`` months later; the last day of a month that has no such day."""
    at = calendar(local_ms)
    year, month = divmod(at.year * 12 + at.month - 1 + count, 12)
    day = min(at.day, months.monthrange(year, month + 1)[1])
    return local(year, month + 1, day) + local_ms % DAY_MS
