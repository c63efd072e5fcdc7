"""Mistral moderation: a score and a flag per category, in the shape of OpenAI's answer; categories of its own.

Sources: docs.mistral.ai/usage/guardrailing and /resources/deprecated/guardrailing/mistral-moderation-2411 (the
categories of both models). The thresholds are not disclosed.
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
    identified,
)
from monitor.events.formats.openai_moderation import RESULT, category_events
from monitor.events.formats.values import identifier, word

_GUARDRAIL: Final = "mistral-moderation"
_OWN: Final = frozenset(
    {"hate_and_discrimination", "violence_and_threats", "dangerous_and_criminal_content", "selfharm", "jailbreaking"}
)
"""Others, such as health, law and pii, are names that anybody might use."""


def _fits(record: Any) -> str | None:
    results = at(record, "results")
    if not isinstance(results, list) or not results:
        return None
    scores, model = at(results[0], "category_scores"), at(record, "model")
    if not isinstance(scores, dict):
        return None
    if isinstance(model, str) and model.startswith("mistral-moderation"):
        return "model is mistral-moderation"
    return "has results[].category_scores with Mistral's categories" if scores.keys() & _OWN else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    request = identifier(record.get("id"))
    results = record.get("results") or []
    events = []
    for place, result in enumerate(results):
        common = {
            "guardrail": _GUARDRAIL,
            "guardrail_version": word(record.get("model")),
            "request_id": request if request is None or len(results) == 1 else f"{request}#{place}",
        }
        events += [common | event for event in category_events(result, context, guardrail=_GUARDRAIL)]
    return identified(events, Identity(record=request), format_name=FORMAT.name)


FORMAT: Final = Format(
    name="mistral-moderation",
    source="docs.mistral.ai, guardrailing",
    carries=(
        Detail.verdict,
        Detail.version,
    ),
    title="Mistral moderation",
    keys=("results",),
    fits=_fits,
    keep={"id": VALUE, "model": VALUE, "results": [RESULT]},
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(Score("every category", ScoreKind.continuous, Orientation.high, ThresholdFrom.settings),),
    dropped="usage",
)
