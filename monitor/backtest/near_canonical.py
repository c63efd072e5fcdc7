"""A mapping for records that are no known format and whose fields are nearly those of the canonical event.

    proposed_mapping(samples) -> {"guardrail": "guardrail_name", "time": "timestamp", ...} | None

Only the names of fields decide, and for verdicts the words of the samples; what is proposed has read the samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from monitor.events.batch import Verdict
from monitor.events.decode import MAX_DEPTH
from monitor.events.formats.explain import explain
from monitor.events.formats.format import Context
from monitor.events.formats.mapping import mapping_format
from monitor.events.formats.reader import Reader

READ: Final = 0.9
"""Of the samples, so many must be read by a mapping that is proposed."""
OTHER_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "guardrail": (
        "guardrail_name",
        "guard",
        "guard_name",
        "rail",
        "policy",
        "detector",
        "scanner",
        "filter",
        "control",
    ),
    "time": ("timestamp", "ts", "@timestamp", "event_time", "created_at", "datetime", "at"),
    "event_id": ("id", "uuid", "event_uuid"),
    "guardrail_version": ("version", "guard_version"),
    "stage": ("direction", "phase"),
    "category": ("label", "harm", "harm_category", "violation_type"),
    "score": ("risk_score", "probability", "p_unsafe", "risk"),
    "threshold": ("cutoff", "score_threshold"),
    "verdict": ("decision", "result", "outcome"),
    "action": ("action_taken", "enforcement"),
    "status": ("state",),
    "request_id": ("trace_id", "correlation_id", "req_id"),
    "session_id": ("conversation_id", "user_session", "chat_id"),
    "model": ("model_name", "model_id"),
    "app": ("application", "product", "service"),
    "language": ("lang", "locale"),
    "text": ("prompt", "input", "message", "content"),
    "latency_ms": ("duration_ms", "elapsed_ms"),
}
"""Canonical field -> what others call it; the canonical name itself comes first."""
SAME_NAMES: Final = (
    "score_kind",
    "score_semantics",
    "model_version",
    "turn",
    "input_length",
    "output_length",
    "refusal",
)
WORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("pass", "passed", "allowed", "safe", "ok", "clean", "benign"), "allow"),
    **dict.fromkeys(("block", "blocked", "denied", "reject", "rejected", "unsafe", "fail", "failed"), "deny"),
    **dict.fromkeys(("flagged", "warn", "warning"), "flag"),
    **dict.fromkeys(("modified", "redact", "redacted", "masked"), "modify"),
}
"""Verdicts in others' words."""
ESSENTIAL: Final = ("guardrail", "time")
"""Without these a record is no event; a file has no other time."""
JUDGEMENT: Final = ("score", "verdict", "status")
"""A record that names a guardrail and has one of these is an event."""


def proposed_mapping(samples: Sequence[bytes]) -> dict[str, str] | None:
    """JMESPath expressions by canonical field; None where the records are too unlike an event, or are not read by it.

    Args:
        samples: records that were not read, as they came.
    """
    records = [record for sample in samples if isinstance(record := _parsed(sample), dict)]
    if not records:
        return None
    names = {name for record in records for name in record}
    found = {field: same for field in (*OTHER_NAMES, *SAME_NAMES) if (same := _names_of(field, names))}
    if "guardrail" not in found or not any(name in found for name in JUDGEMENT):
        return None
    mapping: dict[str, str] = {}
    for field, same in found.items():
        expression = " || ".join(map(_quoted, same))
        if field == "verdict":
            expression = _translated(
                expression, [record[name] for record in records for name in same if name in record]
            )
        more = mapping | {field: expression}
        # What is not as it must be (a stage in other words) is left out, unless nothing would be read without it.
        if field in ESSENTIAL or _reads(more, samples):
            mapping = more
    judges = any(name in mapping for name in JUDGEMENT)
    return mapping if judges and _reads(mapping, samples) else None


def _parsed(sample: bytes) -> Any:
    try:
        return msgspec.json.decode(sample)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _names_of(field: str, names: set[str]) -> list[str]:
    return [name for name in (field, *OTHER_NAMES.get(field, ())) if name in names]


def _quoted(name: str) -> str:
    """A field as JMESPath: bare where it may be."""
    return name if name.isidentifier() and name.isascii() else f'"{name}"'


def _translated(expression: str, values: Sequence[Any]) -> str:
    """The verdict with others' words put into ours."""
    if values and all(isinstance(value, bool) for value in values if value is not None):
        return f"({expression}) && 'deny' || 'allow'"
    ours = {verdict.name for verdict in Verdict}
    words = sorted(
        {value for value in values if isinstance(value, str) and value not in ours and value.lower() in WORDS}
    )
    cases = [f"({expression}) == '{word}' && '{WORDS[word.lower()]}'" for word in words]
    return " || ".join([*cases, expression])


def _reads(mapping: Mapping[str, str], samples: Sequence[bytes]) -> bool:
    reader = Reader((mapping_format(mapping),), (), Context(), max_depth=MAX_DEPTH)
    read = sum(not explain(reader, sample).reason for sample in samples)
    return read >= READ * len(samples)
