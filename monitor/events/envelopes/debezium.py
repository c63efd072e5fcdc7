"""Debezium: a change of a database row; the record is the row ``after`` the change.

Source: debezium.io/documentation/reference/stable/connectors/postgresql.html, change events (``before``, ``after``,
``source``, ``op`` c create, u update, d delete, r read, t truncate, m message; ``ts_ms``). An update is the row once
more: it is read as the create was, and an event of the same ``event_id`` counts once.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, at, has
from monitor.events.formats.values import instant
from monitor.events.reasons import Reason, Rejection


def _fits(record: Any) -> str | None:
    return "has op, source and after" if has(record, "op", "source", "after") else None


def _open(record: dict[str, Any]) -> Inner:
    if record["after"] is None:
        raise Rejection(Reason.no_verdict, "debezium: a change that leaves no row, such as a delete")
    return record["after"], Identity(time=instant(at(record, "source", "ts_ms")) or instant(record.get("ts_ms")))


ENVELOPE: Final = Envelope(
    name="debezium",
    title="Debezium change event, the row after the change",
    keys=("after",),
    fits=_fits,
    keep={"after": VALUE, "ts_ms": VALUE, "source": {"ts_ms": VALUE}},
    open=_open,
    dropped="the row before the change, source and transaction",
    fills="time",
)
