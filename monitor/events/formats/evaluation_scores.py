"""Scores of Langfuse and feedback of LangSmith: other people's evaluations, whose direction is the user's own.

Sources: the Langfuse public API, Score (traceId, name, value, dataType, stringValue, timestamp); the LangSmith API,
FeedbackSchema (run_id, key, score, value, created_at). A score is read where it is certain which end is bad: by a
threshold of the settings (``<=``: low is), by a name that measures quality, or by a label such as pass or fail.
Otherwise the record is rejected, with the way out.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.evaluation import evaluated, low_is_bad
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
from monitor.events.formats.values import flag, identifier, instant, word
from monitor.events.formats.verdicts import BOOLEAN
from monitor.events.reasons import Reason, Rejection

WAY_OUT: Final = (
    "which end of this score is bad is not known: give its threshold in source.thresholds, as name >= number or"
    " name <= number, or map it with source.mapping"
)
_DATA_TYPES: Final = ("NUMERIC", "BOOLEAN", "CATEGORICAL")


def _fits(record: Any) -> str | None:
    if has(record, "traceId", "name", "dataType") and record["dataType"] in _DATA_TYPES:
        return "has traceId, name and dataType of Langfuse"
    return "has run_id, key and score of LangSmith" if has(record, "run_id", "key", "score") else None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    name = word(record.get("name") or record.get("key"))
    if name is None:
        raise Rejection(Reason.missing_field, "the score has no name")
    identity = Identity(
        record=identifier(record.get("id")),
        request=identifier(record.get("traceId")) or identifier(record.get("run_id")),
        time=instant(record.get("timestamp")) or instant(record.get("created_at")),
        session=identifier(record.get("sessionId")),
    )
    return identified([_event(name, record, context)], identity, format_name=FORMAT.name)


def _event(name: str, record: dict[str, Any], context: Context) -> Event:
    low = low_is_bad(name, context)
    kind, feedback = record.get("dataType"), record.get("key") is not None
    if kind == "BOOLEAN" and low is not None:
        passed = flag(record.get("value"), "value") is low
        return {"guardrail": name, **BOOLEAN, "verdict": "allow" if passed else "flag"}
    value = None if kind in ("BOOLEAN", "CATEGORICAL") else record.get("score" if feedback else "value")
    event = evaluated(name, value, record.get("value" if feedback else "stringValue"), context)
    if event.get("verdict") is not None:
        return event
    if low is None:
        raise Rejection(Reason.no_verdict, WAY_OUT)
    if event.get("score") is None:
        raise Rejection(
            Reason.out_of_range, "the score has no label and is not from 0 to 1; map it with source.mapping"
        )
    return event


FORMAT: Final = Format(
    name="evaluation-scores",
    source="Langfuse and LangSmith API references",
    carries=(Detail.verdict, Detail.time),
    title="scores of Langfuse, feedback of LangSmith",
    keys=("dataType", "run_id"),
    fits=_fits,
    keep=dict.fromkeys(
        (
            *("id", "traceId", "sessionId", "name", "value", "stringValue", "dataType", "timestamp"),
            *("run_id", "key", "score", "created_at"),
        ),
        VALUE,
    ),
    guardrail="evaluation-scores",
    read=_read,
    scores=(
        Score("value, score", ScoreKind.continuous, Orientation.declared, ThresholdFrom.settings),
        Score("labels", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
    ),
    dropped="comments, corrections, users, where the score is from",
)
