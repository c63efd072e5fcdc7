"""Pangea AI Guard and CrowdStrike AIDR: one verdict for the whole, and one per detector.

Sources: pangea.cloud/docs/ai-guard (``result`` with blocked, transformed, recipe and detectors) and BerriAI/litellm,
litellm/proxy/guardrails/guardrail_hooks/pangea and crowdstrike_aidr: AIDR has the same shape with ``policy`` and
``guard_output``.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import ANY_KEY, VALUE
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
from monitor.events.formats.values import duration_ms, flag, identifier, instant, optional_flag, word
from monitor.events.formats.verdicts import ALLOWED, AUDITED, BLOCKED, BOOLEAN, MASKED


def _fits(record: Any) -> str | None:
    result = at(record, "result")
    if not has(result, "detectors") or not (has(result, "blocked") or has(result, "transformed")):
        return None
    return "has result.blocked and result.detectors" if isinstance(result["detectors"], dict) else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    result = record.get("result") or {}
    aidr = "policy" in result or "guard_output" in result
    common = {
        "guardrail": "crowdstrike-aidr" if aidr else "pangea-ai-guard",
        "guardrail_version": word(result.get("policy") or result.get("recipe")),
        "latency_ms": duration_ms(record.get("request_time"), record.get("response_time")),
    }
    parts = []
    for category, one in (result.get("detectors") or {}).items():
        detected = optional_flag((one or {}).get("detected"), "detected")
        if detected is not None:
            parts.append(BOOLEAN | {"category": word(category), "verdict": "flag" if detected else "allow"})
    events = [common | event for event in (_overall(result, parts), *parts)]
    request = identifier(record.get("request_id"))
    identity = Identity(record=request, request=request, time=instant(record.get("response_time")))
    return identified(events, identity, format_name=FORMAT.name)


def _overall(result: dict[str, Any], parts: list[Event]) -> Event:
    if result.get("blocked") is not None and flag(result["blocked"], "blocked"):
        return BOOLEAN | BLOCKED
    if result.get("transformed") is not None and flag(result["transformed"], "transformed"):
        return BOOLEAN | MASKED
    return BOOLEAN | (AUDITED if any(part["verdict"] == "flag" for part in parts) else ALLOWED)


FORMAT: Final = Format(
    name="pangea",
    source="pangea.cloud, AI Guard; litellm",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.version,
        Detail.time,
        Detail.latency,
    ),
    title="Pangea AI Guard, CrowdStrike AIDR",
    keys=("result",),
    fits=_fits,
    keep={
        **dict.fromkeys(("request_id", "request_time", "response_time"), VALUE),
        "result": {
            **dict.fromkeys(("blocked", "transformed", "recipe", "policy"), VALUE),
            "guard_output": {},
            "detectors": {ANY_KEY: {"detected": VALUE}},
        },
    },
    guardrail="pangea-ai-guard",
    read=_read,
    scores=(Score("blocked, detectors", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),),
    dropped="prompts and their changed copies, matched entities, analyzers with their confidence, summary",
)
