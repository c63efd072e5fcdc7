"""The actions of people on an incident, and when each is allowed.

    open --acknowledge--> acknowledged --resolve--> resolved --close--> closed
      \\----------------------resolve----------------/   |
      ^----------------------- reopen (a page) ----------/

Every function runs inside the caller's transaction, writes the incident and its timeline together and returns what
changed; alerting turns that into notifications. Two people at once: the second one's transaction finds the first
one's result, so it is either refused by name or run again (StoreUnavailable).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from monitor.clock import DAY_MS
from monitor.errors import NotFound, Refused, StoreUnavailable
from monitor.incidents import timeline
from monitor.incidents.model import Entry, Incident, Severity, Status
from monitor.incidents.ports import ResponseStore
from monitor.incidents.timeline import What
from monitor.incidents.words import incident_name, plain

DRIFTLINE: Final = "driftline"
"""The actor of every change that no person made."""
LONGEST_SNOOZE_MS: Final = 7 * DAY_MS
LONGEST_TEXT: Final = 4000
"""Characters of a note, reason or summary."""


class Act(StrEnum):
    """Actions on an incident."""

    acknowledge = "acknowledge"
    resolve = "resolve"
    close = "close"
    reopen = "reopen"
    note = "note"
    snooze = "snooze"


ALLOWED: Final[dict[Act, frozenset[Status]]] = {
    Act.acknowledge: frozenset({Status.open}),
    Act.resolve: frozenset({Status.open, Status.acknowledged}),
    Act.close: frozenset({Status.resolved}),
    Act.reopen: frozenset({Status.resolved}),
    Act.note: frozenset(Status),
    Act.snooze: frozenset({Status.acknowledged}),
}
"""The status that each act needs."""
OF_PEOPLE: Final = (Act.acknowledge, Act.snooze, Act.resolve, Act.close, Act.note)


@dataclass(frozen=True, slots=True)
class Change:
    """A stored change: the incident as it is now, and its timeline entry."""

    incident: Incident
    entry: Entry


def possible(status: Status) -> tuple[Act, ...]:
    """The actions that a person can take on an incident in this status."""
    return tuple(act for act in OF_PEOPLE if status in ALLOWED[act])


def acknowledge(store: ResponseStore, incident_id: int, *, actor: str, now_ms: int, text: str = "") -> Change:
    """Acknowledge: a responder takes ownership. An optional text states what they will do.

    Raises:
        NotFound, Refused: no such incident; or not allowed now, with the allowed actions.
        StoreUnavailable: another change was committed first; run the transaction again.
    """
    words = required_text(text, needed=None)
    incident = _allowed(locked(store, incident_id), Act.acknowledge)
    after = msgspec.structs.replace(
        incident, status=Status.acknowledged, acknowledged_by=actor_name(actor), acknowledged_at_ms=now_ms
    )
    return write(store, incident, after, actor=actor, now_ms=now_ms, kind=What.acknowledged, data=words)


def resolve(store: ResponseStore, incident_id: int, *, actor: str, now_ms: int, text: str) -> Change:
    """It is over, for this reason.

    Raises:
        NotFound, Refused, StoreUnavailable: as for :func:`acknowledge`; a reason is needed.
    """
    words = required_text(text, needed="a reason: the cause, and why it is over")
    incident = _allowed(locked(store, incident_id), Act.resolve)
    after = msgspec.structs.replace(incident, status=Status.resolved, resolved_at_ms=now_ms)
    return write(store, incident, after, actor=actor, now_ms=now_ms, kind=What.resolved, data=words)


def close(store: ResponseStore, incident_id: int, *, actor: str, now_ms: int, text: str) -> Change:
    """Close with lessons learned (NIST SP 800-61r2, 3.4.1).

    Raises:
        NotFound, Refused, StoreUnavailable: as for :func:`acknowledge`; the lessons are required.
    """
    words = required_text(
        text, needed="lessons learned: the course of events, what went well, what will be done differently"
    )
    incident = _allowed(locked(store, incident_id), Act.close)
    after = msgspec.structs.replace(incident, status=Status.closed, closed_at_ms=now_ms)
    return write(store, incident, after, actor=actor, now_ms=now_ms, kind=What.closed, data=words)


def note(store: ResponseStore, incident_id: int, *, actor: str, now_ms: int, text: str) -> Change:
    """Write something down; possible in every status.

    Raises:
        NotFound, Refused, StoreUnavailable: as for :func:`acknowledge`; a text is needed.
    """
    words = required_text(text, needed="a text")
    incident = _allowed(locked(store, incident_id), Act.note)
    entry = timeline.append(
        store, incident_id=incident.id, at_ms=now_ms, actor=actor_name(actor), kind=What.note, data=words
    )
    return Change(incident, entry)


def snooze(store: ResponseStore, incident_id: int, *, actor: str, now_ms: int, text: str, until_ms: int) -> Change:
    """Leave it until a time: its owner is paged again then.

    Raises:
        NotFound, Refused, StoreUnavailable: as for :func:`acknowledge`; it needs a reason and an end ahead, at most
            seven days from now.
    """
    words = required_text(text, needed="a reason: why it can wait")
    incident = _allowed(locked(store, incident_id), Act.snooze)
    if not now_ms < until_ms <= now_ms + LONGEST_SNOOZE_MS:
        raise Refused("a snooze ends in the future, at most 7 days from now; add --until TIME")
    data = {**words, "until_ms": until_ms}
    return write(store, incident, incident, actor=actor, now_ms=now_ms, kind=What.snoozed, data=data)


def reopened(incident: Incident) -> Incident:
    """The incident as a page re-opens it: nobody owns it any more.

    Raises:
        Refused: it is not resolved.
    """
    return msgspec.structs.replace(
        _allowed(incident, Act.reopen),
        status=Status.open,
        acknowledged_by=None,
        acknowledged_at_ms=None,
        resolved_at_ms=None,
    )


def found_again(incident: Incident, *, severity: Severity, onset_ms: int, found_ms: int) -> Incident:
    """The incident with more trouble in it."""
    return msgspec.structs.replace(
        incident,
        severity=severity,
        onset_low_ms=min(incident.onset_low_ms, onset_ms),
        last_found_ms=max(incident.last_found_ms, found_ms),
    )


def unacknowledged(incident: Incident) -> Incident:
    """The incident when an acknowledgement has expired: nobody owns it any more."""
    return msgspec.structs.replace(incident, status=Status.open, acknowledged_by=None, acknowledged_at_ms=None)


def locked(store: ResponseStore, incident_id: int) -> Incident:
    """The incident as it is, safe from other writers until the transaction ends.

    The newest timeline entry is read first: it is what all writers of an incident lock, or collide on.

    Raises:
        NotFound: there is none with this number.
    """
    store.last_entry(incident_id)
    incident = store.incident(incident_id)
    if incident is None:
        raise NotFound(f"there is no {incident_name(incident_id)}; `driftline incidents list` shows all")
    return incident


def replace_stored(store: ResponseStore, before: Incident, after: Incident) -> None:
    """Compare-and-set on the status.

    Raises:
        StoreUnavailable: it was changed in between; run the transaction again.
    """
    if before != after and not store.update_incident(after, expected=before.status):
        raise StoreUnavailable(f"{incident_name(before.id)} was changed by another person at this moment; try again")


def person(name: str) -> str:
    """A person's name as it may stand in a timeline.

    Raises:
        Refused: it is empty, or the one that Driftline signs with.
    """
    name = plain(name)
    if not name:
        raise Refused("an actor needs a name, got an empty one; add --as NAME")
    if name.casefold() == DRIFTLINE:
        raise Refused(f"{name!r} is the name of the service itself; add --as NAME with a person's name")
    return name


def _allowed(incident: Incident, act: Act) -> Incident:
    if incident.status in ALLOWED[act]:
        return incident
    who = f" by {incident.acknowledged_by}" if incident.status is Status.acknowledged else ""
    needs = " or ".join(status.value for status in Status if status in ALLOWED[act])
    now = ", ".join(possible(incident.status))
    raise Refused(
        f"{incident_name(incident.id)} is {incident.status.value}{who}: {act.value} needs it {needs}; "
        f"possible now: {now}"
    )


def write(
    store: ResponseStore,
    before: Incident,
    after: Incident,
    *,
    actor: str,
    now_ms: int,
    kind: What,
    data: dict[str, object],
) -> Change:
    """Replace the incident and append the entry that records it.

    Raises:
        StoreUnavailable: another change was committed first; run the transaction again.
    """
    replace_stored(store, before, after)
    entry = timeline.append(
        store,
        incident_id=after.id,
        at_ms=now_ms,
        actor=actor_name(actor),
        kind=kind,
        data={**data, "from": before.status.value},
    )
    return Change(after, entry)


def actor_name(actor: str) -> str:
    """The actor as a timeline holds it: a person's name, or Driftline's own.

    Raises:
        Refused: it is empty.
    """
    return DRIFTLINE if actor == DRIFTLINE else person(actor)


def required_text(text: str, *, needed: str | None) -> dict[str, object]:
    """A person's text, made safe, as an entry's data; empty where it is empty and not ``needed``.

    Raises:
        Refused: it is too long, or empty though needed.
    """
    text = text.strip()
    if len(text) > LONGEST_TEXT:
        raise Refused(f"the text has {len(text):,} characters, {LONGEST_TEXT:,} are allowed: link to the rest")
    clean = "\n".join(plain(line, longest=LONGEST_TEXT) for line in text.splitlines()).strip()
    if not clean and needed is not None:
        raise Refused(f"the text is empty; this needs {needed}")
    return {"text": clean} if clean else {}
