"""The counting side: partitions, slices, and the commit that moves a position together with its counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, insert, select, update

from monitor.counting.ports import Commit, CountStore, LogIdentity, Mark, Position, Tally
from monitor.counts.model import Slice
from monitor.errors import Fenced, StoreRefused
from monitor.signals.layout import Layout
from monitor.signals.registry import LAYOUT
from monitor.storage import cells, layouts, slices
from monitor.storage.schema import SafeText
from monitor.storage.session import Database, insert_into
from monitor.storage.tables import clusters, partitions, tick_counts, tick_ledger


class SqlCountStore(CountStore):
    """A :class:`CountStore` in a database; any number of workers, threads and machines may use it at once.

    One rule for offsets: ``Commit.from_offset`` is the ``Position.next_offset`` that :meth:`claim` returned or the
    ``to_offset`` of the commit before, -1 at the very beginning included. A commit may read nothing
    (``to_offset == from_offset``): an idle mark.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written: set[Layout] = set()
        """Layouts that are known to be stored."""

    def register(self, source: str, partitions: Sequence[str]) -> None:
        """Make these partitions known and active; one that came from another source changes over to this."""
        rows = [_new_partition(source, name) for name in sorted(set(partitions))]
        if rows:
            with self._database.writing() as connection:
                _register(connection, rows)

    def retire_sources_except(self, sources: Sequence[str]) -> None:
        """Partitions of other sources hold no tick open any more, until they are registered again."""
        foreign = partitions.c.source.not_in(list(sources)) & partitions.c.active
        with self._database.writing() as connection:
            connection.execute(update(partitions).where(foreign).values(active=False))

    def log_id(self, partition: str) -> str:
        """The stored identity of the log behind a partition; empty if there is none, or the partition is unknown."""
        with self._database.reading() as connection:
            stored = connection.execute(select(partitions.c.log_id).where(partitions.c.partition == partition))
            return stored.scalar_one_or_none() or ""

    def claim(self, partition: str, *, owner: str, now_ms: int, log: LogIdentity | None = None) -> Position:
        """Take the partition over; of a renewed log from its beginning.

        Raises:
            StoreRefused: nobody has registered it.
        """
        here = partitions.c.partition == partition
        statement = (
            update(partitions)
            .where(here)
            .values(generation=partitions.c.generation + 1, owner=owner, claimed_at_ms=int(now_ms), ended=False)
            .returning(*_POSITION, partitions.c.log_id)
        )
        with self._database.writing() as connection:
            row = connection.execute(statement).one_or_none()
            if row is None:
                raise StoreRefused(f"partition {partition!r} is not registered; register it with its source first")
            *numbers, stored = row
            position = Position(*numbers)
            # Two workers may find the same new log at once: whoever comes second claims what the first began.
            if log is None or log.now in ("", stored) or log.was != stored:
                return position
            connection.execute(update(partitions).where(here).values(log_id=log.now))
            return _begin_again(connection, position, now_ms=now_ms) if log.renewed else position

    def slice_ids(self, slices: Sequence[Slice]) -> Sequence[int]:
        """The ids in the order of the request; equal slices get equal ids."""
        return _slice_ids(self._database, slices)

    def commit(self, commit: Commit, *, now_ms: int) -> None:
        """Store counts and ledger row and move the position, all or nothing.

        Raises:
            Fenced: the position has moved or belongs to another generation; nothing was written.
            StoreRefused: the columns of the cells hold something else in this database; nothing was written.
            StoreUnavailable: nothing was written, or the answer was lost; claim again before going on.
        """
        rows = _count_rows(commit)
        here = {
            "at_partition": commit.partition,
            "at_offset": int(commit.from_offset),
            "at_generation": int(commit.generation),
            "next_offset": int(commit.to_offset),
            "closed_before": _int_or_none(commit.closed_before),
            "state": commit.state,
            "committed_at_ms": int(now_ms),
            "ended": commit.mark is Mark.end,
        }
        with self._database.writing() as connection:
            # First, for it locks the row: a rival waits here and then finds the position moved.
            if connection.execute(_MOVE, here).rowcount != 1:
                raise Fenced(
                    f"partition {commit.partition!r} is not at offset {commit.from_offset} "
                    f"in generation {commit.generation} any more; another worker has it"
                )
            if commit.layout not in self._written:
                layouts.write(connection, commit.layout)
            connection.execute(_LEDGER, _ledger_row(commit, now_ms=now_ms))
            if rows:
                connection.execute(_COUNTS, rows)
            if commit.clusters:
                connection.execute(_CLUSTERS, _cluster_rows(commit))
        self._written.add(commit.layout)


