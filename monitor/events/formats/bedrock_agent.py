"""AWS Bedrock Agents: the guardrail's part of a trace, alone or as it comes in the stream of InvokeAgent.

Source: botocore, bedrock-agent-runtime, service-2.json (TracePart, GuardrailTrace: action INTERVENED or NONE,
inputAssessments, outputAssessments). Other parts of a trace are steps that no guardrail looked at.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats import bedrock
from monitor.events.formats.allowlist import VALUE, Keep
from monitor.events.formats.format import Context, Detail, Event, Format, Identity, at, has, identified
from monitor.events.formats.values import choose, identifier, instant
from monitor.events.formats.verdicts import ALLOWED, BLOCKED, BOOLEAN
from monitor.events.reasons import Reason, Rejection

_ACTION: Final = {"none": False, "intervened": True, "guardrail_intervened": True}
_SIDES: Final = (("inputAssessments", "input"), ("outputAssessments", "output"))


def _fits(record: Any) -> str | None:
    for part in (record, at(record, "trace")):
        if has(at(part, "trace"), "guardrailTrace"):
            return "has trace.guardrailTrace"
        if has(part, "agentId", "sessionId", "trace") and isinstance(part["trace"], dict):
            return "is a part of an agent's trace"
    return None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    part = record if has(record.get("trace"), "guardrailTrace") else record.get("trace") or {}
    found = at(part, "trace", "guardrailTrace")
    if found is None:
        raise Rejection(Reason.not_judged, "a step of an agent that no guardrail looked at")
    intervened = choose(found.get("action"), _ACTION, "action")
    events = [
        event
        for key, stage in _SIDES
        for one in found.get(key) or []
        for event in bedrock.assessment_events(one, stage=stage)
    ]
    if not any(event.get("action") in ("block", "redact") for event in events) and (intervened or not events):
        events.insert(0, {"guardrail": "bedrock", **BOOLEAN, **(BLOCKED if intervened else ALLOWED)})
    identity = Identity(
        record=identifier(found.get("traceId")),
        request=identifier(found.get("traceId")),
        time=instant(part.get("eventTime")),
        session=identifier(part.get("sessionId")),
    )
    return identified(events, identity, format_name=FORMAT.name)


_PART: Final[Keep] = {
    "eventTime": VALUE,
    "sessionId": VALUE,
    "trace": {
        "guardrailTrace": {
            "action": VALUE,
            "traceId": VALUE,
            "inputAssessments": [bedrock.ASSESSMENT],
            "outputAssessments": [bedrock.ASSESSMENT],
        }
    },
}
FORMAT: Final = Format(
    name="bedrock-agent",
    source="botocore, bedrock-agent-runtime",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.stage,
        Detail.version,
        Detail.time,
        Detail.latency,
    ),
    title="AWS Bedrock Agents, trace of the guardrail",
    keys=("trace",),
    fits=_fits,
    keep=_PART | {"trace": _PART | _PART["trace"]},
    guardrail="bedrock",
    read=_read,
    scores=bedrock.SCORES,
    dropped=f"{bedrock.DROPPED}; prompts, reasoning and results of the agent's steps",
)
