"""A person calls for the next step of the escalation policy, without waiting for its time."""

from __future__ import annotations

from monitor.alerting.ports import AlertStore
from monitor.errors import Refused
from monitor.incidents.lifecycle import Change, locked, required_text, unacknowledged, write
from monitor.incidents.model import Status
from monitor.incidents.timeline import What
from monitor.incidents.words import incident_name


def escalate(store: AlertStore, incident_id: int, *, actor: str, now_ms: int, text: str) -> Change:
    """Page the next step now. An acknowledged incident is nobody's again, until one of them takes it.

    Raises:
        NotFound, Refused, StoreUnavailable: as for acknowledging; it needs a reason, and a policy that pages.
    """
    words = required_text(text, needed="a reason: whom you need, and what for")
    incident = locked(store, incident_id)
    if incident.status in (Status.resolved, Status.closed):
        raise Refused(f"{incident_name(incident_id)} is {incident.status.value}: nobody is paged for it any more")
    if store.escalation(incident_id) is None:
        raise Refused(
            f"nobody is paged for {incident_name(incident_id)} beyond its channels: no escalation policy was set "
            "when it was opened (oncall.policy in the settings)"
        )
    after = unacknowledged(incident) if incident.status is Status.acknowledged else incident
    return write(store, incident, after, actor=actor, now_ms=now_ms, kind=What.escalated, data=words)
