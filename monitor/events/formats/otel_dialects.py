"""Guardrail spans in dialects of their own: OpenLLMetry, LiteLLM, Guardrails AI, and OpenInference for all others.

Sources: traceloop-sdk, guardrail/guardrail.py and span_attributes.py (``gen_ai.guardrail.status``, PASSED or FAILED);
the OpenInference specification (``openinference.span.kind`` GUARDRAIL); openinference-instrumentation-guardrails,
_wrap_guard_call.py (``validator_name``, with the outcome in ``output.value``); LiteLLM's spans carry the names of its
logging payload (``guardrail_name``, ``guardrail_status``).
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats.format import Event
from monitor.events.formats.otel_guardrail import failure
from monitor.events.formats.values import choose, numeral, word
from monitor.events.formats.verdicts import ALLOWED, AUDITED, BLOCKED, BOOLEAN

_KIND: Final = "openinference.span.kind"
_OUTPUT: Final = "output.value"
_STATUS: Final = "gen_ai.guardrail.status"
ATTRIBUTES: Final = frozenset(
    {
        _KIND,
        _OUTPUT,
        _STATUS,
        "gen_ai.guardrail.name",
        "gen_ai.guardrail.duration",
        "gen_ai.guardrail.error.type",
        "guardrail_name",
        "guardrail_mode",
        "guardrail_status",
        "validator_name",
        "error.type",
    }
)
_PASSED: Final = {"passed": {"verdict": "allow"}, "failed": {"verdict": "flag"}}
"""What is done about a failure is the caller's, and not in the span."""
_LITELLM: Final[dict[str, Event]] = {
    "success": ALLOWED,
    "guardrail_intervened": BLOCKED,
    "blocked": BLOCKED,
    "guardrail_flagged": AUDITED,
    "guardrail_failed_to_respond": {"status": "error"},
    "failure": {"status": "error"},
    "not_run": {"status": "not_run"},
}
_STAGES: Final = {"pre_call": "input", "during_call": "input", "post_call": "output", "pre_mcp_call": "tool"}
_WORDS: Final = {
    **dict.fromkeys(("pass", "passed", "allow", "allowed", "safe"), "allow"),
    **dict.fromkeys(("fail", "failed", "block", "blocked", "deny", "denied", "flagged", "unsafe"), "flag"),
}


def dialect_event(said: dict[str, Any], name: Any, *, failed: bool) -> Event | None:
    """The event of a guardrail's span in one of the dialects; None if it is none.

    Args:
        said: its attributes.
        name: the span's.
        failed: whether the span's status is an error.

    Raises:
        Rejection: a status is none of the dialect's.
    """
    if _STATUS in said:
        return _openllmetry(said, name)
    if "guardrail_status" in said:
        mode = said.get("guardrail_mode")
        event: Event = {"guardrail": word(said.get("guardrail_name")) or word(name) or "litellm"}
        event["stage"] = _STAGES.get(mode) if isinstance(mode, str) else None
        outcome = choose(said["guardrail_status"], _LITELLM, "guardrail_status")
        return event | outcome if "status" in outcome else event | BOOLEAN | outcome
    if "validator_name" in said or str(said.get(_KIND)).upper() == "GUARDRAIL":
        return _openinference(said, name, failed=failed)
    return None


def _openllmetry(said: dict[str, Any], name: Any) -> Event:
    event: Event = {
        "guardrail": word(said.get("gen_ai.guardrail.name")) or word(name) or "unnamed",
        "latency_ms": numeral(said.get("gen_ai.guardrail.duration")),
    }
    error = said.get("gen_ai.guardrail.error.type") or said.get("error.type")
    if error is not None:
        return event | {"status": failure(error)}
    return event | BOOLEAN | choose(said[_STATUS], _PASSED, _STATUS)


def _openinference(said: dict[str, Any], name: Any, *, failed: bool) -> Event:
    """The outcome is a word in ``output.value``; else the guardrail has run, and no more is known."""
    guardrail = said.get("validator_name") or said.get("guardrail_name") or name
    event: Event = {"guardrail": word(guardrail) or "unnamed"}
    output = said.get(_OUTPUT)
    verdict = _WORDS.get(output.strip().lower()) if isinstance(output, str) and len(output) < 20 else None
    if verdict is not None:
        return event | BOOLEAN | {"verdict": verdict}
    if failed or "error.type" in said:
        return event | {"status": failure(said.get("error.type"))}
    return event
