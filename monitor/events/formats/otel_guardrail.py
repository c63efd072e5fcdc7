"""Attributes of guardrail verdicts in OpenTelemetry: three spellings of one proposal, and NeMo Guardrails' own.

None of the three is merged; newest first: ``gen_ai.guardrail.*``, ``gen_ai.security.*``, ``gen_ai.guardian.*`` with
``gen_ai.security.decision.type``. NeMo's spans have ``rail.type``, ``rail.name`` and ``rail.stop``.
"""

from __future__ import annotations

import re
from typing import Any, Final

from monitor.events.formats.format import Event
from monitor.events.formats.nemo import stage_of
from monitor.events.formats.values import choose, optional_flag, share, word
from monitor.events.formats.verdicts import ALLOWED, BLOCKED, BOOLEAN

_G, _S, _O = "gen_ai.guardrail.", "gen_ai.security.", "gen_ai.guardian."
_VERDICT: Final = (_G + "verdict.type", _S + "verdict.type", _G + "security.verdict.type", _S + "decision.type")
_ACTION: Final = (_G + "action.type", _S + "action.type", _G + "security.action.type")
_NAME: Final = (
    _G + "component.name",
    _G + "name",
    _S + "guardrail.name",
    _O + "name",
    _S + "guardrail.id",
    _O + "id",
)
_VERSION: Final = (_G + "component.version", _G + "version", _S + "guardrail.version", _O + "version")
_TARGET: Final = (_G + "target.type", _S + "target.type", _O + "target.type")
_SUBTYPE: Final = (_G + "target.subtype", _S + "target.subtype")
_CATEGORY: Final = (_G + "security.risk.category", _S + "risk.category", _G + "risk.category")
_SCORE: Final = (_G + "security.risk.score", _S + "risk.score", _G + "risk.score")
_RAIL: Final = ("rail.type", "rail.name", "rail.stop")
ATTRIBUTES: Final = frozenset(
    (*_VERDICT, *_ACTION, *_NAME, *_VERSION, *_TARGET, *_SUBTYPE, *_CATEGORY, *_SCORE, *_RAIL, "error.type")
)

_VERDICTS: Final = {
    "allow": "allow",
    "deny": "deny",
    "modify": "modify",
    "warn": "flag",
    "audit": "flag",
    "escalate": "flag",
}
_ACTIONS: Final = {"allow": "allow", "block": "block", "modify": "redact", "audit": "audit", "escalate": "audit"}
_STAGES: Final = {"input": "input", "output": "output", "llm_input": "input", "llm_output": "output"}
_SUBSTAGES: Final = {"tool_call": "tool", "tool_definition": "tool", "retrieval": "retrieval", "memory": "retrieval"}


def guardrail_event(attrs: dict[str, Any]) -> Event | None:
    """The verdict in the attributes of a span or record; None if there is none.

    Raises:
        Rejection: a rail is of no kind that is known, or a score is no number from 0 to 1.
    """
    if "rail.name" in attrs:
        return _rail(attrs)
    verdict, action = _first(attrs, _VERDICT), _first(attrs, _ACTION)
    if verdict is None and action is None and not (_is_guardrail(attrs) and "error.type" in attrs):
        return None
    subtype = _word_of(_first(attrs, _SUBTYPE))
    event: Event = {
        "guardrail": word(_first(attrs, _NAME)) or "unnamed",
        "guardrail_version": word(_first(attrs, _VERSION)),
        "stage": _SUBSTAGES.get(subtype) or _stage(attrs),
        "category": word(_first(attrs, _CATEGORY)),
    }
    if "error.type" in attrs and verdict is None:
        return event | {"status": failure(attrs["error.type"])}
    score = share(_first(attrs, _SCORE), "risk.score")
    return event | {
        "verdict": None if verdict is None else choose(verdict, _VERDICTS, "verdict.type"),
        "action": None if action is None else choose(action, _ACTIONS, "action.type"),
        "score": score,
        "score_kind": "boolean" if score is None else "continuous",
    }


def failure(error_type: Any) -> str:
    """The status that the name of an error stands for."""
    name = re.sub(r"[^a-z]", "", str(error_type).lower())
    return "timeout" if "timeout" in name or "timedout" in name or "deadlineexceeded" in name else "error"


def _rail(attrs: dict[str, Any]) -> Event | None:
    """Rails that only steer a dialogue are none of ours."""
    stage = stage_of(attrs.get("rail.type"))
    if stage is None:
        return None
    event: Event = {"guardrail": word(attrs["rail.name"]), "stage": stage}
    stopped = optional_flag(attrs.get("rail.stop"), "rail.stop")
    if "error.type" in attrs and not stopped:
        return event | {"status": failure(attrs["error.type"])}
    return event | BOOLEAN | (BLOCKED if stopped else ALLOWED)


def _is_guardrail(attrs: dict[str, Any]) -> bool:
    return _first(attrs, _NAME) is not None


def _stage(attrs: dict[str, Any]) -> str | None:
    return _STAGES.get(_word_of(_first(attrs, _TARGET)))


def _word_of(value: Any) -> str:
    return value.lower() if isinstance(value, str) else ""


def _first(attrs: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((attrs[name] for name in names if attrs.get(name) is not None), None)
