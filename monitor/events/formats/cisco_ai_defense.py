"""Cisco AI Defense: the result of an inspection of a chat, with the rules that it broke.

Source: developer.cisco.com/docs/ai-defense (InspectResponse) as BerriAI/litellm reads it,
litellm/proxy/guardrails/guardrail_hooks/cisco_ai_defense/cisco_ai_defense.py: is_safe, classifications, rules with
rule_name and classification, event_id, and ``action`` (Allow, Block, Redact) where a policy is enforced.
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
    has,
    identified,
)
from monitor.events.formats.values import choose, flag, identifier, names
from monitor.events.formats.verdicts import ALLOWED, BLOCKED, BOOLEAN, MASKED

_ACTION: Final = {"allow": ALLOWED, "block": BLOCKED, "redact": MASKED}


def _fits(record: Any) -> str | None:
    if has(record, "is_safe", "classifications"):
        return "has is_safe and classifications"
    return None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    safe = flag(record.get("is_safe"), "is_safe")
    outcome: Event = {"verdict": "allow" if safe else "flag"}
    if record.get("action") is not None:
        enforced = choose(record["action"], _ACTION, "action")
        outcome = enforced if enforced is not ALLOWED else {"verdict": outcome["verdict"], "action": "allow"}
    event = {"guardrail": "cisco-ai-defense", **BOOLEAN, **outcome}
    event["rules"] = names([rule.get("rule_name") for rule in record.get("rules") or []])
    request = identifier(record.get("event_id")) or identifier(record.get("client_transaction_id"))
    return identified([event], Identity(record=request, request=request), format_name=FORMAT.name)


FORMAT: Final = Format(
    name="cisco-ai-defense",
    source="Cisco AI Defense, InspectResponse; litellm",
    carries=(
        Detail.verdict,
        Detail.action,
    ),
    title="Cisco AI Defense",
    keys=("is_safe",),
    fits=_fits,
    keep={
        **dict.fromkeys(("is_safe", "action", "event_id", "client_transaction_id"), VALUE),
        "rules": [{"rule_name": VALUE}],
    },
    guardrail="cisco-ai-defense",
    read=_read,
    scores=(Score("is_safe", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),),
    dropped="explanations, entity types, severity, attack technique, sanitised texts",
)
