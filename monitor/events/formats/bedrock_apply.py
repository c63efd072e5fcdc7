"""AWS Bedrock ``ApplyGuardrail`` response."""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats import bedrock
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Context, Event, Format, has, identified
from monitor.events.formats.values import choose

_ACTION: Final = {"none": False, "guardrail_intervened": True}


def _fits(record: Any) -> str | None:
    if has(record, "action", "assessments") and isinstance(record["assessments"], list):
        return "has action and assessments[]"
    return None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    intervened = choose(record.get("action"), _ACTION, "action")
    stage = bedrock.source_stage(record.get("source"))
    assessments = record.get("assessments") or [{}]
    events = [
        event
        for one in assessments
        for event in bedrock.assessment_events(one, stage=stage, intervened=intervened and len(assessments) == 1)
    ]
    return identified(events, bedrock.response_identity(record.get("ResponseMetadata")), format_name=FORMAT.name)


FORMAT: Final = Format(
    name="bedrock-apply-guardrail",
    title="AWS Bedrock ApplyGuardrail",
    keys=("assessments",),
    fits=_fits,
    keep={
        "action": VALUE,
        "source": VALUE,
        "assessments": [bedrock.ASSESSMENT],
        "ResponseMetadata": bedrock.RESPONSE,
    },
    read=_read,
    scores=bedrock.SCORES,
    dropped=bedrock.DROPPED,
)
