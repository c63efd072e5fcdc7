"""State of the paging of one incident."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class State(StrEnum):
    """The action when it is due."""

    paging = "paging"
    """The next step pages."""
    acknowledged = "acknowledged"
    """A responder owns it; when the acknowledgement expires, paging begins anew."""
    snoozed = "snoozed"
    """The same as acknowledged, until a time that a person chose."""
    over = "over"
    """The incident is resolved or closed; nothing is due."""


class Escalation(msgspec.Struct, frozen=True, kw_only=True):
    """The paging of one incident; changed only while the incident is locked.

    Attributes:
        step, round: of the policy, the next ones to page; 0 is the first.
        due_ms: when something is to be done; None: nothing.
        severity: of the incident when paging began or was acknowledged; a rise ends an acknowledgement.
        hold_ms: how long an acknowledgement holds.
        person: who acknowledged last; paged when the acknowledgement expires.
        holds_until_ms: when it expires.
        acknowledge_by_ms, resolve_by_ms: deadlines not yet missed.
        silence_id: the silence that holds the pages back, or did so last.
        more: something was found under an acknowledgement, and the person who gave it has not been paged yet.
        why: what makes it due before the acknowledgement expires, as a sentence; empty: nothing does.
    """

    incident_id: int
    state: State = State.paging
    step: int = 0
    round: int = 0
    due_ms: int | None
    severity: str
    hold_ms: int
    person: str | None = None
    holds_until_ms: int | None = None
    acknowledge_by_ms: int | None = None
    resolve_by_ms: int | None = None
    silence_id: int | None = None
    more: bool = False
    why: str = ""

    @property
    def wakes_ms(self) -> int | None:
        """The earliest time at which :func:`monitor.alerting.escalation.step.step` has something to do."""
        times = [at for at in (self.due_ms, self.acknowledge_by_ms, self.resolve_by_ms) if at is not None]
        return min(times) if times and self.state is not State.over else None
