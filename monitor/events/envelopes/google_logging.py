"""Google Cloud Logging: the record is ``jsonPayload`` or JSON text in ``textPayload``.

Source: cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.envelopes.contents import is_json_text
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, at
from monitor.events.formats.values import identifier, instant, word

_MARKS: Final = ("logName", "insertId", "resource", "receiveTimestamp")
"""A log entry has at least one of these beside its payload."""
_APPS: Final = ("container_name", "service_name", "module_id", "function_name", "job_name")
"""Labels of monitored resources that name what runs: containers, Cloud Run, App Engine, functions, jobs."""


def _fits(record: Any) -> str | None:
    if not isinstance(record, dict) or not any(mark in record for mark in _MARKS):
        return None
    if isinstance(record.get("jsonPayload"), dict):
        return "a log entry with jsonPayload"
    return "a log entry with JSON in textPayload" if is_json_text(record.get("textPayload")) else None


def _open(record: dict[str, Any]) -> Inner:
    payload = record.get("jsonPayload")
    labels = at(record, "resource", "labels")
    app = next((name for key in _APPS if (name := word(at(labels, key)))), None)
    identity = Identity(
        record=identifier(record.get("insertId")),
        time=instant(record.get("timestamp")) or instant(record.get("receiveTimestamp")),
        app=app,
    )
    return payload if isinstance(payload, dict) else record["textPayload"], identity


ENVELOPE: Final = Envelope(
    name="google-logging",
    title="Google Cloud Logging entry",
    keys=("jsonPayload", "textPayload"),
    fits=_fits,
    keep={"insertId": VALUE, "timestamp": VALUE, "receiveTimestamp": VALUE, "resource": {"labels": {}}},
    open=_open,
    dropped="log name, project, labels, HTTP request, source location",
    fills="time, event_id; app, by the resource",
    weak=True,
)
