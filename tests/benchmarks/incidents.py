"""The response record at scale: how long it takes to list, open and append with many incidents in PostgreSQL.

    python -m tests.benchmarks.incidents                       100,000 incidents, a real PostgreSQL of its own
    python -m tests.benchmarks.incidents --incidents 10000     another scale
    python -m tests.benchmarks.incidents --database URL        in an empty PostgreSQL of yours

A thousand incidents are written as the service writes them, and copied inside the database under other numbers (the
copies' hashes are those of the originals; nothing here verifies them). What is measured are the service's own calls:
the newest fifty, all that are open, those of a guardrail; one incident with its case, findings, timeline and
evidence; a note that is announced to the channels that know the incident. Exit code 1 if a 95th percentile is above
the limit.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
from sqlalchemy import insert, text

from monitor.alerting.announce import announce
from monitor.clock import HOUR_MS
from monitor.findings.model import Direction, Effect, Evidence, Finding, Kind, Promise
from monitor.incidents import lifecycle
from monitor.incidents.case import Case, Verdict
from monitor.incidents.model import Entry, Incident, Severity, Status
from monitor.incidents.timeline import entry_after
from monitor.storage import migrate
from monitor.storage.response_tables import cases, findings, incidents, timeline
from monitor.storage.stores import Stores, open_stores
from tests.servers.postgres import PostgresNode

MINUTE_MS = HOUR_MS // 60
LIMIT_MS = 50.0
BATCH = 1_000
GUARDRAILS = 50
KINDS = ("opened", "evidence", "paged", "acknowledged", "triaged", "note", "note", "finding_ended", "all_ended")
BEGIN_MS = 1_700_000_000_000
OPEN_EVERY = 500
"""One in so many is still open; the others are resolved and closed."""


def one(number: int) -> tuple[Incident, Case, Finding, list[Entry]]:
    """An incident as it is after a year: nine entries and two more for those that are closed."""
    opened = BEGIN_MS + number * 5 * MINUTE_MS
    live = number % OPEN_EVERY == 0
    guardrail = f"guardrail-{number % GUARDRAILS}"
    incident = Incident(
        id=number,
        key=f"driftline-{number:032x}",
        guardrail=guardrail,
        status=Status.open if live else Status.closed,
        severity=(Severity.error, Severity.critical)[number % 2],
        title=f"{guardrail}: share of scores near the threshold 0.9 % -> 12.6 % since 03:12 UTC",
        opened_at_ms=opened,
        onset_low_ms=opened - MINUTE_MS,
        last_found_ms=opened,
        resolved_at_ms=None if live else opened + 60 * MINUTE_MS,
        closed_at_ms=None if live else opened + 90 * MINUTE_MS,
    )
    finding = Finding(
        id=f"f{number}",
        guardrail=guardrail,
        guardrail_version="2",
        category="jailbreak",
        signal="boundary_proximity",
        question="near_threshold",
        stratum="",
        kind=Kind.page,
        direction=Direction.rise,
        promise=Promise.proved,
        onset_low_ms=opened - MINUTE_MS,
        onset_high_ms=opened,
        detected_at_ms=opened,
        paged_at_ms=opened,
        ended_at_ms=None if live else opened + 50 * MINUTE_MS,
        effect=Effect(baseline=0.009, current=0.126, ratio=14.0),
        evidence=Evidence(log_evidence=0.7, events=412, level=0.04, detail="mean of the weight at most 0.04"),
        offsets={f"guardrail-events-{partition}": (number * 100, number * 100 + 600) for partition in range(12)},
        incident_id=number,
    )
    entries: list[Entry] = []
    for place, kind in enumerate(KINDS if live else (*KINDS, "resolved", "closed")):
        entries.append(
            entry_after(
                entries[-1] if entries else None,
                incident_id=number,
                at_ms=opened + place * MINUTE_MS,
                actor="driftline" if place < 3 else "ann",
                kind=kind,
                data={"text": "seen in the log " * 10, "notified": ["chat"], "finding": finding.id},
            )
        )
    return incident, Case(incident_id=number, verdict=Verdict.true_positive), finding, entries


def filled(stores: Stores, count: int) -> None:
    """Write a batch, and copy it until there are so many."""
    rows = [one(number) for number in range(1, min(BATCH, count) + 1)]
    with stores.database.writing() as connection:
        connection.execute(insert(incidents), [msgspec.structs.asdict(row[0]) for row in rows])
        connection.execute(insert(cases), [{"incident_id": r[1].incident_id, "document": _text(r[1])} for r in rows])
        connection.execute(insert(findings), [_finding_row(row[2]) for row in rows])
        entries = [msgspec.structs.asdict(e) | {"data": _text(e.data)} for row in rows for e in row[3]]
        connection.execute(insert(timeline), entries)
    copies = -(-count // BATCH) - 1
    step = 5 * MINUTE_MS * BATCH
    shifted = {"opened_at_ms", "onset_low_ms", "last_found_ms", "resolved_at_ms", "closed_at_ms", "at_ms"}
    shifted |= {"onset_high_ms", "detected_at_ms", "ended_at_ms"}
    for table, number in (
        (incidents, "id"),
        (cases, "incident_id"),
        (findings, "incident_id"),
        (timeline, "incident_id"),
    ):
        named = {
            column.name: f"{column.name} + CAST(n AS bigint) * {BATCH}"
            if column.name == number
            else f"{column.name} || '-' || n"
            if column.name == "key" or (table is findings and column.name == "id")
            else f"{column.name} + CAST(n AS bigint) * {step}"
            if column.name in shifted
            else column.name
            for column in table.columns
        }
        copied = f"SELECT {', '.join(named.values())} FROM {table.name}, generate_series(1, {copies}) AS n"
        with stores.database.writing() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text(f"INSERT INTO {table.name} ({', '.join(named)}) {copied}"))
        print(f"{table.name} filled", file=sys.stderr, flush=True)
    with stores.database.writing() as connection:
        connection.execute(text("ANALYZE"))


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _finding_row(finding: Finding) -> dict[str, object]:
    names = ("id", "guardrail", "signal", "onset_low_ms", "detected_at_ms", "ended_at_ms", "incident_id")
    plain = {name: getattr(finding, name) for name in names}
    return plain | {"kind": finding.kind.value, "trouble": None, "document": _text(finding)}


def questions(stores: Stores, count: int, rng: random.Random) -> Iterator[tuple[str, Callable[[], object]]]:
    """What people and the service ask of the record."""

    def listed(**more: object) -> Callable[[], object]:
        def ask() -> object:
            with stores.alerts.transaction() as store:
                return store.incidents(limit=50, **more)  # type: ignore[arg-type]

        return ask

    def opened() -> object:
        number = rng.randint(1, count)
        with stores.alerts.transaction() as store:
            found = lifecycle.locked(store, number)
            return (
                found,
                store.case(number),
                store.findings(incident_id=number),
                store.timeline(number),
                store.captures(number),
                store.measures(number),
                store.actions(number),
            )

    def appended() -> object:
        number = rng.randint(1, count)
        with stores.alerts.transaction() as store:
            change = lifecycle.note(store, number, actor="ann", now_ms=BEGIN_MS, text="one more look")
            return announce(store, change)

    yield "list, newest 50", listed()
    yield "list, open", listed(status=(Status.open, Status.acknowledged))
    yield "list, of a guardrail", listed(guardrail=f"guardrail-{rng.randrange(GUARDRAILS)}")
    yield "open one", opened
    yield "append a note", appended


def measured(ask: Callable[[], object], times: int) -> list[float]:
    """Milliseconds of each time, rising."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        spent.append((time.perf_counter() - began) * 1_000)
    return sorted(spent)


def main() -> int:
    """Fill a database and ask it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--incidents", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=400)
    parser.add_argument("--database", help="an empty PostgreSQL; none: one of its own")
    given = parser.parse_args()
    slow = 0
    with ExitStack() as opened:
        url = given.database
        if url is None:
            node = PostgresNode(Path(opened.enter_context(tempfile.TemporaryDirectory())))
            opened.callback(node.stop)
            url = opened.enter_context(node.fresh_database())
        migrate.upgrade(url)
        stores = opened.enter_context(open_stores(url))
        filled(stores, given.incidents)
        print(f"{given.incidents:,} incidents, {given.times} times each, milliseconds")
        print(f"{'':<22} {'median':>8} {'p95':>8} {'p99':>8}")
        for name, ask in questions(stores, given.incidents, random.Random(1)):
            spent = measured(ask, given.times)
            median, p95, p99 = (spent[int(len(spent) * share)] for share in (0.5, 0.95, 0.99))
            slow += p95 > LIMIT_MS
            print(f"{name:<22} {median:>8.1f} {p95:>8.1f} {p99:>8.1f}{'  TOO SLOW' if p95 > LIMIT_MS else ''}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
