"""Cloudflare prompt injection score: 1 to 99, low is an attack; 100 is not scored, which is a matter of coverage.

Sources: developers.cloudflare.com/waf/detections/ai-security-for-apps and the field reference of Logpush.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
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
from monitor.events.formats.values import identifier, instant, required_number

_GUARDRAIL: Final = "cloudflare-injection"
_RULE_FIELD: Final = "cf.llm.prompt.injection_score"
_LOG_FIELDS: Final = ("AISecurityInjectionScore", "FirewallForAIInjectionScore")
"""Names in Logpush data sets, the newer one first."""
_LOWEST, _HIGHEST, _NOT_SCORED = 1.0, 99.0, 100.0
_ACTION: Final = {"block": "block", "allow": "allow", "log": "audit"}


def _score(record: Any) -> Any:
    for name in (_RULE_FIELD, *_LOG_FIELDS):
        if isinstance(record, dict) and record.get(name) is not None:
            return record[name]
    return at(record, "cf", "llm", "prompt", "injection_score")


def _fits(record: Any) -> str | None:
    return "has an injection score of Cloudflare's" if _score(record) is not None else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    score = required_number(_score(record), "injection score", low=0.0, high=_NOT_SCORED)
    request = identifier(record.get("RayID"))
    identity = Identity(
        record=request,
        request=request,
        time=instant(record.get("EdgeStartTimestamp")) or instant(record.get("Datetime")),
    )
    event: Event = {"guardrail": _GUARDRAIL, "stage": "input", "category": "prompt_injection"}
    if not _LOWEST <= score <= _HIGHEST:  # 100, and 0 where a log has no other way to say none
        event["status"] = "not_run"
        return identified([event], identity, format_name=FORMAT.name)
    action = record.get("Action") or record.get("SecurityAction")
    event |= {
        "score": (score - _LOWEST) / (_HIGHEST - _LOWEST),
        "score_kind": "quantised",
        "score_semantics": "inverted",
        "threshold": context.thresholds.scaled(_GUARDRAIL, None, low=_LOWEST, high=_HIGHEST),
        "action": _ACTION.get(action.lower()) if isinstance(action, str) else None,
    }
    return identified([event], identity, format_name=FORMAT.name)


FORMAT: Final = Format(
    name="cloudflare",
    source="developers.cloudflare.com, WAF and Logpush fields",
    carries=(
        Detail.action,
        Detail.status,
        Detail.stage,
        Detail.time,
    ),
    title="Cloudflare AI security scores",
    keys=(_RULE_FIELD, *_LOG_FIELDS, "cf"),
    fits=_fits,
    keep={
        _RULE_FIELD: VALUE,
        **dict.fromkeys(_LOG_FIELDS, VALUE),
        "cf": {"llm": {"prompt": {"injection_score": VALUE}}},
        **dict.fromkeys(("RayID", "EdgeStartTimestamp", "Datetime", "Action", "SecurityAction"), VALUE),
    },
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(Score("injection score", ScoreKind.quantised, Orientation.low, ThresholdFrom.settings, "1 to 99"),),
    dropped="addresses, URLs, headers, user agents, personal data categories",
)
