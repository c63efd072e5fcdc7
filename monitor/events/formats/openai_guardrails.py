"""OpenAI Guardrails: results of its checks, alone or by stage as ``guardrail_results`` has them.

Source: github.com/openai/openai-guardrails-python, src/guardrails/types.py (GuardrailResult: tripwire_triggered,
execution_failed, info) and checks/text/llm_base.py (``info`` with guardrail_name, confidence and threshold: a check
by a model triggers from its threshold on).
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE, Keep
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
from monitor.events.formats.values import flag, identifier, optional_flag, share, word
from monitor.events.formats.verdicts import BOOLEAN

_STAGES: Final = {"preflight": "input", "input": "input", "output": "output"}


def _fits(record: Any) -> str | None:
    if has(record, "tripwire_triggered", "info"):
        return "has tripwire_triggered and info"
    results = at(record, "guardrail_results")
    by_stage = isinstance(results, dict) and results.keys() & _STAGES.keys()
    return "has guardrail_results by stage" if by_stage else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    if record.get("tripwire_triggered") is not None:
        return [_event(record, None)]
    events = [
        _event(one, stage) for name, stage in _STAGES.items() for one in at(record, "guardrail_results", name) or []
    ]
    request = identifier(record.get("id")) or identifier(at(record, "llm_response", "id"))
    return identified(events, Identity(record=request, request=request), format_name=FORMAT.name)


def _event(result: dict[str, Any], stage: str | None) -> Event:
    info = result.get("info") or {}
    named = info.get("stage_name")
    event: Event = {
        "guardrail": word(info.get("guardrail_name")) or "openai-guardrails",
        "stage": stage or (_STAGES.get(named) if isinstance(named, str) else None),
    }
    if optional_flag(result.get("execution_failed"), "execution_failed"):
        return event | {"status": "error"}
    event["verdict"] = "flag" if flag(result.get("tripwire_triggered"), "tripwire_triggered") else "allow"
    score = share(info.get("confidence"), "confidence")
    if score is None:
        return event | BOOLEAN
    return event | {
        "score": score,
        "score_kind": "continuous",
        "threshold": share(info.get("threshold"), "threshold"),
    }


_RESULT: Final[Keep] = {
    "tripwire_triggered": VALUE,
    "execution_failed": VALUE,
    "info": dict.fromkeys(("guardrail_name", "stage_name", "confidence", "threshold"), VALUE),
}
FORMAT: Final = Format(
    name="openai-guardrails",
    source="openai-guardrails-python sources",
    carries=(
        Detail.verdict,
        Detail.status,
        Detail.stage,
    ),
    title="OpenAI Guardrails",
    keys=("tripwire_triggered", "guardrail_results"),
    fits=_fits,
    keep={
        **_RESULT,
        "id": VALUE,
        "llm_response": {"id": VALUE},
        "guardrail_results": {name: [_RESULT] for name in _STAGES},
    },
    guardrail="openai-guardrails",
    read=_read,
    scores=(
        Score("confidence of checks by a model", ScoreKind.continuous, Orientation.high, ThresholdFrom.event),
        Score("all other checks", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
    ),
    dropped="checked texts, matches and reasons in info, exceptions, the model's answer",
)
