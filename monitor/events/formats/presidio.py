"""Microsoft Presidio: what the analyzer found, and what the anonymizer replaced.

Source: microsoft.github.io/presidio/api-docs (RecognizerResult: entity_type, start, end, score; AnonymizeResponse:
text and items with operator and entity_type). Where nothing is found the list is empty, and names
no vendor of whose it is, so rates of entities need the anonymizer's answers.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE, Keep
from monitor.events.formats.format import Context, Detail, Event, Format, Orientation, Score, ThresholdFrom, has
from monitor.events.formats.values import required_number, word
from monitor.events.formats.verdicts import ALLOWED, BOOLEAN, MASKED

_GUARDRAIL: Final = "presidio"


def _fits(record: Any) -> str | None:
    if isinstance(record, list):
        found = record and all(has(one, "entity_type", "start", "end", "score") for one in record)
        return "an array of entity_type, start, end and score" if found else None
    if has(record, "text", "items") and isinstance(record["items"], list):
        replaced = all(has(one, "operator", "entity_type", "start", "end") for one in record["items"])
        return "has text and items[].operator" if replaced else None
    return None


def _read(record: Any, context: Context) -> list[Event]:
    if isinstance(record, dict):
        categories = {word(one.get("entity_type")) for one in record.get("items") or []}
        common: Event = {"guardrail": _GUARDRAIL, **BOOLEAN}
        parts = [common | MASKED | {"category": category} for category in sorted(filter(None, categories))]
        return [common | (MASKED if parts else ALLOWED), *parts]
    if not record:
        return [{"guardrail": _GUARDRAIL, **BOOLEAN, "verdict": "allow"}]
    highest: dict[str, float] = {}
    for one in record:
        category = word(one.get("entity_type")) or "unnamed"
        score = required_number(one.get("score"), "score", low=0.0, high=1.0)
        highest[category] = max(score, highest.get(category, 0.0))
    events: list[Event] = [{"guardrail": _GUARDRAIL, **BOOLEAN, "verdict": "flag"}]
    for category, score in highest.items():
        threshold = context.thresholds.scaled(_GUARDRAIL, category)
        event: Event = {"guardrail": _GUARDRAIL, "category": category, "score": score, "score_kind": "continuous"}
        events.append(event | {"threshold": threshold, "verdict": "flag"})
    return events


_FOUND: Final[Keep] = {"entity_type": VALUE, "score": VALUE}
FORMAT: Final = Format(
    name="presidio",
    source="Presidio API reference",
    carries=(
        Detail.verdict,
        Detail.action,
    ),
    title="Microsoft Presidio",
    keys=("items",),
    fits=_fits,
    keep=({"items": [{"entity_type": VALUE}]}, [_FOUND]),
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(
        Score("findings", ScoreKind.continuous, Orientation.high, ThresholdFrom.settings),
        Score("replacements", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
    ),
    dropped="texts, places of findings, recognizers and their explanations",
)
