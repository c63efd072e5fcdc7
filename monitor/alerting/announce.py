"""From a change of an incident to rows of the outbox: who hears of it, and as what.

| timeline entry | a channel that knows the incident | one that does not |
| --- | --- | --- |
| opened, reopened | trigger | trigger |
| finding_added, finding_upgraded, finding_continued | update | trigger |
| still_going_on: found by a backfill, and not over now that judging has caught up | update | trigger |
| finding_ended, all_ended | update | nothing |
| typed: what fires together is of another type now | update | nothing |
| notice_added (channels with ``notices: true``) | update | nothing |
| acknowledged | acknowledge | nothing |
| resolved | resolve | nothing |
| closed, note, found_by_backfill | nothing | nothing |

A channel knows the incident when an entry since the last resolution says that it was notified. That is kept in the
timeline itself, so people's changes reach whom the incident reached, whatever the settings have become since, and
an incident that only a backfill knows stays silent until something happens now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from monitor.alerting.body import body
from monitor.alerting.policy import AlertPolicy
from monitor.alerting.ports import AlertStore, EventAction, Notification
from monitor.findings.model import Finding
from monitor.incidents import timeline
from monitor.incidents.controls import stated
from monitor.incidents.lifecycle import DRIFTLINE, Change
from monitor.incidents.model import Entry, Incident
from monitor.incidents.timeline import What
from monitor.incidents.words import Phrases

NOTIFIED: Final = "notified"
"""Key in an entry's data: the channels that the entry was announced to."""
ADDRESS: Final = "address"
CONTROL: Final = "control"
"""Key in the data of an entry that opens an incident: the control statement as it was then, or null."""

TRIGGERS: Final = frozenset({What.opened, What.reopened})
MORE_TROUBLE: Final = frozenset(
    {What.finding_added, What.finding_upgraded, What.finding_continued, What.still_going_on}
)
OF_INTEREST: Final = frozenset({What.finding_ended, What.all_ended, What.typed})
OF_PEOPLE: Final[Mapping[str, EventAction]] = {
    What.acknowledged: EventAction.acknowledge,
    What.resolved: EventAction.resolve,
}


def knowing(entries: Sequence[Entry]) -> frozenset[str]:
    """The channels that know of the incident since it was last resolved."""
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
    finding: Finding,
    now_ms: int,
    policy: AlertPolicy,
    silent: bool = False,
) -> None:
    """Write what Driftline found to the timeline and, unless ``silent``, to the outbox."""
    deeds = {} if silent else _deeds(what, knowing(store.timeline(incident.id)), policy)
    address = policy.address_of(incident.id)
    control = stated(policy.controls.get(incident.guardrail))
    entry = timeline.append(
        store,
        incident_id=incident.id,
        at_ms=now_ms,
        actor=DRIFTLINE,
        kind=what,
        data={**data, NOTIFIED: sorted(deeds), ADDRESS: address, **({CONTROL: control} if what in TRIGGERS else {})},
    )
    _enqueue(store, incident, entry, deeds, finding=finding, address=address, control=control, phrases=policy.phrases)


def announce(store: AlertStore, change: Change) -> tuple[str, ...]:
    """Discriminator the channels that know the incident what somebody did to it; returns their names.

    Call it in the transaction of the change, with what a function of :mod:`monitor.incidents.lifecycle` returned.
    """
    deed = OF_PEOPLE.get(change.entry.kind)
    if deed is None:
        return ()
    before = [entry for entry in store.timeline(change.incident.id) if entry.seq < change.entry.seq]
    address = next((found for entry in reversed(before) if isinstance(found := entry.data.get(ADDRESS), str)), None)
    control = next((entry.data[CONTROL] for entry in reversed(before) if CONTROL in entry.data), None)
    deeds = dict.fromkeys(sorted(knowing(before)), deed)
    _enqueue(store, change.incident, change.entry, deeds, finding=None, address=address, control=control, phrases={})
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
) -> None:
    for channel, deed in deeds.items():
        document = body(
            deed=deed,
            incident=incident,
            entry=entry,
            finding=finding,
            address=address,
            control=control,
            phrases=phrases,
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


def _names(entry: Entry) -> list[str]:
    names = entry.data.get(NOTIFIED)
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
