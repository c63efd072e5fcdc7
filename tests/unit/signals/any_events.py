"""Events of every kind, the same ones for ever: what a signal's rule does with them is its fingerprint."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import (
    MISSING,
    Action,
    EventBatch,
    FinishReason,
    ScoreKind,
    Script,
    Stage,
    Status,
    Verdict,
)
from monitor.signals.recall import UNKNOWN, Layer, Recall, Surface
from monitor.signals.signal import Signal
from tests.unit.batches import batch, part

NUMBER = 4_000


def any_events(*, number: int = NUMBER, seed: int = 1) -> tuple[EventBatch, Recall]:
    """Events with every field missing now and then, labels among them, and what might be remembered of each."""
    # RandomState is frozen: its numbers are the same in every version of NumPy.
    draw = np.random.RandomState(seed)

    def one_of(many: type) -> NDArray[np.int64]:
        return draw.randint(-1, len(many), number)

    def size(most: int) -> NDArray[np.int64]:
        found = draw.randint(0, most, number) >> draw.randint(0, most.bit_length(), number)
        return np.where(draw.rand(number) < 0.2, -1, found)

    def share() -> NDArray[np.float64]:
        return np.where(draw.rand(number) < 0.2, np.nan, np.round(draw.rand(number), 3))

    events = batch(
        time_ms=draw.randint(0, 10**9, number),
        request_id=draw.randint(0, 500, number),
        stage=one_of(Stage),
        verdict=one_of(Verdict),
        action=one_of(Action),
        status=draw.randint(0, len(Status), number),
        score_kind=one_of(ScoreKind),
        semantics=draw.randint(-1, 2, number),
        score=share(),
        threshold=share(),
        category=[["hate", "pii", "sexual/minors", "S9", "odd", ""][i] for i in draw.randint(0, 6, number)],
        turn=size(1_000),
        input_length=size(100_000),
        output_length=size(100_000),
        rules=size(20),
        refusal=draw.randint(-1, 2, number),
        script=one_of(Script),
        finish_reason=one_of(FinishReason),
        disorder=size(70),
        harmful=np.where(draw.rand(number) < 0.9, MISSING, draw.randint(0, 2, number)),
    )
    hits = size(300).astype(np.int16)
    recall = Recall(
        layer=draw.randint(UNKNOWN, len(Layer), number).astype(np.int8),
        surface=draw.randint(UNKNOWN, len(Surface), number).astype(np.int8),
        harm=draw.randint(UNKNOWN, 2, number).astype(np.int8),
        near=np.where(hits < 0, UNKNOWN, hits > 0).astype(np.int8),
        hits=hits,
        cluster=draw.randint(0, 50, number).astype(np.uint64),
        senders=np.maximum(hits, 0).astype(np.int16),
        since=np.zeros(number, np.int64),
    )
    return events, recall


def codes(signal: Signal, events: EventBatch, recall: Recall) -> NDArray[np.int16]:
    """The bin of each event."""
    return signal.code(events, recall) if signal.recalls else signal.code(events)


def rows(events: EventBatch, recall: Recall, start: int, stop: int) -> tuple[EventBatch, Recall]:
    """The events in [start, stop) alone."""
    return part(events, start, stop), Recall(
        *(getattr(recall, name)[start:stop] for name in Recall.__dataclass_fields__)
    )


def rule_digest(signal: Signal) -> str:
    """Of the bins' names and of what the rule makes of :func:`any_events`."""
    found = codes(signal, *any_events()).astype("<i2").tobytes()
    return hashlib.sha256("\n".join(signal.bins).encode() + b"\0" + found).hexdigest()[:12]
