"""OpenTelemetry logs whose body is the record, as JSON text or as a map: what a collector makes of log files.

Source: opentelemetry-proto, logs/v1/logs.proto, and its JSON encoding (``resourceLogs[].scopeLogs[].logRecords[]``).
A log record with an event name or an attribute of ``gen_ai`` is a record itself and is left to the format ``otel``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from monitor.events.envelopes.contents import is_record_text
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, at
from monitor.events.formats.values import identifier, nanoseconds_ms, word

_MAX_DEPTH: Final = 32


def _fits(record: Any) -> str | None:
    if not isinstance(at(record, "resourceLogs"), list):
        return None
    return "a log's body holds a record" if any(_body(log) is not None for _, log in _logs(record)) else None


def _open(record: dict[str, Any]) -> list[Inner]:
    """The bodies, in order; logs without a record in their body stay together, as a batch of their own."""
    inner: list[Inner] = []
    others: list[Any] = []
    for app, log in _logs(record):
        body = _body(log)
        if body is None:
            others.append(log)
            continue
        time = nanoseconds_ms(log.get("timeUnixNano")) or nanoseconds_ms(log.get("observedTimeUnixNano"))
        inner.append((body, Identity(request=identifier(log.get("traceId")), time=time, app=app)))
    if others:
        inner.append(({"resourceLogs": [{"scopeLogs": [{"logRecords": others}]}]}, Identity()))
    return inner


def _logs(record: dict[str, Any]) -> Iterator[tuple[str | None, Any]]:
    """Each log record, with the name of the service that wrote it."""
    for resource in record["resourceLogs"]:
        app = _service(at(resource, "resource", "attributes"))
        for scope in _list(at(resource, "scopeLogs")):
            for log in _list(at(scope, "logRecords")):
                yield app, log


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _service(attributes: Any) -> str | None:
    for pair in _list(attributes):
        if at(pair, "key") == "service.name":
            return word(at(pair, "value", "stringValue"))
    return None


def _body(log: Any) -> Any:
    """The record in a log's body; None if there is none, or if the log itself is the record."""
    body = at(log, "body")
    if not isinstance(body, dict) or log.get("eventName") or any(map(_is_gen_ai, _list(log.get("attributes")))):
        return None
    text = body.get("stringValue")
    if is_record_text(text):
        return text
    return _plain(body, _MAX_DEPTH) if isinstance(at(body, "kvlistValue", "values"), list) else None


def _is_gen_ai(pair: Any) -> bool:
    key = at(pair, "key")
    return isinstance(key, str) and (key.startswith("gen_ai.") or key == "event.name")


def _plain(value: Any, depth: int) -> Any:
    """An AnyValue as plain JSON."""
    if not isinstance(value, dict) or depth == 0:
        return None
    if "kvlistValue" in value:
        pairs = _list(at(value, "kvlistValue", "values"))
        return {
            key: _plain(at(pair, "value"), depth - 1) for pair in pairs if isinstance(key := at(pair, "key"), str)
        }
    if "arrayValue" in value:
        return [_plain(one, depth - 1) for one in _list(at(value, "arrayValue", "values"))]
    number = value.get("intValue")
    if (
        isinstance(number, str)
        and number.lstrip("-").isascii()
        and number.lstrip("-").isdigit()
        and len(number) <= 20
    ):
        return int(number)
    return next(
        (value[kind] for kind in ("stringValue", "doubleValue", "intValue", "boolValue") if kind in value), None
    )


ENVELOPE: Final = Envelope(
    name="otel-logs",
    title="OpenTelemetry logs with the record in their body (OTLP JSON)",
    keys=("resourceLogs",),
    fits=_fits,
    keep={"resourceLogs": VALUE},
    open=_open,
    dropped="attributes of the log and its resource, severity",
    fills="time; request_id, by the trace; app, by service.name",
)
