"""Exactly one person, or a named gap, at each instant: walked every 30 s through clock changes of six zones."""

from __future__ import annotations

from itertools import pairwise

import pytest

from monitor.clock import DAY_MS, HOUR_MS
from monitor.oncall.duty import duties, on_call
from monitor.oncall.rotation import Rotation, Unit
from monitor.oncall.schedule import Layer, Schedule, Window
from monitor.oncall.zones import local, wall_clock

STEP_MS = 30_000
TRANSITIONS = {
    "America/Chicago": ((2026, 3, 8), (2026, 11, 1)),
    "Europe/Berlin": ((2026, 3, 29), (2026, 10, 25)),
    "Australia/Lord_Howe": ((2026, 4, 5), (2026, 10, 4)),
    "Africa/Casablanca": ((2026, 2, 15), (2026, 3, 22)),
    "Pacific/Apia": ((2011, 12, 30),),
    "Asia/Kolkata": ((2026, 3, 29),),
}
CHANGES = [(zone, *day) for zone, days in TRANSITIONS.items() for day in days]
LENGTHS = {
    "hourly": (Unit.hour, 1),
    "5-hourly": (Unit.hour, 5),
    "daily": (Unit.day, 1),
    "weekly": (Unit.week, 1),
    "monthly": (Unit.month, 1),
}


def around(zone: str, year: int, month: int, day: int) -> tuple[int, int]:
    """Three days on either side of the change on that day; of its midnight where a zone has none."""
    clock = wall_clock(zone)
    midnight = clock.first_instant(local(year, month, day))
    changes = clock.changes(midnight - DAY_MS, midnight + 2 * DAY_MS)
    assert bool(changes) == (zone != "Asia/Kolkata")
    middle = changes[0] if changes else midnight
    return middle - 3 * DAY_MS, middle + 3 * DAY_MS


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("zone", "year", "month", "day"), CHANGES)
def test_a_walk_meets_the_same_person_as_the_calendar_and_never_two(
    zone: str, year: int, month: int, day: int, length: str
) -> None:
    begin, end = around(zone, year, month, day)
    unit, every = LENGTHS[length]
    # The hand-over lies inside the hour that is skipped or doubled, the hardest place.
    first = local(year, month, 1, 1, 45) - 31 * DAY_MS
    rotation = Rotation(people=("ann", "ben", "kim"), zone=zone, first_local_ms=first, unit=unit, every=every)
    schedule = Schedule(name="guardrails", zone=zone, layers=(Layer(name="rota", rotation=rotation),))
    calendar = duties(schedule, begin, end)
    assert calendar[0].begin_ms == begin
    assert calendar[-1].end_ms == end
    assert all(one.end_ms == other.begin_ms for one, other in pairwise(calendar))
    at = 0
    for instant in range(begin, end, STEP_MS):
        while calendar[at].end_ms <= instant:
            at += 1
        duty = on_call(schedule, instant)
        assert duty.people == calendar[at].people
        assert len(duty.people) == 1
    turns = [rotation.turn_at(duty.begin_ms) for duty in calendar]
    assert all(one is not None and other is not None and one < other for one, other in pairwise(turns))
    assert [rotation.hand_over(turn or 0) for turn in turns[1:]] == [duty.begin_ms for duty in calendar[1:]]


@pytest.mark.parametrize(("zone", "year", "month", "day"), CHANGES)
def test_windows_that_meet_leave_neither_a_gap_nor_two_people(zone: str, year: int, month: int, day: int) -> None:
    begin, end = around(zone, year, month, day)
    first = local(year, month, 1) - 31 * DAY_MS
    meet = 105 * 60_000
    week = frozenset(range(7))
    day_layer, night_layer = (
        Layer(
            name=name,
            rotation=Rotation(people=(name,), zone=zone, first_local_ms=first, unit=Unit.week),
            windows=(Window(days=week, begin_ms=start, end_ms=stop),),
        )
        for name, start, stop in (("day", meet, 13 * HOUR_MS), ("night", 13 * HOUR_MS, meet))
    )
    schedule = Schedule(name="guardrails", zone=zone, layers=(night_layer, day_layer))
    calendar = duties(schedule, begin, end)
    assert all(len(duty.people) == 1 and duty.gap is None for duty in calendar)
    assert {duty.people[0] for duty in calendar} == {"day", "night"}
    at = 0
    for instant in range(begin, end, 10 * STEP_MS):
        while calendar[at].end_ms <= instant:
            at += 1
        assert on_call(schedule, instant).people == calendar[at].people


def test_weekday_windows_leave_a_named_gap_at_each_instant_outside() -> None:
    zone = "Europe/Berlin"
    begin, end = around(zone, 2026, 10, 25)
    rotation = Rotation(people=("ann",), zone=zone, first_local_ms=local(2026, 1, 5), unit=Unit.week)
    hours = Window(days=frozenset(range(5)), begin_ms=9 * HOUR_MS, end_ms=17 * HOUR_MS)
    schedule = Schedule(name="office", zone=zone, layers=(Layer(name="office", rotation=rotation, windows=(hours,)),))
    calendar = duties(schedule, begin, end)
    at = 0
    for instant in range(begin, end, STEP_MS):
        while calendar[at].end_ms <= instant:
            at += 1
        duty = on_call(schedule, instant)
        assert (duty.people, duty.gap) == (calendar[at].people, calendar[at].gap)
        assert bool(duty.people) != (duty.gap is not None)
    covered = sum(duty.end_ms - duty.begin_ms for duty in calendar if duty.people)
    assert covered % (8 * HOUR_MS) == 0
