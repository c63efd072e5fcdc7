"""The demo's Kafka records: the canonical event, version 1, and the record that carries it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record.

    Attributes:
        time_ms: the event's time, epoch milliseconds; becomes the record's timestamp.
        key: the session's id, so that a conversation stays in one partition.
        value: the event as JSON.
        phase: name of the phase of the demo that it belongs to; not written.
    """

    time_ms: int
    key: bytes
    value: bytes
    phase: str


class WireEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Canonical event, version 1: one verdict of one guardrail on one request.

    No language model answers in the demo: `model` names the one that the app would call, and the output's fields
    stay empty. `text` is sent so that everybody can see Driftline's border drop it.
    """

    v: int = 1
    event_id: str
    time: int
    guardrail: str
    guardrail_version: str
    stage: str = "input"
    category: str
    score: float
    score_kind: str = "continuous"
    score_semantics: str = "p_unsafe"
    threshold: float
    verdict: str
    action: str
    status: str = "ok"
    request_id: str
    session_id: str
    model: str = "demo-model"
    model_version: str = "1"
    app: str
    language: str
    format: str = "text"
    turn: int
    input_length: int
    output_length: int = 0
    refusal: bool = False
    rules: tuple[str, ...] = ()
    latency_ms: float
    text: str
