"""Fixtures for real servers. What a test asks for and this machine lacks is a failure that says what to install."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.needs import ServerUnavailable

if TYPE_CHECKING:
    from monitor.demo.broker import EmbeddedBroker
    from tests.servers.kafka import KafkaNode
    from tests.servers.postgres import PostgresNode

IN_CI = os.environ.get("CI") == "true"
NEEDS = {"kafka": {"kafka", "kafka_node"}, "postgres": {"postgres", "postgres_node"}}  # marker: fixtures


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by the servers that it asks for, directly or not, so that `-m "not kafka"` can be trusted."""
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if parameters.get("any_database_url") == "postgres":
            asked.add("postgres")
        for marker, fixtures in NEEDS.items():
            if asked & fixtures:
                item.add_marker(marker)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, a test that needs a server must run: its skip is a failure."""
    report = yield
    needs_server = any(item.get_closest_marker(marker) for marker in NEEDS)
    if IN_CI and needs_server and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, but in CI everything that needs a server runs"
    return report


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaNode]:
    """One Apache Kafka server for the whole run; take topics from `kafka.fresh_topic()`, and do not kill it."""
    with _kafka() as node:
        yield node


@pytest.fixture
def kafka_node() -> Iterator[KafkaNode]:
    """An Apache Kafka server of the test's own, to kill and restart."""
    with _kafka() as node:
        yield node


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresNode]:
    """One PostgreSQL server for the whole run; take databases from it by `postgres_url`."""
    with _postgres() as node:
        yield node


@pytest.fixture
def postgres_node() -> Iterator[PostgresNode]:
    """A PostgreSQL server of the test's own, to kill and restart."""
    with _postgres() as node:
        yield node


@pytest.fixture
def postgres_url(postgres: PostgresNode) -> Iterator[str]:
    """SQLAlchemy URL of an empty PostgreSQL database of the test's own."""
    with postgres.fresh_database() as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """SQLAlchemy URL of an SQLite file of the test's own, which does not exist yet."""
    return f"sqlite:///{tmp_path / 'driftline.db'}"


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """An empty database for a test that wants what production uses: PostgreSQL."""
    return postgres_url


@pytest.fixture(params=["sqlite", "postgres"])
def any_database_url(request: pytest.FixtureRequest) -> str:
    """Runs the test twice, each time with an empty database: SQLite and PostgreSQL."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """The demo's in-memory broker; its gaps against Apache Kafka are in monitor/demo/broker.py."""
    from monitor.demo.broker import EmbeddedBroker  # noqa: PLC0415 - see _kafka

    with EmbeddedBroker() as broker:
        yield broker


@contextmanager
def _kafka() -> Iterator[KafkaNode]:
    from tests.servers.kafka import KafkaNode  # noqa: PLC0415 - most runs need no server and should not load it

    with _directory() as directory:
        with _failing_where_unavailable():
            node = KafkaNode(directory)
            node.start()
        try:
            yield node
        finally:
            node.stop()


@contextmanager
def _postgres() -> Iterator[PostgresNode]:
    from tests.servers.postgres import PostgresNode  # noqa: PLC0415 - see _kafka

    with _directory() as directory:
        with _failing_where_unavailable():
            node = PostgresNode(directory)
        try:
            yield node
        finally:
            node.stop()


@contextmanager
def _directory() -> Iterator[Path]:
    # Not pytest's tmp_path, whose parent is closed to other users: under root, PostgreSQL runs as another user.
    with tempfile.TemporaryDirectory(prefix="driftline-") as name:
        yield Path(name)


@contextmanager
def _failing_where_unavailable() -> Iterator[None]:
    missing = None
    try:
        yield
    except ServerUnavailable as error:
        missing = str(error)
    if missing is not None:  # here, out of the handler, so that the reason is printed once
        pytest.fail(missing, pytrace=False)
