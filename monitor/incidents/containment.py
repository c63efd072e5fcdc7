"""Measures of containment: changes outside of Driftline that a person proposes and a named person approves.

    proposed --approve--> approved --(sent)--> taken --undo, or its time is over--> undoing --(sent)--> undone
       |  \\--refuse--> refused     |                ^--(not taken back in time)---|
       |                          \\--(refused by the receiver, no answer in time)--> failed
       \\--(nobody approves in time)--> lapsed

Nothing is sent without an approval except a dry run, which asks the receiver what it would do. Runs inside the
caller's transaction, with the incident locked; sending is :mod:`monitor.alerting.containing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

from monitor.errors import NotFound, Refused
from monitor.incidents.lifecycle import DRIFTLINE, Change, actor_name, locked, person, required_text
from monitor.incidents.model import Incident, Status
from monitor.incidents.playbook import Action
from monitor.incidents.ports import ResponseStore
from monitor.incidents.timeline import What, append
from monitor.incidents.words import incident_name, moment


class MeasureState(StrEnum):
    """State of a measure."""

    proposed = "proposed"
    approved = "approved"
    taken = "taken"
    failed = "failed"
    refused = "refused"
    lapsed = "lapsed"
    undoing = "undoing"
    undone = "undone"
    tried = "tried"
    """A dry run that was answered."""


WAITING: Final = frozenset({MeasureState.approved, MeasureState.undoing})
"""Something is to be sent."""
STANDING: Final = frozenset({MeasureState.proposed, MeasureState.approved, MeasureState.taken, MeasureState.undoing})
"""Not over: another one of the same name is not proposed beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRule:
    """A measure that the settings offer.

    Attributes:
        name: in the settings.
        action: what it changes, in the playbooks' words.
        guardrails: those that it is for; empty: all.
        parameters: what the receiver is told.
        approvers: the people who may approve it.
        four_eyes: whether whoever proposed it may not approve it.
        approve_within_ms: a proposal lapses after this.
        lasts_ms: it is undone by itself after this; None: until a person undoes it.
        give_up_ms: sending is tried for so long.
    """

    name: str
    action: Action
    guardrails: frozenset[str] = frozenset()
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    approvers: frozenset[str]
    four_eyes: bool = True
    approve_within_ms: int = 30 * 60_000
    lasts_ms: int | None = None
    give_up_ms: int = 5 * 60_000


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of one incident.

    Attributes:
        id: 1, 2, 3...; shown as ``M-1``.
        due_ms: when :mod:`monitor.alerting.containing` has something to do: send, lapse, or undo; None: nothing.
        attempts: tries of the present sending.
        give_up_at_ms: the present sending fails after this.
        undo_at_ms: its time is over then; None: a person ends it.
    """

    id: int
    incident_id: int
    rule: str
    action: Action
    parameters: dict[str, str] = {}
    state: MeasureState
    dry_run: bool = False
    reason: str
    proposed_by: str
    proposed_ms: int
    approved_by: str | None = None
    approved_ms: int | None = None
    taken_ms: int | None = None
    undo_at_ms: int | None = None
    ended_ms: int | None = None
    due_ms: int | None = None
    attempts: int = 0
    give_up_at_ms: int | None = None
    error: str = ""

    @property
    def name(self) -> str:
        """``M-1``."""
        return f"M-{self.id}"


Rules = Mapping[str, MeasureRule]


def propose(
    store: ResponseStore,
    incident_id: int,
    *,
    actor: str,
    now_ms: int,
    text: str,
    rule: MeasureRule,
    dry_run: bool = False,
) -> tuple[Measure, Change]:
    """Propose a measure; a dry run is sent at once, without an approval, and changes nothing.

    Raises:
        NotFound, Refused: no such incident; it is over, the measure is not for its guardrail, or one is under way.
    """
    words = required_text(text, needed="a reason: what it is to contain")
    incident = locked(store, incident_id)
    name = incident_name(incident_id)
    if incident.status is Status.closed:
        raise Refused(f"{name} is closed; no measures are taken for it any more")
    if rule.guardrails and incident.guardrail not in rule.guardrails:
        raise Refused(
            f"{rule.name} is for {', '.join(sorted(rule.guardrails))}; {name} is about {incident.guardrail}"
        )
    standing = [each for each in store.measures(incident_id) if each.rule == rule.name and each.state in STANDING]
    if standing and not dry_run:
        raise Refused(f"{standing[0].name} does the same and is {standing[0].state.value}")
    measure = store.new_measure(
        Measure(
            id=0,
            incident_id=incident_id,
            rule=rule.name,
            action=rule.action,
            parameters=dict(rule.parameters),
            state=MeasureState.approved if dry_run else MeasureState.proposed,
            dry_run=dry_run,
            reason=str(words["text"]),
            proposed_by=actor_name(actor),
            proposed_ms=now_ms,
            due_ms=now_ms if dry_run else now_ms + rule.approve_within_ms,
            give_up_at_ms=now_ms + rule.give_up_ms if dry_run else None,
        )
    )
    data = {**words, "dry_run": dry_run, "approvers": sorted(rule.approvers)}
    return measure, _entry(store, incident, measure, What.measure_proposed, actor=actor, now_ms=now_ms, data=data)


def approve(
    store: ResponseStore, measure_id: int, *, actor: str, now_ms: int, text: str, rules: Rules
) -> tuple[Measure, Change]:
    """Approve a proposal: it is sent within seconds.

    Raises:
        NotFound, Refused: no such measure; it is not proposed any more, or this person may not approve it.
    """
    words = required_text(text, needed=None)
    measure, incident = _held(store, measure_id, MeasureState.proposed, "approved")
    if incident.status is Status.closed:
        raise Refused(f"{incident_name(incident.id)} is closed; no measures are taken for it any more")
    rule = rules.get(measure.rule)
    if rule is None:
        raise Refused(f"the settings have no measure {measure.rule!r} any more")
    name, approvers = person(actor), ", ".join(sorted(rule.approvers))
    if name not in rule.approvers:
        raise Refused(f"{name} may not approve {measure.rule}; {approvers} may")
    if rule.four_eyes and name == measure.proposed_by:
        raise Refused(
            f"{name} has proposed {measure.name}: another one of {', '.join(sorted(rule.approvers))} approves"
        )
    if measure.due_ms is not None and measure.due_ms <= now_ms:
        raise Refused(f"the proposal {measure.name} has lapsed at {moment(measure.due_ms)}: propose it again")
    after = msgspec.structs.replace(
        measure,
        state=MeasureState.approved,
        approved_by=name,
        approved_ms=now_ms,
        due_ms=now_ms,
        give_up_at_ms=now_ms + rule.give_up_ms,
    )
    store.save_measure(after)
    return after, _entry(store, incident, after, What.measure_approved, actor=name, now_ms=now_ms, data=words)


def refuse(store: ResponseStore, measure_id: int, *, actor: str, now_ms: int, text: str) -> tuple[Measure, Change]:
    """Refuse a proposal.

    Raises:
        NotFound, Refused: no such measure; it is not proposed any more, or the reason is empty.
    """
    words = required_text(text, needed="a reason: why it is not done")
    measure, incident = _held(store, measure_id, MeasureState.proposed, "refused")
    after = msgspec.structs.replace(measure, state=MeasureState.refused, due_ms=None, ended_ms=now_ms)
    store.save_measure(after)
    return after, _entry(store, incident, after, What.measure_refused, actor=actor, now_ms=now_ms, data=words)


def undo(
    store: ResponseStore, measure_id: int, *, actor: str, now_ms: int, text: str, give_up_ms: int = 5 * 60_000
) -> tuple[Measure, Change]:
    """Take a measure back: sent within seconds; needs no approval, since it restores what was.

    Raises:
        NotFound, Refused: no such measure; it is not taken, or the reason is empty.
    """
    words = required_text(text, needed="a reason: why it is taken back")
    measure, incident = _held(store, measure_id, MeasureState.taken, "undone")
    after = undoing(measure, now_ms=now_ms, give_up_ms=give_up_ms)
    store.save_measure(after)
    data = {**words, "undo": "asked for"}
    return after, _entry(store, incident, after, What.measure_approved, actor=actor, now_ms=now_ms, data=data)


def undoing(measure: Measure, *, now_ms: int, give_up_ms: int) -> Measure:
    """The measure about to be taken back."""
    return msgspec.structs.replace(
        measure, state=MeasureState.undoing, due_ms=now_ms, attempts=0, give_up_at_ms=now_ms + give_up_ms, error=""
    )


def recorded(
    store: ResponseStore, incident: Incident, measure: Measure, kind: What, *, now_ms: int, data: Mapping[str, object]
) -> Change:
    """Store what the service did with a measure, and its entry."""
    store.save_measure(measure)
    return _entry(store, incident, measure, kind, actor=DRIFTLINE, now_ms=now_ms, data=data)


def _held(store: ResponseStore, measure_id: int, state: MeasureState, done: str) -> tuple[Measure, Incident]:
    """The measure, with its incident locked.

    Raises:
        NotFound, Refused: there is none; it is in another state.
    """
    measure = store.measure(measure_id)
    if measure is None:
        raise NotFound(f"there is no measure M-{measure_id}; `driftline measures list` shows all")
    incident = locked(store, measure.incident_id)
    measure = store.measure(measure_id) or measure
    if measure.state is not state or measure.dry_run:
        what = "a dry run" if measure.dry_run else measure.state.value
        raise Refused(f"{measure.name} is {what}: only one that is {state.value} can be {done}")
    return measure, incident


def _entry(
    store: ResponseStore,
    incident: Incident,
    measure: Measure,
    kind: What,
    *,
    actor: str,
    now_ms: int,
    data: Mapping[str, object],
) -> Change:
    facts: dict[str, object] = {
        "measure": measure.id,
        "rule": measure.rule,
        "action": measure.action.value,
        "parameters": dict(measure.parameters),
        "state": measure.state.value,
    }
    entry = append(
        store,
        incident_id=incident.id,
        at_ms=now_ms,
        actor=actor_name(actor),
        kind=kind,
        data=facts | dict(data),
    )
    return Change(incident, entry)
