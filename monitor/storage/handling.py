"""Captures, measures, action items and alerts from elsewhere, inside the transaction of the response record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row, Table, delete, func, insert, select, update

from monitor.alerting.inbound.model import KnownAlert
from monitor.alerting.releases import Release
from monitor.incidents.actions import ActionItem
from monitor.incidents.containment import Measure
from monitor.incidents.evidence import Capture, Moment
from monitor.storage.casework import CaseTransaction
from monitor.storage.response_tables import action_items, captures, inbound_alerts, inbound_seen, measures, releases
from monitor.storage.session import insert_into

T = TypeVar("T")


class HandlingTransaction(CaseTransaction):
    """The part of the response record that handling needs, beside the case."""

    def request_capture(self, capture: Capture) -> None:
        """Ask for a capture; one that was asked for before stays as it is."""
        statement = insert_into(self._connection, captures).values(msgspec.structs.asdict(capture))
        key = [captures.c.incident_id, captures.c.finding_id, captures.c.moment]
        self._connection.execute(statement.on_conflict_do_nothing(index_elements=key))

    def due_captures(self, *, now_ms: int, limit: int) -> Sequence[Capture]:
        """Captures to be made, the longest due first."""
        at = captures.c
        query = select(captures).where(at.due_ms <= int(now_ms)).order_by(at.due_ms, at.incident_id, at.finding_id)
        return [_capture(row) for row in self._connection.execute(query.limit(limit))]

    def capture(self, incident_id: int, finding_id: str, moment: Moment) -> Capture | None:
        """One capture, made or not."""
        at = captures.c
        mine = (at.incident_id == incident_id) & (at.finding_id == finding_id) & (at.moment == moment.value)
        row = self._connection.execute(select(captures).where(mine)).one_or_none()
        return None if row is None else _capture(row)

    def captures(self, incident_id: int) -> Sequence[Capture]:
        """The captures of an incident that are made, in the order of their entries."""
        at = captures.c
        query = select(captures).where(at.incident_id == incident_id, at.document.is_not(None)).order_by(at.seq)
        return [_capture(row) for row in self._connection.execute(query)]

    def save_capture(self, capture: Capture) -> None:
        """Replace it."""
        at = captures.c
        mine = (at.incident_id == capture.incident_id) & (at.finding_id == capture.finding_id)
        mine &= at.moment == capture.moment.value
        values = {"due_ms": capture.due_ms, "seq": capture.seq, "document": capture.document}
        self._connection.execute(update(captures).where(mine).values(values))

    def new_measure(self, measure: Measure) -> Measure:
        """Store it with the next number.

        Raises:
            StoreUnavailable: another writer took the number; run the transaction again.
        """
        stored = msgspec.structs.replace(measure, id=self._next(measures))
        self._insert(measures, stored, due_ms=stored.due_ms)
        return stored

    def measure(self, measure_id: int) -> Measure | None:
        """One measure."""
        return next(iter(self._documents(measures, Measure, measures.c.id == measure_id)), None)

    def measures(self, incident_id: int | None = None, *, limit: int = 1000) -> Sequence[Measure]:
        """Newest first, all or of one incident."""
        return self._newest(measures, Measure, incident_id, limit)

    def due_measures(self, *, now_ms: int, limit: int) -> Sequence[Measure]:
        """Measures for which something is due, the longest due first."""
        return self._due(measures, Measure, now_ms, limit)

    def save_measure(self, measure: Measure) -> None:
        """Replace it."""
        self._replace(measures, measure, due_ms=measure.due_ms)

    def new_action(self, item: ActionItem) -> ActionItem:
        """Store it with the next number.

        Raises:
            StoreUnavailable: another writer took the number; run the transaction again.
        """
        stored = msgspec.structs.replace(item, id=self._next(action_items))
        self._insert(action_items, stored, due_ms=stored.remind_ms)
        return stored

    def action(self, action_id: int) -> ActionItem | None:
        """One action item."""
        return next(iter(self._documents(action_items, ActionItem, action_items.c.id == action_id)), None)

    def actions(self, incident_id: int | None = None, *, limit: int = 1000) -> Sequence[ActionItem]:
        """Newest first, all or of one incident."""
        return self._newest(action_items, ActionItem, incident_id, limit)

    def due_actions(self, *, now_ms: int, limit: int) -> Sequence[ActionItem]:
        """Action items that their owners are to be reminded of, the longest due first."""
        return self._due(action_items, ActionItem, now_ms, limit)

    def save_action(self, item: ActionItem) -> None:
        """Replace it."""
        self._replace(action_items, item, due_ms=item.remind_ms)

    def releases(self) -> Sequence[Release]:
        """The versions of guardrails and models that were seen."""
        rows = self._connection.execute(
            select(releases).order_by(releases.c.kind, releases.c.name, releases.c.version)
        )
        return [Release(**row._mapping) for row in rows]

    def save_release(self, release: Release) -> None:
        """Insert or replace it."""
        values = msgspec.structs.asdict(release)
        key = [releases.c.kind, releases.c.name, releases.c.version]
        statement = insert_into(self._connection, releases).values(values)
        kept = {"seen_ms": release.seen_ms, "told": release.told}
        self._connection.execute(statement.on_conflict_do_update(index_elements=key, set_=kept))

    def known_alert(self, source: str, fingerprint: str) -> KnownAlert | None:
        """An alert from elsewhere that an incident holds."""
        mine = (inbound_alerts.c.source == source) & (inbound_alerts.c.fingerprint == fingerprint)
        return next(iter(self._documents(inbound_alerts, KnownAlert, mine)), None)

    def known_alerts(self, incident_id: int) -> Sequence[KnownAlert]:
        """The alerts from elsewhere that an incident holds."""
        return self._documents(inbound_alerts, KnownAlert, inbound_alerts.c.incident_id == incident_id)

    def save_known_alert(self, alert: KnownAlert) -> None:
        """Insert or replace it; the incident must be locked."""
        values = {"incident_id": alert.incident_id, "document": _text(alert)}
        key = {"source": alert.source, "fingerprint": alert.fingerprint}
        statement = insert_into(self._connection, inbound_alerts).values(**key, **values)
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=[inbound_alerts.c.source, inbound_alerts.c.fingerprint], set_=values
            )
        )

    def first_time(self, digest: str, *, now_ms: int, window_ms: int) -> bool:
        """Whether a request is seen for the first time within the window; older ones are forgotten."""
        self._connection.execute(delete(inbound_seen).where(inbound_seen.c.at_ms < int(now_ms) - 2 * window_ms))
        statement = insert_into(self._connection, inbound_seen).values(digest=digest, at_ms=int(now_ms))
        done = self._connection.execute(statement.on_conflict_do_nothing(index_elements=[inbound_seen.c.digest]))
        return done.rowcount == 1

    def _next(self, table: Table) -> int:
        return int(self._connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()) + 1

    def _insert(self, table: Table, what: Measure | ActionItem, *, due_ms: int | None) -> None:
        values = {"id": what.id, "incident_id": what.incident_id, "due_ms": due_ms, "document": _text(what)}
        self._connection.execute(insert(table).values(values))

    def _replace(self, table: Table, what: Measure | ActionItem, *, due_ms: int | None) -> None:
        values = {"due_ms": due_ms, "document": _text(what)}
        self._connection.execute(update(table).where(table.c.id == what.id).values(values))

    def _newest(self, table: Table, kind: type[T], incident_id: int | None, limit: int) -> list[T]:
        query = select(table.c.document).order_by(table.c.id.desc()).limit(limit)
        if incident_id is not None:
            query = query.where(table.c.incident_id == incident_id)
        return [msgspec.json.decode(each, type=kind) for each in self._connection.execute(query).scalars()]

    def _due(self, table: Table, kind: type[T], now_ms: int, limit: int) -> list[T]:
        at = table.c
        query = select(at.document).where(at.due_ms <= int(now_ms)).order_by(at.due_ms, at.id).limit(limit)
        return [msgspec.json.decode(each, type=kind) for each in self._connection.execute(query).scalars()]

    def _documents(self, table: Table, kind: type[T], mine: Any) -> list[T]:
        query = select(table.c.document).where(mine)
        return [msgspec.json.decode(each, type=kind) for each in self._connection.execute(query).scalars()]


def _capture(row: Row[Any]) -> Capture:
    values = dict(row._mapping)
    return Capture(**(values | {"moment": Moment(values["moment"])}))


def _text(what: msgspec.Struct) -> str:
    return msgspec.json.encode(what).decode()
