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


def dialect_event(attrs: dict[str, Any], name: Any, *, failed: bool) -> Event | None:
    """The event of a guardrail's span in one of the dialects; None if it is none.

    Args:
        attrs: its attributes.
        name: the span's.
        failed: whether the span's status is an error.

    Raises:
        Rejection: a status is none of the dialect's.
    """
    if _STATUS in attrs:
        return _openllmetry(attrs, name)
    if "guardrail_status" in attrs:
        mode = attrs.get("guardrail_mode")
        event: Event = {"guardrail": word(attrs.get("guardrail_name")) or word(name) or "litellm"}
        event["stage"] = _STAGES.get(mode) if isinstance(mode, str) else None
        outcome = choose(attrs["guardrail_status"], _LITELLM, "guardrail_status")
        return event | outcome if "status" in outcome else event | BOOLEAN | outcome
    if "validator_name" in attrs or str(attrs.get(_KIND)).upper() == "GUARDRAIL":
        return _openinference(attrs, name, failed=failed)
    return None


def _openllmetry(attrs: dict[str, Any], name: Any) -> Event:
    event: Event = {
        "guardrail": word(attrs.get("gen_ai.guardrail.name")) or word(name) or "unnamed",
        "latency_ms": numeral(attrs.get("gen_ai.guardrail.duration")),
    }
    error = attrs.get("gen_ai.guardrail.error.type") or attrs.get("error.type")
    if error is not None:
        return event | {"status": failure(error)}
    return event | BOOLEAN | choose(attrs[_STATUS], _PASSED, _STATUS)


def _openinference(attrs: dict[str, Any], name: Any, *, failed: bool) -> Event:
    """The outcome is a word in ``output.value``; else the guardrail has run, and no more is known."""
    guardrail = attrs.get("validator_name") or attrs.get("guardrail_name") or name
    event: Event = {"guardrail": word(guardrail) or "unnamed"}
    output = attrs.get(_OUTPUT)
    verdict = _WORDS.get(output.strip().lower()) if isinstance(output, str) and len(output) < 20 else None
    if verdict is not None:
        return event | BOOLEAN | {"verdict": verdict}
    if failed or "error.type" in attrs:
        return event | {"status": failure(attrs.get("error.type"))}
    return event
