"""Credentials, the audit trail, and answers under idempotency keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, update

from monitor.access.model import Answered, Audited, Credential, Kind, Role
from monitor.access.ports import Access, AccessStore
from monitor.storage.access_tables import answers, audit, credentials
from monitor.storage.session import Database, insert_into


class SqlAccess(Access):
    """Opens transactions on credentials."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def transaction(self) -> Iterator[AccessStore]:
        """Commit on leaving, roll back on an exception."""
        with self._database.writing() as connection:
            yield AccessTransaction(connection)

    @contextmanager
    def reading(self) -> Iterator[AccessStore]:
        """For reading only."""
        with self._database.reading() as connection:
            yield AccessTransaction(connection)


class AccessTransaction(AccessStore):
    """Credentials and the audit trail, for as long as the transaction of this connection lasts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_credential(self, credential: Credential) -> Credential:
        """Store it; returns it with its id."""
        values = {**msgspec.structs.asdict(credential), "guardrails": msgspec.json.encode(credential.guardrails)}
        del values["id"]
        values["guardrails"] = values["guardrails"].decode()
        key = self._connection.execute(insert(credentials).values(values)).inserted_primary_key
        return msgspec.structs.replace(credential, id=int(key[0]) if key is not None else 0)

    def credential(self, digest: bytes) -> Credential | None:
        """The one whose secret has this hash."""
        row = self._connection.execute(select(credentials).where(credentials.c.digest == digest)).one_or_none()
        return None if row is None else _credential(row)

    def credentials(self, kind: Kind, *, limit: int = 1000) -> Sequence[Credential]:
        """Newest first."""
        query = select(credentials).where(credentials.c.kind == kind.value)
        rows = self._connection.execute(query.order_by(credentials.c.id.desc()).limit(limit))
        return [_credential(row) for row in rows]

    def end_credential(self, credential_id: int, *, now_ms: int) -> bool:
        """End one that has not ended; False if it has, or there is none."""
        at = credentials.c
        live = update(credentials).where(at.id == credential_id, at.ended_at_ms.is_(None))
        return self._connection.execute(live.values(ended_at_ms=int(now_ms))).rowcount == 1

    def touch_credential(self, credential_id: int, *, now_ms: int) -> None:
        """It was used now."""
        chosen = update(credentials).where(credentials.c.id == credential_id)
        self._connection.execute(chosen.values(used_at_ms=int(now_ms)))

    def append_audit(self, line: Audited) -> None:
        """Append to the audit trail."""
        values = msgspec.structs.asdict(line)
        del values["id"]
        self._connection.execute(insert(audit).values(values))

    def audit(self, *, before: int | None = None, limit: int = 100) -> Sequence[Audited]:
        """Newest first, those with an id below ``before``."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.id < int(before))
        return [Audited(**row) for row in self._connection.execute(query).mappings()]

    def answered(self, key: bytes) -> Answered | None:
        """What was answered under this key."""
        query = select(answers.c.request, answers.c.status, answers.c.body).where(answers.c.key == key)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        return Answered(request=bytes(row.request), status=row.status, body=bytes(row.body))

    def keep_answer(self, key: bytes, answer: Answered, *, now_ms: int) -> None:
        """Keep an answer; the first one under a key stands."""
        values = {**msgspec.structs.asdict(answer), "key": key, "at_ms": int(now_ms)}
        statement = insert_into(self._connection, answers).values(values)
        self._connection.execute(statement.on_conflict_do_nothing(index_elements=[answers.c.key]))

    def forget_access(self, before_ms: int) -> int:
        """Answers from before this time go, and sessions and links that expired before it; how many rows."""
        at = credentials.c
        gone = self._connection.execute(delete(answers).where(answers.c.at_ms < int(before_ms))).rowcount
        old = (at.expires_at_ms < int(before_ms)) & (at.kind != Kind.token.value)
        return int(gone) + int(self._connection.execute(delete(credentials).where(old)).rowcount)


def _credential(row: Row[Any]) -> Credential:
    values = dict(row._mapping)
    named = {
        "kind": Kind(values["kind"]),
        "role": Role(values["role"]),
        "digest": bytes(values["digest"]),
        "guardrails": msgspec.json.decode(values["guardrails"], type=tuple[str, ...]),
    }
    return Credential(**(values | named))
