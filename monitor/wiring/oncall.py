"""Builds the plan from the settings' section ``oncall``; every mistake in it is reported at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, TypeVar

from monitor.clock import DAY_MS
from monitor.errors import Refused, SettingsError
from monitor.oncall.policy import Deadline, Plan, Policy, Step
from monitor.oncall.rotation import Rotation, Unit
from monitor.oncall.schedule import WEEKDAYS, Intended, Layer, Override, Schedule, Temporary, Window
from monitor.oncall.zones import parsed_local, wall_clock
from monitor.settings import oncall
from monitor.settings.model import Settings

T = TypeVar("T")
MOST_SHOWN: Final = 20
_EVERY: Final = re.compile(r"(?:([0-9]{1,4}) *)?(hour|day|week|month)s?")
_HOURS: Final = re.compile(r"([0-2][0-9]):([0-5][0-9]) *- *([0-2][0-9]):([0-5][0-9])")


def oncall_plan(settings: Settings) -> Plan:
    """On-call schedules and escalation policies from the settings.

    Raises:
        SettingsError: one line per mistake: no such zone, person, schedule or channel; times that do not exist or
            exist twice; overrides that conflict.
    """
    return _Reader(settings).plan()


class _Reader:
    """Reads the section and collects what is wrong with it."""

    def __init__(self, settings: Settings) -> None:
        self._given = settings.oncall
        self._channels = {channel.name for channel in settings.alerts.channels}
        self._mistakes: list[str] = []

    def plan(self) -> Plan:
        given = self._given
        for name, person in given.people.items():
            self._known(person.contacts, self._channels, f"people.{name}.contacts", "channel")
        schedules = {name: self._schedule(name, each) for name, each in given.schedules.items()}
        policies = {name: self._policy(name, each) for name, each in given.policies.items()}
        if given.policy is not None:
            self._known((given.policy,), given.policies, "policy", "policy")
        if self._mistakes:
            more = len(self._mistakes) - MOST_SHOWN
            shown = self._mistakes[:MOST_SHOWN] + ([f"oncall: and {more} more problems"] if more > 0 else [])
            raise SettingsError("\n".join(shown))
        return Plan(
            contacts={name: person.contacts for name, person in given.people.items()},
            schedules={name: each for name, each in schedules.items() if each is not None},
            policies=policies,
            policy=given.policy,
            deadlines={
                "critical": _deadline(given.deadlines.critical),
                "error": _deadline(given.deadlines.error),
                "warning": _deadline(given.deadlines.warning),
            },
        )

    def _schedule(self, name: str, given: oncall.Schedule) -> Schedule | None:
        at = f"schedules.{name}"
        zone = self._zone(given.zone, f"{at}.zone")
        if zone is None:
            return None
        if given.fallback is not None:
            self._people((given.fallback,), f"{at}.fallback")
        layers = [self._layer(each, one, zone, f"{at}.layers.{each}") for each, one in given.layers.items()]
        temporary = [self._temporary(one, zone, f"{at}.temporary.{each}") for each, one in given.temporary.items()]
        overrides = [self._override(one, zone, f"{at}.overrides.{each}") for each, one in given.overrides.items()]
        meant = [self._intended(one, zone, f"{at}.intended_gaps.{each}") for each, one in given.intended_gaps.items()]
        return self._tried(
            lambda: Schedule(
                name=name,
                zone=zone,
                layers=_there(layers),
                temporary=_there(temporary),
                overrides=_there(overrides),
                fallback=given.fallback,
                intended=_there(meant),
            ),
            f"{at}",
        )

    def _layer(self, name: str, given: oncall.Layer, schedule_zone: str, at: str) -> Layer | None:
        self._people(given.people, f"{at}.people")
        zone = schedule_zone if given.zone is None else self._zone(given.zone, f"{at}.zone")
        every = _EVERY.fullmatch(given.every.strip())
        if every is None:
            self._mistakes.append(
                f"oncall.{at}.every: {given.every[:40]!r}: must be hours, days, weeks or months, such as 1 week"
            )
        hours = None if given.hours is None else _HOURS.fullmatch(given.hours.strip())
        wrong_hours = given.hours is not None and (hours is None or any(int(hours[each]) > 24 for each in (1, 3)))
        if wrong_hours:
            self._mistakes.append(f"oncall.{at}.hours: {given.hours!r}: must be {oncall.HOURS}")
        self._known(given.days, WEEKDAYS, f"{at}.days", "weekday")
        begin = None if zone is None else self._instant(given.begin, zone, f"{at}.begin")
        if every is None or zone is None or begin is None or wrong_hours or set(given.days) - set(WEEKDAYS):
            return None
        found = self._tried(
            lambda: Rotation(
                people=given.people,
                zone=zone,
                first_local_ms=wall_clock(zone).local_ms(begin),
                unit=Unit(every[2]),
                every=int(every[1] or 1),
            ),
            at,
        )
        if found is None:
            return None
        if hours is None and not given.days:
            return Layer(name=name, rotation=found)
        return Layer(name=name, rotation=found, windows=(_window(given.days, hours),))

    def _temporary(self, given: oncall.Temporary, zone: str, at: str) -> Temporary | None:
        span = self._span(given, zone, at)
        shifts = []
        for name, shift in given.shifts.items():
            self._people((shift.person,), f"{at}.shifts.{name}.person")
            of_shift = self._span(shift, zone, f"{at}.shifts.{name}")
            shifts += [(*of_shift, shift.person)] if of_shift is not None else []
        return None if span is None else Temporary(begin_ms=span[0], end_ms=span[1], shifts=tuple(sorted(shifts)))

    def _override(self, given: oncall.Override, zone: str, at: str) -> Override | None:
        self._people([each for each in (given.add, given.remove) if each is not None], at)
        span = self._span(given, zone, at)
        if span is None:
            return None
        return Override(begin_ms=span[0], end_ms=span[1], add=given.add, remove=given.remove, reason=given.reason)

    def _intended(self, given: oncall.Intended, zone: str, at: str) -> Intended | None:
        span = self._span(given, zone, at)
        return None if span is None else Intended(begin_ms=span[0], end_ms=span[1], reason=given.reason)

    def _policy(self, name: str, given: oncall.EscalationPolicy) -> Policy:
        at = f"policies.{name}"
        self._known(given.nobody_reached, self._channels, f"{at}.nobody_reached", "channel")
        steps = []
        for step_name, step in given.steps.items():
            of_step = f"{at}.steps.{step_name}"
            self._people(step.people, f"{of_step}.people")
            self._known(step.schedules, self._given.schedules, f"{of_step}.schedules", "schedule")
            self._known(step.next_of, self._given.schedules, f"{of_step}.next_of", "schedule")
            self._known(step.channels, self._channels, f"{of_step}.channels", "channel")
            if not (step.people or step.schedules or step.next_of or step.channels):
                self._mistakes.append(f"oncall.{of_step}: pages nobody; name people, schedules, next_of or channels")
            steps.append(
                Step(
                    name=step_name,
                    wait_ms=step.wait.ms,
                    people=step.people,
                    schedules=step.schedules,
                    next_of=step.next_of,
                    channels=step.channels,
                )
            )
        return Policy(name=name, steps=tuple(steps), rounds=given.rounds, last_resort=given.nobody_reached)

    def _span(
        self, given: oncall.Temporary | oncall.Override | oncall.Intended | oncall.Shift, zone: str, at: str
    ) -> tuple[int, int] | None:
        begin = self._instant(given.begin, zone, f"{at}.begin")
        end = self._instant(given.end, zone, f"{at}.end")
        return None if begin is None or end is None else (begin, end)

    def _instant(self, text: str, zone: str, at: str) -> int | None:
        return self._tried(lambda: typed_instant(text, zone), at)

    def _zone(self, name: str, at: str) -> str | None:
        clock = self._tried(lambda: wall_clock(name), at)
        return None if clock is None else name

    def _people(self, names: Iterable[str], at: str) -> None:
        self._known(names, self._given.people, at, "person")

    def _known(self, names: Iterable[str], there: Iterable[str], at: str, what: str) -> None:
        known = list(there)
        for name in names:
            if name not in known:
                those = ", ".join(sorted(known)[:10]) or "none"
                self._mistakes.append(f"oncall.{at}: there is no {what} {name[:60]!r}; there is {those}")

    def _tried(self, make: Callable[[], T], at: str) -> T | None:
        try:
            return make()
        except (ValueError, Refused) as error:
            self._mistakes += [f"oncall.{at}: {line}" for line in str(error).splitlines()]
            return None


def typed_instant(text: str, zone: str) -> int:
    """The instant of a time that a person typed: with an offset as it is, without one by the clock of the zone.

    Raises:
        ValueError: it is no time.
        UnusableTime: the clock shows it twice or never; both instants are offered.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r}: must be {oncall.LOCAL_TIME}") from None
    if at.tzinfo is not None:
        return round(at.timestamp() * 1000)
    return wall_clock(zone).typed_instant(parsed_local(text))


def _window(days: tuple[str, ...], hours: re.Match[str] | None) -> Window:
    minutes = [0, 0] if hours is None else [int(hours[at]) * 60 + int(hours[at + 1]) for at in (1, 3)]
    chosen = frozenset(WEEKDAYS.index(day) for day in days) if days else frozenset(range(7))
    return Window(days=chosen, begin_ms=minutes[0] * 60_000, end_ms=min(minutes[1] * 60_000, DAY_MS))


def _deadline(given: oncall.Critical | oncall.Error | oncall.Warning) -> Deadline:
    return Deadline(
        acknowledge_ms=given.acknowledge.ms,
        resolve_ms=given.resolve.ms,
        acknowledgement_ms=given.acknowledgement.ms,
    )


def _there(found: Iterable[T | None]) -> tuple[T, ...]:
    return tuple(each for each in found if each is not None)
