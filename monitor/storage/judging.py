"""The judging side: the lease, the counts of closed ticks, baselines and snapshots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

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
from monitor.signals.layout import Layout
from monitor.storage import baselines as baseline_rows
from monitor.storage import cells, layouts, retention, slices
from monitor.storage import tables as t
from monitor.storage.judgement import JudgementTransaction
from monitor.storage.lease import Lease
from monitor.storage.response_tables import dismissals
from monitor.storage.session import Database

LEASE: Final = "judge"


class SqlJudgeStore(JudgeStore):
    """A :class:`JudgeStore` in a database.

    Args:
        database: where.
        layout: what the reader counts by: of counts of other layouts it sees the signals that mean the same in
            both; None sees cells as they are stored.
    """

    def __init__(self, database: Database, *, layout: Layout | None = None) -> None:
        self._database = database
        self._layout = layout
        self._lease = Lease(database, LEASE)

    def acquire(self, *, holder: str, now_ms: int, ttl_ms: int) -> int | None:
        """Take or renew the judge's lease; the fencing token, or None while another process holds it."""
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
        """The oldest tick with counts, or the oldest from ``since`` on; ticks that are rolled up do not count."""
        tick = t.tick_counts.c.tick
        with self._database.reading() as connection:
            edges = [edge for edge in (since, retention.rolled_before(connection)) if edge is not None]
            from_then = [tick >= int(max(edges))] if edges else []
            query = select(tick).where(*from_then, *self._of_layouts(connection, t.tick_counts.c.layout))
            return connection.execute(query.order_by(tick).limit(1)).scalar_one_or_none()

    def counts(self, from_tick: int, to_tick: int) -> LoadedCounts:
        """Counts of ticks in [from_tick, to_tick), summed over partitions and commits.

        Where ticks are rolled up, those of a whole hour are in its first tick.

        Raises:
            StoreRefused: a stored blob is damaged.
        """
        with self._database.reading() as connection:
            stored = layouts.known(connection)
            rows = [
                row
                for held in (t.hour_counts.c, t.tick_counts.c)
                for row in connection.execute(
                    select(held.tick, held.layout, held.cells)
                    .where(*self._of_ticks(connection, held, from_tick, to_tick))
                    .order_by(held.tick)
                )
            ]
        ticks = np.fromiter((row.tick for row in rows), np.int64, len(rows))
        row_of, cell, count = cells.decode([row.cells for row in rows])
        if self._layout is not None:
            row_of, cell, count = layouts.narrowed(
                stored, self._layout, [row.layout for row in rows], row_of, cell, count
            )
        tick, cell, count = cells.add_up(ticks[row_of], cell, count)
        return LoadedCounts(tick=tick, cell=cell, count=count)

    def uncounted(self, from_tick: int, to_tick: int) -> Mapping[str, int]:
        """Signals that some counts of ticks in [from_tick, to_tick) lack: by name the newest such tick."""
        if self._layout is None:
            return {}
        newest: dict[str, int] = {}
        with self._database.reading() as connection:
            lacks = {name: self._layout.lacking(one) for name, one in layouts.known(connection).items()}
            for name in sorted(name for name, signals in lacks.items() if signals):
                for held in (t.hour_counts.c, t.tick_counts.c):
                    here = (held.layout == name) & (held.tick >= int(from_tick)) & (held.tick < int(to_tick))
                    query = select(held.tick).where(here).order_by(held.tick.desc()).limit(1)
                    for last in connection.execute(query).scalars():
                        newest |= {signal: max(newest.get(signal, last), last) for signal in lacks[name]}
        return newest

    def clusters(self, from_tick: int, to_tick: int) -> Sequence[Cluster]:
        """Clusters of ticks in [from_tick, to_tick): by partition what one commit of everything would have kept."""
        at = t.clusters.c
        parts: dict[str, list[Cluster]] = {}
        with self._database.reading() as connection:
            here = [at.tick >= int(from_tick), at.tick < int(to_tick), *self._of_layouts(connection, at.layout)]
            query = select(at.partition, at.tick, at.name, at.slice_id, at.hits, at.senders, at.since_ms).where(*here)
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
        ends = [func.min(held.from_offset), func.max(held.to_offset)]
        with self._database.reading() as connection:
            here = self._of_ticks(connection, held, from_tick, to_tick)
            query = select(held.partition, *ends).where(*here).group_by(held.partition).order_by(held.partition)
            return {name: (max(low, 0), max(high, 0)) for name, low, high in connection.execute(query)}

    def baselines(self, *, state: BaselineState | None = None) -> Sequence[Baseline]:
        """By id, all or of one state."""
        return self._baselines(*([] if state is None else [t.baselines.c.state == state]))

    def some_baselines(
        self,
        *,
        unit: Slice | None = None,
        states: Sequence[BaselineState] | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[Baseline]:
        """Newest first, those with an id below ``before``: of a unit, or in one of these states."""
        at = t.baselines.c
        which = [] if unit is None else [at.unit_digest == slices.digest(slices.unit_of(unit))]
        which += [] if states is None else [at.state.in_(states)]
        which += [] if before is None else [at.id < int(before)]
        return self._baselines(*which, newest=limit)

    def baseline(self, baseline_id: int) -> Baseline | None:
        """One by its id."""
        return next(iter(self._baselines(t.baselines.c.id == int(baseline_id))), None)

    def pending_baselines(self) -> Sequence[Baseline]:
        """Approvals that have not taken effect, by id."""
        at = t.baselines.c
        return self._baselines(at.state == BaselineState.approved, at.effective_tick.is_(None))

    def effective_baselines(self, since: int, *, before_too: bool) -> Sequence[Baseline]:
        """Those that took effect in tick ``since`` or later, whatever became of them, by id.

        Args:
            since: the tick.
            before_too: with them those that took effect earlier and hold to this day.
        """
        at = t.baselines.c
        later = at.effective_tick >= int(since)
        holds = at.state.in_([BaselineState.approved, BaselineState.added]) & at.effective_tick.is_not(None)
        return self._baselines(later | holds if before_too else later)

    def _baselines(self, *which: ColumnElement[bool], newest: int | None = None) -> Sequence[Baseline]:
        by_id = t.baselines.c.id
        query = select(t.baselines).where(*which).order_by(by_id if newest is None else by_id.desc()).limit(newest)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            stored = layouts.known(connection) if rows else {}
        return [baseline_rows.from_row(row, stored, self._layout) for row in rows]

    def dismissals(self, *, since: int | None = None) -> Sequence[Dismissal]:
        """By finding; with ``since`` those that took effect in that tick or later."""
        return self._dismissals(*([] if since is None else [dismissals.c.effective_tick >= int(since)]))

    def pending_dismissals(self) -> Sequence[Dismissal]:
        """Those that have not taken effect, by finding."""
        return self._dismissals(dismissals.c.effective_tick.is_(None))

    def dismissal(self, finding_id: str) -> Dismissal | None:
        """Of one finding."""
        return next(iter(self._dismissals(dismissals.c.finding_id == finding_id)), None)

    def _dismissals(self, *which: ColumnElement[bool]) -> Sequence[Dismissal]:
        query = select(dismissals).where(*which).order_by(dismissals.c.finding_id)
        with self._database.reading() as connection:
            return [Dismissal(**row._mapping) for row in connection.execute(query)]

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

    def _of_layouts(self, connection: Connection, column: ColumnElement[str]) -> list[ColumnElement[bool]]:
        """Rows whose meaning is known: of releases that left no layout behind, nothing is."""
        return [] if self._layout is None else [column.in_(sorted(layouts.known(connection)))]

    def _of_ticks(
        self, connection: Connection, held: ReadOnlyColumnCollection[str, Any], from_tick: int, to_tick: int
    ) -> list[ColumnElement[bool]]:
        """Rows of ticks in [from_tick, to_tick) whose meaning is known."""
        here = [held.tick >= int(from_tick), held.tick < int(to_tick)]
        return [*here, *self._of_layouts(connection, held.layout)]

    @contextmanager
    def approval(self) -> Iterator[BaselineStore]:
        """Open a transaction on the baselines for a person; the judge takes note of it with its next tick."""
        with self._database.writing() as connection:
            yield JudgementTransaction(connection)
