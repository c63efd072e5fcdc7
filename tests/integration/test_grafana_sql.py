"""Every query of every dashboard on a real PostgreSQL: with what the project has judged, and with nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from monitor.grafana.dashboards.registry import DASHBOARDS
from monitor.grafana.documents import plain
from monitor.storage import migrate
from monitor.storage.reader import SCHEMA, grant_reader
from tests.contract.grafana_sql import Range, answer, connect, expanded
from tests.scenarios.on_postgres import told_on
from tests.scenarios.story import at
from tests.servers.postgres import PostgresNode

BOARDS = [plain(make()) for make in DASHBOARDS]
STORY = Range(at("00:00"), at("02:00"))
ROLE = "grafana_reader"
EMPTY_BY_NATURE: set[tuple[str, str]] = set()
"""Queries that this story has nothing for: none."""


def queries() -> list[tuple[str, str, dict[str, Any]]]:
    """Dashboard, name and query of panels, annotations and variables."""
    found = []
    for board in BOARDS:
        uid = board["uid"]
        for panel in board["panels"]:
            found += [(uid, panel["title"], t) for t in panel["targets"] if "rawSql" in t]
        found += [(uid, mark["name"], mark["target"]) for mark in board["annotations"]["list"]]
        found += [
            (uid, f"variable {variable['name']}", {"rawSql": variable["query"], "format": "table"})
            for variable in board["templating"]["list"]
            if variable["type"] == "query"
        ]
    return found


@pytest.fixture(scope="module")
def told(postgres: PostgresNode) -> Iterator[str]:
    with postgres.fresh_database() as url, told_on(url) as built:
        # One more incident that nobody has, and a message that waits: what a wall board is for.
        with built.stores.database.writing() as connection:
            connection.exec_driver_sql(
                "UPDATE incidents SET status = 'open' WHERE id = (SELECT max(id) FROM incidents)"
            )
        grant_reader(built.stores.database, ROLE, password="a'b")
        yield url


@pytest.fixture(scope="module")
def reading(told: str) -> Iterator[Any]:
    connection = connect(told)
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {ROLE}")
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def empty(postgres: PostgresNode) -> Iterator[Any]:
    with postgres.fresh_database() as url:
        migrate.upgrade(url)
        connection = connect(url)
        yield connection
        connection.close()


def stream_of(connection: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT stream_id FROM {SCHEMA}.streams WHERE guardrail = 'injection' AND guardrail_version = '1'"
        )
        return str(cursor.fetchone()[0])


@pytest.mark.parametrize(("uid", "title", "target"), queries(), ids=lambda one: one if isinstance(one, str) else "")
def test_a_query_answers_with_real_data_and_on_an_empty_database(
    uid: str, title: str, target: dict[str, Any], reading: Any, empty: Any
) -> None:
    series = target["format"] == "time_series"
    chosen = {"guardrail": "injection", "stream": stream_of(reading)}
    assert answer(reading, expanded(target["rawSql"], STORY, chosen), time_series=series)
    nothing = answer(empty, expanded(target["rawSql"], STORY, {"guardrail": "", "stream": ""}), time_series=series)
    assert all(value in (0, None) for row in nothing for value in row)


def test_a_name_with_a_quote_is_a_name(reading: Any) -> None:
    for _, _, target in queries():
        sql = expanded(target["rawSql"], STORY, {"guardrail": "o'brien", "stream": "7"})
        answer(reading, sql, time_series=target["format"] == "time_series")


def test_the_role_reads_the_views_and_nothing_else(told: str, reading: Any) -> None:
    for statement in (
        "SELECT * FROM incidents",
        f"DELETE FROM {SCHEMA}.incidents",
        f"CREATE TABLE {SCHEMA}.mine (id int)",
        "SELECT document FROM findings",
    ):
        with pytest.raises(psycopg2.Error), reading.cursor() as cursor:  # noqa: PT012 - the savepoint must go, too
            cursor.execute("SAVEPOINT before")
            try:
                cursor.execute(statement)
            finally:
                cursor.execute("ROLLBACK TO before")


def test_the_readme_has_every_view_and_column_with_its_type(reading: Any) -> None:
    with reading.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a "
            "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
            f"WHERE n.nspname = '{SCHEMA}' AND a.attnum > 0"
        )
        real = {(view, name): kind for view, name, kind in cursor.fetchall()}
    readme = Path(__file__).parents[2] / "monitor" / "grafana" / "README.md"
    text = readme.read_text(encoding="utf-8")
    contract = text[text.index("<!-- views: begin -->") : text.index("<!-- views: end -->")]
    written = {
        (view, name): kind
        for view, name, kind in re.findall(r"^\| `(\w+)` \| `(\w+)` \| ([\w ]+) \|", contract, re.M)
    }
    assert written == real


def test_the_password_of_the_role_is_the_given_one(told: str) -> None:
    with connect(told) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolcanlogin, rolsuper, rolpassword <> 'a''b' FROM pg_authid WHERE rolname = %s", [ROLE]
        )
        assert cursor.fetchone() == (True, False, True)
