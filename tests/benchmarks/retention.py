"""A year of counts, at a reduced scale: how large the database is, how soon a judge is back, how quick questions are.

    python -m tests.benchmarks.retention                          50 streams, 365 days of 5 min ticks, some minutes
    python -m tests.benchmarks.retention --streams 20 --days 60   another scale
    python -m tests.benchmarks.retention --database URL           in an empty PostgreSQL instead of an SQLite file

The judge and the retention are the service's own; counts are drawn as in ``tests.benchmarks.sizing`` and committed by
the day, with a ledger row per tick. At the end sizes are scaled to a thousand streams with 10 s ticks: bytes of cells
per stream and tick, and per stream and hour, are as measured here.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sqlalchemy import Table, delete, func, insert, select

from monitor.clock import DAY_MS, HOUR_MS
from monitor.counting.ports import Commit, Mark, Position, Tally
from monitor.counts.model import TickCounts
from monitor.judging.judge import Judge, Step
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.retention import Retained, RetentionRule
from monitor.signals.registry import LAYOUT
from monitor.storage import cells, migrate
from monitor.storage.stores import Stores, open_stores
from monitor.storage.tables import hour_counts, ledger_days, snapshots, tick_counts, tick_ledger
from tests.benchmarks.sizing import counts_of, slices_of

TICK_MS = 300_000
PER_DAY = DAY_MS // TICK_MS
EVENTS = 50
"""Per stream and tick."""
LIVE_TICK_MS = 10_000
STREAMS, YEAR_DAYS = 1_000, 365
RULE = RetentionRule(tick_ms=TICK_MS)


def commit_day(
    stores: Stores, rng: np.random.Generator, day: int, streams: int, position: Position, offset: int
) -> int:
    """The day's ticks; a commit for each, as the ledger sees them. Returns the next offset."""
    ticks = [counts_of(rng, day * PER_DAY + number, streams, EVENTS) for number in range(PER_DAY)]
    blobs = cells.encode([(one.cell, one.count) for one in ticks])
    end = offset + PER_DAY * streams * EVENTS
    with stores.database.writing() as connection:
        where = {"partition": position.partition, "from_offset": offset, "to_offset": end}
        layout = {"layout": LAYOUT.fingerprint}
        connection.execute(
            insert(tick_counts),
            [{**where, **layout, "tick": day * PER_DAY + number, "cells": blob} for number, blob in enumerate(blobs)],
        )
        tally = {"events": streams * EVENTS, "duplicates": 1, "late": 0, "future": 0, "gap": 0, "rejected": "{}"}
        connection.execute(
            insert(tick_ledger),
            [
                {
                    **where,
                    **layout,
                    **tally,
                    "closed_before": 0,
                    "mark": Mark.data,
                    "clock_ms": None,
                    "committed_at_ms": day * DAY_MS + number * TICK_MS,
                }
                for number in range(PER_DAY)
            ],
        )
    # The last commit of the day is a real one: it moves the position and closes the day.
    stores.counts.commit(
        Commit(
            position.partition,
            position.generation,
            offset,
            end,
            (day + 1) * PER_DAY,
            Mark.data,
            None,
            b"",
            LAYOUT,
            (TickCounts((day + 1) * PER_DAY - 1, np.zeros(0, np.int64), np.zeros(0, np.int64)),),
            Tally(),
        ),
        now_ms=(day + 1) * DAY_MS,
    )
    return end


def judge_of(stores: Stores, holder: str) -> Judge:
    """The service's judge, to whom findings are nothing."""
    rule = JudgeSettings(tick_ms=TICK_MS, baseline_ticks=24)
    return Judge(
        stores.judge, rule, lambda _store, finding, _now: finding, holder=holder, snapshot_ticks=PER_DAY // 4
    )


def caught_up(judge: Judge, now_ms: int) -> float:
    """Seconds until all that is closed is judged."""
    began = time.perf_counter()
    while judge.step(now_ms).step is Step.judged:
        pass
    return time.perf_counter() - began


def timed(question: Callable[[], object]) -> float:
    """Milliseconds of the slowest of three."""
    worst = 0.0
    for _ in range(3):
        began = time.perf_counter()
        question()
        worst = max(worst, time.perf_counter() - began)
    return worst * 1_000


def blob_bytes(stores: Stores, table: Table) -> tuple[int, int]:
    """Rows, and bytes of their cells."""
    with stores.database.reading() as connection:
        rows, size = connection.execute(select(func.count(), func.sum(func.length(table.c.cells)))).one()
    return int(rows), int(size or 0)


