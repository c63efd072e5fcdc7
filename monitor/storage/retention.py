"""Retention: ticks become hours, commits become days, delivered notifications go.

Every function works inside a judging transaction, so under the lease, and does a bounded piece: a step that dies in
the middle has done whole pieces. Sums stay exact: an hour's counts are those of its ticks, a day's ledger that of its
commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np
from sqlalchemy import Connection, delete, select

from monitor.clock import DAY_MS
from monitor.judging.ports import BaselineState
from monitor.storage import cells
from monitor.storage.response_tables import outbox
from monitor.storage.session import insert_into
from monitor.storage.tables import baselines, clusters, hour_counts, ledger_days, retention, tick_counts, tick_ledger

COMMITS: Final = 5_000
"""Ledger rows rolled up in one piece: an hour and a half of one partition that commits every second."""
DELIVERED: Final = 1_000
SUMS: Final = ("events", "duplicates", "late", "future", "gap")


def rolled_before(connection: Connection) -> int | None:
    """Ticks below this are rolled up, but for the windows of baselines; None before the first roll-up."""
    return connection.execute(select(retention.c.rolled_before)).scalar_one_or_none()


def roll_up_hour(connection: Connection, before: int, *, per_hour: int) -> bool:
    """Roll up the oldest hour of ticks that lies below ``before``; whether there was one.

    The ticks that an approved baseline was taken of stay as they are, for as long as it is approved.
    """
    tick = tick_counts.c.tick
    done = rolled_before(connection)
    oldest = select(tick).order_by(tick).limit(1)
    first = connection.execute(oldest if done is None else oldest.where(tick >= done)).scalar_one_or_none()
    if first is None:
        return False
    start = first // per_hour * per_hour
    end = start + per_hour
    if end > before:
        return False
    if not _is_needed(connection, start, end):
        _roll_up(connection, start, end)
        connection.execute(delete(clusters).where(clusters.c.tick >= start, clusters.c.tick < end))
    edge = insert_into(connection, retention).values(id=1, rolled_before=end)
    connection.execute(
        edge.on_conflict_do_update(
            index_elements=[retention.c.id], set_={"rolled_before": edge.excluded.rolled_before}
        )
    )
    return True


def forget_counts(connection: Connection, before: int) -> None:
    """Counts of ticks below ``before`` go, but for those that an approved baseline was taken of."""
    connection.execute(delete(hour_counts).where(hour_counts.c.tick < int(before)))
    stale = tick_counts.c.tick < int(before)
    held = _approved().where(baselines.c.from_tick <= tick_counts.c.tick, tick_counts.c.tick < baselines.c.to_tick)
    connection.execute(delete(tick_counts).where(stale, ~held.exists()))


def roll_up_ledger(connection: Connection, before_ms: int) -> int:
    """Add the oldest commits from before ``before_ms`` to their days; how many there were, at most COMMITS."""
    at = tick_ledger.c
    query = select(at.id, at.partition, at.committed_at_ms, at.rejected, *(at[name] for name in SUMS))
    rows = connection.execute(query.order_by(at.id).limit(COMMITS)).all()
    days: dict[tuple[int, str], Counter[str]] = {}
    rolled = []
    for row in rows:
        if row.committed_at_ms >= before_ms:
            break
        rolled.append(row.id)
        day = days.setdefault((row.committed_at_ms // DAY_MS, row.partition), Counter())
        day.update({"commits": 1, **{name: getattr(row, name) for name in SUMS}})
        day.update({f"rejected {reason}": n for reason, n in _reasons(row.rejected).items()})
    for (number, partition), day in days.items():
        _add_to_day(connection, number, partition, day)
    if rolled:
        connection.execute(delete(tick_ledger).where(at.id >= rolled[0], at.id <= rolled[-1]))
    return len(rolled)


def forget_delivered(connection: Connection, before_ms: int) -> int:
    """Notifications that were delivered before ``before_ms`` go, at most DELIVERED of them; how many there were.

    The incident's timeline keeps the messages, the outbox those that were given up.
    """
    old = select(outbox.c.id).where(outbox.c.delivered_at_ms < int(before_ms)).order_by(outbox.c.id).limit(DELIVERED)
    ids = list(connection.execute(old).scalars())
    if ids:
        connection.execute(delete(outbox).where(outbox.c.id.in_(ids)))
    return len(ids)


def _approved() -> Any:
    return select(baselines.c.id).where(baselines.c.state.in_([BaselineState.approved, BaselineState.added]))


def _is_needed(connection: Connection, start: int, end: int) -> bool:
    window = _approved().where(baselines.c.from_tick < int(end), baselines.c.to_tick > int(start)).limit(1)
    return connection.execute(window).first() is not None


def _roll_up(connection: Connection, start: int, end: int) -> None:
    here = (tick_counts.c.tick >= int(start)) & (tick_counts.c.tick < int(end))
    by_layout: dict[str, list[bytes]] = {}
    for layout, blob in connection.execute(select(tick_counts.c.layout, tick_counts.c.cells).where(here)):
        by_layout.setdefault(layout, []).append(blob)
    for layout, blobs in sorted(by_layout.items()):
        same = (hour_counts.c.tick == int(start)) & (hour_counts.c.layout == layout)
        earlier = connection.execute(select(hour_counts.c.cells).where(same)).scalars().all()
        _, cell, count = cells.decode([*blobs, *earlier])
        _, cell, count = cells.add_up(np.zeros(len(cell), np.int64), cell, count)
        values = {"tick": int(start), "layout": layout, "cells": cells.encode([(cell, count)])[0]}
        row = insert_into(connection, hour_counts).values(values)
        connection.execute(
            row.on_conflict_do_update(
                index_elements=[hour_counts.c.tick, hour_counts.c.layout], set_={"cells": row.excluded.cells}
            )
        )
    connection.execute(delete(tick_counts).where(here))


def _add_to_day(connection: Connection, number: int, partition: str, day: Counter[str]) -> None:
    same = (ledger_days.c.day == number) & (ledger_days.c.partition == partition)
    stored = connection.execute(select(ledger_days).where(same)).mappings().one_or_none()
    if stored is not None:
        day.update({name: stored[name] for name in ("commits", *SUMS)})
        day.update({f"rejected {reason}": n for reason, n in _reasons(stored["rejected"]).items()})
    reasons = {name.removeprefix("rejected "): n for name, n in sorted(day.items()) if name.startswith("rejected ")}
    values = {name: day[name] for name in ("commits", *SUMS)} | {"rejected": msgspec.json.encode(reasons).decode()}
    row = insert_into(connection, ledger_days).values(day=number, partition=partition, **values)
    connection.execute(
        row.on_conflict_do_update(
            index_elements=[ledger_days.c.day, ledger_days.c.partition],
            set_={name: row.excluded[name] for name in values},
        )
    )


def _reasons(document: str) -> Mapping[str, int]:
    return msgspec.json.decode(document, type=dict[str, int])
