"""Meta LlamaFirewall ``ScanResult``; its ``reason`` embeds the full text and is dropped.

Source: github.com/meta-llama/PurpleLlama, LlamaFirewall/src/llamafirewall/llamafirewall_data_types.py.
A score of exactly 0 is what the firewall answers when no scanner found anything (reason ``default``), and what
scanners without a classifier answer; as a score it would be certainty, so it is none.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Context, Detail, Event, Format, Orientation, Score, ThresholdFrom, has
from monitor.events.formats.values import choose, required_number
from monitor.events.formats.verdicts import ALLOWED, BLOCKED

_GUARDRAIL: Final = "llama-firewall"
_BLOCK_FROM: Final = 0.9
"""The library's own block threshold."""
_DECISION: Final = {"allow": ALLOWED, "block": BLOCKED, "human_in_the_loop_required": {"verdict": "flag"}}
_FIELDS: Final = ("decision", "reason", "score", "status")
"""Of a ``ScanResult`` (llamafirewall/llamafirewall_data_types.py); policy engines write decisions and scores, too."""
_STATUS: Final = {"success": "ok", "error": "error", "skipped": "skipped"}


def _fits(record: Any) -> str | None:
    if not has(record, "decision", "reason", "score"):
        return None
    decided = isinstance(record["decision"], str) and record["decision"] in _DECISION
    own = (
        record.get("status") in _STATUS if isinstance(record.get("status"), str) else len(record) == len(_FIELDS) - 1
    )
    return "has decision, reason and score" if decided and own else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    status = choose(record.get("status") or "success", _STATUS, "status")
    if status != "ok":
        return [{"guardrail": _GUARDRAIL, "status": status}]
    event: Event = {"guardrail": _GUARDRAIL, **choose(record.get("decision"), _DECISION, "decision")}
    score = required_number(record.get("score"), "score", low=0.0, high=1.0)
    if score == 0.0:  # no kind either: then it counts with the results that have a score
        return [event]
    threshold = context.thresholds.scaled(_GUARDRAIL, None)
    return [
        event
        | {
            "score": score,
            "score_kind": "continuous",
            "threshold": _BLOCK_FROM if threshold is None else threshold,
        }
    ]


FORMAT: Final = Format(
    name="llama-firewall",
    source="PurpleLlama, LlamaFirewall sources",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.status,
    ),
    title="Meta LlamaFirewall",
    keys=("decision",),
    fits=_fits,
    keep={"decision": VALUE, "score": VALUE, "status": VALUE},
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(Score("score", ScoreKind.continuous, Orientation.high, ThresholdFrom.vendor),),
    dropped="reason, which embeds the text",
)
