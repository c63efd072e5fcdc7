"""Azure AI Prompt Shields ``text:shieldPrompt``: attack or not, so no boundary.

Source: learn.microsoft.com/azure/ai-services/content-safety, quickstart of text:shieldPrompt.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Context, Detail, Event, Format, Orientation, Score, ThresholdFrom, at
from monitor.events.formats.values import flag
from monitor.events.formats.verdicts import BOOLEAN

_GUARDRAIL: Final = "azure-prompt-shields"


def _fits(record: Any) -> str | None:
    if isinstance(at(record, "userPromptAnalysis"), dict):
        return "has userPromptAnalysis"
    return "has documentsAnalysis[]" if isinstance(at(record, "documentsAnalysis"), list) else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    events = []
    prompt = record.get("userPromptAnalysis")
    if prompt is not None:
        events.append(_event("user_prompt", "input", attack=flag(prompt.get("attackDetected"), "attackDetected")))
    documents = record.get("documentsAnalysis") or []
    if documents:
        attacks = [flag(document.get("attackDetected"), "attackDetected") for document in documents]
        events.append(_event("document", "retrieval", attack=any(attacks)))
    return events


def _event(category: str, stage: str, *, attack: bool) -> Event:
    return {
        "guardrail": _GUARDRAIL,
        "category": category,
        "stage": stage,
        **BOOLEAN,
        "verdict": "flag" if attack else "allow",
    }


FORMAT: Final = Format(
    name="azure-prompt-shields",
    source="learn.microsoft.com, text:shieldPrompt",
    carries=(
        Detail.verdict,
        Detail.stage,
    ),
    title="Azure AI Prompt Shields",
    keys=("userPromptAnalysis", "documentsAnalysis"),
    fits=_fits,
    keep={
        "userPromptAnalysis": {"attackDetected": VALUE},
        "documentsAnalysis": [{"attackDetected": VALUE}],
    },
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(Score("prompt, documents", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),),
    dropped="everything else",
)
