"""From a change of an incident to rows of the outbox: which channels are notified, and with which event.

| timeline entry | a channel that knows the incident | one that does not |
| --- | --- | --- |
| opened, reopened | trigger | trigger |
| finding_added, finding_upgraded, finding_continued | update | trigger |
| still_going_on: found by a backfill, and not over now that judging has caught up | update | trigger |
| alert_received: another tool reports more | update | trigger |
| finding_ended, all_ended, alert_resolved | update | nothing |
| typed: what fires together is of another type now | update | nothing |
| notice_added (channels with ``notices: true``) | update | nothing |
| acknowledged | acknowledge | nothing |
| snoozed, escalated, assigned, triaged, a phase reached, merged in, split off | update | nothing |
| a measure proposed, approved, refused, taken, failed, undone | update | nothing |
| merged into another | resolve | nothing |
| resolved | resolve | nothing |
| closed, note, found_by_backfill | nothing | nothing |

While a silence holds, nothing is sent; the entry names the silence. Each step of an escalation decides whom it pages
(:mod:`monitor.alerting.escalation`).

A channel knows the incident when an entry since the last resolution records that it was notified. The record is in
the timeline itself, so people's changes reach the channels that the incident reached, even if the settings changed,
and an incident that only a backfill knows stays silent until something happens now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from monitor.alerting.body import body
from monitor.alerting.escalation import paging
from monitor.alerting.policy import AlertPolicy
from monitor.alerting.ports import AlertStore, EventAction, Notification
from monitor.alerting.silences import Silence
from monitor.findings.model import Finding
from monitor.incidents import timeline
from monitor.incidents.controls import stated
from monitor.incidents.lifecycle import DRIFTLINE, Change
from monitor.incidents.model import Entry, Incident
from monitor.incidents.phases import STEPS
from monitor.incidents.timeline import What
from monitor.incidents.words import Phrases

NOTIFIED: Final = "notified"
"""Key in an entry's data: the channels that the entry was announced to."""
ADDRESS: Final = "address"
DEPLOYMENT: Final = "deployment"
"""Key in the data of an entry that opens an incident: what is watched, where the settings name it."""
PLAYBOOK: Final = "playbook"
"""Key in the data of an entry that opens or types an incident: type, version and hash of the playbook."""
SILENCE: Final = "silenced_by"
"""Key in an entry's data: the silence that held its messages back."""
CONTROL: Final = "control"
"""Key in the data of an entry that opens an incident: the control statement as it was then, or null."""

TRIGGERS: Final = frozenset({What.opened, What.reopened})
MORE_TROUBLE: Final = frozenset(
    {What.finding_added, What.finding_upgraded, What.finding_continued, What.still_going_on, What.alert_received}
)
BY_DRIFTLINE: Final = frozenset(
    {
        What.opened,
        What.paged,
        What.nobody_reached,
        What.deadline_missed,
        What.silence_ended,
        What.action_due,
        What.alert_received,
        What.alert_resolved,
    }
)
BEGINS_ANEW: Final = frozenset({What.reopened, What.split_from, What.follows})
OF_INTEREST: Final = frozenset({What.finding_ended, What.all_ended, What.typed, What.alert_resolved})
OF_PEOPLE: Final[Mapping[str, EventAction]] = {
    kind: EventAction(step.action) for kind, step in STEPS.items() if step.action and kind not in BY_DRIFTLINE
}
"""Event actions of people, by the table of the response's steps; re-opening triggers the channels that know it."""


def knowing(entries: Sequence[Entry]) -> frozenset[str]:
    """The channels that were notified of the incident since it was last resolved."""
    channels: set[str] = set()
    for entry in entries:
        if entry.kind == What.resolved:
            channels.clear()
        channels |= set(_names(entry))
    return frozenset(channels)


def record(
    store: AlertStore,
    incident: Incident,
    *,
    what: What,
    data: Mapping[str, object],
    finding: Finding | None,
    now_ms: int,
    policy: AlertPolicy,
    silent: bool = False,
) -> None:
    """Write what Driftline found or was told to the timeline and, unless ``silent``, to the outbox."""
    silence = None if silent else silence_of(store, incident, now_ms)
    deeds = {} if silent or silence else _deeds(what, knowing(store.timeline(incident.id)), policy)
    address = policy.address_of(incident.id)
    control = stated(policy.controls.get(incident.guardrail))
    held: dict[str, object] = {}
    if silence is not None:
        store.count_silenced(silence.id, now_ms=now_ms)
        held = {SILENCE: silence.id}
    entry = timeline.append(
        store,
        incident_id=incident.id,
        at_ms=now_ms,
        actor=DRIFTLINE,
        kind=what,
        data={
            **data,
            **held,
            NOTIFIED: sorted(deeds),
            ADDRESS: address,
            **({CONTROL: control} if what in TRIGGERS else {}),
            **_playbook(what, incident, policy),
            **({DEPLOYMENT: policy.deployment} if what in TRIGGERS and policy.deployment else {}),
        },
    )
    _enqueue(
        store,
        incident,
        entry,
        deeds,
        finding=finding,
        address=address,
        control=control,
        phrases=policy.phrases,
        deployment=policy.deployment,
    )
    if not silent:
        paging.found(store, incident, what, now_ms=now_ms, policy=policy, silence=silence)


