"""Transactions: what they promise on SQLite; PostgreSQL's own are in tests/contract/test_stores_postgres.py."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from monitor.errors import StoreRefused, StoreUnavailable
from monitor.storage.migrate import upgrade_database
from monitor.storage.session import Database, Limits, open_database
from monitor.storage.tables import judge


@pytest.fixture(params=["file", "memory"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    opened = open_database("sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path / 'd.db'}")
    upgrade_database(opened)
    yield opened
    opened.close()


def write(database: Database, number: int) -> None:
    with database.writing() as connection:
        connection.execute(insert(judge).values(id=1, judged_before=number))


def read(database: Database) -> int | None:
    with database.reading() as connection:
        return connection.execute(select(judge.c.judged_before)).scalar_one_or_none()


def test_reading_inside_a_writing_transaction_sees_what_it_wrote(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(insert(judge).values(id=1, judged_before=5))
        assert read(database) == 5
    assert read(database) == 5


def test_a_second_writing_transaction_on_one_thread_is_a_mistake_that_is_named(database: Database) -> None:
    def nested() -> None:
        with database.writing():
            write(database, 1)

    with pytest.raises(RuntimeError, match="already has a writing transaction"):
        nested()
    write(database, 2)
    assert read(database) == 2


def test_after_a_failure_the_thread_may_write_again(database: Database) -> None:
    write(database, 1)
    with pytest.raises(StoreUnavailable):  # the key is taken
        write(database, 2)
    assert read(database) == 1


def test_many_threads_share_it(database: Database) -> None:
    write(database, 0)

    def add() -> None:
        for _ in range(20):
            with database.writing() as connection:
                number = connection.execute(select(judge.c.judged_before)).scalar_one()
                connection.execute(judge.update().values(judged_before=number + 1))

    with ThreadPoolExecutor(5) as pool:
        for done in [pool.submit(add) for _ in range(5)]:
            done.result(timeout=60)
    assert read(database) == 100


def test_waiting_for_a_locked_file_ends(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'd.db'}"
    holder, waiter = open_database(url), open_database(url, limits=Limits(lock_ms=50))
    upgrade_database(holder)
    with holder.writing() as connection:
        connection.execute(insert(judge).values(id=1, judged_before=1))
        with pytest.raises(StoreUnavailable, match="locked"):
            write(waiter, 2)
        assert read(waiter) is None  # readers do not wait
    holder.close()
    waiter.close()


def test_a_database_in_memory_is_one_transaction_at_a_time(tmp_path: Path) -> None:
    database = open_database("sqlite://", limits=Limits(pool_ms=50))
    upgrade_database(database)
    outcome: list[Exception] = []

    def other() -> None:
        try:
            read(database)
        except StoreUnavailable as error:
            outcome.append(error)

    with database.writing():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(timeout=30)
    assert len(outcome) == 1
    database.close()


@pytest.mark.parametrize("name", ["nothing.db", "folder/none.db"])
def test_looking_at_a_file_that_is_not_there_does_not_make_it(tmp_path: Path, name: str) -> None:
    assert not open_database(f"sqlite:///{tmp_path / name}").exists
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "d.db"
    file.write_text("certainly not a database " * 100)
    with pytest.raises(StoreRefused, match="not a database"):
        write(open_database(f"sqlite:///{file}"), 1)


def test_a_new_file_and_what_lies_beside_it_are_for_their_owner_alone(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'd.db'}")
    upgrade_database(database)
    write(database, 1)
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {
        "d.db": 0o600,
        "d.db-wal": 0o600,
        "d.db-shm": 0o600,
    }
    database.close()


def test_a_file_on_read_only_media_is_read_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'd.db'}"
    database = open_database(url)
    upgrade_database(database)
    write(database, 7)
    database.close()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may write anywhere but there
    frozen = open_database(url)
    assert read(frozen) == 7
    assert [file.name for file in tmp_path.iterdir()] == ["d.db"]
    with pytest.raises(StoreUnavailable, match="readonly database"):
        write(frozen, 8)
    frozen.close()
