"""Reads for the command line: totals over the ledger and the position of every partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import func, select

from monitor.storage.session import Database
from monitor.storage.tables import leases, ledger_days, partitions, tick_ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The tallies of all commits, added up; each field means what it means in :class:`Tally`."""

    commits: int
    events: int
    duplicates: int
    late: int
    future: int
    gap: int
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionView:
    """The position of a partition and its reader."""

    partition: str
    source: str
    active: bool
    ended: bool
    next_offset: int
    closed_before: int | None
    generation: int
    owner: str
    claimed_at_ms: int | None
    committed_at_ms: int | None
    log_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseView:
    """Who holds the judge's lease, and until when; an empty holder has given it back."""

    holder: str
    expires_at_ms: int


class Reads:
    """Read-only views of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def totals(self) -> Totals:
        """All that was ever counted, of retired sources too."""
        names = ("events", "duplicates", "late", "future", "gap")
        sums = [func.coalesce(func.sum(tick_ledger.c[name]), 0) for name in names]
        days = [func.coalesce(func.sum(ledger_days.c[name]), 0) for name in ("commits", *names)]
        # Few commits reject anything, and many of them the same: grouping keeps the answer small.
        rejections = (
            select(tick_ledger.c.rejected, func.count())
            .where(tick_ledger.c.rejected != "{}")
            .group_by(tick_ledger.c.rejected)
        )
        with self._database.reading() as connection:
            recent = connection.execute(select(func.count(), *sums).select_from(tick_ledger)).one()
            commits, *numbers = (
                int(one) + int(other)
                for one, other in zip(recent, connection.execute(select(*days)).one(), strict=True)
            )
            rejected: Counter[str] = Counter()
            for document, times in connection.execute(rejections):
                for reason, number in msgspec.json.decode(document, type=dict[str, int]).items():
                    rejected[reason] += number * times
            for document in connection.execute(select(ledger_days.c.rejected)).scalars():
                rejected.update(msgspec.json.decode(document, type=dict[str, int]))
        return Totals(
            commits=commits,
            rejected=dict(sorted(rejected.items())),
            **{name: int(number) for name, number in zip(names, numbers, strict=True)},
        )

    def tick_states(self) -> Sequence[bytes]:
        """The state of the tick assignment of every active partition; one that was never counted has none."""
        counted = select(partitions.c.state).where(partitions.c.active)
        with self._database.reading() as connection:
            return [bytes(state) for state in connection.execute(counted).scalars() if state]

    def lease(self) -> LeaseView | None:
        """The judge's lease; None before the first judge."""
        query = select(leases.c.holder, leases.c.expires_at_ms).where(leases.c.name == "judge")
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else LeaseView(**row)

    def partitions(self) -> Sequence[PartitionView]:
        """All partitions, by name."""
        columns = [column for column in partitions.c if column.name != "state"]
        with self._database.reading() as connection:
            rows = connection.execute(select(*columns).order_by(partitions.c.partition)).mappings()
            return [PartitionView(**row) for row in rows]
