"""Escalations, silences and the withdrawal of pages, inside the transaction of the response record."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import func, insert, select, update

from monitor.alerting.escalation.model import Escalation
from monitor.alerting.ports import EventAction, Sent
from monitor.alerting.silences import Silence
from monitor.storage.casework import CaseTransaction
from monitor.storage.outbox import WAITING, WITHDRAWN
from monitor.storage.response_tables import escalations, outbox, silences
from monitor.storage.session import insert_into


class PagingTransaction(CaseTransaction):
    """The part of the response record that paging needs, beside the case."""

    def sent(self, incident_id: int) -> Sequence[Sent]:
        """The messages of an incident in the outbox, in order of the entries that caused them."""
        at = outbox.c
        columns = (at.seq, at.channel, at.deed, at.state, at.attempts, at.error, at.delivered_at_ms)
        query = select(*columns).where(at.incident_id == incident_id).order_by(at.seq, at.channel)
        rows = self._connection.execute(query).mappings()
        return [Sent(**{**row, "deed": EventAction(row["deed"])}) for row in rows]

    def withdraw_pages(self, incident_id: int) -> int:
        """Withdraw pages that are not delivered yet; claimed ones too: their deliverer checks before it sends."""
        waiting = (
            (outbox.c.incident_id == incident_id)
            & (outbox.c.state == WAITING)
            & (outbox.c.deed == EventAction.page.value)
        )
        return self._connection.execute(update(outbox).where(waiting).values(state=WITHDRAWN)).rowcount

    def escalation(self, incident_id: int) -> Escalation | None:
        """State of the paging of an incident."""
        query = select(escalations.c.document).where(escalations.c.incident_id == incident_id)
        document = self._connection.execute(query).scalar_one_or_none()
        return None if document is None else msgspec.json.decode(document, type=Escalation)

    def save_escalation(self, escalation: Escalation) -> None:
        """Insert or replace it."""
        values = {"wakes_ms": escalation.wakes_ms, "document": msgspec.json.encode(escalation).decode()}
        statement = insert_into(self._connection, escalations).values(incident_id=escalation.incident_id, **values)
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=[escalations.c.incident_id], set_=values)
        )

    def due_escalations(self, *, now_ms: int, limit: int) -> Sequence[int]:
        """The incidents for which something is due, the longest due first."""
        query = (
            select(escalations.c.incident_id)
            .where(escalations.c.wakes_ms <= int(now_ms))
            .order_by(escalations.c.wakes_ms, escalations.c.incident_id)
            .limit(limit)
        )
        return list(self._connection.execute(query).scalars())

    def new_silence(self, silence: Silence) -> Silence:
        """Store it with the next number.

        Raises:
            StoreUnavailable: another writer took the number; run the transaction again.
        """
        highest = self._connection.execute(select(func.coalesce(func.max(silences.c.id), 0))).scalar_one()
        stored = msgspec.structs.replace(silence, id=highest + 1)
        self._connection.execute(insert(silences).values(id=stored.id, **_columns(stored)))
        return stored

    def silence(self, silence_id: int) -> Silence | None:
        """One silence."""
        query = select(silences.c.document).where(silences.c.id == silence_id)
        document = self._connection.execute(query).scalar_one_or_none()
        return None if document is None else msgspec.json.decode(document, type=Silence)

    def silences(self, *, at_ms: int | None = None, limit: int = 1000) -> Sequence[Silence]:
        """Newest first; with ``at_ms`` those alone that hold then."""
        query = select(silences.c.document).order_by(silences.c.id.desc()).limit(limit)
        if at_ms is not None:
            query = query.where(silences.c.begin_ms <= int(at_ms), silences.c.end_ms > int(at_ms))
        return [msgspec.json.decode(each, type=Silence) for each in self._connection.execute(query).scalars()]

    def update_silence(self, silence: Silence) -> None:
        """Replace it."""
        self._connection.execute(update(silences).where(silences.c.id == silence.id).values(**_columns(silence)))

    def count_silenced(self, silence_id: int, *, now_ms: int) -> None:
        """A silence has held something back."""
        silence = self.silence(silence_id)
        if silence is not None:
            self.update_silence(
                msgspec.structs.replace(silence, matched=silence.matched + 1, last_matched_ms=int(now_ms))
            )


def _columns(silence: Silence) -> dict[str, object]:
    document = msgspec.json.encode(silence).decode()
    return {"begin_ms": silence.begin_ms, "end_ms": silence.end_ms, "document": document}
