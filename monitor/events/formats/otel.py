"""OpenTelemetry GenAI over OTLP JSON: evaluations, guardrails' spans and logs in their dialects, finish reasons.

Spans and logs of one request are joined by their trace. An evaluation that was made later has no trace, but the id of
the answer: it is joined by the trace of the span with that id, if both are in one record, and by the id itself
otherwise. A model's call that is told by its span and by a log is one event.

Source: open-telemetry/semantic-conventions-genai, docs/gen-ai; the dialects are in ``otel_guardrail`` and
``otel_dialects``. A guardrail's verdict (what it thought) and action (what was done) are two attributes and stay two.
In OTLP JSON 64-bit integers are strings and ids hexadecimal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE, Keep
from monitor.events.formats.format import Context, Detail, Event, Format, Orientation, Score, ThresholdFrom, at, has
from monitor.events.formats.otel_dialects import ATTRIBUTES as DIALECT_ATTRIBUTES
from monitor.events.formats.otel_dialects import dialect_event
from monitor.events.formats.otel_evaluation import evaluation_event
from monitor.events.formats.otel_finish import ATTRIBUTES as FINISH_ATTRIBUTES
from monitor.events.formats.otel_finish import finish_event
from monitor.events.formats.otel_guardrail import ATTRIBUTES as GUARDRAIL_ATTRIBUTES
from monitor.events.formats.otel_guardrail import guardrail_event
from monitor.events.formats.values import identifier, nanoseconds_ms, word

_PLAIN_VALUE: Final[Keep] = dict.fromkeys(("stringValue", "doubleValue", "intValue", "boolValue"), VALUE)
_ANY_VALUE: Final[Keep] = _PLAIN_VALUE | {"arrayValue": {"values": [{"stringValue": VALUE}]}}
_ATTRIBUTES: Final[Keep] = [{"key": VALUE, "value": _ANY_VALUE}]
_LOG: Final[Keep] = {
    "eventName": VALUE,
    "timeUnixNano": VALUE,
    "observedTimeUnixNano": VALUE,
    "traceId": VALUE,
    "spanId": VALUE,
    "attributes": _ATTRIBUTES,
}
_SPAN: Final[Keep] = {
    "name": VALUE,
    "traceId": VALUE,
    "spanId": VALUE,
    "startTimeUnixNano": VALUE,
    "endTimeUnixNano": VALUE,
    "status": {"code": VALUE},
    "attributes": _ATTRIBUTES,
    "events": [{"name": VALUE, "timeUnixNano": VALUE, "attributes": _ATTRIBUTES}],
}
_RESPONSE: Final = "gen_ai.response.id"
_CALL: Final = ":call"
_FAILED: Final = (2, "2", "STATUS_CODE_ERROR")
_WANTED: Final = frozenset(
    {
        "event.name",
        "error.type",
        "gen_ai.evaluation.name",
        "gen_ai.evaluation.score.value",
        "gen_ai.evaluation.score.label",
        _RESPONSE,
        "gen_ai.response.model",
        "gen_ai.request.model",
        "gen_ai.conversation.id",
        *GUARDRAIL_ATTRIBUTES,
        *DIALECT_ATTRIBUTES,
        *FINISH_ATTRIBUTES,
    }
)
"""Attributes that are read; of the others not even the key is looked at twice."""


def _fits(record: Any) -> str | None:
    for key in ("resourceLogs", "resourceSpans"):
        if isinstance(at(record, key), list):
            return f"has {key}[]"
    if has(record, "attributes") and isinstance(record["attributes"], list):
        if has(record, "eventName") or has(record, "timeUnixNano"):
            return "is an OTLP log record"
        if has(record, "spanId", "name"):
            return "is an OTLP span"
    return None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    items = list(_items(record))
    traces = _traces(items)
    return _merged([event for item in items if (event := _event(item, context, traces)) is not None])


def _merged(events: list[Event]) -> list[Event]:
    """A call that is told twice is one event, of what either says."""
    found: list[Event] = []
    calls: dict[str, Event] = {}
    for event in events:
        name = event.get("event_id") or ""
        if name in calls:
            calls[name].update({key: value for key, value in event.items() if calls[name].get(key) is None})
            continue
        found.append(event)
        if name.endswith(_CALL):
            calls[name] = event
    return found


def _traces(items: list[dict[str, Any]]) -> dict[str, str]:
    """The trace of each answer, by its id."""
    found: dict[str, str] = {}
    for item in items:
        trace = identifier(item.get("traceId"))
        for pair in item.get("attributes") or []:
            if trace and pair.get("key") == _RESPONSE and (answer := identifier(at(pair, "value", "stringValue"))):
                found[answer] = trace
    return found


def _items(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Log records, spans and the events of spans, alone or in batches."""
    if "attributes" in record:
        yield from _unrolled(record)
    for resource in record.get("resourceLogs") or []:
        for scope in resource.get("scopeLogs") or []:
            yield from scope.get("logRecords") or []
    for resource in record.get("resourceSpans") or []:
        for scope in resource.get("scopeSpans") or []:
            for span in scope.get("spans") or []:
                yield from _unrolled(span)


