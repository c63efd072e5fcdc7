"""A line of a log under ``message`` and the like, as Vector, Logstash, Filebeat and Datadog hand it on.

Sources: vector.dev/docs/reference/configuration/sources/file (``message``, ``timestamp``, ``host``); Elastic Common
Schema (``message``, ``@timestamp``, ``service.name``); docs.datadoghq.com, attributes and aliasing and log archives
(``message``, ``service``, ``timestamp`` or ``date``; archives keep a parsed line under ``attributes``).
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.envelopes.contents import app_of, is_record_text
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, at
from monitor.events.formats.values import instant, word

_DATADOG: Final = ("service", "status", "tags", "ddsource", "source", "ddtags")
_LINES: Final = ("message", "msg", "line", "body", "payload", "data", "event")
"""Fields that hold a line of a log, if what they hold is text with a record in it."""
_PARSED: Final = ("message", "json", "_source")
"""Fields that hold a parsed line: of Vector, of Filebeat's decoder, of an index."""


def _fits(record: Any) -> str | None:
    found = _place(record) if isinstance(record, dict) else None
    return None if found is None else f"has a record in {found}"


def _place(record: dict[str, Any]) -> str | None:
    """The field that the record is in."""
    for name in _LINES:
        if is_record_text(record.get(name)):
            return name
    if is_record_text(at(record, "event", "original")):
        return "event.original"
    for name in _PARSED:
        if isinstance(record.get(name), dict):
            return name
    is_datadog = isinstance(record.get("attributes"), dict) and sum(name in record for name in _DATADOG) > 1
    return "attributes" if is_datadog else None


def _open(record: dict[str, Any]) -> Inner:
    inner = at(record, *(_place(record) or "").split("."))
    times = (instant(record.get(name)) for name in ("@timestamp", "timestamp", "date", "time"))
    time = next((ms for ms in times if ms is not None), None)
    service = record.get("service")
    app = word(service) or word(at(service, "name")) or app_of(record.get("kubernetes"))
    return inner, Identity(time=time, app=app)


ENVELOPE: Final = Envelope(
    name="message",
    title="a line under `message`, `msg` and the like: Vector, Logstash, Filebeat, Datadog, an index",
    keys=("attributes", *dict.fromkeys((*_LINES, *_PARSED))),
    fits=_fits,
    keep={"message": VALUE, "@timestamp": VALUE, "timestamp": VALUE, "date": VALUE, "time": VALUE, "service": VALUE},
    open=_open,
    dropped="host, source, tags, level, all other attributes",
    fills="time; app, by the service",
    weak=True,
)
