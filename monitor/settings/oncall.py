"""On-call schedules and escalation policies."""

from __future__ import annotations

from typing import Any, Final

from monitor.clock import DAY_MS
from monitor.settings.section import Section, setting
from monitor.settings.values import Duration, Words

LOCAL_TIME: Final = "a local time such as 2026-12-24 09:00, or one with an offset such as 2026-10-25T02:30+01:00"
ZONE: Final = "an IANA time zone such as Europe/Berlin"
HOURS: Final = "hours of the day such as 09:00-17:00; an end that is not later lies on the next day"


class Person(Section):
    """A person who can be paged."""

    contacts: Words = setting(
        (), "channels that reach this person, the first one first", allowed="names of channels", max_length=10
    )


class Layer(Section):
    """People who take turns."""

    people: Words = setting(
        ...,
        "people who take turns, in order",
        allowed="names of people",
        min_length=1,
        max_length=200,
        example="ann, ben",
    )
    begin: str = setting(..., "the first hand-over", allowed=LOCAL_TIME, max_length=40, example="2026-11-02 09:00")
    every: str = setting(
        "1 week", "how long a shift is", allowed="hours, days, weeks or months: 12 hours, 1 week", max_length=20
    )
    zone: str | None = setting(
        None,
        "time zone of the hand-overs; none: that of the schedule",
        allowed=ZONE,
        max_length=60,
        example="Asia/Kolkata",
    )
    days: Words = setting(
        (), "weekdays on which it counts; none: all", allowed="mon, tue, wed, thu, fri, sat, sun", max_length=7
    )
    hours: str | None = setting(
        None, "hours of the day in which it counts; none: all", allowed=HOURS, max_length=20, example="09:00-17:00"
    )


class Shift(Section):
    """One shift of a temporary schedule."""

    person: str = setting(..., "who has it", allowed="the name of a person", max_length=100, example="ann")
    begin: str = setting(..., "when it begins", allowed=LOCAL_TIME, max_length=40, example="2026-12-24 09:00")
    end: str = setting(..., "when it ends", allowed=LOCAL_TIME, max_length=40, example="2026-12-25 09:00")


class Temporary(Section):
    """A temporary schedule, which replaces all layers for a while."""

    begin: str = setting(..., "when it begins", allowed=LOCAL_TIME, max_length=40, example="2026-12-24 09:00")
    end: str = setting(..., "when it ends", allowed=LOCAL_TIME, max_length=40, example="2027-01-02 09:00")
    shifts: dict[str, Shift] = setting({}, "its shifts, by any name", max_length=400)


class Override(Section):
    """A person added, taken off, or put in another's place."""

    begin: str = setting(..., "when it begins", allowed=LOCAL_TIME, max_length=40, example="2026-12-01 09:00")
    end: str = setting(..., "when it ends", allowed=LOCAL_TIME, max_length=40, example="2026-12-01 18:00")
    add: str | None = setting(
        None, "person on call then", allowed="the name of a person", max_length=100, example="ben"
    )
    remove: str | None = setting(
        None,
        "person taken off call; with add: the person replaced",
        allowed="the name of a person",
        max_length=100,
        example="ann",
    )
    reason: str = setting("", "why", max_length=500)


class Intended(Section):
    """A gap that is meant."""

    begin: str = setting(..., "when it begins", allowed=LOCAL_TIME, max_length=40, example="2026-12-24 18:00")
    end: str = setting(..., "when it ends", allowed=LOCAL_TIME, max_length=40, example="2026-12-27 09:00")
    reason: str = setting(
        ..., "reason why nobody needs to be on call", min_length=1, max_length=500, example="the product is off"
    )


class Schedule(Section):
    """The schedule of one duty: an override goes first, then temporary schedules, then the last layer."""

    zone: str = setting(..., "time zone of the times below", allowed=ZONE, max_length=60, example="Europe/Berlin")
    layers: dict[str, Layer] = setting({}, "layers by name; the last one goes first", max_length=20)
    temporary: dict[str, Temporary] = setting({}, "temporary schedules by name", max_length=100)
    overrides: dict[str, Override] = setting({}, "overrides by name", max_length=1000)
    fallback: str | None = setting(
        None, "person on call when nobody else is", allowed="the name of a person", max_length=100, example="kim"
    )
    intended_gaps: dict[str, Intended] = setting({}, "intended gaps, by name", max_length=100)


class EscalationStep(Section):
    """The people whom one step of a policy pages; at least one of its lists is not empty."""

    wait: Duration = setting(
        "5m", "how long to wait for an acknowledgement before the next step", ge=Duration(30_000), le=Duration(DAY_MS)
    )
    people: Words = setting((), "people", allowed="names of people", max_length=50)
    schedules: Words = setting((), "people on call in these schedules", allowed="names of schedules", max_length=20)
    next_of: Words = setting(
        (), "people next on call in these schedules", allowed="names of schedules", max_length=20
    )
    channels: Words = setting((), "channels without a person", allowed="names of channels", max_length=20)


class EscalationPolicy(Section):
    """The people to page, in order, until an acknowledgement."""

    steps: dict[str, EscalationStep] = setting({}, "the steps by name, in order", min_length=1, max_length=20)
    rounds: int = setting(
        3, "rounds through all steps before the policy reports that nobody was reached", unit="rounds", ge=1, le=100
    )
    nobody_reached: Words = setting(
        (),
        "channels that are notified when nobody was reached; none: all",
        allowed="names of channels",
        max_length=32,
    )


def _acknowledge(default: str) -> Any:
    return setting(default, "acknowledged within", ge=Duration(60_000), le=Duration(7 * DAY_MS))


def _resolve(default: str) -> Any:
    return setting(default, "resolved within", ge=Duration(60_000), le=Duration(90 * DAY_MS))


def _holds(default: str) -> Any:
    return setting(
        default,
        "how long an acknowledgement holds before it pages again",
        ge=Duration(900_000),
        le=Duration(7 * DAY_MS),
    )


class Critical(Section):
    """Deadlines of critical incidents."""

    acknowledge: Duration = _acknowledge("15m")
    resolve: Duration = _resolve("8h")
    acknowledgement: Duration = _holds("4h")


class Error(Section):
    """Deadlines of incidents of severity error."""

    acknowledge: Duration = _acknowledge("30m")
    resolve: Duration = _resolve("24h")
    acknowledgement: Duration = _holds("12h")


class Warning(Section):  # noqa: A001 - the severity's name
    """Deadlines of incidents of severity warning."""

    acknowledge: Duration = _acknowledge("8h")
    resolve: Duration = _resolve("7d")
    acknowledgement: Duration = _holds("3d")


class Deadlines(Section):
    """Deadlines by severity."""

    critical: Critical = setting(Critical(), "of critical incidents")
    error: Error = setting(Error(), "of incidents of severity error")
    warning: Warning = setting(Warning(), "of incidents of severity warning")


class OnCall(Section):
    """People, schedules and escalation."""

    people: dict[str, Person] = setting({}, "people who can be paged, by name", max_length=1000)
    schedules: dict[str, Schedule] = setting({}, "schedules by name", max_length=100)
    policies: dict[str, EscalationPolicy] = setting({}, "escalation policies by name", max_length=100)
    policy: str | None = setting(
        None,
        "the policy that pages; none: channels only",
        allowed="the name of a policy",
        max_length=100,
        example="default",
    )
    deadlines: Deadlines = setting(Deadlines(), "deadlines by severity")
