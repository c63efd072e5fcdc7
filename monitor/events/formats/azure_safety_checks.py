"""Azure AI Content Safety's checks of one question each: groundedness, protected material, and the like.

Sources: learn.microsoft.com/azure/ai-services/content-safety, the quickstarts of text:detectGroundedness
(``ungroundedDetected``, ``ungroundedPercentage`` from 0 to 1), text:detectProtectedMaterial and -ForCode
(``protectedMaterialAnalysis``, ``protectedMaterialCodeAnalysis``), text:analyzeCustomCategory
(``customCategoryAnalysis``) and agent:analyzeTaskAdherence (``taskRiskDetected``). What is done is the caller's.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Context, Detail, Event, Format, Orientation, Score, ThresholdFrom, at, has
from monitor.events.formats.values import flag, share
from monitor.events.formats.verdicts import BOOLEAN

_GROUNDED: Final = "azure-groundedness"
_MATERIAL: Final = (("protectedMaterialAnalysis", "text"), ("protectedMaterialCodeAnalysis", "code"))
_DETECTED: Final = (*(key for key, _ in _MATERIAL), "customCategoryAnalysis")
_KEYS: Final = ("ungroundedDetected", "taskRiskDetected", *_DETECTED)


def _fits(record: Any) -> str | None:
    for key in ("ungroundedDetected", "taskRiskDetected"):
        if has(record, key):
            return f"has {key}"
    return next((f"has {key}.detected" for key in _DETECTED if has(at(record, key), "detected")), None)


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    events = []
    if record.get("ungroundedDetected") is not None:
        score = share(record.get("ungroundedPercentage"), "ungroundedPercentage")
        scored: Event = {"score": score, "score_kind": "continuous"}
        scored["threshold"] = context.thresholds.scaled(_GROUNDED, None)
        verdict = _verdict(record["ungroundedDetected"], "ungroundedDetected")
        events.append(
            {"guardrail": _GROUNDED, "stage": "output", **(BOOLEAN if score is None else scored), **verdict}
        )
    for key, category in _MATERIAL:
        detected = at(record, key, "detected")
        if detected is not None:
            event = {"guardrail": "azure-protected-material", "stage": "output", "category": category}
            events.append(event | BOOLEAN | _verdict(detected, "detected"))
    custom = at(record, "customCategoryAnalysis", "detected")
    if custom is not None:
        events.append({"guardrail": "azure-custom-category", **BOOLEAN, **_verdict(custom, "detected")})
    if record.get("taskRiskDetected") is not None:
        verdict = _verdict(record["taskRiskDetected"], "taskRiskDetected")
        events.append({"guardrail": "azure-task-adherence", "stage": "tool", **BOOLEAN, **verdict})
    return events


def _verdict(value: Any, name: str) -> Event:
    return {"verdict": "flag" if flag(value, name) else "allow"}


FORMAT: Final = Format(
    name="azure-safety-checks",
    source="learn.microsoft.com, quickstarts of Content Safety",
    carries=(
        Detail.verdict,
        Detail.stage,
    ),
    title="Azure AI Content Safety: groundedness, protected material, custom categories, task adherence",
    keys=_KEYS,
    fits=_fits,
    keep={
        **dict.fromkeys(("ungroundedDetected", "ungroundedPercentage", "taskRiskDetected"), VALUE),
        **{key: {"detected": VALUE} for key in _DETECTED},
    },
    guardrail="azure-safety-checks",
    read=_read,
    scores=(
        Score("ungroundedPercentage", ScoreKind.continuous, Orientation.high, ThresholdFrom.settings),
        Score(
            "protected material, custom categories, task adherence",
            ScoreKind.boolean,
            Orientation.none,
            ThresholdFrom.none,
            "",
        ),
    ),
    dropped="ungrounded passages, citations, reasons",
)
