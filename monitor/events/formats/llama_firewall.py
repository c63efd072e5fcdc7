"""Meta LlamaFirewall ``ScanResult``; its ``reason`` embeds the full text and is dropped."""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Context, Event, Format, Orientation, Score, ThresholdFrom, has
from monitor.events.formats.values import choose, required_number
from monitor.events.formats.verdicts import ALLOWED, BLOCKED

_GUARDRAIL: Final = "llama-firewall"
_BLOCK_FROM: Final = 0.9
"""The library's own block threshold."""
_DECISION: Final = {"allow": ALLOWED, "block": BLOCKED, "human_in_the_loop_required": {"verdict": "flag"}}
_STATUS: Final = {"success": "ok", "error": "error", "skipped": "skipped"}


def _fits(record: Any) -> str | None:
    if has(record, "decision", "score") and isinstance(record["decision"], str) and record["decision"] in _DECISION:
        return "has decision and score"
    return None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    status = choose(record.get("status") or "success", _STATUS, "status")
    if status != "ok":
        return [{"guardrail": _GUARDRAIL, "status": status}]
    threshold = context.thresholds.scaled(_GUARDRAIL, None)
    return [
        {
            "guardrail": _GUARDRAIL,
            "score": required_number(record.get("score"), "score", low=0.0, high=1.0),
            "score_kind": "continuous",
            "threshold": _BLOCK_FROM if threshold is None else threshold,
            **choose(record.get("decision"), _DECISION, "decision"),
        }
    ]


FORMAT: Final = Format(
    name="llama-firewall",
    title="Meta LlamaFirewall",
    keys=("decision",),
    fits=_fits,
    keep={"decision": VALUE, "score": VALUE, "status": VALUE},
    read=_read,
    scores=(Score("score", ScoreKind.continuous, Orientation.high, ThresholdFrom.vendor),),
    dropped="reason, which embeds the text",
)
