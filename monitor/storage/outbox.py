"""The outbox: notifications on their way out, claimed by compare-and-set, in order within (incident, channel)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, func, select, update

from monitor.alerting.ports import EventAction, Notification, Outbox, Pending
from monitor.clock import NEVER
from monitor.storage.response_tables import outbox
from monitor.storage.session import Database

WAITING: Final = "waiting"
DELIVERED: Final = "delivered"
GIVEN_UP: Final = "given_up"
WITHDRAWN: Final = "withdrawn"
LONGEST_WAIT_MS: Final = 900_000
"""The deliverer pauses for 10 minutes at most; a receiver that requests more is tried again after so long."""
MOST_ERROR_CHARACTERS: Final = 2000
"""An error may quote a receiver's whole answer."""


class SqlOutbox(Outbox):
    """Hands out what :meth:`ResponseTransaction.enqueue` has written; any number of deliverers may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ahead_ms = 0
        """The lead of the callers' clock over the one that dates rows."""

    def claim(self, *, now_ms: int, lease_ms: int, limit: int) -> Sequence[Pending]:
        """Claim due notifications until ``now_ms + lease_ms``; at most one of each (incident, channel).

        One that is due later than any can be was dated by a clock that was set back since: it is due.
        """
        earlier = outbox.alias("earlier")
        blocked = (
            select(earlier.c.id)
            .where(
                earlier.c.incident_id == outbox.c.incident_id,
                earlier.c.channel == outbox.c.channel,
                earlier.c.seq < outbox.c.seq,
                earlier.c.state == WAITING,
            )
            .exists()
        )
        with self._database.writing() as connection:
            now = self._database.now_ms(connection, now_ms)
            self._ahead_ms = int(now_ms) - now
            at = outbox.c.due_at_ms
            latest = now + max(LONGEST_WAIT_MS, int(lease_ms)) if self._database.own_clock else NEVER
            due = (
                select(outbox)
                .where(outbox.c.state == WAITING, (at <= now) | (at > latest), ~blocked)
                .order_by(outbox.c.id)
                .limit(limit)
                # On PostgreSQL, what another deliverer is claiming is passed over; SQLite has one writer anyway.
                .with_for_update(of=outbox, skip_locked=True)
            )
            rows = connection.execute(due).all()
            if rows:
                connection.execute(
                    update(outbox)
                    .where(outbox.c.id.in_([row.id for row in rows]))
                    .values(attempts=outbox.c.attempts + 1, due_at_ms=now + int(lease_ms))
                )
        return [_pending(row) for row in rows]

    def delivered(self, pending: Pending, *, now_ms: int) -> None:
        """Done; also when the claim had run out meanwhile, for it was delivered."""
        statement = update(outbox).where(outbox.c.id == pending.id, outbox.c.state == WAITING)
        with self._database.writing() as connection:
            connection.execute(statement.values(state=DELIVERED, delivered_at_ms=int(now_ms)))

    def failed(self, pending: Pending, *, error: str, retry_at_ms: int | None) -> None:
        """Try again at ``retry_at_ms``; None gives up for good.

        Ignored when the claim has run out and somebody else has claimed it since.
        """
        retry_at = None if retry_at_ms is None else int(retry_at_ms) - self._ahead_ms
        mine = (outbox.c.id == pending.id) & (outbox.c.state == WAITING) & (outbox.c.attempts == pending.attempts + 1)
        changes: dict[str, Any] = {"error": error[:MOST_ERROR_CHARACTERS]}
        changes |= {"state": GIVEN_UP} if retry_at is None else {"due_at_ms": retry_at}
        with self._database.writing() as connection:
            if retry_at is not None and self._database.own_clock:
                changes["due_at_ms"] = min(retry_at, self._database.now_ms(connection, 0) + LONGEST_WAIT_MS)
            connection.execute(update(outbox).where(mine).values(changes))

    def wanted(self, pending: Pending) -> bool:
        """Whether it still waits."""
        with self._database.reading() as connection:
            state = connection.execute(select(outbox.c.state).where(outbox.c.id == pending.id)).scalar_one_or_none()
        return state == WAITING

    def backlog(self) -> int:
        """The number of waiting notifications, claimed ones included."""
        return self._count(WAITING)

    def given_up(self) -> int:
        """The number of notifications that will never be delivered."""
        return self._count(GIVEN_UP)

    def _count(self, state: str) -> int:
        with self._database.reading() as connection:
            return connection.execute(select(func.count()).where(outbox.c.state == state)).scalar_one()


def _pending(row: Row[Any]) -> Pending:
    notification = Notification(
        incident_id=row.incident_id,
        seq=row.seq,
        channel=row.channel,
        deed=EventAction(row.deed),
        dedup_key=row.dedup_key,
        body=msgspec.json.decode(row.body),
    )
    return Pending(id=row.id, attempts=row.attempts, notification=notification)
