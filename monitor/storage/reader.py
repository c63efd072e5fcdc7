"""The role that may read the views of ``driftline_read`` and nothing else: for Grafana, and all who only look."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import text

from monitor.errors import Refused
from monitor.storage.migrate import require_current
from monitor.storage.session import Database

SCHEMA: Final = "driftline_read"
"""Schema of the views; what is in it is a contract, see monitor/grafana/README.md."""
_ROLE: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
STATEMENT_MS: Final = 30_000
"""A dashboard that takes longer is left: judging has the database to itself again."""


def grant_reader(database: Database, role: str, *, password: str) -> None:
    """Make the role, or set its password and rights anew; what else it may do is left alone.

    Raises:
        Refused: the database is no PostgreSQL, or the name is none for a role.
        StoreRefused: the schema is not this version's, or the present user may not make roles.
    """
    if not database.is_postgresql:
        raise Refused(f"{database.name} has no roles; only PostgreSQL has")
    if _ROLE.fullmatch(role) is None:
        raise Refused(f"{role[:80]!r} is no name for a role: lower-case letters, digits and underscores, 63 at most")
    require_current(database)
    with database.writing() as connection:
        known = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}).first()
        # Statements of this kind take no parameters; the database itself quotes the password.
        quoted = connection.execute(text("SELECT quote_literal(:password)"), {"password": password}).scalar_one()
        doing = "ALTER" if known else "CREATE"
        for statement in (
            f"{doing} ROLE {role} LOGIN PASSWORD {quoted}",
            f"ALTER ROLE {role} SET default_transaction_read_only = on",
            f"ALTER ROLE {role} SET statement_timeout = {STATEMENT_MS}",
            f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {role}",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {SCHEMA} GRANT SELECT ON TABLES TO {role}",
        ):
            connection.exec_driver_sql(statement.replace("%", "%%"))
