"""AWS Bedrock ``InvokeGuardrailChecks`` response: continuous scores, no verdict; the threshold is the caller's.

Source: botocore, bedrock-runtime, service-2.json (InvokeGuardrailChecksResponse).
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats import bedrock
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import (
    Context,
    Detail,
    Event,
    Format,
    Orientation,
    Score,
    ThresholdFrom,
    at,
    has,
    identified,
)
from monitor.events.formats.values import joined, required_number

_GUARDRAIL: Final = "bedrock-checks"
_CHECKS: Final = (
    ("contentFilter", "content", "category", "severityScore"),
    ("promptAttack", "prompt_attack", "category", "severityScore"),
    ("sensitiveInformation", "pii", "type", "confidenceScore"),
)


def _fits(record: Any) -> str | None:
    results = at(record, "results")
    known = isinstance(results, dict) and any(has(results.get(check), "results") for check, *_ in _CHECKS)
    return "has results.<check>.results[]" if known else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    highest: dict[str, float] = {}
    for check, policy, name, score in _CHECKS:
        for hit in at(record, "results", check, "results") or []:
            category = joined(policy, hit.get(name))
            highest[category] = max(
                highest.get(category, 0.0), required_number(hit.get(score), score, low=0.0, high=1.0)
            )
    events = [
        {
            "guardrail": _GUARDRAIL,
            "category": category,
            "score": score,
            "score_kind": "continuous",
            "threshold": context.thresholds.scaled(_GUARDRAIL, category),
        }
        for category, score in highest.items()
    ]
    return identified(events, bedrock.response_identity(record), format_name=FORMAT.name)


FORMAT: Final = Format(
    name="bedrock-checks",
    source="botocore, bedrock-runtime",
    carries=(Detail.time,),
    title="AWS Bedrock InvokeGuardrailChecks",
    keys=("results",),
    fits=_fits,
    keep={
        "results": {
            "contentFilter": {"results": [{"category": VALUE, "severityScore": VALUE}]},
            "promptAttack": {"results": [{"category": VALUE, "severityScore": VALUE}]},
            "sensitiveInformation": {"results": [{"type": VALUE, "confidenceScore": VALUE}]},
        },
        "ResponseMetadata": bedrock.RESPONSE,
        "$metadata": bedrock.METADATA,
    },
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(Score("every check", ScoreKind.continuous, Orientation.high, ThresholdFrom.settings),),
    dropped="offsets of personal data, usage",
)
