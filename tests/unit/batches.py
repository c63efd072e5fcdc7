"""Event batches by hand: give the columns that a test is about, the rest is an ordinary event."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from monitor.events.batch import EventBatch, ScoreKind, Vocabulary

_DTYPES = {
    "offset": np.int64,
    "time_ms": np.int64,
    "record_ms": np.int64,
    "event_id": np.uint64,
    "request_id": np.uint64,
    "session_id": np.uint64,
    "fingerprint": np.uint64,
    "score": np.float64,
    "threshold": np.float64,
    "latency_ms": np.float32,
    "turn": np.int32,
    "input_length": np.int32,
    "output_length": np.int32,
    "rules": np.int32,
    "refusal": np.int8,
    "script": np.int8,
    "finish_reason": np.int8,
    "disorder": np.int8,
    "harmful": np.int8,
} | dict.fromkeys(("stage", "verdict", "action", "status", "score_kind", "semantics"), np.int8)
_WORDS = ("guardrail", "guardrail_version", "category", "language", "app", "model", "model_version", "format")
_ORDINARY = {
    "record_ms": -1,
    "guardrail": "filter",
    "guardrail_version": "1",
    "stage": 0,
    "verdict": 0,
    "action": 0,
    "status": 0,
    "score_kind": int(ScoreKind.continuous),
    "semantics": 0,
    "score": 0.1,
    "threshold": 0.5,
    "event_id": 0,
    "request_id": 0,
    "session_id": 0,
    "fingerprint": 0,
    "latency_ms": np.nan,
}


def batch(vocabulary: Vocabulary | None = None, *, partition: str = "p", next_offset: int | None = None, **columns):
    """A batch; columns are lists, or one value for all events. ``offset`` counts from 0 unless given."""
    words = vocabulary or Vocabulary.bounded()
    n = max((len(value) for value in columns.values() if isinstance(value, (list, tuple, np.ndarray))), default=1)
    offset = np.asarray(columns.pop("offset", np.arange(n)), np.int64)
    made = {"offset": offset}
    for field in fields(EventBatch):
        name = field.name
        if name in ("partition", "vocabulary", "next_offset", "offset"):
            continue
        value = columns.pop(name, _ORDINARY.get(name, -1))
        listed = list(value) if isinstance(value, (list, tuple, np.ndarray)) else [value] * n
        if name in _WORDS:
            listed = [getattr(words, name).code(v) if isinstance(v, str) else v for v in listed]
        made[name] = np.asarray(listed, _DTYPES.get(name, np.int32))
    if columns:
        raise TypeError(f"an event has no {sorted(columns)}")
    after = next_offset if next_offset is not None else int(offset[-1]) + 1 if n else 0
    return EventBatch(partition=partition, vocabulary=words, next_offset=after, **made)


def part(events: EventBatch, start: int, stop: int) -> EventBatch:
    """The rows in [start, stop) as a batch of their own."""
    rows = {
        field.name: getattr(events, field.name)[start:stop]
        for field in fields(EventBatch)
        if field.name not in ("partition", "vocabulary", "next_offset")
    }
    last = stop >= len(events)
    after = events.next_offset if last else int(events.offset[stop])
    return replace(events, next_offset=after, **rows)
