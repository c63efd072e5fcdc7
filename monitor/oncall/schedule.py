"""Schedules: who is on call, out of layers, temporary schedules and overrides.

At every instant the first of these that names somebody decides:

1. *overrides*: ``replace`` puts one person in another's place, ``remove`` takes a person off, ``add`` adds one;
2. a *temporary schedule*, which replaces all layers between its begin and its end;
3. the *layers*, the last one first;
4. the *fallback*;
5. nobody: a gap, which has a name (:class:`Gap`).

Somebody who was taken off leaves the turn to what comes next in this order, not to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, pairwise
from typing import Final

from monitor.clock import DAY_MS
from monitor.oncall.rotation import Rotation
from monitor.oncall.zones import WallClock, wall_clock

MOST_LAYERS: Final = 20
MOST_OVERRIDES: Final = 1000
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Gap(StrEnum):
    """The reason why nobody is on call."""

    no_layer = "no layer covers this time"
    temporary_open = "the temporary schedule leaves this time open"
    removed = "an override has taken off everybody who had a turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The hours in which a layer counts, in the zone of its rotation.

    It begins at the first and ends at the last occurrence of its local times, so that a clock that is put back leaves
    no gap between a window and the next.

    Attributes:
        days: weekdays on which it begins, 0 is Monday.
        begin_ms, end_ms: milliseconds after midnight; an end that is not after the begin lies on the next day.
    """

    days: frozenset[int]
    begin_ms: int
    end_ms: int

    def spans(self, clock: WallClock, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        """The parts of ``[from_ms, to_ms)`` that lie in it, by time."""
        length = self.end_ms - self.begin_ms + (0 if self.end_ms > self.begin_ms else DAY_MS)
        first = clock.local_ms(from_ms) // DAY_MS - 2
        last = clock.local_ms(to_ms) // DAY_MS + 1
        found: list[tuple[int, int]] = []
        for day in range(first, last + 1):
            if (day + 3) % 7 not in self.days:  # 1970-01-01 was a Thursday
                continue
            begin = max(from_ms, clock.first_instant(day * DAY_MS + self.begin_ms))
            end = min(to_ms, clock.last_instant(day * DAY_MS + self.begin_ms + length))
            if begin < end:
                found.append((begin, end))
        return found

    def covers(self, clock: WallClock, at_ms: int) -> bool:
        """Whether an instant lies in it."""
        return bool(self.spans(clock, at_ms, at_ms + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One rotation of a schedule, always or only within windows."""

    name: str
    rotation: Rotation
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Temporary:
    """A temporary schedule that replaces all layers: shifts by hand, ``(begin, end, person)``, by time."""

    begin_ms: int
    end_ms: int
    shifts: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A change for a while: ``add`` alone adds, ``remove`` alone takes off, both together replace."""

    begin_ms: int
    end_ms: int
    add: str | None = None
    remove: str | None = None
    reason: str = ""

    @property
    def words(self) -> str:
        """``ben in place of ann``."""
        if self.add and self.remove:
            return f"{self.add} in place of {self.remove}"
        return f"{self.add} as well" if self.add else f"without {self.remove}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intended:
    """An intended gap: nobody needs to be on call then."""

    begin_ms: int
    end_ms: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The schedule of one duty.

    Attributes:
        layers: the last one goes first.
        fallback: on call whenever nobody else is.
        intended: gaps that are meant.

    Raises:
        ValueError: every mistake in it, one a line.
    """

    name: str
    zone: str
    layers: tuple[Layer, ...] = ()
    temporary: tuple[Temporary, ...] = ()
    overrides: tuple[Override, ...] = ()
    fallback: str | None = None
    intended: tuple[Intended, ...] = ()

    def __post_init__(self) -> None:
        mistakes = list(_mistakes(self))
        if mistakes:
            raise ValueError("\n".join(mistakes))

    def spans(self) -> list[tuple[int, int]]:
        """The spans of everything that is temporary."""
        found = [(each.begin_ms, each.end_ms) for each in self.overrides]
        found += [(each.begin_ms, each.end_ms) for each in self.temporary]
        return found + [(each.begin_ms, each.end_ms) for each in self.intended]

    def edges(self) -> list[int]:
        """The times at which any of these spans begins or ends."""
        return [edge for span in self.spans() for edge in span]


def conflict(one: Override, other: Override) -> str | None:
    """Why two overrides cannot both hold; None if they can."""
    if one.begin_ms >= other.end_ms or other.begin_ms >= one.end_ms:
        return None
    if one.remove is not None and one.remove == other.remove:
        return f"both name who is on call in {one.remove}'s place"
    if one.add is not None and one.add == other.add:
        return f"both put {one.add} on call"
    if (one.add is not None and one.add == other.remove) or (other.add is not None and other.add == one.remove):
        return f"one puts on call whom the other takes off ({one.words}; {other.words})"
    return None


def _mistakes(schedule: Schedule) -> Iterable[str]:
    clock, name = wall_clock(schedule.zone), schedule.name
    if len(schedule.layers) > MOST_LAYERS:
        yield f"{name}: has {len(schedule.layers)} layers, {MOST_LAYERS} are allowed"
    if len(schedule.overrides) > MOST_OVERRIDES:
        yield f"{name}: has {len(schedule.overrides)} overrides, {MOST_OVERRIDES} are allowed"
    for begin, end in schedule.spans():
        if end <= begin:
            yield f"{name}: what begins at {clock.text(begin)} ends at {clock.text(end)}"
    yield from _of_overrides(schedule, clock)
    yield from _of_temporary(schedule, clock)


def _of_overrides(schedule: Schedule, clock: WallClock) -> Iterable[str]:
    name = schedule.name
    for override in schedule.overrides:
        begin = clock.text(override.begin_ms)
        if override.add is None and override.remove is None:
            yield f"{name}: the override from {begin} neither adds nor removes anybody"
        elif override.add == override.remove:
            yield f"{name}: the override from {begin} replaces a person by the same person"
    for one, other in combinations(schedule.overrides[:MOST_OVERRIDES], 2):
        why = conflict(one, other)
        if why is not None:
            begins = f"{clock.text(one.begin_ms)} and {clock.text(other.begin_ms)}"
            yield f"{name}: overrides from {begins} conflict: {why}"


def _of_temporary(schedule: Schedule, clock: WallClock) -> Iterable[str]:
    name = schedule.name
    for earlier, later in _overlaps([(each.begin_ms, each.end_ms) for each in schedule.temporary]):
        yield f"{name}: temporary schedules overlap from {clock.text(later[0])} to {clock.text(earlier[1])}"
    for temporary in schedule.temporary:
        for begin, end, person in temporary.shifts:
            if not temporary.begin_ms <= begin < end <= temporary.end_ms:
                yield f"{name}: {person}'s shift from {clock.text(begin)} is not within its temporary schedule"
        for earlier, later in _overlaps([shift[:2] for shift in temporary.shifts]):
            yield f"{name}: temporary shifts overlap from {clock.text(later[0])} to {clock.text(earlier[1])}"


def _overlaps(spans: Sequence[tuple[int, int]]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Pairs of neighbours that overlap, once sorted."""
    return [(one, other) for one, other in pairwise(sorted(spans)) if other[0] < one[1]]
