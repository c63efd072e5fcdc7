"""Faults of the database below a worker that counts a file: read-only, locked by somebody else."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, event

from monitor.clock import SystemClock
from monitor.errors import StoreRefused, StoreUnavailable
from tests.faults.fault import Fault, Place, Seen, judged
from tests.faults.files import GUARDRAIL, lines
from tests.integration.counting import Counted, counting_files

Mend = Callable[[], None]
BEFORE, AFTER = 300, 200


@contextmanager
def setting(place: Place, pragma: str) -> Iterator[Mend]:
    """A pragma of every transaction, as if the medium were so; calling mends it, with new connections."""
    engine = place.stores.database._engine

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(pragma)

    def mend() -> None:
        event.remove(engine, "begin", begin)
        engine.dispose()

    event.listen(engine, "begin", begin)
    yield mend


@contextmanager
def locked(place: Place) -> Iterator[Mend]:
    """Another process holds the lock for writing."""
    with closing(sqlite3.connect(place.directory / "driftline.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other.rollback


def broken(place: Place, fault: Callable[[Place], object]) -> Seen:
    """The fault comes between two stretches of a file that grows; once it is mended, a new worker goes on."""
    log = place.directory / "events.jsonl"
    log.write_bytes(lines(BEFORE, "before"))
    with counting_files(place.stores, [log], follow=SystemClock()) as worker:
        worker.until(lambda: worker.events == BEFORE)
        with fault(place) as mend:  # type: ignore[attr-defined]
            append(log, "during")
            began = time.monotonic()
            said = until_it_says_so(worker)
            seconds = time.monotonic() - began
            mend()
        append(log, "after")
    with counting_files(place.stores, [log], follow=SystemClock()) as worker:
        worker.until(lambda: worker.events == 2 * AFTER)
    return judged(place.stores, {GUARDRAIL: BEFORE + 2 * AFTER}, seconds=seconds, where=said)


def append(log: Path, tag: str) -> None:
    """More events."""
    with log.open("ab") as file:
        file.write(lines(AFTER, tag))


def until_it_says_so(worker: Counted) -> str:
    """Step until the step ends with an error, which the service logs and shows at /readyz; its text."""
    try:
        worker.until(lambda: False)
    except (StoreUnavailable, StoreRefused) as error:
        return f"not ready: {str(error).rpartition(': ')[2][:40]}"
    raise AssertionError("the worker never came to an end")


FAULTS = (
    Fault(
        "the database is read-only",
        partial(broken, fault=lambda place: setting(place, "PRAGMA query_only = ON")),
    ),
    Fault("the database is locked by somebody else", partial(broken, fault=locked)),
)
