"""The course of the evidence: what is known of streams, points by the minute, levels by the hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, Select, Table, delete, func, insert, select

from monitor.counts.model import Slice
from monitor.judging.evidence_points import EvidencePoint, HourLevel, Record
from monitor.judging.ports import EvidenceLog, KnownStream, Spent, Strongest
from monitor.judging.view import StreamState, StreamView
from monitor.storage import slices
from monitor.storage.session import Database, insert_into
from monitor.storage.tables import evidence_points, hour_levels, streams

_PER_QUERY: Final = 500
"""Digests in one IN list; SQLite takes at most 999 parameters in its oldest builds."""
_KNOWN: Final = select(streams.c.id, streams.c.document).where(streams.c.document.is_not(None))
_UNIT: Final = [streams.c[name] for name in slices.UNIT_FIELDS]


def save(connection: Connection, record: Record) -> None:
    """Write a record, inside the judge's transaction; a row that is there already is replaced."""
    if record.streams:
        rows = [_stream_row(one.unit, record.tick, one) for one in record.streams]
        _upsert(connection, streams, ("unit_digest",), rows)
    named = {point.unit for point in record.points} | {level.unit for level in record.levels}
    ids = _ids(connection, named, record.tick)
    points = [
        {
            "stream_id": ids[one.unit],
            "tick": int(one.tick),
            "signal": one.signal,
            "question": one.question,
            "log_evidence": float(one.log_evidence),
            "spent": float(one.spent),
        }
        for one in record.points
    ]
    levels = [
        {
            "stream_id": ids[one.unit],
            "tick": int(one.tick),
            "signal": one.signal,
            "question": one.question,
            "events": int(one.events),
            "mean": float(one.mean),
            "approved_level": float(one.level),
            "page_limit": float(one.limit),
        }
        for one in record.levels
    ]
    for table, rows in ((evidence_points, points), (hour_levels, levels)):
        _upsert(connection, table, ("stream_id", "tick", "signal", "question"), rows)


