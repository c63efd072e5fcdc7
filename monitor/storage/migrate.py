"""The schema's revision: bring a database up to date, report its revision, refuse one that does not fit.

The Alembic folder is found by itself: ``migrations/`` beside this file in an installed wheel, ``migrations/`` at the
top of a checkout; no alembic.ini is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from monitor.errors import StoreRefused
from monitor.storage.metadata import metadata
from monitor.storage.session import Database, Limits, open_database

_PLACES: Final = (Path(__file__).parent / "migrations", Path(__file__).parents[2] / "migrations")
# An upgrade may wait for another one and rewrite tables; ordinary statements may not take that long.
_LIMITS: Final = Limits(statement_ms=3_600_000, idle_in_transaction_ms=600_000)


@dataclass(frozen=True, slots=True)
class Revision:
    """The revision of a database's schema, and the one that this version of Driftline needs."""

    current: str | None
    """None before the first upgrade."""
    head: str

    @property
    def up_to_date(self) -> bool:
        """Whether stores may be opened."""
        return self.current == self.head


def scripts_folder() -> Path:
    """The Alembic folder.

    Raises:
        StoreRefused: the installation is incomplete.
    """
    for place in _PLACES:
        if (place / "env.py").is_file():
            return place
    raise StoreRefused(f"no migrations in {' or '.join(str(place) for place in _PLACES)}; install driftline again")


def upgrade(url: str) -> Revision:
    """Bring the database at ``url`` to this version's schema; does nothing if it is there. Creates SQLite files.

    Two upgrades at once are safe: the second waits and finds nothing to do.

    Raises:
        StoreUnavailable: it cannot be reached or is locked; nothing was changed.
        StoreRefused: it refuses, or its schema is of a later version.
    """
    with _opened(url) as database:
        return upgrade_database(database)


def upgrade_database(database: Database) -> Revision:
    """The same for an open database; the way for one that is in memory."""
    before = current_of(database)
    _refuse_unknown(database, before)
    if before.up_to_date:
        return before
    with database.writing() as connection:
        command.upgrade(alembic_config(connection), "head")
    return current_of(database)


def current(url: str) -> Revision:
    """The revision of the database at ``url``.

    Raises:
        StoreUnavailable, StoreRefused: it cannot be read.
    """
    with _opened(url) as database:
        return current_of(database)


def current_of(database: Database) -> Revision:
    """The same for an open database."""
    head = ScriptDirectory(str(scripts_folder())).get_current_head()
    if head is None:
        raise StoreRefused(f"no migration in {scripts_folder()}; install driftline again")
    if not database.exists:
        return Revision(current=None, head=head)
    with database.reading() as connection:
        return Revision(current=MigrationContext.configure(connection).get_current_revision(), head=head)


def check(url: str) -> list[str]:
    """Differences between the database's tables and those that the code expects, one sentence each; empty is good.

    Raises:
        StoreUnavailable, StoreRefused: it cannot be read, or is not at the head revision.
    """
    with _opened(url) as database:
        require_current(database)
        with database.reading() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return [repr(difference) for difference in compare_metadata(context, metadata)]


def require_current(database: Database) -> None:
    """Refuse to work on tables that are not as expected.

    Raises:
        StoreRefused: naming the command that helps.
    """
    revision = current_of(database)
    _refuse_unknown(database, revision)
    if not revision.up_to_date:
        state = "has no tables yet" if revision.current is None else f"is at schema {revision.current}"
        raise StoreRefused(f"database {database.name} {state}, {revision.head} is needed: run `driftline db upgrade`")


def _refuse_unknown(database: Database, revision: Revision) -> None:
    known = {script.revision for script in ScriptDirectory(str(scripts_folder())).walk_revisions()}
    if revision.current is not None and revision.current not in known:
        raise StoreRefused(
            f"database {database.name} is at schema {revision.current}, which this version does not know "
            f"(its own is {revision.head}): install the version of Driftline that upgraded it, or a later one"
        )


@contextmanager
def _opened(url: str) -> Iterator[Database]:
    database = open_database(url, limits=_LIMITS)
    try:
        yield database
    finally:
        database.close()


def alembic_config(connection: Connection) -> Config:
    """Alembic's settings for running the migrations inside the transaction of this connection."""
    config = Config()
    # Alembic interpolates its options: a percent sign in the path has to be doubled.
    config.set_main_option("script_location", str(scripts_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
