"""The border of errors: every foreign error becomes one of ours, the right one, and tells no secret."""

from __future__ import annotations

import inspect
import sqlite3
import traceback

import psycopg2
import pytest
import sqlalchemy.exc
from psycopg2 import errorcodes, errors
from sqlalchemy import make_url
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from monitor.errors import StoreRefused, StoreUnavailable
from monitor.storage.failures import masked, translate
from monitor.storage.session import open_database


def known(code: object) -> bool:
    """Whether the driver has a class for it; it has none for classes of codes and for warnings."""
    try:
        errors.lookup(code)
    except KeyError:
        return False
    return True


SQLSTATES = {code: errors.lookup(code) for name, code in vars(errorcodes).items() if name.isupper() and known(code)}
URL = make_url("postgresql://kim:hunter2@db.example/driftline")


def every_subclass(of: type[Exception]) -> list[type[Exception]]:
    return [of, *(deeper for each in of.__subclasses__() for deeper in every_subclass(each))]


def postgres_error(state: str, words: str = "no") -> DBAPIError:
    kind = SQLSTATES.get(state, psycopg2.DatabaseError)
    # The driver sets pgcode from the server's answer; it cannot be set from outside.
    return wrapped(type(kind.__name__, (kind,), {"pgcode": state})(words))


def wrapped(original: Exception) -> DBAPIError:
    module = psycopg2 if isinstance(original, psycopg2.Error) else sqlite3
    made = DBAPIError.instance("SELECT 1", {}, original, module.Error)
    assert isinstance(made, DBAPIError)
    return made


def sqlite_error(code: int, words: str = "no", kind: type[sqlite3.Error] = sqlite3.OperationalError) -> DBAPIError:
    original = kind(words)
    original.sqlite_errorcode = code
    return wrapped(original)


def foreign(kind: type[SQLAlchemyError]) -> SQLAlchemyError:
    if issubclass(kind, DBAPIError):
        return kind("SELECT 1", {}, psycopg2.OperationalError("words"))
    if issubclass(kind, sqlalchemy.exc.StatementError):
        return kind("words", "SELECT 1", {}, ValueError("words"))
    if issubclass(kind, sqlalchemy.exc.UnsupportedCompilationError):
        return kind(sqlite.dialect().statement_compiler(sqlite.dialect(), None), str)
    wanted = list(inspect.signature(kind.__init__).parameters.values())[1:]
    needed = [each for each in wanted if each.kind is each.POSITIONAL_OR_KEYWORD and each.default is each.empty]
    return kind(*["words"] * max(1, len(needed)))


@pytest.mark.parametrize("kind", every_subclass(SQLAlchemyError), ids=lambda kind: kind.__name__)
def test_every_error_of_sqlalchemy_is_translated(kind: type[SQLAlchemyError]) -> None:
    assert isinstance(translate(foreign(kind), URL), (StoreUnavailable, StoreRefused))


def test_every_error_code_of_postgresql_is_translated() -> None:
    assert len(SQLSTATES) > 200
    for state in SQLSTATES:
        assert isinstance(translate(postgres_error(state), URL), (StoreUnavailable, StoreRefused)), state


@pytest.mark.parametrize(
    "state",
    [
        errorcodes.SERIALIZATION_FAILURE,
        errorcodes.DEADLOCK_DETECTED,
        errorcodes.LOCK_NOT_AVAILABLE,
        errorcodes.QUERY_CANCELED,
        errorcodes.ADMIN_SHUTDOWN,
        errorcodes.CANNOT_CONNECT_NOW,
        errorcodes.TOO_MANY_CONNECTIONS,
        errorcodes.DISK_FULL,
        errorcodes.READ_ONLY_SQL_TRANSACTION,
        errorcodes.UNIQUE_VIOLATION,
    ],
)
def test_passing_trouble_of_postgresql_may_be_tried_again(state: str) -> None:
    assert isinstance(translate(postgres_error(state), URL), StoreUnavailable)


