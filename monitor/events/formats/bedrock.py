"""AWS Bedrock Guardrails: the assessment, which every Bedrock record holds.

Source: botocore, bedrock-runtime, service-2.json (GuardrailAssessment, GuardrailCoverage,
GuardrailAutomatedReasoningFinding).

Content filters are ordinal: confidence NONE, LOW, MEDIUM, HIGH against a strength that says from which confidence on
the filter blocks (LOW blocks HIGH only, MEDIUM from MEDIUM, HIGH from LOW). So each event carries its own threshold.
Grounding and relevance are the other way round: a low score is the bad one. Lists hold what was found only, unless
the caller asked for everything; so every assessment also gives one event without category, the base of all rates.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE, Keep
from monitor.events.formats.format import Event, Identity, Orientation, Score, ThresholdFrom, at
from monitor.events.formats.values import (
    choose,
    http_date,
    identifier,
    joined,
    numeral,
    optional_flag,
    required_number,
    share,
    word,
)
from monitor.events.formats.verdicts import ALLOWED, AUDITED, BLOCKED, BOOLEAN, MASKED, by_category, worst

_COUNTED: Final = {"guarded": VALUE, "total": VALUE}
COVERAGE: Final[Keep] = {"textCharacters": _COUNTED, "images": _COUNTED}
"""``guardrailCoverage``: how much of what was sent the guardrail has looked at."""
_REASONED: Final = {
    "valid": ALLOWED,
    "noTranslations": ALLOWED,
    "invalid": AUDITED,
    "satisfiable": AUDITED,
    "impossible": AUDITED,
    "translationAmbiguous": AUDITED,
    "tooComplex": {"status": "skipped"},
}
"""Findings of automated reasoning, which only ever detects; a text that is too complex for it was not judged."""
_HIT: Final = {"action": VALUE, "detected": VALUE}
ASSESSMENT: Final[Keep] = {
    "topicPolicy": {"topics": [_HIT | {"name": VALUE}]},
    "contentPolicy": {"filters": [_HIT | {"type": VALUE, "confidence": VALUE, "filterStrength": VALUE}]},
    "wordPolicy": {"customWords": [_HIT], "managedWordLists": [_HIT | {"type": VALUE}]},
    "sensitiveInformationPolicy": {
        "piiEntities": [_HIT | {"type": VALUE}],
        "regexes": [_HIT | {"name": VALUE}],
    },
    "contextualGroundingPolicy": {"filters": [_HIT | {"type": VALUE, "threshold": VALUE, "score": VALUE}]},
    "automatedReasoningPolicy": {"findings": [{name: {} for name in _REASONED}]},
    "invocationMetrics": {"guardrailProcessingLatency": VALUE, "guardrailCoverage": COVERAGE},
    "appliedGuardrailDetails": {"guardrailId": VALUE, "guardrailVersion": VALUE},
}
RESPONSE: Final[Keep] = {"RequestId": VALUE, "HTTPHeaders": {"date": VALUE}}
"""``ResponseMetadata``, which boto3 adds to every response."""
METADATA: Final[Keep] = {"requestId": VALUE}
"""``$metadata``, which the SDK for JavaScript adds."""

SCORES: Final = (
    Score("content filters", ScoreKind.ordinal, Orientation.high, ThresholdFrom.event, "confidence against strength"),
    Score("grounding, relevance", ScoreKind.continuous, Orientation.low, ThresholdFrom.event),
    Score(
        "topics, words, personal data, reasoning, overall",
        ScoreKind.boolean,
        Orientation.none,
        ThresholdFrom.none,
        "",
    ),
)
DROPPED: Final = "matched words and personal data, texts, reasons, what automated reasoning found, usage, ARNs"

_CONFIDENCE: Final = {"none": 0, "low": 1, "medium": 2, "high": 3}
_CUT: Final = {"low": 3, "medium": 2, "high": 1}
"""The confidence from which a filter of this strength blocks; strength NONE blocks nothing and has no boundary."""
_OUTCOME: Final = {"blocked": BLOCKED, "anonymized": MASKED, "none": AUDITED}


def assessment_events(
    assessment: dict[str, Any],
    *,
    guardrail_id: str | None = None,
    stage: str | None = None,
    intervened: bool = False,
    coverage: dict[str, Any] | None = None,
) -> list[Event]:
    """One event for the whole assessment, one per filter in it, and one if a part was not looked at.

    Args:
        assessment: allowlisted by :data:`ASSESSMENT`.
        guardrail_id: from around the assessment; its own details go first.
        stage: where the text came from, if known.
        intervened: whether the response reports that something was done, for assessments without details.
        coverage: allowlisted by :data:`COVERAGE`, of the response; the assessment's own goes first.

    Raises:
        Rejection: a word or number is none of Bedrock's.
    """
    details = at(assessment, "appliedGuardrailDetails") or {}
    common = {
        "guardrail": joined("bedrock", details.get("guardrailId") or guardrail_id),
        "guardrail_version": word(details.get("guardrailVersion")),
        "stage": stage,
        "latency_ms": numeral(at(assessment, "invocationMetrics", "guardrailProcessingLatency")),
    }
    parts = [
        *_content(assessment),
        *_grounding(assessment),
        *by_category(_boolean(assessment)),
        *_reasoning(assessment),
    ]
    judged = [part for part in parts if part.get("status") is None]
    overall = worst(judged) if judged else ALLOWED
    if intervened and overall["action"] in (None, "allow", "audit"):
        overall = BLOCKED
    unseen = _uncovered(at(assessment, "invocationMetrics", "guardrailCoverage") or coverage)
    if unseen == 1.0 and overall == ALLOWED:
        return [common | {"status": "skipped"}]  # nothing was looked at, so nothing was allowed
    partly = [common | {"category": "not_covered", "status": "skipped"}] if unseen else []
    return [common | BOOLEAN | overall, *(common | part for part in parts), *partly]


def response_identity(record: dict[str, Any]) -> Identity:
    """The request and when it was answered, from what the SDK adds to a response."""
    metadata = record.get("ResponseMetadata")
    request = identifier(at(metadata, "RequestId")) or identifier(at(record, "$metadata", "requestId"))
    return Identity(record=request, request=request, time=http_date(at(metadata, "HTTPHeaders", "date")))


def source_stage(source: Any) -> str | None:
    """``source`` of an ApplyGuardrail request."""
    return {"INPUT": "input", "OUTPUT": "output"}.get(source) if isinstance(source, str) else None


def _uncovered(coverage: dict[str, Any] | None) -> float:
    """The largest share of what was sent that the guardrail has not looked at; 0 if that is not reported."""
    shares = [0.0]
    for kind in ("textCharacters", "images"):
        counts = at(coverage, kind) or {}
        if counts.get("guarded") is not None and counts.get("total") is not None:
            guarded, total = (
                required_number(counts[name], name, low=0.0, high=1e12) for name in ("guarded", "total")
            )
            if guarded < total:
                shares.append(1.0 - guarded / total)
    return max(shares)


def _reasoning(assessment: dict[str, Any]) -> list[Event]:
    """Findings of automated reasoning as one event: the worst that it found, or that it could not judge."""
    findings = at(assessment, "automatedReasoningPolicy", "findings")
    if findings is None:
        return []
    results = [_REASONED[name] for finding in findings for name in finding]
    judged = [result for result in results if "status" not in result]
    event = BOOLEAN | {"category": "automated_reasoning"}
    if results and not judged:
        return [{"category": "automated_reasoning", "status": "skipped"}]
    return [event | (worst(judged) if judged else ALLOWED)]


def _outcome(hit: dict[str, Any]) -> Event:
    """Meaning of a filter's action; an entry without ``detected`` was listed because it detected."""
    action = hit.get("action")
    outcome = choose(action, _OUTCOME, "action") if action is not None else AUDITED
    return ALLOWED if optional_flag(hit.get("detected"), "detected") is False else outcome


