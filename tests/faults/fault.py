"""One fault: what is done to a worker's log or machine, and what may be seen afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from monitor.storage.stores import Stores

Counts = Mapping[str, int]
"""Events counted, by guardrail."""


@dataclass(frozen=True)
class Seen:
    """What a fault came to.

    Attributes:
        seconds: from the fault until Driftline itself said so; None where it is to be handled without a word.
        where: where it was found on record, or the error that ends a step, which the service logs and shows.
        lost: records that are in the log and were neither counted, nor lettered, nor counted as a gap.
        duplicates: records that were counted more than once.
        same: whether counts are those of a run that was not disturbed.
    """

    seconds: float | None
    where: str
    lost: int
    duplicates: int
    same: bool

    @property
    def good(self) -> bool:
        """Nothing lost, nothing twice, nothing different."""
        return self.lost == 0 and self.duplicates == 0 and self.same


@dataclass(frozen=True)
class Fault:
    """A fault by name; ``needs`` is what it is done to: files, or a broker."""

    name: str
    run: Callable[[Place], Seen]
    needs: str = "files"


@dataclass(frozen=True)
class Place:
    """Where a fault happens: an empty directory, an empty database, and the brokers if it needs any."""

    directory: Path
    stores: Stores
    servers: str = ""


def counted(stores: Stores) -> Counts:
    """Events in the counts that the judge sees, by guardrail: all that findings are made of."""
    from monitor.signals.registry import COLUMNS, EVENTS_COLUMN  # noqa: PLC0415 - compiles kernels when imported

    loaded, slices = stores.judge.counts(-(2**40), 2**40), stores.judge.slices()
    sums: dict[str, int] = {}
    for cell, count in zip(loaded.cell.tolist(), loaded.count.tolist(), strict=True):
        if cell % COLUMNS == EVENTS_COLUMN:
            name = slices[cell // COLUMNS].guardrail
            sums[name] = sums.get(name, 0) + count
    return sums


def turns(stores: Stores) -> str:
    """Where a new log behind a known name is on record: the ledger, if it is."""
    with stores.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM tick_ledger WHERE mark = 'new_log'").scalar_one()
    return f"ledger ({rows})" if rows else "nowhere"


def judged(stores: Stores, expected: Counts, *, seconds: float | None, where: str) -> Seen:
    """The outcome against what an undisturbed run counts."""
    found, totals = counted(stores), stores.reads.totals()
    wanted, have = sum(expected.values()), sum(found.values())
    accounted = have + sum(totals.rejected.values()) + totals.gap
    return Seen(seconds, where, max(0, wanted - accounted), max(0, have - wanted), found == dict(expected))
