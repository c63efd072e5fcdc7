"""Amazon EventBridge: the record is ``detail``.

Source: docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, has
from monitor.events.formats.values import identifier, instant


def _fits(record: Any) -> str | None:
    return "has detail-type, source and detail" if has(record, "detail-type", "source", "detail") else None


def _open(record: dict[str, Any]) -> Inner:
    return record["detail"], Identity(record=identifier(record.get("id")), time=instant(record.get("time")))


ENVELOPE: Final = Envelope(
    name="eventbridge",
    title="Amazon EventBridge event",
    keys=("detail-type",),
    fits=_fits,
    keep={"id": VALUE, "time": VALUE},
    open=_open,
    dropped="source, account, region, resources",
    fills="time, event_id",
)
