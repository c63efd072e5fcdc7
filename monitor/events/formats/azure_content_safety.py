"""Azure AI Content Safety ``text:analyze``: severities 0 to 7; no verdict, because the threshold is the caller's.

Source: learn.microsoft.com/azure/ai-services/content-safety, quickstart of text:analyze.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Context, Detail, Event, Format, Orientation, Score, ThresholdFrom, at
from monitor.events.formats.values import required_number, word
from monitor.events.formats.verdicts import BOOLEAN

_GUARDRAIL: Final = "azure-content-safety"
_HIGHEST: Final = 7.0
"""Under EightSeverityLevels; FourSeverityLevels uses 0, 2, 4 and 6 of the same scale."""


def _fits(record: Any) -> str | None:
    return "has categoriesAnalysis[]" if isinstance(at(record, "categoriesAnalysis"), list) else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    events: list[Event] = []
    for hit in record.get("categoriesAnalysis") or []:
        category = word(hit.get("category"))
        severity = required_number(hit.get("severity"), "severity", low=0.0, high=_HIGHEST)
        threshold = context.thresholds.scaled(_GUARDRAIL, category, high=_HIGHEST)
        event = {
            "guardrail": _GUARDRAIL,
            "category": category,
            "score": severity / _HIGHEST,
            "score_kind": "ordinal",
            "threshold": threshold,
        }
        if threshold is not None:
            event["verdict"] = "flag" if severity / _HIGHEST >= threshold else "allow"
        events.append(event)
    matches = record.get("blocklistsMatch")
    if matches is not None:
        verdict = "flag" if matches else "allow"
        events.append({"guardrail": _GUARDRAIL, "category": "blocklist", **BOOLEAN, "verdict": verdict})
    return events


FORMAT: Final = Format(
    name="azure-content-safety",
    source="learn.microsoft.com, text:analyze",
    carries=(Detail.verdict,),
    title="Azure AI Content Safety, text:analyze",
    keys=("categoriesAnalysis",),
    fits=_fits,
    keep={
        "categoriesAnalysis": [{"category": VALUE, "severity": VALUE}],
        "blocklistsMatch": [{"blocklistName": VALUE}],
    },
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(
        Score("categories", ScoreKind.ordinal, Orientation.high, ThresholdFrom.settings, "severity 0 to 7"),
        Score("blocklists", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
    ),
    dropped="blocklist items with their text",
)
