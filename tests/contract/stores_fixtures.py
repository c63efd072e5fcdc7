"""The same stores on every database: an SQLite file, SQLite in memory, and a real PostgreSQL.

A test module says ``stores = stores_fixture()`` and every test that asks for ``stores`` runs three times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any, TypeVar

import numpy as np
import pytest
from sqlalchemy import make_url

from monitor.counting.ports import Commit, Mark, Tally
from monitor.counts.model import Slice, TickCounts
from monitor.storage import migrate
from monitor.storage.session import Limits, open_database
from monitor.storage.stores import Stores, stores_on
from tests.servers.postgres import PostgresNode

Answer = TypeVar("Answer")
DATABASES = ["file", "memory", pytest.param("postgres", marks=pytest.mark.postgres)]


class MishapError(Exception):
    """What a test raises inside a transaction to have it rolled back."""


@dataclass
class Rig:
    """The stores of one process, and ``another()``: those of a second one on the same database."""

    kind: str
    url: str
    stores: Stores
    _opened: list[Stores] = field(default_factory=list)

    def another(self, *, limits: Limits | None = None) -> Stores:
        """What a second process would have; in memory there is only one process."""
        if self.kind == "memory":
            return self.stores
        more = stores_on(open_database(self.url, limits=limits))
        self._opened.append(more)
        return more

    def close(self) -> None:
        """Close all connections."""
        for each in [self.stores, *self._opened]:
            each.database.close()


@pytest.fixture(scope="session")
def migrated_template(postgres: PostgresNode) -> Iterator[str]:
    """Name of a PostgreSQL database with all tables, to clone: quicker than an upgrade for each test."""
    with postgres.fresh_database() as url:
        migrate.upgrade(url)
        yield str(make_url(url).database)


@contextmanager
def _a_database(kind: str, request: pytest.FixtureRequest) -> Iterator[str]:
    if kind == "postgres":
        template = request.getfixturevalue("migrated_template")
        with request.getfixturevalue("postgres").fresh_database(template=template) as url:
            yield url
    elif kind == "file":
        yield f"sqlite:///{request.getfixturevalue('tmp_path') / 'driftline.db'}"
    else:
        yield "sqlite://"


def rig_fixture() -> Any:
    """A fixture that gives a :class:`Rig` on each database."""

    @pytest.fixture(params=DATABASES)
    def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
        with _a_database(request.param, request) as url:
            database = open_database(url)
            migrate.upgrade_database(database)
            made = Rig(request.param, url, stores_on(database))
            try:
                yield made
            finally:
                made.close()

    return rig


def at_once(*jobs: Callable[[], Answer]) -> list[Answer | BaseException]:
    """Run the jobs in threads that start together; what each returned, or the exception that it raised."""
    start = Barrier(len(jobs))

    def run(job: Callable[[], Answer]) -> Answer:
        start.wait(timeout=30)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(run, job) for job in jobs]
        return [error if (error := future.exception()) else future.result() for future in futures]


def a_slice(guardrail: str = "toxicity", **other: Any) -> Slice:
    """A slice of which the test names only what matters to it."""
    usual = {
        "guardrail_version": "1",
        "category": "abuse",
        "stage": "input",
        "score_kind": "continuous",
        "semantics": "p_unsafe",
        "threshold_milli": 500,
        "language": "en",
        "app": "chat",
        "model": "m",
        "model_version": "7",
        "format": "generic",
    }
    return Slice(guardrail=guardrail, **(usual | other))


def counted(tick: int, **cells: int) -> TickCounts:
    """Counts of a tick: ``counted(3, c10=2)`` is two events in cell 10."""
    keys = np.array([int(name[1:]) for name in cells], np.int64)
    return TickCounts(tick=tick, cells=keys, counts=np.array(list(cells.values()), np.int64))


def a_commit(partition: str, generation: int, from_offset: int, to_offset: int, **other: Any) -> Commit:
    """A commit of which the test names only what matters to it."""
    usual: dict[str, Any] = {
        "closed_before": None,
        "mark": Mark.data,
        "clock_ms": None,
        "state": b"",
        "layout": "v1",
        "counts": (),
        "tally": Tally(),
    }
    return Commit(partition, generation, from_offset, to_offset, **(usual | other))
