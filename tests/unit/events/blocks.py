"""Record blocks and comparisons of batches for the tests of the decoder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from monitor.events.batch import EventBatch, Vocabulary
from monitor.events.columns import WORDS
from monitor.events.decode import Decoded, Decoder
from monitor.events.reasons import Rejected
from monitor.events.records import RecordBlock

KEY = bytes(range(16))
NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def block_of(values: Sequence[bytes | None], *, timestamp_ms: int = NOW_MS, first_offset: int = 0) -> RecordBlock:
    """A block of these values, back to back in one buffer as a source would hand them out."""
    lengths = np.array([0 if value is None else len(value) for value in values], np.int64)
    null = np.array([value is None for value in values], np.bool_)
    ends = np.cumsum(lengths)
    missing = np.full(len(values), -1, np.int64)
    return RecordBlock(
        partition="events-0",
        buffer=np.frombuffer(b"".join(value or b"" for value in values), np.uint8),
        offset=np.arange(first_offset, first_offset + len(values), dtype=np.int64),
        timestamp_ms=np.full(len(values), timestamp_ms, np.int64),
        value_start=np.where(null, -1, ends - lengths),
        value_end=np.where(null, -1, ends),
        key_start=missing,
        key_end=missing,
        next_offset=first_offset + len(values),
    )


def new_decoder(**limits: Any) -> Decoder:
    return Decoder(Vocabulary.bounded(), KEY, **limits)


def decode(*events: dict[str, Any] | bytes | None, timestamp_ms: int = NOW_MS, **limits: Any) -> Decoded:
    """Decode events given as objects or as bytes, with a fresh decoder."""
    values = [json.dumps(event).encode() if isinstance(event, dict) else event for event in events]
    return new_decoder(**limits).decode(block_of(values, timestamp_ms=timestamp_ms))


def event(**known: Any) -> dict[str, Any]:
    """The smallest event, and more if wanted."""
    return {"v": 1, "guardrail": "prompt-injection", **known}


def one(**known: Any) -> EventBatch:
    """The batch of one event, which must be accepted."""
    decoded = decode(event(**known))
    assert not decoded.rejected, decoded.rejected[0].sentence
    return decoded.batch


def rejection(value: dict[str, Any] | bytes | None, **limits: Any) -> Rejected:
    """Why one record is rejected, which it must be."""
    decoded = decode(value, **limits)
    assert len(decoded.batch) == 0
    return decoded.rejected[0]


def comparable(batch: EventBatch) -> dict[str, Any]:
    """Every column as bytes, vocabulary codes also as the texts that they stand for."""
    columns = {
        field.name: getattr(batch, field.name)
        for field in fields(batch)
        if isinstance(getattr(batch, field.name), np.ndarray)
    }
    texts = {
        f"{name} texts": [getattr(batch.vocabulary, name).text(code) for code in columns[name].tolist()]
        for name in WORDS
    }
    return texts | {name: (column.dtype.str, column.tobytes()) for name, column in columns.items()}
