"""OpenAI moderation (CreateModerationResponse): a score and a flag per category; the thresholds are not disclosed.

Source: github.com/openai/openai-openapi, CreateModerationResponse. ``flagged`` and ``categories`` are the verdict,
``category_scores`` the score; one is never read as the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import ANY_KEY, VALUE, Keep
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
from monitor.events.formats.values import identifier, optional_flag, required_number, word
from monitor.events.formats.verdicts import BOOLEAN

_GUARDRAIL: Final = "openai-moderation"
_CATEGORIES: Final = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
_NAMES: Final = {re.sub(r"[-/]", "_", name): name for name in _CATEGORIES} | {name: name for name in _CATEGORIES}
"""Of the SDK's dump and of the raw answer; a dump by alias and attribute has both."""
_OWN: Final = frozenset(_NAMES) - {"sexual"}
"""Other vendors' moderation has the same shape, and Mistral's one name in common."""
_MODELS: Final = re.compile(r"(omni|text)-moderation")
_OTHERS: Final = re.compile(r"(?i)mistral|lakera")


def _fits(record: Any) -> str | None:
    results = at(record, "results")
    if not isinstance(results, list) or not results or not all(isinstance(one, dict) for one in results[:4]):
        return None
    scores, model = results[0].get("category_scores"), str(at(record, "model"))
    if scores is None and _MODELS.match(model) and "flagged" in results[0]:
        return "has results[].flagged of OpenAI's model"  # cut by whoever logged it
    if not isinstance(scores, dict) or _OTHERS.match(model):
        return None
    if _MODELS.match(model):
        return "has results[].category_scores of OpenAI's model"
    return "has results[].category_scores with OpenAI's categories" if scores.keys() & _OWN else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    version = word(record.get("model"))
    request = identifier(record.get("id"))
    results = record.get("results") or []
    events = []
    for place, result in enumerate(results):
        common = {
            "guardrail": _GUARDRAIL,
            "guardrail_version": version,
            "request_id": request if request is None or len(results) == 1 else f"{request}#{place}",
        }
        events += [common | event for event in category_events(result, context, guardrail=_GUARDRAIL, names=_NAMES)]
    return identified(events, Identity(record=request), format_name=FORMAT.name)


def category_events(
    result: dict[str, Any], context: Context, *, guardrail: str, names: Mapping[str, str] = MappingProxyType({})
) -> list[Event]:
    """Events of ``categories`` and ``category_scores``, which several vendors' moderation has.

    Args:
        result: allowlisted by :data:`RESULT`.
        context: thresholds.
        guardrail: whose thresholds apply.
        names: the category that a key stands for, where a category has several keys: it counts once.

    Raises:
        Rejection: a score is no number, or a flag is none.
    """
    flags, scores = result.get("categories") or {}, result.get("category_scores") or {}
    events: dict[str, Event] = {}
    for key, said in scores.items():
        category = names.get(key, key)
        if said is None or (category in events and key != category):
            continue  # illicit categories are null for models that do not have them
        flagged = optional_flag(flags.get(key), "categories")
        events[category] = {
            "category": word(category),
            "score": required_number(said, "category_scores", low=0.0, high=1.0),
            "score_kind": "continuous",
            "threshold": context.thresholds.scaled(guardrail, category),
            "verdict": None if flagged is None else "flag" if flagged else "allow",
        }
    flagged = optional_flag(result.get("flagged"), "flagged")
    if flagged and not any(event["verdict"] == "flag" for event in events.values()):
        return [BOOLEAN | {"verdict": "flag"}, *events.values()]
    if flagged is not None and not events:
        return [BOOLEAN | {"verdict": "allow"}]
    return list(events.values())


RESULT: Final[Keep] = {"flagged": VALUE, "categories": {ANY_KEY: VALUE}, "category_scores": {ANY_KEY: VALUE}}
FORMAT: Final = Format(
    name="openai-moderation",
    source="openai-openapi",
    carries=(
        Detail.verdict,
        Detail.version,
    ),
    title="OpenAI moderation",
    keys=("results",),
    fits=_fits,
    keep={
        "id": VALUE,
        "model": VALUE,
        "results": [RESULT],
    },
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(Score("13 categories", ScoreKind.continuous, Orientation.high, ThresholdFrom.settings),),
    dropped="input types; flagged where a category is, too",
)