class SqlEvidenceLog(EvidenceLog):
    """An :class:`EvidenceLog` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def streams(self) -> Sequence[StreamView]:
        """The last known state of each stream, in order of their names."""
        query = select(streams.c.document).where(streams.c.document.is_not(None))
        with self._database.reading() as connection:
            documents = connection.execute(query).scalars().all()
        found = [msgspec.json.decode(document, type=StreamView) for document in documents]
        return sorted(found, key=lambda stream: stream.unit)

    def points(
        self,
        *,
        guardrail: str | None = None,
        unit: Slice | None = None,
        signal: str | None = None,
        from_tick: int | None = None,
        to_tick: int | None = None,
        limit: int = 10_000,
    ) -> Sequence[EvidencePoint]:
        """The newest points in [from_tick, to_tick), oldest first: of a guardrail, a stream, a signal, or all."""
        query = _chosen(evidence_points, guardrail, unit, signal, from_tick, to_tick, limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            EvidencePoint(
                tick=row.tick,
                unit=_unit(row),
                signal=row.signal,
                question=row.question,
                log_evidence=row.log_evidence,
                spent=row.spent,
            )
            for row in reversed(rows)
        ]

    def levels(
        self,
        *,
        guardrail: str | None = None,
        unit: Slice | None = None,
        signal: str | None = None,
        from_tick: int | None = None,
        to_tick: int | None = None,
        limit: int = 10_000,
    ) -> Sequence[HourLevel]:
        """The newest hours in [from_tick, to_tick), oldest first."""
        query = _chosen(hour_levels, guardrail, unit, signal, from_tick, to_tick, limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            HourLevel(
                tick=row.tick,
                unit=_unit(row),
                signal=row.signal,
                question=row.question,
                events=row.events,
                mean=row.mean,
                level=row.approved_level,
                limit=row.page_limit,
            )
            for row in reversed(rows)
        ]

    def stream(self, stream_id: int) -> KnownStream | None:
        """One stream by its number."""
        return next(iter(self._known(_KNOWN.where(streams.c.id == int(stream_id)))), None)

    def some_streams(
        self,
        *,
        guardrail: str | None = None,
        states: Sequence[StreamState] | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[KnownStream]:
        """By number, those with a number above ``after``: of a guardrail, or in one of these states."""
        query = _KNOWN.where(streams.c.id > int(after)).order_by(streams.c.id).limit(limit)
        if guardrail is not None:
            query = query.where(streams.c.guardrail == guardrail)
        if states is not None:
            query = query.where(streams.c.state.in_([state.value for state in states]))
        return self._known(query)

    def count_streams(self) -> Mapping[StreamState, int]:
        """How many streams there are, by state."""
        query = select(streams.c.state, func.count()).where(streams.c.state != "").group_by(streams.c.state)
        with self._database.reading() as connection:
            return {StreamState(state): int(count) for state, count in connection.execute(query)}

    def newest_tick(self) -> int | None:
        """The tick of the newest evidence; None where there is none."""
        with self._database.reading() as connection:
            newest: int | None = connection.execute(select(func.max(evidence_points.c.tick))).scalar_one()
            return newest

    def strongest(self, from_tick: int) -> Sequence[Strongest]:
        """By guardrail and signal, of the points from this tick on; the strongest first."""
        highest = func.max(evidence_points.c.log_evidence)
        of = (streams.c.guardrail, evidence_points.c.signal)
        query = (
            select(*of, highest)
            .join(streams, streams.c.id == evidence_points.c.stream_id)
            .where(evidence_points.c.tick >= int(from_tick))
            .group_by(*of)
            .order_by(highest.desc(), *of)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [Strongest(guardrail=name, signal=signal, log_evidence=value) for name, signal, value in rows]

    def spent(self, from_tick: int) -> Sequence[Spent]:
        """By guardrail and category, of the streams with points from this tick on; the most first."""
        at = evidence_points.c
        newest = (
            select(at.stream_id, func.max(at.spent).label("spent"))  # it only grows
            .where(at.tick >= int(from_tick))
            .group_by(at.stream_id, at.signal, at.question)
            .subquery()
        )
        total = func.sum(newest.c.spent)
        of = (streams.c.guardrail, streams.c.category)
        query = (
            select(*of, total)
            .join(streams, streams.c.id == newest.c.stream_id)
            .group_by(*of)
            .order_by(total.desc(), *of)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [Spent(guardrail=name, category=category, false_alarms=value) for name, category, value in rows]

    def _known(self, query: Select[Any]) -> list[KnownStream]:
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [KnownStream(id=row.id, stream=msgspec.json.decode(row.document, type=StreamView)) for row in rows]

    def forget(self, *, points_before: int, levels_before: int) -> int:
        """Remove what is older than these ticks; how many rows went."""
        with self._database.writing() as connection:
            gone = connection.execute(delete(evidence_points).where(evidence_points.c.tick < int(points_before)))
            more = connection.execute(delete(hour_levels).where(hour_levels.c.tick < int(levels_before)))
        return int(gone.rowcount) + int(more.rowcount)


def _chosen(
    table: Table,
    guardrail: str | None,
    unit: Slice | None,
    signal: str | None,
    from_tick: int | None,
    to_tick: int | None,
    limit: int,
) -> Select[Any]:
    """Rows with their stream, newest first; of one tick in a fixed order."""
    at = table.c
    query = select(table, *_UNIT).join(streams, streams.c.id == at.stream_id)
    if guardrail is not None:
        query = query.where(streams.c.guardrail == guardrail)
    if unit is not None:
        query = query.where(streams.c.unit_digest == slices.digest(slices.unit_of(unit)))
    if signal is not None:
        query = query.where(at.signal == signal)
    if from_tick is not None:
        query = query.where(at.tick >= int(from_tick))
    if to_tick is not None:
        query = query.where(at.tick < int(to_tick))
    order = (at.tick.desc(), at.stream_id.desc(), at.signal.desc(), at.question.desc())
    return query.order_by(*order).limit(int(limit))


def _unit(row: Row[Any]) -> Slice:
    values: dict[str, Any] = {name: getattr(row, name) for name in slices.UNIT_FIELDS}
    return Slice(**(values | dict.fromkeys(slices.STRATUM_FIELDS, "")))


def _stream_row(unit: Slice, tick: int, known: StreamView | None) -> dict[str, Any]:
    values = {name: getattr(unit, name) for name in slices.UNIT_FIELDS}
    return {
        **values,
        "threshold_milli": int(unit.threshold_milli),
        "unit_digest": slices.digest(slices.unit_of(unit)),
        "tick": int(tick),
        "state": "" if known is None else known.state.value,
        "document": None if known is None else msgspec.json.encode(known).decode(),
    }


def _ids(connection: Connection, units: set[Slice], tick: int) -> dict[Slice, int]:
    """The rows of streams; those of all traffic have no document, and are made here."""
    digests = {slices.digest(slices.unit_of(unit)): unit for unit in units}
    found = _known(connection, list(digests))
    missing = [_stream_row(unit, tick, None) for key, unit in digests.items() if key not in found]
    if missing:
        connection.execute(insert(streams), missing)
        found |= _known(connection, [row["unit_digest"] for row in missing])
    return {unit: found[key] for key, unit in digests.items()}


def _known(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for start in range(0, len(digests), _PER_QUERY):
        chosen = streams.c.unit_digest.in_(digests[start : start + _PER_QUERY])
        rows = connection.execute(select(streams.c.unit_digest, streams.c.id).where(chosen))
        found.update((bytes(row.unit_digest), row.id) for row in rows)
    return found


def _upsert(connection: Connection, table: Table, key: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = insert_into(connection, table)
    values = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values), list(rows))
