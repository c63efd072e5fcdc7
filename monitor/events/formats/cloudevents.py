"""CloudEvents, structured mode: the record is the envelope, ``data`` the guardrail's own record.

Identity is (source, id). Binary mode, with the envelope in Kafka headers, is read by ``cloudevents_binary``.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from monitor.events.formats.allowlist import VALUE, allowed
from monitor.events.formats.format import Envelope, Identity, has
from monitor.events.formats.parse import parse, parsed_text
from monitor.events.formats.values import identifier, instant
from monitor.events.reasons import Reason, Rejection

_KEEP: Final = {"id": VALUE, "source": VALUE, "time": VALUE}
MAX_DEPTH: Final = 64


def _fits(record: Any) -> str | None:
    return "has specversion, id, source and type" if has(record, "specversion", "id", "source", "type") else None


def _open(record: dict[str, Any]) -> tuple[Any, Identity]:
    head = allowed(record, _KEEP)
    source, name = identifier(head["source"]), identifier(head["id"])
    if source is None or name is None:
        raise Rejection(Reason.wrong_type, "a CloudEvent's id and source must be text")
    identity = Identity(record=f"{source} {name}", time=instant(head.get("time")))
    return _data(record), identity


def _data(record: dict[str, Any]) -> Any:
    data = record.get("data")
    if isinstance(data, str):
        inside = parsed_text(data, max_depth=MAX_DEPTH)
        return data if inside is None else inside
    encoded = record.get("data_base64")
    if data is None and isinstance(encoded, str):
        try:
            return parse(base64.b64decode(encoded, validate=True), max_depth=MAX_DEPTH)
        except (binascii.Error, ValueError):
            raise Rejection(Reason.wrong_type, "data_base64 is not base64") from None
    if data is None:
        raise Rejection(Reason.no_verdict, "a CloudEvent without data")
    return data


ENVELOPE: Final = Envelope(
    name="cloudevents",
    title="CloudEvents, structured mode (around any format)",
    keys=("specversion",),
    fits=_fits,
    keep=_KEEP,
    open=_open,
    dropped="subject, type, extensions",
    fills="time, event_id",
)