def _unrolled(span: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield span
    for place, event in enumerate(span.get("events") or []):
        yield event | {"traceId": span.get("traceId"), "spanId": span.get("spanId"), "place": place}


def _event(item: dict[str, Any], context: Context, traces: dict[str, str]) -> Event | None:
    attrs = attributes(item.get("attributes"))
    name = item.get("eventName") or attrs.get("event.name") or item.get("name")
    if not attrs:
        return None
    failed = at(item, "status", "code") in _FAILED
    found = (
        guardrail_event(attrs)
        or dialect_event(attrs, item.get("name"), failed=failed)
        or evaluation_event(attrs, context)
    )
    is_call = found is None
    found = finish_event(attrs) if found is None else found
    if found is None:
        return None
    trace, span = identifier(item.get("traceId")), identifier(item.get("spanId"))
    end = nanoseconds_ms(item.get("endTimeUnixNano"))
    begin = nanoseconds_ms(item.get("startTimeUnixNano"))
    response = identifier(attrs.get(_RESPONSE))
    time = end or nanoseconds_ms(item.get("timeUnixNano")) or nanoseconds_ms(item.get("observedTimeUnixNano"))
    place = item.get("place", "")
    subject = f"{trace or ''}:{span or ''}:{place}" if span else response
    if subject and time is not None:
        found["event_id"] = f"otel:{subject}:{name}:{found['guardrail']}:{found.get('category')}:{time}"[:500]
    if is_call and trace and span:
        found["event_id"] = f"otel:{trace}:{span}{_CALL}"  # of the span and of the log
    known = float(end - begin) if begin is not None and end is not None and end >= begin else None
    return found | {
        "time": time,
        "request_id": trace or traces.get(response or "", response),
        "session_id": identifier(attrs.get("gen_ai.conversation.id")),
        "model": word(attrs.get("gen_ai.request.model")),
        "model_version": word(attrs.get("gen_ai.response.model")),
        "latency_ms": found.get("latency_ms") if known is None else known,
    }


def attributes(pairs: list[dict[str, Any]] | None) -> dict[str, Any]:
    """The wanted ones of a list of OTLP attributes as a plain mapping."""
    found: dict[str, Any] = {}
    for pair in pairs or []:
        key, value = pair.get("key"), pair.get("value")
        if key in _WANTED and value:
            found[key] = _plain(value)
    return found


def _plain(value: dict[str, Any]) -> Any:
    kind, plain = next(iter(value.items()))
    if kind == "arrayValue":
        return [one.get("stringValue") for one in at(plain, "values") or []]
    if kind == "intValue" and isinstance(plain, str):  # 64-bit integers are strings in OTLP JSON
        return int(plain) if len(plain) <= 20 and plain.lstrip("-").isdigit() and plain.isascii() else None
    return plain


FORMAT: Final = Format(
    name="otel",
    source="OpenTelemetry semantic conventions for GenAI; sources of the dialects",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.status,
        Detail.stage,
        Detail.version,
        Detail.time,
        Detail.latency,
    ),
    title="OpenTelemetry GenAI, OTLP JSON: evaluations, guardrails' spans in seven dialects, finish reasons",
    keys=("resourceLogs", "resourceSpans", "attributes"),
    fits=_fits,
    keep={
        "resourceLogs": [{"scopeLogs": [{"logRecords": [_LOG]}]}],
        "resourceSpans": [{"scopeSpans": [{"spans": [_SPAN]}]}],
        **_LOG,
        **_SPAN,
    },
    read=_read,
    scores=(
        Score("gen_ai.evaluation.score.value", ScoreKind.continuous, Orientation.declared, ThresholdFrom.settings),
        Score("risk.score of a guardrail", ScoreKind.continuous, Orientation.high, ThresholdFrom.none),
        Score(
            "verdicts without a score, rails, finish reasons",
            ScoreKind.boolean,
            Orientation.none,
            ThresholdFrom.none,
            "",
        ),
    ),
    dropped="messages, instructions, explanations, verdict reasons, content hashes, resources, all other attributes",
)
