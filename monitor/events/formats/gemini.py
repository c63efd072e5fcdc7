"""Google Gemini and Vertex AI: ``promptFeedback`` and ``safetyRatings`` of GenerateContentResponse.

Sources: ai.google.dev/api/generate-content and cloud.google.com/vertex-ai (SafetyRating, BlockedReason,
FinishReason). A rating's probability is a word (NEGLIGIBLE to HIGH); Vertex AI also writes ``probabilityScore``. The
setting from which on it blocks is not in the answer. In a stream only the last chunk has a finish
reason.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE, Keep
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
from monitor.events.formats.values import choose, identifier, instant, optional_flag, share, word
from monitor.events.formats.verdicts import ALLOWED, BLOCKED, BOOLEAN
from monitor.events.reasons import Reason, Rejection

_GUARDRAIL: Final = "gemini-safety"
_PROBABILITY: Final = {"negligible": 0, "low": 1, "medium": 2, "high": 3}
_UNSPECIFIED: Final = "HARM_PROBABILITY_UNSPECIFIED"
_CAMEL: Final = {
    "prompt_feedback": "promptFeedback",
    "block_reason": "blockReason",
    "safety_ratings": "safetyRatings",
    "finish_reason": "finishReason",
    "probability_score": "probabilityScore",
    "response_id": "responseId",
    "model_version": "modelVersion",
    "create_time": "createTime",
}
_STOPPED: Final = frozenset(
    {
        *("SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "RECITATION", "MODEL_ARMOR"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
    }
)


def _fits(record: Any) -> str | None:
    for key in ("promptFeedback", "prompt_feedback"):
        if isinstance(at(record, key), dict):
            return f"has {key}"
    candidates = at(record, "candidates")
    if not isinstance(candidates, list):
        return None
    if any(has(record, key) for key in ("usageMetadata", "usage_metadata", "modelVersion", "model_version")):
        return "has candidates[] of Gemini"
    rated = any(has(one, key) for one in candidates for key in ("safetyRatings", "safety_ratings"))
    return "has candidates[].safetyRatings" if rated else None


def _prepare(record: Any) -> Any:
    """The Python SDK's dump has the same fields in snake case."""
    if not isinstance(record, dict):
        return record
    named = _renamed(record)
    if isinstance(named.get("promptFeedback"), dict):
        named["promptFeedback"] = _rated(named["promptFeedback"])
    if isinstance(named.get("candidates"), list):
        named["candidates"] = [_rated(one) for one in named["candidates"]]
    return named


def _rated(node: Any) -> Any:
    named = _renamed(node)
    if isinstance(node, dict) and isinstance(named.get("safetyRatings"), list):
        named["safetyRatings"] = [_renamed(one) for one in named["safetyRatings"]]
    return named


def _renamed(node: Any) -> Any:
    return {_CAMEL.get(key, key): value for key, value in node.items()} if isinstance(node, dict) else node


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    events: list[Event] = []
    feedback, candidates = record.get("promptFeedback"), record.get("candidates") or []
    if feedback is not None:
        outcome = BLOCKED if feedback.get("blockReason") else ALLOWED
        events.append({"stage": "input", **BOOLEAN, **outcome})
        stopped = outcome is BLOCKED
        events += [
            {"stage": "input"} | _rating(one, context, stopped=stopped) for one in feedback.get("safetyRatings") or []
        ]
    for candidate in candidates:
        events += _candidate(candidate, context)
    if not events and candidates:
        raise Rejection(Reason.not_judged, "a chunk of a stream on which no filter reports")
    request = identifier(record.get("responseId"))
    identity = Identity(record=request, request=request, time=instant(record.get("createTime")))
    version = word(record.get("modelVersion"))
    return identified(
        [{"guardrail": _GUARDRAIL, "model": version} | event for event in events],
        identity,
        format_name=FORMAT.name,
    )


def _candidate(candidate: dict[str, Any], context: Context) -> list[Event]:
    reason = word(candidate.get("finishReason"))
    stopped = reason in _STOPPED
    ratings = [
        {"stage": "output"} | _rating(one, context, stopped=stopped) for one in candidate.get("safetyRatings") or []
    ]
    if reason is None or reason == "FINISH_REASON_UNSPECIFIED":
        return ratings
    outcome = BLOCKED if stopped else ALLOWED
    finish = "content_filter" if stopped else reason
    return [{"stage": "output", "finish_reason": finish, **BOOLEAN, **outcome}, *ratings]


def _rating(rating: dict[str, Any], context: Context, *, stopped: bool) -> Event:
    """``blocked`` is left out where it is false; of what was stopped it is not certain then which rating did it."""
    category = (word(rating.get("category")) or "unnamed").removeprefix("HARM_CATEGORY_").lower()
    event: Event = {"category": category}
    blocked = optional_flag(rating.get("blocked"), "blocked")
    event |= BLOCKED if blocked else {} if stopped and blocked is None else ALLOWED
    score = share(rating.get("probabilityScore"), "probabilityScore")
    if score is not None:
        threshold = context.thresholds.scaled(_GUARDRAIL, category)
        return event | {"score": score, "score_kind": "continuous", "threshold": threshold}
    if rating.get("probability") in (None, _UNSPECIFIED):
        return event | BOOLEAN
    rank = choose(rating["probability"], _PROBABILITY, "probability")
    threshold = context.thresholds.scaled(_GUARDRAIL, category, high=3.0)
    return event | {"score": rank / 3, "score_kind": "ordinal", "threshold": threshold}


_RATINGS: Final[Keep] = [dict.fromkeys(("category", "probability", "probabilityScore", "blocked"), VALUE)]
FORMAT: Final = Format(
    name="gemini",
    source="ai.google.dev and Vertex AI, generateContent",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.stage,
        Detail.time,
    ),
    title="Google Gemini and Vertex AI, safety ratings",
    keys=("promptFeedback", "prompt_feedback", "candidates"),
    fits=_fits,
    keep={
        "promptFeedback": {"blockReason": VALUE, "safetyRatings": _RATINGS},
        "candidates": [{"finishReason": VALUE, "safetyRatings": _RATINGS}],
        **dict.fromkeys(("responseId", "modelVersion", "createTime"), VALUE),
    },
    guardrail=_GUARDRAIL,
    read=_read,
    prepare=_prepare,
    scores=(
        Score("probabilityScore", ScoreKind.continuous, Orientation.high, ThresholdFrom.settings),
        Score(
            "probability", ScoreKind.ordinal, Orientation.high, ThresholdFrom.settings, "0 negligible, 1, 2, 3 high"
        ),
        Score("block and finish reasons", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
    ),
    dropped="prompts and answers, citations, severity, usage",
)
