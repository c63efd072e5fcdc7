"""Findings to respond to, on a real store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import msgspec
from sqlalchemy import Connection

from monitor.alerting.policy import AlertPolicy, Route
from monitor.alerting.ports import Pending
from monitor.alerting.respond import respond
from monitor.findings.model import Contribution, Direction, Effect, Evidence, Finding, Kind, Promise
from monitor.incidents.model import Entry, Incident
from monitor.storage.migrate import upgrade_database
from monitor.storage.session import open_database
from monitor.storage.stores import Stores, stores_on

IN_MEMORY = "sqlite://"
MINUTE = 60_000
HOUR = 60 * MINUTE
T0 = 1_795_403_520_000
"""2026-11-23T03:12:00Z, the onset of most stories."""
PHRASES = {
    ("boundary_proximity", "near_threshold"): "share of scores near the threshold",
    ("coverage", "not_run_rise"): "share of requests that the guardrail did not judge",
}
POLICY = AlertPolicy(
    routes=(Route(channel="pager"), Route(channel="chat", notices=True)),
    address="https://driftline.example/incidents/{id}",
    phrases=PHRASES,
)


def page(
    finding_id: str = "f1",
    *,
    onset: int = T0,
    paged: int | None = None,
    ended: int | None = None,
    guardrail: str = "prompt-injection",
    signal: str = "boundary_proximity",
    question: str = "near_threshold",
    ratio: float | None = 14.0,
) -> Finding:
    """A page whose onset is known to the minute and which is found two minutes later."""
    return Finding(
        id=finding_id,
        guardrail=guardrail,
        guardrail_version="2",
        category="jailbreak",
        signal=signal,
        question=question,
        stratum="",
        kind=Kind.page,
        direction=Direction.rise,
        promise=Promise.proved,
        onset_low_ms=onset,
        onset_high_ms=onset + MINUTE,
        detected_at_ms=onset + 2 * MINUTE if paged is None else paged,
        paged_at_ms=onset + 2 * MINUTE if paged is None else paged,
        ended_at_ms=ended,
        effect=Effect(baseline=0.02, current=0.28, ratio=ratio),
        evidence=Evidence(log_evidence=0.7, events=412, level=0.04, detail="mean of the weight at most 0.04"),
        attribution=(
            Contribution(what="behaviour", name="behaviour", share=0.9),
            Contribution(what="mix", name="mix", share=0.1),
        ),
        offsets={"guardrail-events-0": (1200, 1800)},
    )


def notice(finding_id: str = "f1", *, onset: int = T0, **more: str) -> Finding:
    """The same, quietly."""
    return msgspec.structs.replace(page(finding_id, onset=onset, **more), kind=Kind.notice, paged_at_ms=None)  # type: ignore[arg-type]


def ended(finding: Finding, at: int) -> Finding:
    """The version that says that it is over."""
    return msgspec.structs.replace(finding, ended_at_ms=at)


@contextmanager
def sqlite_stores(url: str = IN_MEMORY) -> Iterator[Stores]:
    """Real stores, up to date; in memory a copy of one that was migrated once, which is quicker."""
    database = open_database(url)
    try:
        if url == IN_MEMORY:
            with database.reading() as connection:
                sqlite_of(connection).deserialize(_migrated())
        else:
            upgrade_database(database)
        yield stores_on(database)
    finally:
        database.close()


@cache
def _migrated() -> bytes:
    """An empty database with all tables, as SQLite keeps it."""
    database = open_database(IN_MEMORY)
    try:
        upgrade_database(database)
        with database.reading() as connection:
            return sqlite_of(connection).serialize()
    finally:
        database.close()


def sqlite_of(connection: Connection) -> sqlite3.Connection:
    """The driver's connection."""
    found = connection.connection.driver_connection
    assert isinstance(found, sqlite3.Connection)
    return found


class Judge:
    """Responds to findings, each in a transaction of its own, and looks at what came of it."""

    def __init__(self, stores: Stores, policy: AlertPolicy = POLICY) -> None:
        self.stores = stores
        self.policy = policy

    def finds(self, finding: Finding, *, at: int | None = None) -> Finding:
        """Respond a second after the newest event time in it."""
        newest = max(finding.detected_at_ms, finding.paged_at_ms or 0, finding.ended_at_ms or 0)
        with self.stores.alerts.transaction() as store:
            return respond(store, finding, now_ms=newest + 1000 if at is None else at, policy=self.policy)

    def incidents(self) -> list[Incident]:
        """By number."""
        with self.stores.alerts.transaction() as store:
            return sorted(store.incidents(), key=lambda incident: incident.id)

    def timeline(self, incident_id: int = 1) -> list[Entry]:
        """All entries."""
        with self.stores.alerts.transaction() as store:
            return list(store.timeline(incident_id))

    def kinds(self, incident_id: int = 1) -> list[str]:
        """The timeline in one word per entry."""
        return [entry.kind for entry in self.timeline(incident_id)]

    def sent(self, channel: str = "pager") -> list[Pending]:
        """Everything that is due, delivered in order."""
        taken: list[Pending] = []
        while claimed := self.stores.outbox.claim(now_ms=T0 + 1000 * HOUR, lease_ms=1000, limit=100):
            for pending in claimed:
                self.stores.outbox.delivered(pending, now_ms=T0)
                taken.append(pending)
        return [pending for pending in taken if pending.notification.channel == channel]

    def deeds(self, channel: str = "pager") -> list[tuple[int, str]]:
        """(incident, deed) of everything that was due."""
        return [(pending.notification.incident_id, pending.notification.deed.value) for pending in self.sent(channel)]
