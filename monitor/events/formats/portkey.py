"""Portkey: ``hook_results`` of its AI gateway, guardrails before and after a call with the checks of each.

Source: github.com/Portkey-AI/gateway, src/middlewares/hooks/types.ts (GuardrailResult: verdict true is passed, deny
is whether a failure stops the call, skipped, error, execution_time in milliseconds; the same in
GuardrailCheckResult).
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
    identified,
)
from monitor.events.formats.values import flag, identifier, instant, numeral, optional_flag, seconds_ms, word
from monitor.events.formats.verdicts import ALLOWED, AUDITED, BLOCKED, BOOLEAN, MASKED
from monitor.events.reasons import Reason, Rejection

_HOOKS: Final = (("before_request_hooks", "input"), ("after_request_hooks", "output"))


def _fits(record: Any) -> str | None:
    results = at(record, "hook_results")
    known = isinstance(results, dict) and any(isinstance(results.get(name), list) for name, _ in _HOOKS)
    return "has hook_results" if known else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    events = []
    for name, stage in _HOOKS:
        for hook in at(record, "hook_results", name) or []:
            common = {"guardrail": word(hook.get("id")) or "portkey", "stage": stage}
            events += [common | event for event in (_hook(hook), *_checks(hook))]
    if not events:
        raise Rejection(Reason.not_judged, "a call that no hook looked at")
    request = identifier(record.get("id"))
    identity = Identity(
        record=request, request=request, time=seconds_ms(record.get("created")), model=word(record.get("model"))
    )
    return identified(events, identity, format_name=FORMAT.name)


def _hook(hook: dict[str, Any]) -> Event:
    event: Event = {"time": instant(hook.get("created_at")), "latency_ms": numeral(hook.get("execution_time"))}
    if optional_flag(hook.get("skipped"), "skipped"):
        return event | {"status": "skipped"}
    if hook.get("error") is not None:
        return event | {"status": "error"}
    if flag(hook.get("verdict"), "verdict"):
        return event | BOOLEAN | (MASKED if optional_flag(hook.get("transformed"), "transformed") else ALLOWED)
    return event | BOOLEAN | (BLOCKED if optional_flag(hook.get("deny"), "deny") else AUDITED)


def _checks(hook: dict[str, Any]) -> list[Event]:
    events = []
    for check in hook.get("checks") or []:
        event: Event = {"category": word(check.get("id")), "time": instant(check.get("created_at"))}
        event["latency_ms"] = numeral(check.get("execution_time"))
        if check.get("error") is not None:
            events.append(event | {"status": "error"})
        else:
            passed = flag(check.get("verdict"), "verdict")
            events.append(event | BOOLEAN | {"verdict": "allow" if passed else "flag"})
    return events


_PART: Final[Keep] = {
    **dict.fromkeys(("id", "verdict", "transformed", "execution_time", "created_at"), VALUE),
    "error": ({}, VALUE),
}
_HOOK: Final[Keep] = _PART | {"deny": VALUE, "skipped": VALUE, "checks": [_PART]}
FORMAT: Final = Format(
    name="portkey",
    source="Portkey gateway sources",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.status,
        Detail.stage,
        Detail.time,
        Detail.latency,
    ),
    title="Portkey gateway, hook results",
    keys=("hook_results",),
    fits=_fits,
    keep={
        **dict.fromkeys(("id", "created", "model"), VALUE),
        "hook_results": {name: [_HOOK] for name, _ in _HOOKS},
    },
    guardrail="portkey",
    read=_read,
    scores=(Score("verdicts of hooks and checks", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),),
    dropped="the checks' data with texts and matches, feedback, error messages, the answer",
)
