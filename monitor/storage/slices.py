"""Slices in their table: rows, digests and ids."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields, replace
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, select, text

from monitor.counts.model import Slice
from monitor.storage.schema import storable
from monitor.storage.session import insert_into
from monitor.storage.tables import slices

FIELDS: Final = tuple(field.name for field in fields(Slice))
UNIT_FIELDS: Final = FIELDS[:7]
STRATUM_FIELDS: Final = FIELDS[7:]
_PER_QUERY: Final = 500
"""Digests in one IN list; SQLite takes at most 999 parameters in its oldest builds."""


def unit_of(whole: Slice) -> Slice:
    """The slice without its stratum."""
    return replace(whole, language="", app="", model="", model_version="", format="")


def digest(whole: Slice) -> bytes:
    """SHA-256 of the twelve fields; slices that are stored alike have the same."""
    values = [storable(value) if isinstance(value, str) else int(value) for value in astuple(whole)]
    return hashlib.sha256(msgspec.json.encode(values)).digest()


def known_ids(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, int]:
    """The ids of those that are stored."""
    found: dict[bytes, int] = {}
    for start in range(0, len(digests), _PER_QUERY):
        chosen = slices.c.digest.in_(digests[start : start + _PER_QUERY])
        rows = connection.execute(select(slices.c.digest, slices.c.id).where(chosen))
        found.update((bytes(row.digest), row.id) for row in rows)
    return found


def add(connection: Connection, new: Mapping[bytes, Slice]) -> dict[bytes, int]:
    """Store those that are not; the ids of all. In a writing transaction.

    One writer at a time, so that ids become visible in ascending order: whoever has read up to an id has seen all
    below it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE slices IN SHARE ROW EXCLUSIVE MODE"))
    found = known_ids(connection, list(new))
    missing = [_row(key, whole) for key, whole in new.items() if key not in found]
    if missing:
        connection.execute(insert_into(connection, slices).on_conflict_do_nothing(), missing)
        found |= known_ids(connection, [row["digest"] for row in missing])
    return found


def from_row(row: Row[Any]) -> Slice:
    """The slice of a row of the table."""
    return Slice(**{name: getattr(row, name) for name in FIELDS})


def _row(key: bytes, whole: Slice) -> dict[str, Any]:
    values = {name: getattr(whole, name) for name in FIELDS}
    return values | {"digest": key, "threshold_milli": int(whole.threshold_milli)}
