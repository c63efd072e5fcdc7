"""AWS Bedrock guardrail traces: of ``Converse`` and of an ``InvokeModel`` body.

Sources: botocore, bedrock-runtime, service-2.json (ConverseTrace, GuardrailTraceAssessment); the AWS Bedrock user
guide, "Use a guardrail with inference operations" (amazon-bedrock-guardrailAction, amazon-bedrock-trace).
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats import bedrock
from monitor.events.formats.allowlist import ANY_KEY, VALUE, Keep
from monitor.events.formats.format import Context, Detail, Event, Format, at, has, identified
from monitor.events.formats.values import word
from monitor.events.formats.verdicts import BLOCKED, BOOLEAN

_BY_ID: Final[Keep] = {ANY_KEY: bedrock.ASSESSMENT}
_TRACE: Final[Keep] = {
    "inputAssessment": _BY_ID,
    "outputAssessments": {ANY_KEY: [bedrock.ASSESSMENT]},
    "input": _BY_ID,
    "outputs": [_BY_ID],
}
"""Converse has the former two, InvokeModel bodies the latter."""


def trace_events(trace: dict[str, Any] | None) -> list[Event]:
    """Events of the input's and the outputs' assessments, in this order."""
    events: list[Event] = []
    for name in ("inputAssessment", "input"):
        for guardrail, one in (at(trace, name) or {}).items():
            events += bedrock.assessment_events(one or {}, guardrail_id=guardrail, stage="input")
    for guardrail, several in (at(trace, "outputAssessments") or {}).items():
        for one in several or []:
            events += bedrock.assessment_events(one, guardrail_id=guardrail, stage="output")
    for by_id in at(trace, "outputs") or []:
        for guardrail, one in by_id.items():
            events += bedrock.assessment_events(one or {}, guardrail_id=guardrail, stage="output")
    return events


def _blocked(events: list[Event], *, intervened: bool) -> list[Event]:
    """An intervention is certain, also where the trace is missing or cut and names nothing that was done."""
    if not intervened or any(event.get("action") in ("block", "redact") for event in events):
        return events
    names = {event["guardrail"] for event in events}
    return [{"guardrail": names.pop() if len(names) == 1 else "bedrock", **BOOLEAN, **BLOCKED}, *events]


def _fits_converse(record: Any) -> str | None:
    if isinstance(at(record, "trace", "guardrail"), dict):
        return "has trace.guardrail"
    if isinstance(at(record, "metadata", "trace", "guardrail"), dict):
        return "has metadata.trace.guardrail"
    return "has stopReason and usage" if has(record, "stopReason", "usage") else None


def _read_converse(record: dict[str, Any], context: Context) -> list[Event]:
    trace = at(record, "trace", "guardrail") or at(record, "metadata", "trace", "guardrail")
    stop = record.get("stopReason")
    events = _blocked(trace_events(trace), intervened=stop == "guardrail_intervened")
    for event in events:
        if event.get("stage") == "output":
            event["finish_reason"] = word(stop)
    return identified(events, bedrock.response_identity(record), format_name=CONVERSE.name)


def _fits_invoke(record: Any) -> str | None:
    return "has amazon-bedrock-guardrailAction" if has(record, "amazon-bedrock-guardrailAction") else None


def _read_invoke(record: dict[str, Any], context: Context) -> list[Event]:
    intervened = record.get("amazon-bedrock-guardrailAction") == "INTERVENED"
    events = _blocked(trace_events(at(record, "amazon-bedrock-trace", "guardrail")), intervened=intervened)
    if not events and record.get("amazon-bedrock-guardrailAction") == "NONE":
        events = [{"guardrail": "bedrock", **BOOLEAN, "verdict": "allow", "action": "allow"}]
    return identified(events, bedrock.response_identity(record), format_name=INVOKE.name)


CONVERSE: Final = Format(
    name="bedrock-converse",
    source="botocore, bedrock-runtime",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.stage,
        Detail.version,
        Detail.time,
        Detail.latency,
    ),
    title="AWS Bedrock Converse trace",
    keys=("trace", "metadata", "stopReason"),
    fits=_fits_converse,
    keep={
        "trace": {"guardrail": _TRACE},
        "metadata": {"trace": {"guardrail": _TRACE}},
        "stopReason": VALUE,
        "ResponseMetadata": bedrock.RESPONSE,
        "$metadata": bedrock.METADATA,
    },
    guardrail="bedrock",
    read=_read_converse,
    scores=bedrock.SCORES,
    dropped=f"{bedrock.DROPPED}; the conversation",
)
INVOKE: Final = Format(
    name="bedrock-invoke-model",
    source="AWS Bedrock user guide, InvokeModel with guardrails",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.stage,
        Detail.version,
        Detail.time,
        Detail.latency,
    ),
    title="AWS Bedrock InvokeModel trace",
    keys=("amazon-bedrock-guardrailAction",),
    fits=_fits_invoke,
    keep={
        "amazon-bedrock-guardrailAction": VALUE,
        "amazon-bedrock-trace": {"guardrail": _TRACE},
        "ResponseMetadata": bedrock.RESPONSE,
        "$metadata": bedrock.METADATA,
    },
    guardrail="bedrock",
    read=_read_invoke,
    scores=bedrock.SCORES,
    dropped=f"{bedrock.DROPPED}; the answer",
)
