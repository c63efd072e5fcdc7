"""Google Model Armor: the answer of sanitizeUserPrompt and sanitizeModelResponse, and its entries in Cloud Logging.

Sources: google.cloud.modelarmor.v1 (SanitizationResult: filterMatchState, invocationResult, filterResults by filter,
each with executionState and matchState); Cloud Logging's SanitizeOperationLogEntry has ``operationType`` and
``sanitizationVerdict`` beside it. A filter that was skipped, and an invocation that failed, did not judge. Without a
verdict of the log, what was done about a match is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import ANY_KEY, VALUE, Keep
from monitor.events.formats.format import Context, Detail, Event, Format, Orientation, Score, ThresholdFrom, at
from monitor.events.formats.values import choose, word
from monitor.events.formats.verdicts import ALLOWED, AUDITED, BLOCKED, BOOLEAN

_GUARDRAIL: Final = "model-armor"
_MATCH: Final = {"no_match_found": False, "match_found": True}
_INVOCATION: Final = {"success": "ok", "partial": "ok", "failure": "error"}
_STAGES: Final = {"SANITIZE_USER_PROMPT": "input", "SANITIZE_MODEL_RESPONSE": "output"}


def _fits(record: Any) -> str | None:
    result = at(record, "sanitizationResult")
    if isinstance(result, dict) and any(key in result for key in ("filterMatchState", "invocationResult")):
        return "has sanitizationResult.filterMatchState"
    return None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    result = record.get("sanitizationResult") or {}
    operation = record.get("operationType")
    common = {"guardrail": _GUARDRAIL, "stage": _STAGES.get(operation) if isinstance(operation, str) else None}
    invocation = result.get("invocationResult")
    if invocation is not None and choose(invocation, _INVOCATION, "invocationResult") == "error":
        return [common | {"status": "error"}]
    overall = _overall(choose(result.get("filterMatchState"), _MATCH, "filterMatchState"), result)
    filters = result.get("filterResults") or {}
    return [common | BOOLEAN | overall, *(common | event for event in _filters(filters))]


def _overall(matched: bool, result: dict[str, Any]) -> Event:
    verdict = str(result.get("sanitizationVerdict"))
    if "BLOCK" in verdict:
        return BLOCKED
    if "ALLOW" in verdict:
        return AUDITED if matched else ALLOWED
    return {"verdict": "flag" if matched else "allow"}


def _filters(filters: dict[str, Any]) -> Iterator[Event]:
    """One event per filter; responsible AI has filters of its own inside, and each of them is one."""
    for name, wrapped in filters.items():
        for inner in (wrapped or {}).values():
            kinds = (inner or {}).get("raiFilterTypeResults")
            if kinds:
                for kind, one in kinds.items():
                    yield from _filter(f"{name}/{kind}", one or {}, inner.get("executionState"))
            else:
                yield from _filter(name, inner or {}, None)


def _filter(name: str, result: dict[str, Any], around: Any) -> Iterator[Event]:
    part = result.get("deidentifyResult") or result.get("inspectResult") or result
    state = part.get("executionState") or around
    event: Event = {"category": word(name)}
    if state == "EXECUTION_SKIPPED":
        yield event | {"status": "skipped"}
    elif part.get("matchState") is not None:
        matched = choose(part["matchState"], _MATCH, "matchState")
        masked = matched and result.get("deidentifyResult") is not None
        yield event | BOOLEAN | {"verdict": "modify" if masked else "flag" if matched else "allow"}


_STATE: Final[Keep] = {"executionState": VALUE, "matchState": VALUE}
_RESULT: Final[Keep] = _STATE | {
    "raiFilterTypeResults": {ANY_KEY: _STATE},
    "inspectResult": _STATE,
    "deidentifyResult": _STATE,
}
FORMAT: Final = Format(
    name="model-armor",
    source="google.cloud.modelarmor.v1",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.status,
        Detail.stage,
    ),
    title="Google Model Armor",
    keys=("sanitizationResult",),
    fits=_fits,
    keep={
        "operationType": VALUE,
        "sanitizationResult": {
            **dict.fromkeys(("filterMatchState", "invocationResult", "sanitizationVerdict"), VALUE),
            "filterResults": {ANY_KEY: {ANY_KEY: _RESULT}},
        },
    },
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(Score("every filter, overall", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),),
    dropped="texts and their masked copies, matched addresses and personal data, confidence levels, messages",
)
