"""The identity of a deployment: the same for all processes on one database, another for every other database."""

from __future__ import annotations

import secrets

from sqlalchemy import select

from monitor.storage.session import Database, insert_into
from monitor.storage.tables import deployment


def deployment_id(database: Database) -> str:
    """16 hexadecimal digits; drawn by whoever asks first.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    with database.reading() as connection:
        known = connection.execute(select(deployment.c.name)).scalar_one_or_none()
    if known is not None:
        return str(known)
    with database.writing() as connection:
        drawn = {"id": 1, "name": secrets.token_hex(8)}
        connection.execute(insert_into(connection, deployment).values(drawn).on_conflict_do_nothing())
        return str(connection.execute(select(deployment.c.name)).scalar_one())
