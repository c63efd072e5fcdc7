"""Rotations' rules, precedence, conflicts, and how long a year takes."""

from __future__ import annotations

import time

import pytest

from monitor.clock import DAY_MS, HOUR_MS
from monitor.oncall.coverage import digest, gaps, people_of, without_contact
from monitor.oncall.duty import FALLBACK, TEMPORARY, duties, on_call
from monitor.oncall.rotation import Rotation, Unit
from monitor.oncall.schedule import Gap, Intended, Layer, Override, Schedule, Temporary, Window
from monitor.oncall.zones import local, wall_clock

BERLIN = wall_clock("Europe/Berlin")
START = local(2026, 11, 2, 9, 0)
MONDAY = BERLIN.typed_instant(START)


def rotation(
    *people: str, unit: Unit = Unit.day, every: int = 1, first: int = START, zone: str = "Europe/Berlin"
) -> Rotation:
    return Rotation(people=people, zone=zone, first_local_ms=first, unit=unit, every=every)


def schedule(**more: object) -> Schedule:
    layers = (Layer(name="rota", rotation=rotation("ann", "ben")),)
    return Schedule(**({"name": "guardrails", "zone": "Europe/Berlin", "layers": layers} | more))  # type: ignore[arg-type]


def texts(of: Rotation, count: int) -> list[str]:
    return [BERLIN.text(of.hand_over(turn))[:16] for turn in range(count)]


def test_monthly_on_the_31st_is_on_the_last_day_of_a_shorter_month_and_returns_to_the_31st() -> None:
    monthly = rotation("ann", "ben", unit=Unit.month, first=local(2026, 12, 31, 9))
    assert texts(monthly, 4) == ["2026-12-31T09:00", "2027-01-31T09:00", "2027-02-28T09:00", "2027-03-31T09:00"]


def test_yearly_from_29_february_is_on_the_28th_except_in_leap_years() -> None:
    yearly = rotation("ann", "ben", unit=Unit.month, every=12, first=local(2028, 2, 29, 9))
    assert [text[:10] for text in texts(yearly, 5)] == [
        "2028-02-29",
        "2029-02-28",
        "2030-02-28",
        "2031-02-28",
        "2032-02-29",
    ]


def test_daily_keeps_the_wall_clock_and_five_hourly_the_elapsed_time_when_clocks_go_back() -> None:
    first = local(2026, 10, 24, 9)
    assert texts(rotation("ann", first=first), 3) == ["2026-10-24T09:00", "2026-10-25T09:00", "2026-10-26T09:00"]
    five = rotation("ann", unit=Unit.hour, every=5, first=first)
    steps = [five.hand_over(turn + 1) - five.hand_over(turn) for turn in range(20)]
    assert set(steps) == {5 * HOUR_MS}
    assert texts(five, 5)[-1] == "2026-10-25T04:00"


def test_a_turn_without_time_is_passed_over() -> None:
    hourly = rotation("ann", "ben", "kim", unit=Unit.hour, first=local(2026, 3, 29, 1))
    shifts = hourly.shifts(hourly.hand_over(0), hourly.hand_over(4))
    assert [(BERLIN.text(begin)[11:16], who) for begin, _, who in shifts] == [
        ("01:00", "ann"),
        ("03:00", "kim"),
        ("04:00", "ann"),
    ]


def test_nobody_is_on_call_before_the_rotation_begins() -> None:
    assert on_call(schedule(), MONDAY - 1).gap is Gap.no_layer
    assert on_call(schedule(), MONDAY).people == ("ann",)


def test_precedence_is_override_temporary_highest_layer_fallback_nobody() -> None:
    hours = Window(days=frozenset(range(7)), begin_ms=12 * HOUR_MS, end_ms=14 * HOUR_MS)
    day = DAY_MS
    second = Temporary(
        begin_ms=MONDAY + day, end_ms=MONDAY + 2 * day, shifts=((MONDAY + day, MONDAY + day + HOUR_MS, "kim"),)
    )
    whole = Schedule(
        name="guardrails",
        zone="Europe/Berlin",
        layers=(
            Layer(name="low", rotation=rotation("ann")),
            Layer(name="high", rotation=rotation("ben"), windows=(hours,)),
        ),
        temporary=(second,),
        overrides=(Override(begin_ms=MONDAY + 2 * day, end_ms=MONDAY + 3 * day, remove="ann", add="sam"),),
        fallback="kim",
    )
    noon = 3 * HOUR_MS + HOUR_MS // 2
    expected = {
        MONDAY - HOUR_MS: (("kim",), FALLBACK),
        MONDAY: (("ann",), "low"),
        MONDAY + noon: (("ben",), "high"),
        MONDAY + day: (("kim",), TEMPORARY),
        MONDAY + day + 2 * HOUR_MS: (("kim",), FALLBACK),
        MONDAY + 2 * day: (("sam",), "low"),
        MONDAY + 2 * day + noon: (("ben",), "high"),
    }
    calendar = duties(whole, MONDAY - 2 * HOUR_MS, MONDAY + 4 * day)
    for at, (people, source) in expected.items():
        assert (on_call(whole, at).people, on_call(whole, at).source) == (people, source)
        (found,) = [duty for duty in calendar if duty.begin_ms <= at < duty.end_ms]
        assert (found.people, found.source) == (people, source)