def send(
    store: AlertStore,
    incident: Incident,
    *,
    what: What,
    data: Mapping[str, object],
    to: Mapping[str, EventAction],
    now_ms: int,
    policy: AlertPolicy,
    finding: Finding | None,
    page: Mapping[str, object] | None,
) -> None:
    """Write what the escalation does to the timeline, and to the outbox for exactly these channels."""
    address = policy.address_of(incident.id)
    entry = timeline.append(
        store,
        incident_id=incident.id,
        at_ms=now_ms,
        actor=DRIFTLINE,
        kind=what,
        data={**data, NOTIFIED: sorted(to), ADDRESS: address},
    )
    control = stated(policy.controls.get(incident.guardrail))
    _enqueue(
        store,
        incident,
        entry,
        to,
        finding=finding,
        address=address,
        control=control,
        phrases=policy.phrases,
        page=page,
        deployment=policy.deployment,
    )


def silence_of(store: AlertStore, incident: Incident, at_ms: int) -> Silence | None:
    """The silence that holds the messages of an incident back at this moment; of several the last to end."""
    holding = [each for each in store.silences(at_ms=at_ms) if each.holds(incident, at_ms)]
    return max(holding, key=lambda each: (each.end_ms, each.id), default=None)


def announce(store: AlertStore, change: Change) -> tuple[str, ...]:
    """Notify the channels that know the incident of a person's action on it; returns their names.

    Call it in the transaction of the change, with what a function of :mod:`monitor.incidents.lifecycle` returned.
    """
    paging.changed(store, change)
    deed = OF_PEOPLE.get(change.entry.kind)
    if deed is None:
        return ()
    before = [entry for entry in store.timeline(change.incident.id) if entry.seq < change.entry.seq]
    address = next((found for entry in reversed(before) if isinstance(found := entry.data.get(ADDRESS), str)), None)
    control = next((entry.data[CONTROL] for entry in reversed(before) if CONTROL in entry.data), None)
    deeds = dict.fromkeys(sorted(_reached_before(store, change, before)), deed)
    _enqueue(
        store,
        change.incident,
        change.entry,
        deeds,
        finding=None,
        address=address,
        control=control,
        phrases={},
        deployment=next((str(entry.data[DEPLOYMENT]) for entry in reversed(before) if DEPLOYMENT in entry.data), ""),
    )
    return tuple(deeds)


def _deeds(what: What, knowing_it: frozenset[str], policy: AlertPolicy) -> dict[str, EventAction]:
    if what in TRIGGERS:
        return dict.fromkeys(policy.channels(), EventAction.trigger)
    if what in MORE_TROUBLE:
        return {name: EventAction.update if name in knowing_it else EventAction.trigger for name in policy.channels()}
    if what in OF_INTEREST or what is What.notice_added:
        hearing = policy.channels(notices=what is What.notice_added)
        return {name: EventAction.update for name in hearing if name in knowing_it}
    return {}


def _enqueue(
    store: AlertStore,
    incident: Incident,
    entry: Entry,
    deeds: Mapping[str, EventAction],
    *,
    finding: Finding | None,
    address: str | None,
    control: object,
    phrases: Phrases,
    page: Mapping[str, object] | None = None,
    deployment: str = "",
) -> None:
    case = store.case(incident.id) if deeds else None
    for channel, deed in deeds.items():
        document = body(
            deed=deed,
            incident=incident,
            entry=entry,
            finding=finding,
            address=address,
            control=control,
            phrases=phrases,
            page=page,
            deployment=deployment,
            case=case,
        )
        store.enqueue(
            Notification(
                incident_id=incident.id,
                seq=entry.seq,
                channel=channel,
                deed=deed,
                dedup_key=incident.key,
                body=document,
            )
        )


def _playbook(what: What, incident: Incident, policy: AlertPolicy) -> dict[str, object]:
    """The playbook that holds from now on: of an incident that begins, or gets another type."""
    if what not in TRIGGERS and what is not What.typed:
        return {}
    kind = "unclassified" if incident.trouble is None else incident.trouble.value
    reference = policy.playbooks.get(kind)
    return {} if reference is None else {PLAYBOOK: reference}


def _reached_before(store: AlertStore, change: Change, before: Sequence[Entry]) -> frozenset[str]:
    """The channels that know the incident; where it begins anew, those that ever knew it or its predecessor."""
    if change.entry.kind not in BEGINS_ANEW:
        return knowing(before)
    source = change.entry.data.get("from")
    known = [*before, *(store.timeline(source) if isinstance(source, int) else ())]
    return frozenset(name for entry in known for name in _names(entry))


def _names(entry: Entry) -> list[str]:
    names = entry.data.get(NOTIFIED)
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