def questions(stores: Stores, end: int) -> dict[str, Callable[[], object]]:
    """What the judge, the command line and the gauges ask."""
    judge, hour = stores.judge, HOUR_MS // TICK_MS
    return {
        "first tick": judge.first_tick,
        "where judging is": judge.judged_before,
        "what waits for the judge": lambda: (judge.pending_baselines(), judge.pending_dismissals()),
        "counts of the last hour": lambda: judge.counts(end - hour, end),
        "counts of an hour half a year ago": lambda: judge.counts(end // 2, end // 2 + hour),
        "offsets of the last hour": lambda: judge.offsets(end - hour, end),
        "baselines": judge.baselines,
        "totals of the ledger": stores.reads.totals,
        "partitions": stores.reads.partitions,
    }


def run(url: str, *, streams: int, days: int) -> None:
    """Live through the days and print the tables."""
    rng = np.random.default_rng(1)
    migrate.upgrade(url)
    began = time.perf_counter()
    with open_stores(url, layout=LAYOUT) as stores:
        stores.counts.slice_ids(list(slices_of(streams, 1).values()))
        stores.counts.register("log", ["p"])
        position = stores.counts.claim("p", owner="benchmark", now_ms=0)
        judge, offset, most_retain = judge_of(stores, "first"), -1, 0.0
        for day in range(days):
            offset = commit_day(stores, rng, day, streams, position, offset)
            now_ms = (day + 1) * DAY_MS
            caught_up(judge, now_ms)
            before = time.perf_counter()
            while (done := judge.retain(RULE, now_ms)) is not None and done != Retained():
                pass
            most_retain = max(most_retain, time.perf_counter() - before)
        judge.close()
        end, now_ms = days * PER_DAY, days * DAY_MS
        print(f"{streams} streams, {days} days of {TICK_MS // 1000} s ticks, in {time.perf_counter() - began:.0f} s")
        print(f"retention of a day at most {most_retain:.2f} s")

        ticks, tick_bytes = blob_bytes(stores, tick_counts)
        hours, hour_bytes = blob_bytes(stores, hour_counts)
        for name, table in (("tick_ledger", tick_ledger), ("ledger_days", ledger_days), ("snapshots", snapshots)):
            with stores.database.reading() as connection:
                print(f"{name}: {connection.execute(select(func.count()).select_from(table)).scalar_one():,} rows")
        print(f"tick_counts: {ticks:,} rows, {tick_bytes / 1e6:.1f} MB of cells")
        print(f"hour_counts: {hours:,} rows, {hour_bytes / 1e6:.1f} MB of cells")
        per_tick, per_hour = tick_bytes / max(ticks, 1) / streams, hour_bytes / max(hours, 1) / streams
        kept_ticks = RULE.ticks_ms // LIVE_TICK_MS
        year_hours = YEAR_DAYS * 24 - RULE.ticks_ms // HOUR_MS
        scaled = STREAMS * (kept_ticks * per_tick + year_hours * per_hour)
        forever = STREAMS * YEAR_DAYS * DAY_MS / LIVE_TICK_MS * per_tick
        print(f"bytes per stream and tick {per_tick:.1f}, per stream and hour {per_hour:.1f}")
        print(f"a year of {STREAMS:,} streams with {LIVE_TICK_MS // 1000} s ticks: {scaled / 1e9:.1f} GB of cells")
        print(f"without retention: {forever / 1e9:.1f} GB of cells")
        if url.startswith("sqlite:///"):
            print(f"file: {Path(url.removeprefix('sqlite:///')).stat().st_size / 1e6:.0f} MB")

        back = judge_of(stores, "second")
        seconds = caught_up(back, now_ms + 60_000)
        back.close()
        print(f"restart from the snapshot: {seconds:.2f} s")
        with stores.database.writing() as connection:
            connection.execute(delete(snapshots))
        anew = judge_of(stores, "third")
        print(f"after an upgrade, from the ticks that are kept: {caught_up(anew, now_ms + 120_000):.2f} s")
        anew.close()
        for name, question in questions(stores, end).items():
            print(f"{name}: {timed(question):.1f} ms")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="A year of counts at a reduced scale.")
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--days", type=int, default=YEAR_DAYS)
    parser.add_argument("--database", help="an empty database; none: an SQLite file that goes at the end")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(given.database or f"sqlite:///{Path(folder) / 'year.db'}", streams=given.streams, days=given.days)


if __name__ == "__main__":
    main()
