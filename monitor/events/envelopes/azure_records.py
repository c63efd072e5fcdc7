"""Azure Monitor and Event Hubs: a batch of resource logs under ``records``, each with its record in ``properties``.

Source: learn.microsoft.com/azure/azure-monitor/platform/resource-logs-schema (``time``, ``resourceId``, ``category``,
``correlationId``, ``properties``, which may be text that holds JSON).
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.envelopes.contents import is_json_text
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, at
from monitor.events.formats.values import identifier, instant


def _fits_batch(record: Any) -> str | None:
    records = at(record, "records")
    return "has records[] of objects" if isinstance(records, list) and any(map(_is_object, records)) else None


def _is_object(one: Any) -> bool:
    return isinstance(one, dict) or is_json_text(one)


def _fits_one(record: Any) -> str | None:
    if not isinstance(record, dict) or not ("resourceId" in record or "ResourceId" in record):
        return None
    inside = record.get("properties")
    return "has resourceId and properties" if isinstance(inside, dict) or is_json_text(inside) else None


def _open_one(record: dict[str, Any]) -> Inner:
    identity = Identity(
        request=identifier(record.get("correlationId")) or identifier(record.get("CorrelationId")),
        time=instant(record.get("time")) or instant(record.get("timeStamp")),
    )
    return record["properties"], identity


BATCH: Final = Envelope(
    name="azure-records",
    title="a batch under `records`: Azure Monitor, Event Hubs",
    keys=("records",),
    fits=_fits_batch,
    keep={},
    open=lambda record: [(one, Identity()) for one in record["records"]],
    dropped="nothing",
    weak=True,
)
ENVELOPE: Final = Envelope(
    name="azure-resource-log",
    title="Azure Monitor resource log, the record in `properties`",
    keys=("resourceId", "ResourceId"),
    fits=_fits_one,
    keep={"time": VALUE, "correlationId": VALUE},
    open=_open_one,
    dropped="resource, tenant, operation, caller's address, identity, location",
    fills="time; request_id, by correlationId",
    weak=True,
)
