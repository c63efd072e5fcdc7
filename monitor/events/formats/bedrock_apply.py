"""AWS Bedrock ``ApplyGuardrail`` response.

Source: botocore, bedrock-runtime, service-2.json (ApplyGuardrailResponse). ``assessments`` may be missing beside an
intervention: then the intervention is all that is known.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats import bedrock
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Context, Detail, Event, Format, at, identified
from monitor.events.formats.values import choose
from monitor.events.formats.verdicts import BLOCKED, BOOLEAN

_ACTION: Final = {"none": False, "guardrail_intervened": True}


def _fits(record: Any) -> str | None:
    action = at(record, "action")
    if not isinstance(action, str) or action.lower() not in _ACTION:
        return None
    if isinstance(record.get("assessments"), list):
        return "has action and assessments[]"
    answered = isinstance(record.get("outputs"), list) and isinstance(record.get("usage"), dict)
    return "has action, outputs[] and usage" if answered else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    intervened = choose(record.get("action"), _ACTION, "action")
    stage = bedrock.source_stage(record.get("source"))
    assessments = record.get("assessments") or [{}]
    events = [
        event
        for one in assessments
        for event in bedrock.assessment_events(
            one,
            stage=stage,
            intervened=intervened and len(assessments) == 1,
            coverage=record.get("guardrailCoverage") if len(assessments) == 1 else None,
        )
    ]
    if intervened and not any(event.get("action") in ("block", "redact") for event in events):
        # of several assessments none reports that it stopped the text
        events.insert(0, {"guardrail": events[0]["guardrail"], "stage": stage, **BOOLEAN, **BLOCKED})
    return identified(events, bedrock.response_identity(record), format_name=FORMAT.name)


FORMAT: Final = Format(
    name="bedrock-apply-guardrail",
    source="botocore, bedrock-runtime",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.status,
        Detail.stage,
        Detail.version,
        Detail.time,
        Detail.latency,
    ),
    title="AWS Bedrock ApplyGuardrail",
    keys=("assessments", "outputs"),
    fits=_fits,
    keep={
        "action": VALUE,
        "source": VALUE,
        "assessments": [bedrock.ASSESSMENT],
        "guardrailCoverage": bedrock.COVERAGE,
        "ResponseMetadata": bedrock.RESPONSE,
        "$metadata": bedrock.METADATA,
    },
    guardrail="bedrock",
    read=_read,
    scores=bedrock.SCORES,
    dropped=bedrock.DROPPED,
)
