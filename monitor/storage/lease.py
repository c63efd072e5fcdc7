"""A lease with a fencing token, in one row: at most one holder at a time, and an earlier one can do no harm."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, case, select, update

from monitor.errors import Fenced
from monitor.storage.session import Database, insert_into
from monitor.storage.tables import leases

NOBODY: Final = ""


class Lease:
    """One named lease. ``token`` grows with every change of hands and with every release, never shrinks."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name

    def acquire(self, *, holder: str, now_ms: int, ttl_ms: int) -> int | None:
        """Take or renew it; the token, or None while another process holds it. One atomic statement.

        A lease that ends later than any lease of now could was dated by a clock that was set back since: it is over.
        """
        if holder == NOBODY:
            raise ValueError("a holder needs a name")
        with self._database.writing() as connection:
            now = self._database.now_ms(connection, now_ms)
            ends = now + int(ttl_ms)
            statement = insert_into(connection, leases).values(
                name=self._name, holder=holder, token=1, expires_at_ms=ends
            )
            new = statement.excluded
            mine = leases.c.holder == new.holder
            taken = statement.on_conflict_do_update(
                index_elements=[leases.c.name],
                set_={
                    "holder": new.holder,
                    "token": case((mine, leases.c.token), else_=leases.c.token + 1),
                    "expires_at_ms": new.expires_at_ms,
                },
                where=mine | (leases.c.expires_at_ms <= now) | (leases.c.expires_at_ms > ends),
            ).returning(leases.c.token)
            token: int | None = connection.execute(taken).scalar_one_or_none()
            return token

    def release(self, *, holder: str) -> None:
        """Give it back if it is this holder's; the token that went with it is void at once."""
        with self._database.writing() as connection:
            connection.execute(
                update(leases)
                .where((leases.c.name == self._name) & (leases.c.holder == holder))
                .values(holder=NOBODY, token=leases.c.token + 1, expires_at_ms=0)
            )

    def check(self, connection: Connection, token: int) -> None:
        """Hold the lease's row until the transaction ends; nobody can take it over before that.

        Raises:
            Fenced: the token is not the lease's any more.
        """
        held = select(leases.c.token).where(leases.c.name == self._name).with_for_update()
        now = connection.execute(held).scalar_one_or_none()
        if now != token:
            raise Fenced(f"lease {self._name!r} has moved on from token {token} to {now}")
