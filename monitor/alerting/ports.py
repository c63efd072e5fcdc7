"""Ports: storage and delivery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

from monitor.alerting.escalation.model import Escalation
from monitor.alerting.inbound.model import KnownAlert
from monitor.alerting.silences import Silence
from monitor.incidents.model import Incident
from monitor.incidents.ports import ResponseStore
from monitor.incidents.timeline import Head

if TYPE_CHECKING:  # it uses this port
    from monitor.alerting.releases import Release


class EventAction(StrEnum):
    """The action that a notification requests of its receiver (PagerDuty's event actions plus ``update``)."""

    trigger = "trigger"
    update = "update"
    page = "page"
    """A person is paged by an escalation step; withdrawn when somebody acknowledges."""
    acknowledge = "acknowledge"
    resolve = "resolve"


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One message of one incident to one channel: written with the change that caused it, delivered later."""

    incident_id: int
    seq: int
    """The timeline entry that caused it: what orders the messages of one incident."""
    channel: str
    deed: EventAction
    dedup_key: str
    """The incident's key: the same for all its messages, on every try."""
    body: dict[str, object]


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed notification on its way out."""

    id: int
    attempts: int
    """Tries before this one."""
    notification: Notification


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One message of an incident, and how far it has come."""

    seq: int
    channel: str
    deed: EventAction
    state: str
    """``waiting``, ``delivered``, ``failed`` for good, or ``withdrawn``."""
    attempts: int
    error: str | None
    delivered_at_ms: int | None


class AlertStore(ResponseStore, Protocol):
    """The response record and the outbox, in one transaction."""

    def enqueue(self, notification: Notification) -> None:
        """Put it into the outbox; a second one with the same (incident, seq, channel) is ignored."""

    def sent(self, incident_id: int) -> Sequence[Sent]:
        """The messages of an incident in the outbox, in order of the entries that caused them."""

    def withdraw_pages(self, incident_id: int) -> int:
        """Take back the pages of an incident that are not delivered yet, also those being tried again; how many."""

    def escalation(self, incident_id: int) -> Escalation | None:
        """State of the paging of an incident; None: it never began."""

    def save_escalation(self, escalation: Escalation) -> None:
        """Insert or replace it; the incident must be locked."""

    def due_escalations(self, *, now_ms: int, limit: int) -> Sequence[int]:
        """The incidents for which something is due, the longest due first."""

    def new_silence(self, silence: Silence) -> Silence:
        """Store it with the next number."""

    def silence(self, silence_id: int) -> Silence | None:
        """One silence."""

    def silences(self, *, at_ms: int | None = None, limit: int = 1000) -> Sequence[Silence]:
        """Newest first; with ``at_ms`` those alone that hold then."""

    def update_silence(self, silence: Silence) -> None:
        """Replace it."""

    def count_silenced(self, silence_id: int, *, now_ms: int) -> None:
        """A silence has held something back."""

    def first_delivered(self, incident_id: int) -> int | None:
        """When the first message of an incident was delivered; None where it was not, or that is forgotten."""

    def incident_by_key(self, key: str) -> Incident | None:
        """The incident with this dedup key, or the one that it was merged into."""

    def releases(self) -> Sequence[Release]:
        """The versions of guardrails and models that were seen."""

    def save_release(self, release: Release) -> None:
        """Insert or replace it."""

    def heads_since(self, since_ms: int, *, known: Mapping[int, int], limit: int) -> Sequence[tuple[int, Head]]:
        """(incident, head) of timelines with an entry since a time, beyond the seq that is known of them."""

    def known_alert(self, source: str, fingerprint: str) -> KnownAlert | None:
        """An alert from elsewhere that an incident holds."""

    def known_alerts(self, incident_id: int) -> Sequence[KnownAlert]:
        """The alerts from elsewhere that an incident holds."""

    def save_known_alert(self, alert: KnownAlert) -> None:
        """Insert or replace it; the incident must be locked."""

    def first_time(self, digest: str, *, now_ms: int, window_ms: int) -> bool:
        """Whether a request is seen for the first time within the window; older ones are forgotten."""


class Outbox(Protocol):
    """Hands out notifications one at a time, in order within (incident, channel), at least once."""

    def claim(self, *, now_ms: int, lease_ms: int, limit: int) -> Sequence[Pending]:
        """Claim due notifications by compare-and-set until ``now_ms + lease_ms``.

        Only the oldest undelivered notification of each (incident, channel) is ever handed out, so a resolve
        never overtakes its trigger. A claim that runs out is handed out again.
        """

    def delivered(self, pending: Pending, *, now_ms: int) -> None:
        """Done; the next one of its incident and channel may go."""

    def failed(self, pending: Pending, *, error: str, retry_at_ms: int | None) -> None:
        """Try again at ``retry_at_ms``; None gives up for good (kept, with its error, and counted)."""

    def wanted(self, pending: Pending) -> bool:
        """Whether a claimed notification still is to be sent: a page may have been withdrawn meanwhile."""

    def backlog(self) -> int:
        """The number of waiting notifications, claimed ones included."""


class Alerts(Protocol):
    """Opens transactions on the response record."""

    def transaction(self) -> AbstractContextManager[AlertStore]:
        """Commit on leaving, roll back on an exception."""

    def reading(self) -> AbstractContextManager[AlertStore]:
        """For reading only: it keeps no writer waiting."""
