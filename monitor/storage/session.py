"""Connections and transactions: the same three promises on PostgreSQL and SQLite.

A writing transaction is isolated from other writers of the same rows, a reading one made inside it on the same
thread joins it, and every driver error leaves as StoreUnavailable or StoreRefused.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from monitor.errors import StoreRefused
from monitor.storage.failures import masked, translate


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Milliseconds after which an operation counts as failed."""

    connect_ms: int = 10_000
    lock_ms: int = 10_000
    """Waiting for a row or file that another transaction has locked."""
    statement_ms: int = 60_000
    idle_in_transaction_ms: int = 60_000
    """A stopped judge must not hold the lease row indefinitely: PostgreSQL then rolls it back for us."""
    pool_ms: int = 30_000
    """Waiting for a free connection of the pool; in memory there is only one."""


class Database:
    """One database: opens transactions on it from any thread. Made by :func:`open_database`.

    Attributes:
        own_clock: leases are dated by the database's clock instead of that of whoever asks for them: all who share
            the database then mean the same by "now", and one whose clock is wrong keeps nobody else waiting.
    """

    def __init__(self, engine: Engine, *, own_clock: bool = False) -> None:
        self.own_clock = own_clock
        self._engine = engine
        self._writing_engine = engine.execution_options(driftline_begin="BEGIN IMMEDIATE")
        self._open = threading.local()

    def __repr__(self) -> str:
        return f"Database({masked(self._engine.url)})"

    @property
    def name(self) -> str:
        """The database's URL without secrets."""
        return masked(self._engine.url)

    @property
    def is_postgresql(self) -> bool:
        """Whether several machines can share it."""
        return self._engine.dialect.name == "postgresql"

    @property
    def exists(self) -> bool:
        """False for an SQLite file that does not exist yet; opening a transaction would make an empty one."""
        file = self._engine.url.database
        return self.is_postgresql or _in_memory(self._engine.url) or file is None or Path(file).exists()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction for reading; inside this thread's writing transaction, that one.

        Raises:
            StoreUnavailable, StoreRefused: see :mod:`monitor.storage.failures`.
        """
        joined = self._joined()
        if joined is not None:
            yield joined
            return
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise translate(error, self._engine.url) from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction for writing: leaving commits, an exception rolls back. At most one per thread.

        Raises:
            StoreUnavailable, StoreRefused: nothing was written, unless the answer to the commit itself was lost.
        """
        if self._joined() is not None:
            raise RuntimeError("this thread already has a writing transaction open; finish it first")
        try:
            with self._writing_engine.begin() as connection:
                self._open.connection = connection
                try:
                    yield connection
                finally:
                    self._open.connection = None
        except SQLAlchemyError as error:
            raise translate(error, self._engine.url) from error

    def now_ms(self, connection: Connection, now_ms: int) -> int:
        """Epoch milliseconds that leases are dated by: ``now_ms``, or by the database's own clock."""
        return self._clock_ms(connection) if self.own_clock else int(now_ms)

    def clock_ms(self) -> int:
        """The database's own clock, in epoch milliseconds; of SQLite that is this machine's.

        Raises:
            StoreUnavailable, StoreRefused: it cannot be asked.
        """
        with self.reading() as connection:
            return self._clock_ms(connection)

    def _clock_ms(self, connection: Connection) -> int:
        sql = POSTGRESQL_CLOCK if self.is_postgresql else SQLITE_CLOCK
        return int(connection.exec_driver_sql(sql).scalar_one())

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._engine.dispose()

    def _joined(self) -> Connection | None:
        connection: Connection | None = getattr(self._open, "connection", None)
        return connection


POSTGRESQL_CLOCK: Final = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
SQLITE_CLOCK: Final = "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS integer)"  # the Julian day of 1970


