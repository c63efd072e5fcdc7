"""Lakera Guard, version 1 of its API: a score and a flag per category, in the shape of OpenAI's moderation.

Source: BerriAI/litellm, litellm/proxy/guardrails/guardrail_hooks/lakera_ai.py (``results[]`` with categories,
category_scores and flagged); ``model`` begins with lakera-guard.
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
    Orientation,
    Score,
    ThresholdFrom,
    at,
)
from monitor.events.formats.openai_moderation import RESULT, category_events
from monitor.events.formats.values import word

_GUARDRAIL: Final = "lakera"


def _fits(record: Any) -> str | None:
    results, model = at(record, "results"), at(record, "model")
    if not isinstance(results, list) or not results or not isinstance(at(results[0], "category_scores"), dict):
        return None
    return "model is lakera-guard" if isinstance(model, str) and model.startswith("lakera-guard") else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    common = {"guardrail": _GUARDRAIL, "guardrail_version": word(record.get("model"))}
    return [
        common | event
        for result in record.get("results") or []
        for event in category_events(result, context, guardrail=_GUARDRAIL)
    ]


FORMAT: Final = Format(
    name="lakera-v1",
    source="litellm, lakera_ai.py",
    carries=(
        Detail.verdict,
        Detail.version,
    ),
    title="Lakera Guard v1",
    keys=("results",),
    fits=_fits,
    keep={"model": VALUE, "results": [RESULT]},
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(Score("every category", ScoreKind.continuous, Orientation.high, ThresholdFrom.settings),),
    dropped="payload: matched text and its place; dev_info",
)
