"""``driftline db``: the schema of the database."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.options import database_from, database_options, errors_to_exit_codes, json_option, print_json
from monitor.storage import migrate


@click.group()
def db() -> None:
    """Bring the database's schema up to date, and check it.

    PostgreSQL is changed only by `driftline db upgrade`; a SQLite file is also upgraded by `driftline run`.
    """


@db.command(epilog="Example: driftline db upgrade --database postgresql://driftline@db/driftline")
@database_options
@json_option
@errors_to_exit_codes
def upgrade(config: Path | None, database: str | None, as_json: bool) -> None:
    """Create or upgrade the tables; safe to repeat and to run twice at once.

    Workers of the version before may keep running meanwhile. The upgrade gives up, and changes nothing, when a
    table stays locked for 5 seconds: run it again.
    """
    url = database_from(config=config, database=database)
    before = migrate.current(url)
    after = migrate.upgrade(url)
    if as_json:
        print_json({"before": before.current, "after": after.current})
    elif before.up_to_date:
        click.echo(f"Nothing to do: the schema is {after.current} already.")
    else:
        click.echo(f"Upgraded the schema from {before.current or 'nothing'} to {after.current}.")


@db.command(epilog="Example: driftline db current --json")
@database_options
@json_option
@errors_to_exit_codes
def current(config: Path | None, database: str | None, as_json: bool) -> None:
    """Show the schema of the database, and the one that this version needs."""
    revision = migrate.current(database_from(config=config, database=database))
    if as_json:
        print_json({"current": revision.current, "head": revision.head, "up_to_date": revision.up_to_date})
    elif revision.up_to_date:
        click.echo(f"The schema is {revision.current}, as needed.")
    else:
        has = f"The schema is {revision.current}" if revision.current else "There is no schema yet"
        click.echo(f"{has}, {revision.head} is needed: run `driftline db upgrade`.")


@db.command(epilog="Example: driftline db reader grafana --password-file /run/secrets/grafana-reader")
@click.argument("role")
@click.option(
    "--password-file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the role's password in its first line.",
)
@database_options
@json_option
@errors_to_exit_codes
def reader(role: str, *, password_file: Path, config: Path | None, database: str | None, as_json: bool) -> None:
    """Make a role of PostgreSQL that may read the views of driftline_read and nothing else; safe to repeat.

    It is for Grafana, and whoever else only looks. The database's user must be allowed to make roles.
    """
    from monitor.settings.secret import SecretPlace
    from monitor.storage.reader import SCHEMA, grant_reader
    from monitor.storage.session import open_database

    opened = open_database(database_from(config=config, database=database))
    try:
        grant_reader(opened, role, password=SecretPlace(file=password_file).read())
    finally:
        opened.close()
    if as_json:
        print_json({"role": role, "schema": SCHEMA})
    else:
        click.echo(f"Role {role} may read the views of {SCHEMA}.")


@db.command(epilog="Example: driftline db check && echo fine")
@database_options
@json_option
@errors_to_exit_codes
def check(config: Path | None, database: str | None, as_json: bool) -> None:
    """Compare the tables with what this version expects; exit code 1 if they differ."""
    differences = migrate.check(database_from(config=config, database=database))
    if as_json:
        print_json({"differences": differences})
    elif differences:
        click.echo("The tables differ from those that this version expects:")
        for difference in differences:
            click.echo(f"- {difference}")
    else:
        click.echo("The tables are as expected.")
    if differences:
        raise click.exceptions.Exit(1)