def open_database(url: str, *, limits: Limits | None = None, own_clock: bool = False) -> Database:
    """The database behind a URL: ``postgresql://user@host/name``, ``sqlite:///file`` or ``sqlite://`` (in memory).

    Raises:
        StoreRefused: the URL is malformed or names another kind of database; its text is not repeated, for it may
            hold a password.
    """
    limits = limits or Limits()
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend == "postgresql":
            engine = _postgresql(parsed, limits)
        elif backend == "sqlite":
            engine = _sqlite(parsed, limits)
        else:
            raise StoreRefused(f"{masked(parsed)}: only postgresql:// and sqlite:// databases are known")
    except (ArgumentError, ValueError) as error:
        # "from None": make_url's own error may repeat parts of the URL.
        raise StoreRefused(
            f"not a database URL ({type(error).__name__}); expected postgresql://user:password@host/name, "
            "sqlite:///file.db or sqlite://"
        ) from None
    except SQLAlchemyError as error:
        raise translate(error, parsed) from error
    return Database(engine, own_clock=own_clock)


def insert_into(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """INSERT that knows ON CONFLICT, in the connection's dialect."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


_COMMON: Final[dict[str, Any]] = {
    # Parameters may hold texts and bodies; they stay out of error messages.
    "hide_parameters": True,
}


def _postgresql(url: URL, limits: Limits) -> Engine:
    arguments: dict[str, Any] = {"connect_timeout": max(2, limits.connect_ms // 1000)}
    if "application_name" not in url.query:
        arguments["application_name"] = "driftline"
    engine = create_engine(
        url.set(drivername="postgresql+psycopg2"),
        connect_args=arguments,
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=10,
        pool_timeout=limits.pool_ms / 1000,
        **_COMMON,
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        # Not as start-up parameters: PgBouncer refuses connections that bring those.
        with connection.cursor() as cursor:
            cursor.execute(
                f"SET lock_timeout = {limits.lock_ms:d}; SET statement_timeout = {limits.statement_ms:d}; "
                f"SET idle_in_transaction_session_timeout = {limits.idle_in_transaction_ms:d}; "
                "SET timezone = 'UTC'"
            )
        connection.commit()

    return engine


def _is_frozen(file: Path) -> bool:
    """Whether it lies on read-only media without a writer: SQLite may then read it without a journal.

    One that has a journal beside it was copied while it was open, and SQLite itself refuses it.
    """
    written = Path(f"{file}-wal")
    journal = written.exists() and written.stat().st_size > 0
    return file.is_file() and not journal and not os.access(file.parent, os.W_OK)


def _make_private(file: Path) -> None:
    """A new database is for its owner alone, and so are the files that SQLite lays beside it."""
    with suppress(OSError):  # it exists, or cannot be made: SQLite reports why
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _in_memory(url: URL) -> bool:
    return url.database in (None, "", ":memory:")


def _sqlite(url: URL, limits: Limits) -> Engine:
    in_memory = _in_memory(url)
    file = None if in_memory else Path(str(url.database))
    frozen = file is not None and _is_frozen(file)
    arguments = {"timeout": limits.lock_ms / 1000, "check_same_thread": False}
    engine = create_engine(
        url,
        connect_args=arguments,
        poolclass=QueuePool,
        # A database in memory is its connection: one, handed from thread to thread, one transaction at a time.
        pool_size=1 if in_memory else 5,
        max_overflow=0 if in_memory else 10,
        pool_timeout=limits.pool_ms / 1000,
        **_COMMON,
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver would begin late and not immediately: see _begin
        connection.execute("PRAGMA foreign_keys = ON")
        if not in_memory and not frozen:
            # Readers do not wait for the writer. FULL: what was answered for survives a power cut, too.
            connection.execute("PRAGMA synchronous = FULL")
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, places: list[Any], options: dict[str, Any]) -> None:
        if frozen:
            places[0] = f"file:{quote(str(file))}?immutable=1"
            options["uri"] = True
        elif file is not None:
            _make_private(file)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later would fail at once when another has written in between;
        # taking the write lock at the start waits for it instead.
        connection.exec_driver_sql(connection.get_execution_options().get("driftline_begin", "BEGIN"))

    return engine
