"""Migrations lead to exactly the tables that the code expects, on both databases, however often they run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command as alembic_command
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from monitor.errors import StoreRefused
from monitor.storage import migrate
from monitor.storage.metadata import metadata
from monitor.storage.session import Database, open_database
from monitor.storage.stores import open_stores
from tests.servers.postgres import PostgresNode

CHECKOUT = Path(__file__).parents[2]


def described(url: str) -> dict[str, Any]:
    """All that the database itself says about its tables."""
    database = open_database(url)
    with database.reading() as connection:
        look = inspect(connection)
        tables = {
            name: {
                "columns": [
                    (column["name"], str(column["type"]), column["nullable"], column["default"])
                    for column in look.get_columns(name)
                ],
                "primary key": look.get_pk_constraint(name),
                "foreign keys": look.get_foreign_keys(name),
                "unique": sorted(look.get_unique_constraints(name), key=str),
                "checks": sorted(look.get_check_constraints(name), key=str),
                "indexes": sorted(map(plain, look.get_indexes(name)), key=str),
            }
            for name in look.get_table_names()
            if name != "alembic_version"
        }
    database.close()
    return tables


def plain(index: Any) -> dict[str, Any]:
    options = {key: str(value) for key, value in index.get("dialect_options", {}).items()}
    return dict(index) | {"dialect_options": options}


def create_without_migrations(database: Database) -> None:
    with database.writing() as connection:
        metadata.create_all(connection)
    database.close()


def test_migrations_make_the_tables_of_the_code_in_postgresql(postgres: PostgresNode) -> None:
    with postgres.fresh_database() as migrated, postgres.fresh_database() as created:
        migrate.upgrade(migrated)
        create_without_migrations(open_database(created))
        assert described(migrated) == described(created)
        assert len(described(migrated)) == len(metadata.tables)


def test_migrations_make_the_tables_of_the_code_in_sqlite(tmp_path: Path) -> None:
    migrated, created = f"sqlite:///{tmp_path / 'migrated.db'}", f"sqlite:///{tmp_path / 'created.db'}"
    migrate.upgrade(migrated)
    create_without_migrations(open_database(created))
    assert described(migrated) == described(created)
    assert len(described(migrated)) == len(metadata.tables)


def test_every_constraint_and_index_has_a_name_that_tells_its_table(any_database_url: str) -> None:
    migrate.upgrade(any_database_url)
    for table, about in described(any_database_url).items():
        named = [about["primary key"], *about["foreign keys"], *about["unique"], *about["checks"], *about["indexes"]]
        assert [each["name"] for each in named if table not in (each["name"] or "")] == []


def test_an_upgrade_is_idempotent_and_passes_the_check(any_database_url: str) -> None:
    assert migrate.current(any_database_url).current is None
    first = migrate.upgrade(any_database_url)
    assert first.up_to_date
    assert migrate.upgrade(any_database_url) == first == migrate.current(any_database_url)
    assert migrate.check(any_database_url) == []


def test_the_check_finds_a_difference(any_database_url: str) -> None:
    migrate.upgrade(any_database_url)
    database = open_database(any_database_url)
    with database.writing() as connection:
        connection.execute(text("DROP INDEX ix_tick_counts_tick"))
        connection.execute(text("ALTER TABLE slices ADD COLUMN stray TEXT"))
    database.close()
    differences = " ".join(migrate.check(any_database_url))
    assert "ix_tick_counts_tick" in differences
    assert "stray" in differences


def test_the_check_wants_an_upgraded_database(any_database_url: str) -> None:
    with pytest.raises(StoreRefused, match="driftline db upgrade"):
        migrate.check(any_database_url)


def test_a_database_of_a_later_version_is_left_alone(any_database_url: str) -> None:
    migrate.upgrade(any_database_url)
    database = open_database(any_database_url)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(StoreRefused, match="9999, which this version does not know"):
        migrate.upgrade(any_database_url)

    def use() -> None:
        with open_stores(any_database_url):
            pass

    with pytest.raises(StoreRefused, match="9999"):
        use()


def test_an_upgrade_that_fails_leaves_nothing_behind(any_database_url: str) -> None:
    database = open_database(any_database_url)
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE outbox (mine INTEGER)"))  # in the way of the last table
    with pytest.raises(StoreRefused, match="outbox"):
        migrate.upgrade(any_database_url)
    assert migrate.current(any_database_url).current is None
    with database.reading() as connection:
        assert set(inspect(connection).get_table_names()) == {"outbox"}
    database.close()


def test_upgrades_at_once_both_succeed(any_database_url: str) -> None:
    """Two processes, as two machines would: one does it, the others wait and find it done."""
    command = [sys.executable, "-c", "import sys; from monitor.storage import migrate; migrate.upgrade(sys.argv[1])"]
    running = [
        subprocess.Popen([*command, any_database_url], cwd=CHECKOUT, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], errors
    assert migrate.check(any_database_url) == []


def test_an_sqlite_file_is_upgraded_when_it_is_opened(sqlite_url: str) -> None:
    with open_stores(sqlite_url) as stores:
        assert stores.judge.first_tick() is None
    assert migrate.current(sqlite_url).up_to_date


def test_asking_about_an_sqlite_file_does_not_make_it(tmp_path: Path) -> None:
    assert migrate.current(f"sqlite:///{tmp_path / 'none.db'}").current is None
    assert list(tmp_path.iterdir()) == []


def test_a_path_with_a_percent_sign_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "100%"
    folder.mkdir()
    link = folder / "migrations"
    link.symlink_to(migrate.scripts_folder())
    monkeypatch.setattr(migrate, "_PLACES", (link,))
    assert migrate.upgrade(f"sqlite:///{tmp_path / 'd.db'}").up_to_date


def test_revisions_form_one_line_with_numbers_in_order() -> None:
    revisions = [script.revision for script in ScriptDirectory(str(migrate.scripts_folder())).walk_revisions()]
    assert revisions == [f"{number:04d}" for number in range(len(revisions), 0, -1)]


def test_the_first_migration_can_be_undone(any_database_url: str) -> None:
    migrate.upgrade(any_database_url)
    database = open_database(any_database_url)
    with database.writing() as connection:
        alembic_command.downgrade(migrate.alembic_config(connection), "base")
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    database.close()
