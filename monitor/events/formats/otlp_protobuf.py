"""OTLP protobuf, the default encoding of the collector's Kafka exporter: read into the shape of OTLP JSON.

A log export and a trace export cannot be distinguished by their first bytes. A message is taken for logs, and for
spans
if that is impossible or gives no records: the fields of the two have other types.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeVar

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from monitor.events.formats import otel
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity
from monitor.events.formats.otel_finish import ATTRIBUTES as ARRAYS
from monitor.events.reasons import Reason, Rejection

M = TypeVar("M", bound=Message)
_FIRST_BYTE: Final = 0x0A
"""Field 1, length-delimited: the resource entries. It is also a line feed, so JSON is tried before."""


def _fits(record: Any) -> str | None:
    return "first byte 0a, and no JSON" if isinstance(record, bytes) and record[:1] == bytes([_FIRST_BYTE]) else None


def _open(record: bytes) -> tuple[Any, Identity]:
    logs = _parsed(ExportLogsServiceRequest, record)
    records = [] if logs is None else _logs(logs)
    if records:
        return {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}, Identity()
    traces = _parsed(ExportTraceServiceRequest, record)
    if logs is None and traces is None:
        raise Rejection(Reason.invalid_json, "neither JSON nor OTLP protobuf")
    return {"resourceSpans": [{"scopeSpans": [{"spans": [] if traces is None else _spans(traces)}]}]}, Identity()


def _parsed(kind: type[M], record: bytes) -> M | None:
    try:
        return kind.FromString(record)
    except DecodeError:
        return None


def _logs(request: ExportLogsServiceRequest) -> list[dict[str, Any]]:
    return [
        {
            "eventName": log.event_name,
            "timeUnixNano": log.time_unix_nano,
            "observedTimeUnixNano": log.observed_time_unix_nano,
            "traceId": log.trace_id.hex(),
            "spanId": log.span_id.hex(),
            "attributes": _attributes(log.attributes),
            "body": MessageToDict(log.body),
        }
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for log in scope.log_records
        if log.time_unix_nano or log.observed_time_unix_nano  # of another type in a span: then it is none
    ]


def _spans(request: ExportTraceServiceRequest) -> list[dict[str, Any]]:
    return [
        _span(span) for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
    ]


def _span(span: Span) -> dict[str, Any]:
    return {
        "name": span.name,
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "startTimeUnixNano": span.start_time_unix_nano,
        "endTimeUnixNano": span.end_time_unix_nano,
        "status": {"code": span.status.code},
        "attributes": _attributes(span.attributes),
        "events": [
            {"name": one.name, "timeUnixNano": one.time_unix_nano, "attributes": _attributes(one.attributes)}
            for one in span.events
        ],
    }


def _attributes(pairs: Iterable[KeyValue]) -> list[dict[str, Any]]:
    """Plain values, and arrays of words that are known; other arrays and objects are where messages are."""
    return [{"key": pair.key, "value": value} for pair in pairs if (value := _value(pair))]


def _value(pair: KeyValue) -> dict[str, Any] | None:
    match pair.value.WhichOneof("value"):
        case "string_value":
            return {"stringValue": pair.value.string_value}
        case "double_value":
            return {"doubleValue": pair.value.double_value}
        case "int_value":
            return {"intValue": pair.value.int_value}
        case "bool_value":
            return {"boolValue": pair.value.bool_value}
        case "array_value" if pair.key in ARRAYS:
            return {
                "arrayValue": {"values": [{"stringValue": one.string_value} for one in pair.value.array_value.values]}
            }
    return None


ENVELOPE: Final = Envelope(
    name="otlp-protobuf",
    title="OTLP protobuf (around otel)",
    keys=(),
    fits=_fits,
    keep=VALUE,
    open=_open,
    dropped=otel.FORMAT.dropped,
)
