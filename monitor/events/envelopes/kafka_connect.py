"""Kafka Connect's JSON converter with schemas: the record is ``payload`` beside its ``schema``.

Source: kafka.apache.org, org.apache.kafka.connect.json.JsonConverter (``schemas.enable``).
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity
from monitor.events.reasons import Reason, Rejection


def _fits(record: Any) -> str | None:
    return (
        "has schema and payload alone"
        if isinstance(record, dict) and record.keys() == {"schema", "payload"}
        else None
    )


def _open(record: dict[str, Any]) -> tuple[Any, Identity]:
    if record["payload"] is None:
        raise Rejection(Reason.no_verdict, "kafka-connect: a record without payload")
    return record["payload"], Identity()


ENVELOPE: Final = Envelope(
    name="kafka-connect",
    title="Kafka Connect, JSON with schema",
    keys=("payload",),
    fits=_fits,
    keep={"payload": VALUE},
    open=_open,
    dropped="the schema",
)
