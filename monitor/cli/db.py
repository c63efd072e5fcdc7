"""``driftline db``: the schema of the database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from monitor.errors import StoreRefused, StoreUnavailable
from monitor.storage import migrate

_database = click.option(
    "--database",
    envvar="DRIFTLINE_DATABASE",
    default="sqlite:///driftline.db",
    show_default=True,
    metavar="URL",
    help="postgresql://user@host/name or sqlite:///file; also read from DRIFTLINE_DATABASE.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of words.")


@click.group()
def db() -> None:
    """Bring the database's schema up to date, and check it.

    PostgreSQL is changed only by `driftline db upgrade`; a SQLite file is also upgraded by `driftline run`.
    """


@db.command()
@_database
@_json
def upgrade(database: str, as_json: bool) -> None:
    """Create or upgrade the tables; safe to repeat and to run twice at once.

    Workers of the version before may keep running meanwhile. The upgrade gives up, and changes nothing, when a
    table stays locked for 5 seconds: run it again.
    """
    with _told_plainly():
        before = migrate.current(database)
        after = migrate.upgrade(database)
    if as_json:
        _print_json({"before": before.current, "after": after.current})
    elif before.up_to_date:
        click.echo(f"Nothing to do: the schema is {after.current} already.")
    else:
        click.echo(f"Upgraded the schema from {before.current or 'nothing'} to {after.current}.")


@db.command()
@_database
@_json
def current(database: str, as_json: bool) -> None:
    """Say which schema the database has, and which this version needs."""
    with _told_plainly():
        revision = migrate.current(database)
    if as_json:
        _print_json({"current": revision.current, "head": revision.head, "up_to_date": revision.up_to_date})
    elif revision.up_to_date:
        click.echo(f"The schema is {revision.current}, as needed.")
    else:
        has = f"The schema is {revision.current}" if revision.current else "There is no schema yet"
        click.echo(f"{has}, {revision.head} is needed: run `driftline db upgrade`.")


@db.command()
@_database
@_json
def check(database: str, as_json: bool) -> None:
    """Compare the tables with what this version expects; exit code 1 if they differ."""
    with _told_plainly():
        differences = migrate.check(database)
    if as_json:
        _print_json({"differences": differences})
    elif differences:
        click.echo("The tables differ from what this version expects:")
        for difference in differences:
            click.echo(f"- {difference}")
    else:
        click.echo("The tables are as expected.")
    if differences:
        raise click.exceptions.Exit(1)


@contextmanager
def _told_plainly() -> Iterator[None]:
    try:
        yield
    except (StoreRefused, StoreUnavailable) as error:
        raise click.ClickException(str(error)) from error


def _print_json(answer: dict[str, Any]) -> None:
    click.echo(json.dumps(answer))
