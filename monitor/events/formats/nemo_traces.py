"""NVIDIA NeMo Guardrails, traces that its FileSystem adapter writes: one line per interaction, a span per rail.

Source: NVIDIA-NeMo/Guardrails, nemoguardrails/tracing/adapters/filesystem.py (schema_version 2.0) and spans.py. Times
in it are seconds since the interaction began, so an event's time is the record's. Files of the older layout have
durations and no decision: there is no verdict in them.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import (
    Context,
    Detail,
    Event,
    Format,
    Identity,
    Orientation,
    Score,
    ThresholdFrom,
    at,
    has,
    identified,
)
from monitor.events.formats.otel_guardrail import failure, guardrail_event
from monitor.events.formats.values import flag, identifier, milliseconds


def _fits(record: Any) -> str | None:
    spans = at(record, "spans")
    if not has(record, "trace_id") or not isinstance(spans, list) or not spans:
        return None
    return "has trace_id and spans[].span_id" if has(spans[0], "span_id", "name", "duration") else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    events = []
    for span in record.get("spans") or []:
        event = guardrail_event(span.get("attributes") or {})
        if event is None:
            continue
        raised = span.get("error") or {}
        if raised.get("occurred") is not None and flag(raised["occurred"], "error.occurred"):
            named = {key: event.get(key) for key in ("guardrail", "stage")}
            event = named | {"status": failure(raised.get("type"))}
        events.append(event | {"latency_ms": milliseconds(span.get("duration"))})
    trace = identifier(record.get("trace_id"))
    return identified(events, Identity(record=trace, request=trace), format_name=FORMAT.name)


_RAIL: Final = dict.fromkeys(("rail.type", "rail.name", "rail.stop", "error.type"), VALUE)
FORMAT: Final = Format(
    name="nemo-traces",
    source="NVIDIA-NeMo/Guardrails, tracing sources",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.status,
        Detail.stage,
        Detail.latency,
    ),
    title="NVIDIA NeMo Guardrails, trace files",
    keys=("spans",),
    fits=_fits,
    keep={
        "trace_id": VALUE,
        "spans": [{"duration": VALUE, "attributes": _RAIL, "error": {"occurred": VALUE, "type": VALUE}}],
    },
    guardrail="nemo-guardrails",
    read=_read,
    scores=(Score("rail.stop", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),),
    dropped="actions with their parameters, model calls, events with messages, error messages",
)
