"""`driftline db` as a person or a script uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from monitor.cli.db import db
from monitor.cli.options import Exit
from monitor.storage import migrate
from monitor.storage.session import open_database

HEAD = max(path.name[:4] for path in (migrate.scripts_folder() / "versions").glob("[0-9]*.py"))
"""The newest revision."""


def run(*arguments: str, database: str) -> Result:
    return CliRunner().invoke(db, list(arguments), env={"DRIFTLINE_DATABASE": database})


def test_a_database_from_nothing_to_checked(any_database_url: str) -> None:
    url = any_database_url.replace("+psycopg2", "")
    before = run("current", database=url)
    assert (before.exit_code, before.output.strip()) == (
        0,
        f"There is no schema yet, {HEAD} is needed: run `driftline db upgrade`.",
    )
    assert run("upgrade", database=url).output == f"Upgraded the schema from nothing to {HEAD}.\n"
    assert "Nothing to do" in run("upgrade", database=url).output
    assert run("current", database=url).output == f"The schema is {HEAD}, as needed.\n"
    assert run("check", database=url).output == "The tables are as expected.\n"


def test_scripts_get_json(sqlite_url: str) -> None:
    assert json.loads(run("upgrade", "--json", database=sqlite_url).output) == {"before": None, "after": HEAD}
    answer = json.loads(run("current", "--json", database=sqlite_url).output)
    assert answer == {"current": HEAD, "head": HEAD, "up_to_date": True}
    assert json.loads(run("check", "--json", database=sqlite_url).output) == {"differences": []}


def test_a_check_that_finds_a_difference_fails(sqlite_url: str) -> None:
    run("upgrade", database=sqlite_url)
    database = open_database(sqlite_url)
    with database.writing() as connection:
        connection.execute(text("DROP TABLE outbox"))
    database.close()
    found = run("check", database=sqlite_url)
    assert found.exit_code == 1
    assert "outbox" in found.output


def test_the_option_wins_over_the_environment(tmp_path: Path) -> None:
    wanted = tmp_path / "wanted.db"
    unwanted = f"sqlite:///{tmp_path / 'unwanted.db'}"
    assert run("upgrade", "--database", f"sqlite:///{wanted}", database=unwanted).exit_code == 0
    assert wanted.exists()
    assert not (tmp_path / "unwanted.db").exists()


@pytest.mark.parametrize("command", ["upgrade", "current", "check"])
def test_what_goes_wrong_is_told_without_traceback_or_password(command: str) -> None:
    told = run(command, database="postgresql://kim:hunter2@127.0.0.1:1/driftline")
    assert told.exit_code == Exit.try_again
    assert told.output.startswith("driftline: database postgresql")
    assert "hunter2" not in told.output


@pytest.mark.parametrize("command", ["upgrade", "current", "check"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    told = run(command, "--help", database="")
    assert f"Example: driftline db {command}" in told.output
    assert told.exit_code == 0
    assert "DRIFTLINE_DATABASE" in told.output
