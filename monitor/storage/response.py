"""The response record inside one transaction: findings, incidents, timelines, and the outbox beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from sqlalchemy import Row, Select, func, insert, select, update

from monitor.alerting.ports import Alerts, AlertStore, Notification
from monitor.errors import StoreRefused
from monitor.findings.model import Finding, IncidentType
from monitor.incidents.model import Entry, Incident, Severity, Status
from monitor.incidents.timeline import Head
from monitor.storage.handling import HandlingTransaction
from monitor.storage.paging import PagingTransaction
from monitor.storage.response_tables import OF_AN_EXERCISE, findings, incidents, outbox, timeline
from monitor.storage.session import Database, insert_into


class SqlAlerts(Alerts):
    """Opens transactions on the response record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def transaction(self) -> Iterator[AlertStore]:
        """Commit on leaving, roll back on an exception."""
        with self._database.writing() as connection:
            yield ResponseTransaction(connection)

    @contextmanager
    def reading(self) -> Iterator[AlertStore]:
        """For reading only: it keeps no writer waiting."""
        with self._database.reading() as connection:
            yield ResponseTransaction(connection)


class ResponseTransaction(PagingTransaction, HandlingTransaction, AlertStore):
    """The response record, for as long as the transaction of this connection lasts."""

    def save_finding(self, finding: Finding) -> None:
        """Insert it, or replace the stored version with the same id."""
        values = {
            "guardrail": finding.guardrail,
            "signal": finding.signal,
            "kind": finding.kind,
            "onset_low_ms": finding.onset_low_ms,
            "detected_at_ms": finding.detected_at_ms,
            "ended_at_ms": finding.ended_at_ms,
            "incident_id": finding.incident_id,
            "trouble": finding.trouble,
            "document": msgspec.json.encode(finding).decode(),
        }
        statement = insert_into(self._connection, findings).values(id=finding.id, **values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=[findings.c.id], set_=values))

    def finding(self, finding_id: str) -> Finding | None:
        """The stored version."""
        row = self._connection.execute(select(findings.c.document).where(findings.c.id == finding_id)).one_or_none()
        return None if row is None else _finding(row)

    def findings(
        self, *, incident_id: int | None = None, kind: str | None = None, limit: int = 1000
    ) -> Sequence[Finding]:
        """Newest first by detection, all or of one incident or kind."""
        query = select(findings.c.document).order_by(findings.c.detected_at_ms.desc(), findings.c.id).limit(limit)
        if incident_id is not None:
            query = query.where(findings.c.incident_id == incident_id)
        if kind is not None:
            query = query.where(findings.c.kind == kind)
        return [_finding(row) for row in self._connection.execute(query)]

    def findings_around(
        self, guardrails: Sequence[str] | None, *, from_ms: int, to_ms: int, limit: int = 1000
    ) -> Sequence[Finding]:
        """Findings of these guardrails (or all), detected from ``from_ms``, onset up to ``to_ms``; newest first.

        Those of exercises are left out: nothing that was found may be classified by what was made up.
        """
        at = findings.c
        query = (
            select(at.document)
            .where(at.detected_at_ms >= from_ms, at.onset_low_ms <= to_ms, ~OF_AN_EXERCISE)
            .order_by(at.detected_at_ms.desc(), at.id)
            .limit(limit)
        )
        if guardrails is not None:
            query = query.where(at.guardrail.in_(guardrails))
        return [_finding(row) for row in self._connection.execute(query)]

    def new_incident(
        self,
        *,
        key: str,
        guardrail: str,
        severity: Severity,
        title: str,
        opened_at_ms: int,
        onset_low_ms: int,
        last_found_ms: int,
        trouble: IncidentType | None = None,
        trouble_rule: str = "",
        exercise: bool = False,
    ) -> Incident:
        """Store a new open incident with the next id.

        Not a sequence: a transaction that is rolled back and run again must find the same number, and people ask
        where INC-7 went.

        Raises:
            StoreUnavailable: another writer took the number; run the transaction again.
        """
        highest = self._connection.execute(select(func.coalesce(func.max(incidents.c.id), 0))).scalar_one()
        incident = Incident(
            id=highest + 1,
            key=key,
            guardrail=guardrail,
            status=Status.open,
            severity=severity,
            title=title,
            opened_at_ms=opened_at_ms,
            onset_low_ms=onset_low_ms,
            last_found_ms=last_found_ms,
            trouble=trouble,
            trouble_rule=trouble_rule,
            exercise=exercise,
        )
        self._connection.execute(insert(incidents).values(msgspec.structs.asdict(incident)))
        return incident

    def update_incident(self, incident: Incident, *, expected: Status) -> bool:
        """Replace the stored incident if its status still is ``expected``; False if another change came first."""
        values = msgspec.structs.asdict(incident)
        statement = update(incidents).where(incidents.c.id == values.pop("id"), incidents.c.status == expected)
        return self._connection.execute(statement.values(values)).rowcount == 1

    def incident(self, incident_id: int) -> Incident | None:
        """One incident."""
        return next(iter(self._incidents(select(incidents).where(incidents.c.id == incident_id))), None)

    def first_delivered(self, incident_id: int) -> int | None:
        """When the first message of an incident was delivered; None where it was not, or that is forgotten."""
        query = select(func.min(outbox.c.delivered_at_ms)).where(outbox.c.incident_id == incident_id)
        return self._connection.execute(query).scalar_one_or_none()

    def incident_by_key(self, key: str) -> Incident | None:
        """The incident with this dedup key, or the one that it was merged into."""
        found = next(iter(self._incidents(select(incidents).where(incidents.c.key == key).limit(1))), None)
        into = None if found is None else self.case(found.id).merged_into
        return found if into is None else self.incident(into)

    def incidents(
        self,
        *,
        guardrail: str | None = None,
        status: Sequence[Status] | None = None,
        before: int | None = None,
        limit: int = 1000,
    ) -> Sequence[Incident]:
        """Newest first, those with a number below ``before``."""
        query = select(incidents).order_by(incidents.c.id.desc()).limit(limit)
        if guardrail is not None:
            query = query.where(incidents.c.guardrail == guardrail)
        if status is not None:
            query = query.where(incidents.c.status.in_(status))
        if before is not None:
            query = query.where(incidents.c.id < int(before))
        return self._incidents(query)

    def opened_since(self, since_ms: int) -> tuple[int, int | None]:
        """How many were opened since then, and when the first of all was; None where there is none. No exercises."""
        at = incidents.c.opened_at_ms
        real = incidents.c.exercise.is_(False)
        number = select(func.count()).select_from(incidents).where(at >= int(since_ms), real)
        first: int | None = self._connection.execute(select(func.min(at)).where(real)).scalar_one()
        return int(self._connection.execute(number).scalar_one()), first

    def count_incidents(self) -> Mapping[tuple[Status, Severity], int]:
        """How many there are, by status and severity."""
        groups = (incidents.c.status, incidents.c.severity)
        rows = self._connection.execute(select(*groups, func.count()).group_by(*groups))
        return {(Status(status), Severity(severity)): int(count) for status, severity, count in rows}

    def append_entry(self, entry: Entry) -> None:
        """Append to the timeline.

        Raises:
            StoreUnavailable: another writer took this seq; run the transaction again.
        """
        values = msgspec.structs.asdict(entry) | {"data": msgspec.json.encode(entry.data).decode()}
        self._connection.execute(insert(timeline).values(values))

    def last_entry(self, incident_id: int) -> Entry | None:
        """The newest entry; on PostgreSQL the incident stays locked against other writers of its timeline."""
        # The incident's row, not the entry's: a query that waited for a locked entry would come back with the one
        # that was newest before the wait. FOR NO KEY UPDATE leaves foreign keys to the incident alone.
        lock = select(incidents.c.id).where(incidents.c.id == incident_id).with_for_update(key_share=True)
        self._connection.execute(lock)
        newest = _ENTRIES.where(timeline.c.incident_id == incident_id).order_by(timeline.c.seq.desc()).limit(1)
        row = self._connection.execute(newest).one_or_none()
        return None if row is None else _entry(row)

    def timeline(self, incident_id: int) -> Sequence[Entry]:
        """All entries by seq."""
        query = _ENTRIES.where(timeline.c.incident_id == incident_id).order_by(timeline.c.seq)
        return [_entry(row) for row in self._connection.execute(query)]

    def recent_entries(self, since_ms: int, *, limit: int = 1000) -> Sequence[Entry]:
        """The newest entries of all timelines written since a time, oldest first."""
        at = timeline.c
        query = _ENTRIES.where(at.at_ms >= int(since_ms))
        newest = query.order_by(at.at_ms.desc(), at.incident_id.desc(), at.seq.desc()).limit(limit)
        return [_entry(row) for row in reversed(self._connection.execute(newest).all())]

    def heads_since(self, since_ms: int, *, known: Mapping[int, int], limit: int) -> Sequence[tuple[int, Head]]:
        """(incident, head) of timelines with an entry since a time, beyond the seq that is known of them."""
        at = timeline.c
        newest = select(at.incident_id, func.max(at.seq)).where(at.at_ms >= int(since_ms)).group_by(at.incident_id)
        rows = self._connection.execute(newest.order_by(at.incident_id))
        grown = [(number, seq) for number, seq in rows if seq > known.get(number, 0)][:limit]
        return [(number, Head(seq, self._hash(number, seq))) for number, seq in grown]

    def _hash(self, incident_id: int, seq: int) -> str:
        query = select(timeline.c.hash).where(timeline.c.incident_id == incident_id, timeline.c.seq == seq)
        return str(self._connection.execute(query).scalar_one())

    def redact_entry(self, entry: Entry) -> None:
        """Replace the data of an entry, and nothing else of it."""
        mine = (timeline.c.incident_id == entry.incident_id) & (timeline.c.seq == entry.seq)
        self._connection.execute(update(timeline).where(mine).values(data=msgspec.json.encode(entry.data).decode()))

    def enqueue(self, notification: Notification) -> None:
        """Put it into the outbox; a second one with the same (incident, seq, channel) is ignored."""
        statement = insert_into(self._connection, outbox).values(
            incident_id=notification.incident_id,
            seq=notification.seq,
            channel=notification.channel,
            deed=notification.deed,
            dedup_key=notification.dedup_key,
            body=msgspec.json.encode(notification.body).decode(),
            state="waiting",
            attempts=0,
            due_at_ms=0,
        )
        message = [outbox.c.incident_id, outbox.c.channel, outbox.c.seq]
        self._connection.execute(statement.on_conflict_do_nothing(index_elements=message))

    def _incidents(self, query: Select[Any]) -> list[Incident]:
        return [_incident(row) for row in self._connection.execute(query)]


_ENTRIES: Final = select(timeline)


def _finding(row: Row[Any]) -> Finding:
    try:
        return msgspec.json.decode(row.document, type=Finding)
    except msgspec.ValidationError as error:
        raise StoreRefused(f"a stored finding is not of this version of Driftline: {error}") from error


def _incident(row: Row[Any]) -> Incident:
    values = dict(row._mapping)
    named = {
        "status": Status(values["status"]),
        "severity": Severity(values["severity"]),
        "trouble": None if values["trouble"] is None else IncidentType(values["trouble"]),
    }
    return Incident(**(values | named))


def _entry(row: Row[Any]) -> Entry:
    values = dict(row._mapping)
    return Entry(**(values | {"data": msgspec.json.decode(values["data"])}))
