"""The judging side: the lease, the counts of closed ticks, baselines and snapshots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
from sqlalchemy import ColumnElement, func, select

from monitor.counting.clusters import few
from monitor.counts.model import Cluster, LoadedCounts, Slice
from monitor.judging.ports import (
    Baseline,
    BaselineState,
    BaselineStore,
    Dismissal,
    JudgementStore,
    JudgeStore,
    Snapshot,
)
from monitor.storage import baselines as baseline_rows
from monitor.storage import cells, slices
from monitor.storage import tables as t
from monitor.storage.judgement import JudgementTransaction
from monitor.storage.lease import Lease
from monitor.storage.session import Database

LEASE: Final = "judge"


class SqlJudgeStore(JudgeStore):
    """A :class:`JudgeStore` in a database.

    Args:
        database: where.
        layout: only counts of this column layout are seen, because cells of another mean something else;
            None sees all.
    """

    def __init__(self, database: Database, *, layout: str | None = None) -> None:
        self._database = database
        self._layout = layout
        self._lease = Lease(database, LEASE)

    def acquire(self, *, holder: str, now_ms: int, ttl_ms: int) -> int | None:
        """Take or renew the judge's lease; the fencing token, or None while somebody else holds it."""
        return self._lease.acquire(holder=holder, now_ms=now_ms, ttl_ms=ttl_ms)

    def release(self, *, holder: str) -> None:
        """Give the lease back; its token is void from now on."""
        self._lease.release(holder=holder)

    def closed_before(self) -> int | None:
        """Ticks below this are closed for every active partition; None while one is unknown or there is none.

        A partition that has ended holds no tick open; when all have, the last tick of any is closed.
        """
        at = t.partitions.c
        running = at.active & ~at.ended
        count = [func.count().filter(running), func.count(at.closed_before).filter(running)]
        edges = [func.min(at.closed_before).filter(running), func.max(at.closed_before).filter(at.active)]
        with self._database.reading() as connection:
            going, known, lowest, last = tuple(connection.execute(select(*count, *edges)).one())
        closed = lowest if going else last
        return None if closed is None or going != known else int(closed)

    def judged_before(self) -> int | None:
        """Ticks below this are judged; None before the first judgement."""
        with self._database.reading() as connection:
            return connection.execute(select(t.judge.c.judged_before)).scalar_one_or_none()

    def first_tick(self, *, since: int | None = None) -> int | None:
        """The oldest tick with counts, or the oldest from ``since`` on."""
        tick = t.tick_counts.c.tick
        from_then = [] if since is None else [tick >= int(since)]
        with self._database.reading() as connection:
            query = select(func.min(tick)).where(*from_then, *self._of_layout())
            oldest: int | None = connection.execute(query).scalar_one()
        return oldest

    def counts(self, from_tick: int, to_tick: int) -> LoadedCounts:
        """Counts of ticks in [from_tick, to_tick), summed over partitions and commits.

        Raises:
            StoreRefused: a stored blob is damaged.
        """
        query = select(t.tick_counts.c.tick, t.tick_counts.c.cells).where(*self._of_ticks(from_tick, to_tick))
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(t.tick_counts.c.tick)).all()
        ticks = np.fromiter((row[0] for row in rows), np.int64, len(rows))
        row_of, cell, count = cells.decode([row[1] for row in rows])
        tick, cell, count = cells.add_up(ticks[row_of], cell, count)
        return LoadedCounts(tick=tick, cell=cell, count=count)

    def clusters(self, from_tick: int, to_tick: int) -> Sequence[Cluster]:
        """Clusters of ticks in [from_tick, to_tick): by partition what one commit of everything would have kept."""
        at = t.clusters.c
        here = [at.tick >= int(from_tick), at.tick < int(to_tick)]
        if self._layout is not None:
            here.append(at.layout == self._layout)
        query = select(at.partition, at.tick, at.name, at.slice_id, at.hits, at.senders).where(*here)
        parts: dict[str, list[Cluster]] = {}
        with self._database.reading() as connection:
            for partition, *row in connection.execute(query.order_by(at.partition, at.id)):
                parts.setdefault(partition, []).append(Cluster(*row))
        found = [seen for part in parts.values() for seen in few(part)]
        return sorted(found, key=lambda seen: (seen.tick, seen.name, -seen.hits, -seen.senders))

    def slices(self, after_id: int = 0) -> Mapping[int, Slice]:
        """Slices with an id above ``after_id``; one with a lower id never turns up later."""
        query = select(t.slices).where(t.slices.c.id > after_id).order_by(t.slices.c.id)
        with self._database.reading() as connection:
            return {row.id: slices.from_row(row) for row in connection.execute(query)}

    def offsets(self, from_tick: int, to_tick: int) -> Mapping[str, tuple[int, int]]:
        """Per partition the half-open offset range of the commits that hold counts of these ticks.

        A range that starts with the partition's first commit starts at 0.
        """
        held = t.tick_counts.c
        query = (
            select(held.partition, func.min(held.from_offset), func.max(held.to_offset))
            .where(*self._of_ticks(from_tick, to_tick))
            .group_by(held.partition)
            .order_by(held.partition)
        )
        with self._database.reading() as connection:
            return {name: (max(low, 0), max(high, 0)) for name, low, high in connection.execute(query)}

    def baselines(self, *, state: BaselineState | None = None) -> Sequence[Baseline]:
        """By id, all or of one state."""
        query = select(t.baselines).order_by(t.baselines.c.id)
        if state is not None:
            query = query.where(t.baselines.c.state == state)
        with self._database.reading() as connection:
            return [baseline_rows.from_row(row) for row in connection.execute(query)]

    def dismissals(self) -> Sequence[Dismissal]:
        """By finding."""
        with self._database.reading() as connection:
            rows = connection.execute(select(t.dismissals).order_by(t.dismissals.c.finding_id))
            return [Dismissal(**row._mapping) for row in rows]

    def snapshot(self, fingerprint: str) -> Snapshot | None:
        """The newest snapshot of this fingerprint."""
        kept = t.snapshots.c
        query = select(kept.tick, kept.fingerprint, kept.blob).where(kept.fingerprint == fingerprint)
        with self._database.reading() as connection:
            row = connection.execute(query.order_by(kept.id.desc()).limit(1)).one_or_none()
        return None if row is None else Snapshot(**row._mapping)

    @contextmanager
    def judgement(self, token: int) -> Iterator[JudgementStore]:
        """Open a judging transaction; leaving it commits. Nobody can take the lease while it is open.

        Raises:
            Fenced: the token is not the lease's any more; nothing was written.
        """
        with self._database.writing() as connection:
            self._lease.check(connection, token)
            yield JudgementTransaction(connection)

    def _of_layout(self) -> list[ColumnElement[bool]]:
        return [] if self._layout is None else [t.tick_counts.c.layout == self._layout]

    def _of_ticks(self, from_tick: int, to_tick: int) -> list[ColumnElement[bool]]:
        tick = t.tick_counts.c.tick
        return [tick >= int(from_tick), tick < int(to_tick), *self._of_layout()]

    @contextmanager
    def approval(self) -> Iterator[BaselineStore]:
        """Open a transaction on the baselines for a person; the judge takes note of it with its next tick."""
        with self._database.writing() as connection:
            yield JudgementTransaction(connection)