@pytest.mark.parametrize(
    "state",
    [
        errorcodes.INVALID_PASSWORD,
        errorcodes.UNDEFINED_TABLE,
        errorcodes.INSUFFICIENT_PRIVILEGE,
        errorcodes.FOREIGN_KEY_VIOLATION,
        errorcodes.NOT_NULL_VIOLATION,
        errorcodes.CHECK_VIOLATION,
        errorcodes.SYNTAX_ERROR,
    ],
)
def test_what_will_not_get_better_is_refused(state: str) -> None:
    assert isinstance(translate(postgres_error(state), URL), StoreRefused)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("connection to server failed: Connection refused", StoreUnavailable),
        ("server closed the connection unexpectedly", StoreUnavailable),
        ('could not translate host name "db.example" to address', StoreUnavailable),
        ('FATAL:  password authentication failed for user "kim"', StoreRefused),
        ('FATAL:  database "driftline" does not exist', StoreRefused),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', StoreRefused),
    ],
)
def test_a_connection_that_fails_is_judged_by_what_the_server_said(words: str, expected: type) -> None:
    assert isinstance(translate(wrapped(psycopg2.OperationalError(words)), URL), expected)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_BUSY, StoreUnavailable),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreUnavailable),
        (sqlite3.SQLITE_FULL, StoreUnavailable),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreUnavailable),
        (sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, StoreUnavailable),
        (sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, StoreRefused),
        (sqlite3.SQLITE_CONSTRAINT_CHECK, StoreRefused),
        (sqlite3.SQLITE_READONLY, StoreUnavailable),
        (sqlite3.SQLITE_NOTADB, StoreRefused),
        (sqlite3.SQLITE_CORRUPT, StoreRefused),
        (sqlite3.SQLITE_CANTOPEN, StoreRefused),
        (sqlite3.SQLITE_ERROR, StoreRefused),
    ],
)
def test_errors_of_sqlite_are_told_apart_by_their_code(code: int, expected: type) -> None:
    assert isinstance(translate(sqlite_error(code), URL), expected)


def test_a_missing_table_names_the_command_that_helps() -> None:
    for error in (
        sqlite_error(sqlite3.SQLITE_ERROR, "no such table: slices"),
        postgres_error(errorcodes.UNDEFINED_TABLE, 'relation "slices" does not exist'),
    ):
        assert "driftline db upgrade" in str(translate(error, URL))


def test_waiting_too_long_for_a_free_connection_may_be_tried_again() -> None:
    assert isinstance(translate(sqlalchemy.exc.TimeoutError("pool"), URL), StoreUnavailable)


def test_no_secret_of_the_url_is_shown() -> None:
    url = make_url("postgresql://kim:hunter2@db/x?password=hunter3&sslpassword=hunter4&sslmode=require")
    assert "hunter" not in masked(url)
    assert "sslmode=require" in masked(url)
    echo = translate(wrapped(psycopg2.OperationalError("bad: hunter2 hunter3 hunter4")), url)
    assert "hunter" not in str(echo)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://kim:hunter2@127.0.0.1:1/driftline",
        "postgresql://kim:hunter2@127.0.0.1:1x/driftline",
        "postgresql://kim@127.0.0.1:1/driftline?password=hunter2",
        "postgresql://kim:hunter2@127.0.0.1:1/driftline?no_such_option=1",
        "mysql://kim:hunter2@127.0.0.1/driftline",
        "no-such-database://kim:hunter2@127.0.0.1/driftline",
        "kim:hunter2",
    ],
)
def test_no_error_text_nor_traceback_holds_the_password(url: str) -> None:
    def use() -> None:
        with open_database(url).reading():
            pass

    with pytest.raises((StoreRefused, StoreUnavailable)) as caught:
        use()
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_parameters_stay_out_of_error_texts() -> None:
    database = open_database("sqlite://")
    secret = "".join(["hunt", "er2"])  # not in this source line, which the traceback shows

    def use() -> None:
        with database.writing() as connection:
            connection.exec_driver_sql("INSERT INTO nowhere VALUES (?)", (secret,))

    with pytest.raises(StoreRefused) as caught:
        use()
    database.close()
    assert secret not in "".join(traceback.format_exception(caught.value))
