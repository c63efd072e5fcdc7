"""Alembic's environment. Run it with ``driftline db upgrade``, which hands the open transaction over.

For development, ``alembic revision --autogenerate`` works too, on the database that DRIFTLINE_DATABASE names.
"""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection, text

from monitor.storage.metadata import metadata
from monitor.storage.session import open_database

# Any number that nothing else in the database uses: here the bytes of "drift".
ADVISORY_LOCK = int.from_bytes(b"drift", "big")


def migrate(connection: Connection) -> None:
    """Run the migrations inside the connection's transaction: all or nothing."""
    if connection.dialect.name == "postgresql":
        # The second of two upgrades waits here, however long the first one takes...
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        # ...but nobody waits behind an upgrade that itself waits for a table which a busy worker has locked.
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text("SET LOCAL statement_timeout = '10min'"))
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        # SQLite's DDL is transactional once the driver leaves BEGIN to us, as monitor.storage.session does.
        transactional_ddl=True,
        # SQLite cannot alter a column: Alembic then copies the table.
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    """With the connection that was handed over, or else our own."""
    if context.is_offline_mode():
        raise SystemExit("offline SQL is not supported: migrations look at the database")
    handed_over = context.config.attributes.get("connection")
    if handed_over is not None:
        migrate(handed_over)
        return
    with open_database(os.environ.get("DRIFTLINE_DATABASE", "sqlite:///driftline.db")).writing() as connection:
        migrate(connection)


main()
