"""Whole requests: a prompt, two input guardrails, and the output guardrail's word on the answer, as one log.

log = log_of([Stretch(minutes=60), Stretch(minutes=10, bypass=0.2)])
by_conversation(log, 4)     as a producer spreads it that keys by conversation
by_turns(log, 4)            ... that does not: the events of one request end up anywhere
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from monitor.ingestion.memory import MemoryRecord
from tests.scenarios.story import MINUTE_MS, START_MS

TURNS = 5
"""Requests of one conversation."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Some minutes of traffic; shares are of all requests unless said otherwise."""

    minutes: int
    per_minute: float = 100
    stopped: float = 0.05
    """Stopped by the input guardrails."""
    bypass: float = 0.01
    """Of those let through: judged unsafe at the output."""
    skipped: float = 0.0
    """Of those let through: one input guardrail did not run."""
    refusals: float = 0.1
    """Of those let through: the answer looks like a refusal."""
    gaming: float = 0.02
    """Of the refusals: judged unsafe all the same."""
    lost_ids: float = 0.0
    """Of those let through: the output event has no request id."""
    campaign: float = 0.0
    """Of all requests: one template with a slot, from ``senders`` sessions."""
    senders: int = 3
    repeats: float = 0.0
    """Of all requests: one of twenty popular prompts, word for word."""


def log_of(stretches: list[Stretch], *, seed: int = 1) -> list[MemoryRecord]:
    """The log in order of time; the same stretches and seed give the same log."""
    rng = np.random.default_rng(seed)
    events: list[tuple[int, int, dict]] = []
    start, number = START_MS, 0
    for stretch in stretches:
        end = start + stretch.minutes * MINUTE_MS
        for time in np.sort(rng.integers(start, end, rng.poisson(stretch.minutes * stretch.per_minute))).tolist():
            number += 1
            for body in _request(stretch, number, time, rng):
                events.append((body["time"], len(events), body))
        start = end
    return [
        MemoryRecord(json.dumps(body).encode(), key=body["session_id"].encode(), timestamp_ms=time)
        for time, _, body in sorted(events, key=lambda event: event[:2])
    ]


def by_conversation(log: list[MemoryRecord], partitions: int) -> list[list[MemoryRecord]]:
    """The log as a producer spreads it that keys by conversation."""
    out: list[list[MemoryRecord]] = [[] for _ in range(partitions)]
    for record in log:
        out[sum(record.key or b"") % partitions].append(record)
    return out


def by_turns(log: list[MemoryRecord], partitions: int) -> list[list[MemoryRecord]]:
    """The log as a producer spreads it that does not key its records."""
    return [log[i::partitions] for i in range(partitions)]


def _request(stretch: Stretch, number: int, time: int, rng: np.random.Generator) -> list[dict]:
    draw = rng.random(8)
    session = f"s-{number // TURNS}"
    text = " ".join(rng.choice(_WORDS, 24).tolist())
    if draw[6] < stretch.campaign:
        session = f"sender-{int(rng.integers(stretch.senders))}"
        text = f"{_TEMPLATE} {rng.choice(_WORDS)}"
    elif draw[7] < stretch.repeats:
        text = _POPULAR[int(rng.integers(len(_POPULAR)))]
    stopped, unsafe = bool(draw[0] < stretch.stopped), bool(draw[1] < stretch.bypass)
    refusal = bool(draw[2] < stretch.refusals)
    if refusal:
        unsafe = bool(draw[3] < stretch.gaming)
    common = {"v": 1, "request_id": f"r-{number}", "session_id": session, "guardrail_version": "1", "category": "all"}

    def event(guardrail: str, stage: str, after: int, *, deny: bool, **more: object) -> dict:
        score = {"score": 0.9 if deny else 0.05, "threshold": 0.5, "verdict": "deny" if deny else "allow"}
        said = {"event_id": f"{guardrail}-{number}", "time": time + after, "guardrail": guardrail, "stage": stage}
        return common | said | score | {"action": "block" if deny else "allow"} | more

    out = [
        event("injection", "input", 0, deny=stopped, text=text),
        event("moderation", "input", 20, deny=False, text=text),
    ]
    if stopped:
        return out
    if draw[4] < stretch.skipped:
        out[1] = {k: v for k, v in out[1].items() if k not in ("score", "verdict", "action")} | {"status": "skipped"}
    out.append(event("safety", "output", 900, deny=unsafe, refusal=refusal))
    if draw[5] < stretch.lost_ids:
        del out[-1]["request_id"]
    return out


_WORDS = np.array([f"word{i}" for i in range(2000)])
_TEMPLATE = " ".join(f"please{i}" for i in range(30))
_POPULAR = [" ".join(f"p{i}q{j}" for j in range(20)) for i in range(20)]