_POSITION: Final = (
    partitions.c.partition,
    partitions.c.next_offset,
    partitions.c.closed_before,
    partitions.c.generation,
    partitions.c.state,
)

# Built once: building them costs more than running them.
_MOVE: Final = (
    update(partitions)
    .where(
        (partitions.c.partition == bindparam("at_partition", type_=SafeText))
        & (partitions.c.next_offset == bindparam("at_offset"))
        & (partitions.c.generation == bindparam("at_generation"))
    )
    .values({name: bindparam(name) for name in ("next_offset", "closed_before", "state", "committed_at_ms", "ended")})
)
_LEDGER: Final = insert(tick_ledger)
_COUNTS: Final = insert(tick_counts)
_CLUSTERS: Final = insert(clusters)


def _new_partition(source: str, name: str) -> dict[str, Any]:
    return {
        "partition": name,
        "source": source,
        "active": True,
        "ended": False,
        "next_offset": -1,
        "closed_before": None,
        "generation": 0,
        "owner": "",
        "state": b"",
    }


def _register(connection: Connection, rows: list[dict[str, Any]]) -> None:
    statement = insert_into(connection, partitions)
    source = statement.excluded.source
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[partitions.c.partition],
            set_={"source": source, "active": True},
            # Without a change there is no write, and no waiting for the worker that is committing to the row.
            where=(partitions.c.source != source) | ~partitions.c.active,
        ),
        rows,
    )


def _begin_again(connection: Connection, position: Position, *, now_ms: int) -> Position:
    """The beginning of another log under the same name, and the ledger's word for it."""
    left = position.next_offset
    here = partitions.c.partition == position.partition
    connection.execute(update(partitions).where(here).values(next_offset=-1))
    turned = Commit(
        partition=position.partition,
        generation=position.generation,
        from_offset=left,
        to_offset=left,
        closed_before=position.closed_before,
        mark=Mark.new_log,
        clock_ms=int(now_ms),
        state=b"",
        layout=LAYOUT,
        counts=(),
        tally=Tally(),
    )
    layouts.write(connection, LAYOUT)
    connection.execute(_LEDGER, _ledger_row(turned, now_ms=now_ms))
    return replace(position, next_offset=-1, left_at=left)


def _slice_ids(database: Database, wanted: Sequence[Slice]) -> list[int]:
    digests = [slices.digest(whole) for whole in wanted]
    by_digest = dict(zip(digests, wanted, strict=True))
    with database.reading() as connection:
        ids = slices.known_ids(connection, list(by_digest))
    new = {key: whole for key, whole in by_digest.items() if key not in ids}
    if new:
        with database.writing() as connection:
            ids |= slices.add(connection, new)
    return [ids[key] for key in digests]


def _count_rows(commit: Commit) -> list[dict[str, Any]]:
    blobs = cells.encode([(each.cells, each.counts) for each in commit.counts])
    return [
        {
            "partition": commit.partition,
            "tick": int(each.tick),
            "from_offset": int(commit.from_offset),
            "to_offset": int(commit.to_offset),
            "layout": commit.layout.fingerprint,
            "cells": blob,
        }
        for each, blob in zip(commit.counts, blobs, strict=True)
    ]


def _cluster_rows(commit: Commit) -> list[dict[str, Any]]:
    return [
        {
            "partition": commit.partition,
            "tick": int(seen.tick),
            "layout": commit.layout.fingerprint,
            "name": seen.name,
            "slice_id": int(seen.slice_id),
            "hits": int(seen.hits),
            "senders": int(seen.senders),
            "since_ms": int(seen.since_ms),
        }
        for seen in commit.clusters
    ]


def _ledger_row(commit: Commit, *, now_ms: int) -> dict[str, Any]:
    tally = commit.tally
    return {
        "partition": commit.partition,
        "from_offset": int(commit.from_offset),
        "to_offset": int(commit.to_offset),
        "closed_before": _int_or_none(commit.closed_before),
        "mark": commit.mark,
        "clock_ms": _int_or_none(commit.clock_ms),
        "layout": commit.layout.fingerprint,
        "events": int(tally.events),
        "duplicates": int(tally.duplicates),
        "late": int(tally.late),
        "future": int(tally.future),
        "gap": int(tally.gap),
        "rejected": msgspec.json.encode({str(key): int(n) for key, n in tally.rejected.items()}).decode(),
        "committed_at_ms": int(now_ms),
    }


def _int_or_none(value: int | None) -> int | None:
    # int() because the drivers do not take numpy's integers.
    return None if value is None else int(value)
