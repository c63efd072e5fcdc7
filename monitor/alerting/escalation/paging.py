"""How findings and people change the paging of an incident; runs in the transaction of the change itself.

| what happened | the paging |
| --- | --- |
| opened, re-opened, trouble under a resolved one | begins with the first step, at once, or when a silence ends |
| more trouble under an open one | goes on |
| more trouble under an acknowledged one | the person who acknowledged is paged once |
| ... that raises the severity | the acknowledgement ends, paging begins anew |
| acknowledged | stops; waiting pages are withdrawn; the acknowledgement expires |
| snoozed | stops until the end that was given |
| escalated | its next step is due at once; of an acknowledged one the second |
| re-opened, split off, continued as a new one by a person | begins anew |
| resolved, closed, merged | is over |
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

import msgspec

from monitor.alerting.escalation.model import Escalation, State
from monitor.alerting.policy import AlertPolicy
from monitor.alerting.ports import AlertStore
from monitor.alerting.silences import Silence
from monitor.incidents.lifecycle import Change
from monitor.incidents.model import Incident, Severity, Status
from monitor.incidents.severity import higher
from monitor.incidents.timeline import What

HELD: Final = frozenset({State.acknowledged, State.snoozed})
LIVE: Final = frozenset({What.opened, What.reopened})
TROUBLE: Final = LIVE | {
    What.finding_added,
    What.finding_upgraded,
    What.finding_continued,
    What.still_going_on,
    What.alert_received,
}


def found(
    store: AlertStore,
    incident: Incident,
    what: What,
    *,
    now_ms: int,
    policy: AlertPolicy,
    silence: Silence | None,
) -> None:
    """Something was found now (not by a backfill): begin paging, go on, or page whoever acknowledged."""
    if what not in TROUBLE or (policy.plan.active is None and silence is None):
        return
    now = store.escalation(incident.id)
    if now is None or now.state is State.over or what in LIVE:
        store.save_escalation(_begun(incident, now_ms=now_ms, policy=policy, silence=silence))
    elif now.state in HELD:
        rose = incident.severity is not Severity(now.severity) and _rose(now.severity, incident.severity)
        store.save_escalation(
            msgspec.structs.replace(
                now,
                more=True,
                due_ms=now_ms,
                why=f"the severity rose to {incident.severity.value}" if rose else "",
                severity=incident.severity.value,
            )
        )


def changed(store: AlertStore, change: Change) -> None:
    """A person did something to the incident."""
    at_ms = change.entry.at_ms
    now = store.escalation(change.incident.id) or _inherited(store, change)
    if now is None:
        return
    match change.entry.kind:
        case What.acknowledged:
            store.withdraw_pages(change.incident.id)
            store.save_escalation(_held(now, State.acknowledged, at_ms + now.hold_ms, change))
        case What.snoozed:
            until = change.entry.data.get("until_ms")
            if isinstance(until, int):
                store.save_escalation(_held(now, State.snoozed, until, change))
        case What.escalated if now.state is not State.over:
            step = max(now.step, 1) if now.state in HELD else now.step
            called = msgspec.structs.replace(
                now, state=State.paging, step=step, due_ms=at_ms, holds_until_ms=None, more=False, why=""
            )
            store.save_escalation(called)
        case What.resolved | What.closed | What.merged:
            store.withdraw_pages(change.incident.id)
            store.save_escalation(msgspec.structs.replace(now, state=State.over, due_ms=None, more=False, why=""))
        case What.reopened | What.split_from | What.follows | What.merged_in if now.state is State.over:
            begun = msgspec.structs.replace(now, state=State.paging, step=0, round=0, due_ms=at_ms, person=None)
            store.save_escalation(begun)
        case What.assigned if now.state is State.snoozed:
            why = f"it was assigned to {change.incident.acknowledged_by or 'somebody else'}"
            store.save_escalation(msgspec.structs.replace(now, due_ms=at_ms, why=why))
        case _:
            pass


def _inherited(store: AlertStore, change: Change) -> Escalation | None:
    """The paging of the incident that this one came from, to be begun anew."""
    source = change.entry.data.get("from")
    found = store.escalation(source) if isinstance(source, int) else None
    if found is None:
        return None
    return msgspec.structs.replace(found, incident_id=change.incident.id, state=State.over, more=False, why="")


def released(store: AlertStore, silence_id: int, *, now_ms: int) -> int:
    """A silence was ended early: the incidents that it held back are due now; returns how many."""
    count = 0
    for incident in store.incidents(status=(Status.open, Status.acknowledged)):
        now = store.escalation(incident.id)
        if now is not None and now.silence_id == silence_id and now.state is not State.over:
            store.save_escalation(msgspec.structs.replace(now, due_ms=now_ms))
            count += 1
    return count


def _begun(incident: Incident, *, now_ms: int, policy: AlertPolicy, silence: Silence | None) -> Escalation:
    deadline = policy.plan.deadline(incident.severity.value)
    return Escalation(
        incident_id=incident.id,
        due_ms=now_ms if silence is None else silence.end_ms,
        severity=incident.severity.value,
        hold_ms=deadline.acknowledgement_ms,
        acknowledge_by_ms=now_ms + deadline.acknowledge_ms if policy.plan.active else None,
        resolve_by_ms=now_ms + deadline.resolve_ms if policy.plan.active else None,
        silence_id=None if silence is None else silence.id,
    )


def _held(now: Escalation, state: State, until_ms: int, change: Change) -> Escalation:
    return msgspec.structs.replace(
        now,
        state=state,
        step=0,
        round=0,
        due_ms=until_ms,
        holds_until_ms=until_ms,
        person=change.entry.actor,
        acknowledge_by_ms=None,
        more=False,
        why="",
        severity=change.incident.severity.value,
    )


def _rose(before: str, after: Severity) -> bool:
    return higher(Severity(before), after) is after


def channels_of(people: Set[str], policy: AlertPolicy) -> dict[str, list[str]]:
    """Channel -> the people whom it reaches."""
    reached: dict[str, list[str]] = {}
    for name in sorted(people):
        for channel in policy.plan.contacts.get(name, ()):
            reached.setdefault(channel, []).append(name)
    return reached
