"""Escalation policies: people to page, in order, and deadlines; and the whole plan of a team."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from monitor.oncall.coverage import AHEAD_MS, gaps, people_of, without_contact
from monitor.oncall.duty import duties, on_call
from monitor.oncall.schedule import Schedule
from monitor.oncall.zones import DAY_MS, HOUR_MS, wall_clock

MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a policy.

    Attributes:
        wait_ms: how long to wait for an acknowledgement before the next step.
        people, schedules, next_of, channels: whom it pages: by name, whoever is on call, whoever is on call next, and
            channels that are nobody's.
    """

    name: str
    wait_ms: int
    people: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    next_of: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The steps in order, gone through ``rounds`` times before the policy reports that nobody was reached.

    Attributes:
        last_resort: the channels that get that report; empty: all channels.
    """

    name: str
    steps: tuple[Step, ...]
    rounds: int = 3
    last_resort: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """Deadlines of an incident of one severity: times since it was opened, and how long an ack holds."""

    acknowledge_ms: int
    resolve_ms: int
    acknowledgement_ms: int


DEFAULT_DEADLINES: Final[Mapping[str, Deadline]] = MappingProxyType(
    {
        "critical": Deadline(acknowledge_ms=15 * MINUTE_MS, resolve_ms=8 * HOUR_MS, acknowledgement_ms=4 * HOUR_MS),
        "error": Deadline(acknowledge_ms=30 * MINUTE_MS, resolve_ms=DAY_MS, acknowledgement_ms=12 * HOUR_MS),
        "warning": Deadline(acknowledge_ms=8 * HOUR_MS, resolve_ms=7 * DAY_MS, acknowledgement_ms=3 * DAY_MS),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A team's whole on-call plan.

    Attributes:
        contacts: the channels that reach each person, the first one first.
        policy: the name of the policy that pages; None: nobody is paged beyond the channels.
        deadlines: by severity.
    """

    contacts: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    schedules: Mapping[str, Schedule] = field(default_factory=lambda: MappingProxyType({}))
    policies: Mapping[str, Policy] = field(default_factory=lambda: MappingProxyType({}))
    policy: str | None = None
    deadlines: Mapping[str, Deadline] = field(default_factory=lambda: DEFAULT_DEADLINES)

    @property
    def active(self) -> Policy | None:
        """The policy that pages."""
        return None if self.policy is None else self.policies[self.policy]

    def deadline(self, severity: str) -> Deadline:
        """The deadlines of a severity."""
        return self.deadlines.get(severity, DEFAULT_DEADLINES[severity])

    def reached(self, step: Step, at_ms: int) -> dict[str, tuple[str, ...]]:
        """The people whom a step pages now: person -> channels; channels without a person under the empty name."""
        people = list(step.people)
        for name in step.schedules:
            people += on_call(self.schedules[name], at_ms).people
        for name in step.next_of:
            people += self._next(self.schedules[name], at_ms)
        found = {person: self.contacts.get(person, ()) for person in dict.fromkeys(people)}
        return found | ({"": step.channels} if step.channels else {})

    def _next(self, schedule: Schedule, at_ms: int) -> tuple[str, ...]:
        now = on_call(schedule, at_ms).people
        ahead = duties(schedule, at_ms, at_ms + AHEAD_MS)
        return next((duty.people for duty in ahead if duty.people and duty.people != now), ())


def weaknesses(plan: Plan, now_ms: int) -> Iterator[str]:
    """Ways for a page to end in silence, one sentence each: gaps, people without contact, policies."""
    for schedule in plan.schedules.values():
        for gap in gaps(schedule, now_ms, now_ms + AHEAD_MS):
            if gap.intended is None and gap.gap is not None:
                begin, end = (_clock(schedule, at) for at in (gap.begin_ms, gap.end_ms))
                yield f"schedule {schedule.name}: nobody is on call from {begin} to {end}: {gap.gap.value}"
    everybody = {person for schedule in plan.schedules.values() for person in people_of(schedule)}
    everybody |= {person for policy in plan.policies.values() for step in policy.steps for person in step.people}
    for person in without_contact(everybody, plan.contacts):
        yield f"{person} may be on call, and no channel reaches {person}"
    for policy in plan.policies.values():
        if not any(step.channels or step.people for step in policy.steps):
            named = {name for step in policy.steps for name in (*step.schedules, *step.next_of)}
            if all(plan.schedules[name].fallback is None for name in named):
                yield (
                    f"policy {policy.name}: pages schedules only, and none of them has a fallback: add a person or "
                    "a channel to a step, or a fallback to a schedule"
                )


def _clock(schedule: Schedule, at_ms: int) -> str:
    return wall_clock(schedule.zone).text(at_ms)
