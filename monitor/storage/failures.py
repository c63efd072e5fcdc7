"""The one border at which the drivers' and SQLAlchemy's errors become ours, named for the reaction.

Trying again helps: the server is away, busy, restarting or out of resources; a lock or statement took too long;
two transactions collided (serialisation, deadlock, a unique key taken at the same moment). Everything else is
refused: the password, the database or a table is missing, the file is not a database, a constraint is violated.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Final

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from monitor.errors import StoreRefused, StoreUnavailable

SECRET_KEYS: Final = frozenset({"password", "sslpassword", "passfile"})

# SQLSTATE classes: connection exception, transaction rollback, insufficient resources, operator intervention
# (shutdown, cancel, statement timeout), system error.
_PASSING_CLASSES: Final = frozenset({"08", "40", "53", "57", "58"})
# Lock not available, idle-in-transaction timeout, read-only (a standby during a failover), unique violation.
_PASSING_STATES: Final = frozenset({"55P03", "25P03", "25006", "23505"})
# What psycopg2 says, without an SQLSTATE, when the server answered and does not want us.
_REFUSED_CONNECT: Final = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|(role|database) \".*\" does not exist"
    r"|permission denied for database|invalid (port|connection option|dsn)",
    re.IGNORECASE,
)

_PASSING_SQLITE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,  # a file system that was mounted anew after an error; somebody is seeing to it
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_SCHEMA,
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    }
)


def masked(url: URL) -> str:
    """The URL without any secret, for messages and logs."""
    query = {key: "***" if key.lower() in SECRET_KEYS else value for key, value in url.query.items()}
    # Without the driver's name, which is not part of what people write.
    return url.set(drivername=url.get_backend_name(), query=query).render_as_string(hide_password=True)


def without_secrets(words: str, url: URL) -> str:
    """The text with every secret of the URL blotted out, should a driver ever repeat one."""
    secrets = [url.password, *(value for key, value in url.query.items() if key.lower() in SECRET_KEYS)]
    for secret in secrets:
        if secret:
            words = words.replace(str(secret), "***")
    return words


def translate(error: SQLAlchemyError, url: URL) -> StoreUnavailable | StoreRefused:
    """Our error for theirs; its text names the database, the database's message, and the way out."""
    said = str(error.orig) if isinstance(error, DBAPIError) and error.orig is not None else str(error)
    said = without_secrets(" ".join(said.split()), url)
    if _is_passing(error):
        return StoreUnavailable(f"database {masked(url)}: {said}; trying again may help")
    hint = ""
    if re.search(r"no such (table|column)|(relation|column) \".*\" does not exist", said):
        hint = "; run `driftline db upgrade`"
    if "unable to open database file" in said:
        hint = "; the file and its directory must be there and writable, for SQLite keeps its journal beside it"
    return StoreRefused(f"database {masked(url)}: {said}{hint}")


def _is_passing(error: SQLAlchemyError) -> bool:
    if isinstance(error, PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError) or error.orig is None:
        return False
    if isinstance(error.orig, sqlite3.Error):
        return _is_passing_in_sqlite(error.orig)
    state = getattr(error.orig, "pgcode", None)
    if state is not None:
        return state[:2] in _PASSING_CLASSES or state in _PASSING_STATES
    if isinstance(error, IntegrityError):
        return False
    # Without an SQLSTATE the server was not reached, or went away in the middle.
    server_away = error.connection_invalidated or type(error.orig).__name__ in {
        "OperationalError",
        "InterfaceError",
    }
    return server_away and _REFUSED_CONNECT.search(str(error.orig)) is None


def _is_passing_in_sqlite(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    # Extended codes carry the primary one in the low byte; constraints are told apart by the extended one.
    return code is not None and (code in _PASSING_SQLITE or code & 0xFF in _PASSING_SQLITE)
