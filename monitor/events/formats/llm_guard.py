"""LLM Guard: risk scores of the API's answers and of its structured log.

Sources: github.com/protectai/llm-guard, llm_guard/util.py and evaluate.py, llm_guard_api/app/schemas.py.

The score is not a probability: ``calculate_risk_score`` (llm_guard/util.py) stretches the distance to the scanner's
threshold to -1 .. 1 and rounds it to .1, whatever the documentation says. With the threshold t known it is undone,
raw = t + r (1 - t) above and t + r t below; without it (r + 1) / 2 has its boundary at .5 by construction. Scanners
that do not classify answer a fixed -1, 0 or 1, and so do classifiers now and then: an exact 0 says nothing, while
as a score it would sit right at the threshold. It is left out.

Log lines "Detected ..." repeat, for hits only, what the "Scanned ..." line of the same text says; they are no
verdicts.
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
    has,
    identified,
)
from monitor.events.formats.values import identifier, instant, joined, milliseconds, optional_flag, required_number
from monitor.events.formats.verdicts import BOOLEAN

_GUARDRAIL: Final = "llm-guard"
_STAGES: Final = {"Scanned prompt": "input", "Scanned output": "output"}


def _fits(record: Any) -> str | None:
    if has(record, "is_valid", "scanners") and isinstance(record["scanners"], dict):
        return "has is_valid and scanners"
    if has(record, "event", "scores") and record["event"] in tuple(_STAGES):
        return "event is Scanned prompt or Scanned output"
    return "has injection_score" if has(record, "event", "injection_score") else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    stage = _STAGES.get(str(record.get("event")))
    risks = record.get("scanners") or record.get("scores") or {}
    valid = optional_flag(record.get("is_valid"), "is_valid")
    risk_of = {name: required_number(risk, "scanners", low=-1.0, high=1.0) for name, risk in risks.items()}
    explained = valid is True or any(risk > 0.0 for risk in risk_of.values())
    events = [_scanner(name, risk, explained, context) for name, risk in risk_of.items()]
    if valid is not None:
        events.insert(0, {"guardrail": _GUARDRAIL, **BOOLEAN, "verdict": "allow" if valid else "deny"})
    common = {"stage": stage, "latency_ms": milliseconds(record.get("elapsed_time_seconds"))}
    return identified([common | event for event in events], _identity(record), format_name=FORMAT.name)


def _identity(record: dict[str, Any]) -> Identity:
    request = identifier(record.get("request_id"))
    return Identity(record=request, request=request, time=instant(record.get("timestamp")))


def _scanner(name: str, risk: float, explained: bool, context: Context) -> Event:
    """``explained``: whether the whole verdict follows from the other scanners, so that a 0 is none of its causes."""
    event: Event = {"guardrail": joined(_GUARDRAIL, name)}
    if risk == 0.0:
        return event | {"verdict": "allow" if explained else None}
    threshold = context.thresholds.scaled(str(event["guardrail"]), None)
    if threshold is None:
        score, threshold = (risk + 1.0) / 2.0, 0.5
    else:
        score = threshold + risk * ((1.0 - threshold) if risk > 0 else threshold)
    return event | {
        "score": min(max(score, 0.0), 1.0),
        "score_kind": "quantised",
        "threshold": threshold,
        "verdict": "deny" if risk > 0 else "allow",
    }


FORMAT: Final = Format(
    name="llm-guard",
    source="llm_guard and llm_guard_api sources",
    carries=(
        Detail.verdict,
        Detail.stage,
        Detail.time,
        Detail.latency,
    ),
    title="LLM Guard",
    keys=("is_valid", "event"),
    fits=_fits,
    keep={
        "is_valid": VALUE,
        "scanners": {ANY_KEY: VALUE},
        "event": VALUE,
        "scores": {ANY_KEY: VALUE},
        "elapsed_time_seconds": VALUE,
        "timestamp": VALUE,
        "request_id": VALUE,
    },
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(
        Score(
            "scanners",
            ScoreKind.quantised,
            Orientation.high,
            ThresholdFrom.settings,
            "the scanner's threshold, 0 to 1",
        ),
        Score("is_valid", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
    ),
    dropped="sanitized prompts and outputs",
)
