"""All stores of one database, opened together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from monitor.access.ports import Access
from monitor.alerting.ports import Alerts, Outbox
from monitor.counting.ports import CountStore
from monitor.evals.ports import Evals
from monitor.judging.ports import EvidenceLog, JudgeStore
from monitor.signals.layout import Layout
from monitor.storage import layouts
from monitor.storage.access import SqlAccess
from monitor.storage.counts import SqlCountStore
from monitor.storage.deployment import deployment_id
from monitor.storage.evals import SqlEvals
from monitor.storage.evidence import SqlEvidenceLog
from monitor.storage.judging import SqlJudgeStore
from monitor.storage.migrate import require_current, upgrade_database
from monitor.storage.outbox import SqlOutbox
from monitor.storage.reads import Reads
from monitor.storage.response import SqlAlerts
from monitor.storage.session import Database, Limits, open_database


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """One object per port, all on the same database."""

    database: Database
    counts: CountStore
    judge: JudgeStore
    alerts: Alerts
    outbox: Outbox
    reads: Reads
    evals: Evals
    evidence: EvidenceLog
    access: Access

    @property
    def deployment(self) -> str:
        """Identity of the database, see :func:`deployment_id`."""
        return deployment_id(self.database)


@contextmanager
def open_stores(
    url: str, *, layout: Layout | None = None, limits: Limits | None = None, own_clock: bool = False
) -> Iterator[Stores]:
    """Open a database whose schema fits; leaving closes its connections.

    A SQLite database is ours alone and is upgraded here; PostgreSQL is shared, so only ``driftline db upgrade``
    changes it.

    Args:
        url: as for :func:`open_database`.
        layout: the column layout of the counts to judge, see :class:`SqlJudgeStore`.
        limits: how long anything may take.
        own_clock: see :class:`Database`.

    Raises:
        StoreRefused: the schema is not this version's (the text names the command), the URL is wrong, or the counts
            were made by a version whose columns mean something else.
        StoreUnavailable: the database cannot be reached.
    """
    database = open_database(url, limits=limits, own_clock=own_clock)
    try:
        if database.is_postgresql:
            require_current(database)
        else:
            upgrade_database(database)
        if layout is not None:
            with database.reading() as connection:
                layouts.require(connection, layout)
        yield stores_on(database, layout=layout)
    finally:
        database.close()


def stores_on(database: Database, *, layout: Layout | None = None) -> Stores:
    """The stores of an open database that is up to date."""
    return Stores(
        database=database,
        counts=SqlCountStore(database),
        judge=SqlJudgeStore(database, layout=layout),
        alerts=SqlAlerts(database),
        outbox=SqlOutbox(database),
        reads=Reads(database),
        evals=SqlEvals(database),
        evidence=SqlEvidenceLog(database),
        access=SqlAccess(database),
    )
