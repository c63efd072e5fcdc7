"""Palo Alto Networks Prisma AIRS: the result of a scan, with what was detected in the prompt and in the answer.

Source: pan.dev/prisma-airs, AI Runtime API (ScanResponse: report_id, scan_id, action, category, prompt_detected,
response_detected, timeout, error) and its use cases. ``action`` follows the security profile and is enforced by the
caller.
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
from monitor.events.formats.values import choose, flag, identifier, instant, optional_flag, word
from monitor.events.formats.verdicts import ALLOWED, BLOCKED, BOOLEAN

_ACTION: Final = {"allow": ALLOWED, "block": BLOCKED, "alert": {"verdict": "flag", "action": "audit"}}
_SIDES: Final = (("prompt_detected", "input"), ("response_detected", "output"))


def _fits(record: Any) -> str | None:
    return "has report_id, scan_id and action" if has(record, "report_id", "scan_id", "action") else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    common: Event = {"guardrail": "prisma-airs", "guardrail_version": word(record.get("profile_name"))}
    if optional_flag(record.get("timeout"), "timeout") or optional_flag(record.get("error"), "error"):
        status = "timeout" if optional_flag(record.get("timeout"), "timeout") else "error"
        events = [common | {"status": status}]
    else:
        events = [common | BOOLEAN | choose(record.get("action"), _ACTION, "action")]
        for side, stage in _SIDES:
            for category, detected in (at(record, side) or {}).items():
                if detected is not None:
                    verdict = {"verdict": "flag" if flag(detected, side) else "allow"}
                    events.append(common | BOOLEAN | {"stage": stage, "category": word(category)} | verdict)
    scan = identifier(record.get("scan_id"))
    identity = Identity(
        record=scan, request=identifier(record.get("tr_id")) or scan, time=instant(record.get("completed_at"))
    )
    return identified(events, identity, format_name=FORMAT.name)


FORMAT: Final = Format(
    name="prisma-airs",
    source="pan.dev, AI Runtime API",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.status,
        Detail.stage,
        Detail.version,
        Detail.time,
    ),
    title="Palo Alto Networks Prisma AIRS",
    keys=("scan_id",),
    fits=_fits,
    keep={
        **dict.fromkeys(("report_id", "scan_id", "tr_id", "profile_name", "action", "completed_at"), VALUE),
        **dict.fromkeys(("timeout", "error"), VALUE),
        **{side: {ANY_KEY: VALUE} for side, _ in _SIDES},
    },
    guardrail="prisma-airs",
    read=_read,
    scores=(Score("action, detections", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),),
    dropped="masked prompts and answers, detection details, category, error messages",
)
