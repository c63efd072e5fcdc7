"""LiteLLM standard logging: ``guardrail_information``, one entry or a list of them, in today's and yesterday's words.

``guardrail_response`` and ``guardrail_request`` have leaked prompts and a bearer token (litellm issue 20240); they
are not on the allowlist. ``risk_score`` has no documented scale and is left out.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import ANY_KEY, VALUE, Keep
from monitor.events.formats.format import (
    Context,
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
from monitor.events.formats.values import choose, identifier, instant, names, number, share, word
from monitor.events.formats.verdicts import ALLOWED, BLOCKED, MASKED

_ENTRY: Final[Keep] = {
    "guardrail_name": VALUE,
    "guardrail_provider": VALUE,
    "guardrail_mode": ({"default": [VALUE]}, [VALUE]),
    "guardrail_status": VALUE,
    "guardrail_action": VALUE,
    "start_time": VALUE,
    "end_time": VALUE,
    "duration": VALUE,
    "masked_entity_count": {ANY_KEY: VALUE},
    "confidence_score": VALUE,
    "violation_categories": [VALUE],
}
_STATUS: Final = {
    "success": "ok",
    "guardrail_intervened": "ok",
    "blocked": "ok",
    "guardrail_failed_to_respond": "error",
    "failure": "error",
    "not_run": "not_run",
}
"""Newer words and the older ``success``, ``failure``, ``blocked``."""
_INTERVENED: Final = frozenset({"guardrail_intervened", "blocked"})
_STAGE: Final = {"pre_call": "input", "during_call": "input", "post_call": "output"}
_PAYLOAD: Final[Keep] = {
    "id": VALUE,
    "trace_id": VALUE,
    "model": VALUE,
    "startTime": VALUE,
    "endTime": VALUE,
    "response": {"choices": [{"finish_reason": VALUE}]},
    "guardrail_information": [_ENTRY],
    "metadata": {"standard_logging_guardrail_information": [_ENTRY]},
    "standard_logging_guardrail_information": [_ENTRY],
}


def _fits(record: Any) -> str | None:
    if has(record, "guardrail_information"):
        return "has guardrail_information"
    if has(record, "standard_logging_guardrail_information"):
        return "has standard_logging_guardrail_information"
    if has(at(record, "metadata"), "standard_logging_guardrail_information"):
        return "has metadata.standard_logging_guardrail_information"
    if has(at(record, "standard_logging_object"), "guardrail_information"):
        return "has standard_logging_object.guardrail_information"
    return "has call_type and trace_id" if has(record, "call_type", "trace_id") else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    payload = record.get("standard_logging_object") or record
    entries = (
        payload.get("guardrail_information")
        or payload.get("standard_logging_guardrail_information")
        or at(payload, "metadata", "standard_logging_guardrail_information")
        or []
    )
    request = identifier(payload.get("id"))
    identity = Identity(
        record=request,
        request=request,
        time=instant(payload.get("endTime")) or instant(payload.get("startTime")),
        model=word(payload.get("model")),
    )
    session = identifier(payload.get("trace_id"))
    events = [_event(entry, context) | {"session_id": session} for entry in entries]
    choices = at(payload, "response", "choices") or []
    if len(choices) == 1:  # of several it is not known which one a guardrail looked at
        for event in events:
            if event["stage"] == "output":
                event["finish_reason"] = word(choices[0].get("finish_reason"))
    return identified(events, identity, format_name=FORMAT.name)


def _event(entry: dict[str, Any], context: Context) -> Event:
    guardrail = word(entry.get("guardrail_name")) or word(entry.get("guardrail_provider"))
    status = choose(entry.get("guardrail_status"), _STATUS, "guardrail_status")
    seconds = number(entry.get("duration"))
    modes = entry.get("guardrail_mode") or []
    modes = modes.get("default") or [] if isinstance(modes, dict) else modes
    stages = {_STAGE[mode] for mode in modes if isinstance(mode, str) and mode in _STAGE}
    event: Event = {
        "guardrail": guardrail,
        "stage": stages.pop() if len(stages) == 1 else None,
        "status": status,
        "time": instant(entry.get("end_time")) or instant(entry.get("start_time")),
        "latency_ms": None if seconds is None or seconds < 0 else seconds * 1000.0,
        "rules": names(entry.get("violation_categories")),
    }
    if status != "ok":
        return event
    masked = any((number(count) or 0) > 0 for count in (entry.get("masked_entity_count") or {}).values())
    intervened = str(entry.get("guardrail_status")).lower() in _INTERVENED
    event |= MASKED if masked else BLOCKED if intervened else ALLOWED
    if entry.get("guardrail_action") in ("block", "blocked", "deny"):
        event |= BLOCKED
    score = share(entry.get("confidence_score"))
    if score is None:
        return event  # no kind either: then it counts with the entries of the same guardrail that have one
    return event | {
        "score": score,
        "score_kind": "continuous",
        "score_semantics": "label_confidence",
        "threshold": context.thresholds.scaled(guardrail, None),
    }


FORMAT: Final = Format(
    name="litellm",
    title="LiteLLM standard logging",
    keys=(
        "guardrail_information",
        "standard_logging_guardrail_information",
        "standard_logging_object",
        "metadata",
        "call_type",
    ),
    fits=_fits,
    keep=_PAYLOAD | {"standard_logging_object": _PAYLOAD},
    read=_read,
    scores=(
        Score("confidence_score", ScoreKind.continuous, Orientation.label, ThresholdFrom.settings),
        Score("entries without it", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
    ),
    dropped="guardrail_request and guardrail_response, messages, match details, headers, keys, risk_score",
)
