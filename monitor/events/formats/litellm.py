"""LiteLLM standard logging: ``guardrail_information``, one entry or a list of them, in today's and yesterday's words.

Sources: docs.litellm.ai/docs/proxy/logging_spec; litellm/integrations/custom_guardrail.py. Rows of the table
LiteLLM_SpendLogs have the same entries in ``metadata``, as JSON in a string where they come from the database.

``guardrail_response`` and ``guardrail_request`` have leaked prompts and a bearer token (litellm issue 20240); of the
former only what Bedrock's guardrail decided is read, and whether Lakera flagged (guardrail_hooks/lakera_ai_v2.py):
both have the status ``success`` whatever they found. ``risk_score`` has no documented scale and is left out.
``confidence_score`` is the confidence that something was found: the guardrail ``block_code_execution``, which sets
it, writes 0 for a text without code.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import ANY_KEY, VALUE, Keep
from monitor.events.formats.bedrock import ASSESSMENT, assessment_events
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
from monitor.events.formats.parse import parsed_text
from monitor.events.formats.values import (
    choose,
    identifier,
    instant,
    milliseconds,
    names,
    optional_flag,
    required_number,
    share,
    word,
)
from monitor.events.formats.verdicts import ALLOWED, AUDITED, BLOCKED, MASKED
from monitor.events.reasons import Reason, Rejection

MAX_DEPTH: Final = 64
_ANSWER: Final[Keep] = {"action": VALUE, "assessments": [ASSESSMENT], "flagged": VALUE}
"""Of ``guardrail_response``: what Bedrock decided, and whether Lakera flagged."""
_ENTRY: Final[Keep] = {
    "guardrail_name": VALUE,
    "guardrail_provider": VALUE,
    "guardrail_mode": ({"default": [VALUE]}, [VALUE]),
    "guardrail_status": VALUE,
    "guardrail_action": VALUE,
    "start_time": VALUE,
    "end_time": VALUE,
    "duration": VALUE,
    "guardrail_response": (_ANSWER, [_ANSWER]),
    "masked_entity_count": {ANY_KEY: VALUE},
    "confidence_score": VALUE,
    "violation_categories": [VALUE],
}
_STATUS: Final = {
    "success": "ok",
    "guardrail_intervened": "ok",
    "guardrail_flagged": "ok",
    "blocked": "ok",
    "guardrail_failed_to_respond": "error",
    "failure": "error",
    "not_run": "not_run",
}
"""Newer words and the older ``success``, ``failure``, ``blocked``."""
_INTERVENED: Final = frozenset({"guardrail_intervened", "blocked"})
_FLAGGED: Final = frozenset({"guardrail_flagged"})
_BLOCKED: Final = frozenset({"block", "blocked", "deny"})
_MASKED: Final = frozenset({"mask", "masked", "redact", "redacted"})
_BEDROCK_ACTED: Final = "guardrail_intervened"
_STAGE: Final = {
    "pre_call": "input",
    "during_call": "input",
    "post_call": "output",
    "pre_mcp_call": "tool",
    "during_mcp_call": "tool",
    "post_mcp_call": "tool",
}
_INSIDE: Final = (
    ("guardrail_information",),
    ("standard_logging_guardrail_information",),
    ("metadata", "standard_logging_guardrail_information"),
    ("metadata", "guardrail_information"),
)
_PLACES: Final = (*_INSIDE, *(("standard_logging_object", *path) for path in _INSIDE))
_CALLS: Final = (("call_type", "trace_id"), ("call_type", "request_id"), ("call_type", "custom_llm_provider"))
"""Facts that the log of a call has with or without a guardrail; a row of LiteLLM_SpendLogs has a request_id."""
_PAYLOAD: Final[Keep] = {
    **dict.fromkeys(("id", "request_id", "trace_id", "session_id", "status"), VALUE),
    "model": VALUE,
    "startTime": VALUE,
    "endTime": VALUE,
    "response": {"choices": [{"finish_reason": VALUE}]},
    "guardrail_information": [_ENTRY],
    "metadata": {
        "standard_logging_guardrail_information": [_ENTRY],
        "guardrail_information": [_ENTRY],
        "applied_guardrails": [VALUE],
    },
    "status_fields": {"guardrail_status": VALUE},
    "standard_logging_guardrail_information": [_ENTRY],
}


def _fits(record: Any) -> str | None:
    for path in _PLACES:
        if has(at(record, *path[:-1]), path[-1]):
            return f"has {'.'.join(path)}"
    if isinstance(record, dict) and any(has(record, *keys) for keys in _CALLS):
        return "is a call's log with call_type"
    return None


def _prepare(record: Any) -> Any:
    """Rows of a database have ``metadata`` as JSON in a string."""
    inside = parsed_text(at(record, "metadata"), max_depth=MAX_DEPTH)
    return record | {"metadata": inside} if isinstance(inside, dict) else record


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    payload = record.get("standard_logging_object") or record
    entries: list[dict[str, Any]] = next((found for path in _INSIDE if (found := at(payload, *path))), [])
    request = identifier(payload.get("id")) or identifier(payload.get("request_id"))
    identity = Identity(
        record=request,
        request=request,
        time=instant(payload.get("endTime")) or instant(payload.get("startTime")),
        model=word(payload.get("model")),
    )
    session = identifier(payload.get("trace_id")) or identifier(payload.get("session_id"))
    failed = str(payload.get("status")).lower() == "failure"
    events = _events(entries, context, failed=failed) or _unlisted(payload)
    if not events:
        raise Rejection(Reason.not_judged, "a call that no guardrail looked at")
    events = [event | {"session_id": session} for event in events]
    choices = at(payload, "response", "choices") or []
    if len(choices) == 1:  # of several it is not known which one a guardrail looked at
        for event in events:
            if event.get("stage") == "output":
                event["finish_reason"] = word(choices[0].get("finish_reason"))
    return identified(events, identity, format_name=FORMAT.name)


def _unlisted(payload: dict[str, Any]) -> list[Event]:
    """Facts that only the summary of a call reports: that some guardrail stopped it, or failed."""
    summed = at(payload, "status_fields", "guardrail_status")
    if not isinstance(summed, str) or summed in ("success", "not_run"):
        return []
    applied = at(payload, "metadata", "applied_guardrails") or []
    guardrail = word(applied[0]) if len(applied) == 1 else None
    status = choose(summed, _STATUS, "guardrail_status")
    outcome = {"status": status} if status != "ok" else AUDITED if summed in _FLAGGED else BLOCKED
    return [{"guardrail": guardrail or "litellm", **outcome}]


def _events(entries: list[dict[str, Any]], context: Context, *, failed: bool) -> list[Event]:
    """A guardrail with an unknown status has run, and no more is known; if there is no other, that is a fault."""
    known = [
        isinstance(word_, str) and word_.lower() in _STATUS for word_ in (e.get("guardrail_status") for e in entries)
    ]
    if any(known):
        return [
            _event(entry, context, failed=failed) if is_known else _common(entry)
            for entry, is_known in zip(entries, known, strict=True)
        ]
    return [_event(entry, context, failed=failed) for entry in entries]


def _common(entry: dict[str, Any]) -> Event:
    modes = entry.get("guardrail_mode") or []
    modes = modes.get("default") or [] if isinstance(modes, dict) else modes
    stages = {_STAGE[mode] for mode in modes if isinstance(mode, str) and mode in _STAGE}
    return {
        "guardrail": word(entry.get("guardrail_name")) or word(entry.get("guardrail_provider")),
        "stage": stages.pop() if len(stages) == 1 else None,
        "time": instant(entry.get("end_time")) or instant(entry.get("start_time")),
        "latency_ms": milliseconds(entry.get("duration")),
        "rules": names(entry.get("violation_categories")),
    }


def _event(entry: dict[str, Any], context: Context, *, failed: bool) -> Event:
    status = choose(entry.get("guardrail_status"), _STATUS, "guardrail_status")
    event = _common(entry) | {"status": status}
    if status != "ok":
        return event
    event |= _outcome(entry, failed=failed)
    score = share(entry.get("confidence_score"), "confidence_score")
    if score is None:
        return event  # no kind either: then it counts with the entries of the same guardrail that have one
    return event | {
        "score": score,
        "score_kind": "continuous",
        "threshold": context.thresholds.scaled(event["guardrail"], None),
    }


def _outcome(entry: dict[str, Any], *, failed: bool) -> Event:
    """The strongest outcome of an entry: by status, action, what it masked, and the vendor's answer inside of it.

    What Lakera flags is let through in monitor mode, and ends the call, which then has ``failed``, by default.
    """
    status = str(entry["guardrail_status"]).lower()
    counts = [count for count in (entry.get("masked_entity_count") or {}).values() if count is not None]
    masked = any(required_number(count, "masked_entity_count", low=0.0, high=1e9) > 0 for count in counts)
    action = str(entry.get("guardrail_action") or "").lower()
    answers = entry.get("guardrail_response") or []
    answers = [answers] if isinstance(answers, dict) else answers
    parts = [part for answer in answers for one in answer.get("assessments") or [] for part in assessment_events(one)]
    hits = {part["action"] for part in parts} & {"block", "redact"}
    acted = action == _BEDROCK_ACTED or any(str(one.get("action")).lower() == _BEDROCK_ACTED for one in answers)
    if action in _BLOCKED or "block" in hits:
        return BLOCKED
    if masked or action in _MASKED or "redact" in hits:
        return MASKED
    if status in _INTERVENED:
        return BLOCKED
    if any(optional_flag(one.get("flagged"), "flagged") for one in answers):
        return BLOCKED if failed else AUDITED
    if acted:  # and the call went on
        return MASKED
    return AUDITED if status in _FLAGGED or any(part["action"] == "audit" for part in parts) else ALLOWED


FORMAT: Final = Format(
    name="litellm",
    source="docs.litellm.ai, logging_spec; litellm sources",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.status,
        Detail.stage,
        Detail.time,
        Detail.latency,
    ),
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
        Score("confidence_score", ScoreKind.continuous, Orientation.high, ThresholdFrom.settings),
        Score("entries without it", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
    ),
    prepare=_prepare,
    dropped=(
        "guardrail_request, guardrail_response but for Bedrock's decisions and Lakera's flag, messages,"
        " match details, headers, keys, risk_score"
    ),
)
