"""Cases, inside the transaction of the response record."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, select

from monitor.incidents.case import Case
from monitor.storage.response_tables import cases
from monitor.storage.session import insert_into


class CaseTransaction:
    """The part of the response record that casework needs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def case(self, incident_id: int) -> Case:
        """People's decisions about it; the beginning of a case where there are none yet."""
        query = select(cases.c.document).where(cases.c.incident_id == incident_id)
        document = self._connection.execute(query).scalar_one_or_none()
        return Case(incident_id=incident_id) if document is None else msgspec.json.decode(document, type=Case)

    def save_case(self, case: Case) -> None:
        """Insert or replace it."""
        values = {"document": msgspec.json.encode(case).decode()}
        statement = insert_into(self._connection, cases).values(incident_id=case.incident_id, **values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=[cases.c.incident_id], set_=values))

    def cases(self, *, limit: int = 1000) -> Sequence[Case]:
        """The cases of all incidents with decisions, newest first."""
        query = select(cases.c.document).order_by(cases.c.incident_id.desc()).limit(limit)
        return [msgspec.json.decode(each, type=Case) for each in self._connection.execute(query).scalars()]
