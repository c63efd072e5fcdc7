"""OpenAI Agents SDK: spans of guardrails, as a trace exporter hands them on.

Source: github.com/openai/openai-agents-python, src/agents/tracing/spans.py (``export``) and span_data.py
(GuardrailSpanData: type, name, triggered). A tripwire ends the run, so what triggered was blocked. All other spans,
and the traces themselves, are calls that no guardrail looked at.
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
from monitor.events.formats.values import duration_ms, flag, identifier, instant, word
from monitor.events.formats.verdicts import ALLOWED, BLOCKED, BOOLEAN
from monitor.events.reasons import Reason, Rejection


def _fits(record: Any) -> str | None:
    if at(record, "object") == "trace.span" and isinstance(record.get("span_data"), dict):
        return "is a trace.span with span_data"
    return (
        "is a trace with workflow_name" if at(record, "object") == "trace" and has(record, "workflow_name") else None
    )


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    span = record.get("span_data") or {}
    if span.get("type") != "guardrail":
        raise Rejection(Reason.not_judged, "a span that is not of a guardrail")
    start, end = record.get("started_at"), record.get("ended_at")
    event: Event = {"guardrail": word(span.get("name")) or "unnamed", "latency_ms": duration_ms(start, end)}
    if record.get("error") is not None:
        event["status"] = "error"
    else:
        event |= BOOLEAN | (BLOCKED if flag(span.get("triggered"), "triggered") else ALLOWED)
    identity = Identity(
        record=identifier(record.get("id")),
        request=identifier(record.get("trace_id")),
        time=instant(end) or instant(start),
    )
    return identified([event], identity, format_name=FORMAT.name)


FORMAT: Final = Format(
    name="openai-agents",
    source="openai-agents-python, tracing sources",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.status,
        Detail.time,
        Detail.latency,
    ),
    title="OpenAI Agents SDK, spans of guardrails",
    keys=("span_data", "workflow_name"),
    fits=_fits,
    keep={
        **dict.fromkeys(("object", "id", "trace_id", "started_at", "ended_at"), VALUE),
        "span_data": dict.fromkeys(("type", "name", "triggered"), VALUE),
        "error": ({}, VALUE),
    },
    read=_read,
    scores=(Score("triggered", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),),
    dropped="inputs and outputs of all spans, error messages and data",
)
