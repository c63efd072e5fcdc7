"""OpenAI moderation (CreateModerationResponse): a score and a flag per category; the thresholds are not disclosed.

``flagged`` and ``categories`` are the verdict, ``category_scores`` the score; one is never read as the other.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import ANY_KEY, VALUE
from monitor.events.formats.format import (
    Context,
    Event,
    Format,
    Identity,
    Orientation,
    Score,
    ThresholdFrom,
    at,
    identified,
)
from monitor.events.formats.values import flag, identifier, required_number, word

_GUARDRAIL: Final = "openai-moderation"


def _fits(record: Any) -> str | None:
    results = at(record, "results")
    if isinstance(results, list) and results and all(isinstance(one, dict) for one in results[:4]):
        return "has results[].category_scores" if "category_scores" in results[0] else None
    return None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    version = word(record.get("model"))
    request = identifier(record.get("id"))
    results = record.get("results") or []
    events = []
    for place, result in enumerate(results):
        flags = result.get("categories") or {}
        for category, score in (result.get("category_scores") or {}).items():
            flagged = flags.get(category)
            if score is None:  # illicit categories are null for models that do not have them
                continue
            events.append(
                {
                    "guardrail": _GUARDRAIL,
                    "guardrail_version": version,
                    "category": word(category),
                    "score": required_number(score, "category_scores", low=0.0, high=1.0),
                    "score_kind": "continuous",
                    "threshold": context.thresholds.scaled(_GUARDRAIL, category),
                    "verdict": None if flagged is None else "flag" if flag(flagged, "categories") else "allow",
                    "request_id": request if request is None or len(results) == 1 else f"{request}#{place}",
                }
            )
    return identified(events, Identity(record=request), format_name=FORMAT.name)


FORMAT: Final = Format(
    name="openai-moderation",
    title="OpenAI moderation",
    keys=("results",),
    fits=_fits,
    keep={
        "id": VALUE,
        "model": VALUE,
        "results": [{"categories": {ANY_KEY: VALUE}, "category_scores": {ANY_KEY: VALUE}}],
    },
    read=_read,
    scores=(Score("13 categories", ScoreKind.continuous, Orientation.high, ThresholdFrom.settings),),
    dropped="input types; flagged, which is the sum of the categories",
)
