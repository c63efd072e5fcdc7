"""Problems of the calendar, found ahead of time: gaps, and people without a channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.clock import DAY_MS
from monitor.oncall.duty import Duty, duties
from monitor.oncall.schedule import Schedule

AHEAD_MS: Final = 30 * DAY_MS
"""The time ahead in which gaps are reported."""
_FURTHER_MS: Final = 370 * DAY_MS
"""The time ahead in which the end of a shift is searched: a yearly rotation has one within it."""


@dataclass(frozen=True, slots=True)
class Now:
    """A digest of a schedule: who, until when, who next, and the gaps ahead."""

    schedule: str
    duty: Duty
    """The present one, from now to its end."""
    then: Duty | None
    """The following shift; None where nothing changes for a year."""
    gaps: tuple[Duty, ...]
    """Within the 30 days ahead, the intended ones too."""


def digest(schedule: Schedule, now_ms: int) -> Now:
    """The people on call, the end of their shift, the people next, and the gaps of the calendar."""
    ahead = by_people(duties(schedule, now_ms, now_ms + AHEAD_MS))
    then = ahead[1] if len(ahead) > 1 else None
    duty = ahead[0]
    if then is None:
        further = by_people(duties(schedule, now_ms, now_ms + _FURTHER_MS))
        duty, then = further[0], further[1] if len(further) > 1 else None
    return Now(schedule.name, duty, then, tuple(gaps(schedule, now_ms, now_ms + AHEAD_MS)))


def gaps(schedule: Schedule, from_ms: int, to_ms: int) -> list[Duty]:
    """Times with nobody on call, the intended gaps too (``intended`` gives the reason)."""
    return [duty for duty in duties(schedule, from_ms, to_ms) if not duty.people]


def by_people(calendar: Sequence[Duty]) -> list[Duty]:
    """The calendar with neighbours joined that put the same people on call, from any source."""
    joined: list[Duty] = []
    for duty in calendar:
        last = joined[-1] if joined else None
        if last is not None and last.people == duty.people and duty.people:
            joined[-1] = Duty(last.begin_ms, duty.end_ms, last.people, last.source)
        else:
            joined.append(duty)
    return joined


def without_contact(people: Iterable[str], contacts: Mapping[str, Sequence[str]]) -> list[str]:
    """Names of people who have a turn and no channel that reaches them."""
    return sorted({person for person in people if not contacts.get(person)})


def people_of(schedule: Schedule) -> set[str]:
    """Everybody whom the schedule may put on call."""
    found = {person for layer in schedule.layers for person in layer.rotation.people}
    found |= {person for temporary in schedule.temporary for _, _, person in temporary.shifts}
    found |= {each.add for each in schedule.overrides if each.add is not None}
    return found | ({schedule.fallback} if schedule.fallback is not None else set())