def test_who_is_taken_off_leaves_the_turn_to_what_comes_next_or_a_gap_that_says_so() -> None:
    off = Override(begin_ms=MONDAY, end_ms=MONDAY + HOUR_MS, remove="ann")
    assert on_call(schedule(overrides=(off,), fallback="kim"), MONDAY).people == ("kim",)
    alone = schedule(overrides=(off,))
    assert on_call(alone, MONDAY).gap is Gap.removed
    (gap,) = gaps(alone, MONDAY, MONDAY + DAY_MS)
    assert (gap.begin_ms, gap.end_ms, gap.gap) == (MONDAY, MONDAY + HOUR_MS, Gap.removed)


def test_an_added_person_is_on_call_beside_the_other() -> None:
    more = Override(begin_ms=MONDAY, end_ms=MONDAY + HOUR_MS, add="kim")
    assert on_call(schedule(overrides=(more,)), MONDAY).people == ("ann", "kim")
    assert on_call(schedule(overrides=(more,), layers=()), MONDAY).people == ("kim",)


def test_a_temporary_schedule_that_leaves_time_open_says_so() -> None:
    empty = Temporary(begin_ms=MONDAY, end_ms=MONDAY + DAY_MS, shifts=())
    assert on_call(schedule(temporary=(empty,)), MONDAY).gap is Gap.temporary_open
    (gap,) = gaps(schedule(temporary=(empty,)), MONDAY, MONDAY + DAY_MS)
    assert gap.gap is Gap.temporary_open


def test_an_intended_gap_is_named_with_its_reason() -> None:
    meant = Intended(begin_ms=MONDAY - DAY_MS, end_ms=MONDAY, reason="before the launch")
    whole = schedule(intended=(meant,))
    (first, second) = gaps(whole, MONDAY - 2 * DAY_MS, MONDAY + DAY_MS)
    assert (first.intended, second.intended) == (None, "before the launch")


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (("ann", None), ("ann", "kim"), "ann's place"),
        ((None, "kim"), ("ben", "kim"), "both put kim"),
        (("ann", "kim"), ("kim", None), "takes off"),
    ],
)
def test_overrides_that_conflict_are_refused(
    one: tuple[str | None, str | None], other: tuple[str | None, str | None], why: str
) -> None:
    overrides = tuple(
        Override(begin_ms=MONDAY + at, end_ms=MONDAY + DAY_MS, remove=out, add=in_)
        for at, (out, in_) in enumerate((one, other))
    )
    with pytest.raises(ValueError, match=why):
        schedule(overrides=overrides)
    apart = (
        overrides[0],
        Override(begin_ms=MONDAY + DAY_MS, end_ms=MONDAY + 2 * DAY_MS, remove=other[0], add=other[1]),
    )
    schedule(overrides=apart)


def test_all_mistakes_of_a_schedule_are_named_at_once() -> None:
    with pytest.raises(ValueError, match="neither adds nor removes") as refused:
        schedule(
            overrides=(Override(begin_ms=MONDAY, end_ms=MONDAY + 1),),
            intended=(Intended(begin_ms=MONDAY, end_ms=MONDAY, reason=""),),
            temporary=(Temporary(begin_ms=MONDAY, end_ms=MONDAY + 2, shifts=((MONDAY, MONDAY + 3, "ann"),)),),
        )
    assert len(str(refused.value).splitlines()) == 3


def test_the_digest_says_who_until_when_and_who_next() -> None:
    now = digest(schedule(), MONDAY + HOUR_MS)
    assert (now.duty.people, now.duty.end_ms) == (("ann",), MONDAY + DAY_MS)
    assert now.then is not None
    assert now.then.people == ("ben",)
    alone = digest(schedule(layers=(Layer(name="rota", rotation=rotation("ann")),)), MONDAY)
    assert alone.then is None


def test_people_without_a_contact_are_named() -> None:
    assert without_contact(people_of(schedule(fallback="kim")), {"ann": ["mail"], "kim": []}) == ["ben", "kim"]


def hours(number: int) -> Window:
    return Window(days=frozenset({number % 7}), begin_ms=number * HOUR_MS, end_ms=(number + 4) % 24 * HOUR_MS)


def test_a_year_ahead_of_200_people_in_20_layers_takes_less_than_100_ms() -> None:
    people = tuple(f"person-{number}" for number in range(200))
    layers = tuple(
        Layer(
            name=f"layer-{number}",
            rotation=rotation(*people[number:], *people[:number], unit=Unit.week if number % 2 else Unit.day),
            windows=(hours(number),) if number else (),
        )
        for number in range(20)
    )
    whole = schedule(layers=layers)
    seconds = []
    for _ in range(3):
        began = time.process_time()
        calendar = duties(whole, MONDAY, MONDAY + 365 * DAY_MS)
        seconds.append(time.process_time() - began)
    assert len(calendar) > 1000
    assert all(duty.people for duty in calendar)
    assert min(seconds) < 0.1