def _content(assessment: dict[str, Any]) -> list[Event]:
    found = []
    for hit in at(assessment, "contentPolicy", "filters") or []:
        rank = choose(hit.get("confidence"), _CONFIDENCE, "confidence")
        strength = hit.get("filterStrength")
        cut = _CUT.get(strength.lower()) if isinstance(strength, str) else None
        silent = hit.get("detected") is None and rank == 0
        found.append(
            {
                "category": joined("content", hit.get("type")),
                "score": rank / 3,
                "score_kind": "ordinal",
                "threshold": None if cut is None else cut / 3,
                **(ALLOWED if silent else _outcome(hit)),
            }
        )
    return found


def _grounding(assessment: dict[str, Any]) -> list[Event]:
    return [
        {
            "category": joined("grounding", hit.get("type")),
            "score": share(hit.get("score"), "score"),
            "score_kind": "continuous",
            "score_semantics": "inverted",
            "threshold": share(hit.get("threshold"), "threshold"),
            **_grounded(hit),
        }
        for hit in at(assessment, "contextualGroundingPolicy", "filters") or []
    ]


def _grounded(hit: dict[str, Any]) -> Event:
    """Grounding filters are always listed, so an action of NONE alone is not a detection."""
    if hit.get("detected") is None and hit.get("action") == "NONE":
        return ALLOWED
    return _outcome(hit)


def _boolean(assessment: dict[str, Any]) -> list[Event]:
    lists = (
        ("topic", at(assessment, "topicPolicy", "topics"), "name"),
        ("word/custom", at(assessment, "wordPolicy", "customWords"), ""),
        ("word", at(assessment, "wordPolicy", "managedWordLists"), "type"),
        ("pii", at(assessment, "sensitiveInformationPolicy", "piiEntities"), "type"),
        ("pii/regex", at(assessment, "sensitiveInformationPolicy", "regexes"), "name"),
    )
    return [
        BOOLEAN | {"category": joined(policy, hit.get(name))} | _outcome(hit)
        for policy, hits, name in lists
        for hit in hits or []
    ]
