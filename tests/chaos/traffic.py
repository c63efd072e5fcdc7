"""Guardrail logs with a known truth, from a seed: quiet traffic, probing of a threshold, a guardrail that fails open.

Records are in the order of their event times and keyed by session; a session stays in one partition, so no partition
holds a late event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

THRESHOLD = 0.5
LANGUAGES = ("en", "en", "en", "de", "de", "fr")
INPUT, OUTPUT = "prompt-injection", "content-filter"
REPEATED_AFTER = 500
QUIET_SCORES = (0.8, 12.0)  # Beta: nearly all far below the threshold


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record; `time_ms` becomes its timestamp."""

    partition: int
    key: bytes
    value: bytes
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Between two shares of the log, a share of one guardrail's events is `probing` or `fail_open`."""

    what: str
    guardrail: str
    begin: float
    end: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a log tells.

    Attributes:
        repeated: share of the records that are sent a second time, :data:`REPEATED_AFTER` records later: a worker
            that was restarted in between must know them.
        garbled: share of the records that are followed by one that nobody can read.
    """

    records: int
    start_ms: int
    length_ms: int
    partitions: int = 4
    seed: int = 1
    guardrails: Sequence[str] = (INPUT, OUTPUT)
    changes: Sequence[Change] = field(default_factory=tuple)
    repeated: float = 0.0
    garbled: float = 0.0


def records(story: Story) -> Iterator[Record]:
    """The story's records; the same for the same story."""
    rng = np.random.default_rng(story.seed)
    n = story.records
    times = np.sort(rng.integers(story.start_ms, story.start_ms + story.length_ms, n))
    guardrail = rng.integers(0, len(story.guardrails), n)
    session = rng.integers(0, max(1, n // 20), n)
    language = rng.integers(0, len(LANGUAGES), n)
    score = np.round(rng.beta(*QUIET_SCORES, n), 4)
    status = np.zeros(n, np.int64)
    for change in story.changes:
        part = (np.arange(n) >= change.begin * n) & (np.arange(n) < change.end * n)
        part &= guardrail == list(story.guardrails).index(change.guardrail)
        part &= rng.random(n) < change.share
        if change.what == "probing":
            score[part] = np.round(rng.normal(THRESHOLD - 0.03, 0.02, int(part.sum())).clip(0, 1), 4)
        else:
            status[part] = 1
    twice = rng.random(n) < story.repeated
    garbled = rng.random(n) < story.garbled
    again: deque[tuple[int, Record]] = deque()
    columns = (
        times.tolist(),
        guardrail.tolist(),
        session.tolist(),
        language.tolist(),
        score.tolist(),
        status.tolist(),
    )
    for i, (at, which, who, spoken, value, failed) in enumerate(zip(*columns, strict=True)):
        partition, key = who % story.partitions, b"s%d" % who
        body = event(
            number=i,
            time_ms=at,
            guardrail=story.guardrails[which],
            session=who,
            language=LANGUAGES[spoken],
            score=value,
            failed=bool(failed),
        )
        record = Record(partition, key, body, at)
        yield record
        if twice[i]:
            again.append((i + REPEATED_AFTER, record))
        while again and again[0][0] <= i:
            yield again.popleft()[1]
        if garbled[i]:
            yield Record(partition, key, b'{"v":1,"guardrail":"' + b"x" * (i % 7), at)
    yield from (record for _, record in again)


def event(
    *, number: int, time_ms: int, guardrail: str, session: int, language: str, score: float, failed: bool = False
) -> bytes:
    """A canonical event of 17 keys and about 435 bytes."""
    denied = score >= THRESHOLD and not failed
    return (
        f'{{"v":1,"event_id":"e-{number:012d}-{session:08d}","time":{time_ms},"guardrail":"{guardrail}",'
        f'"guardrail_version":"2.3.1","stage":"input","category":"jailbreak","score":{score},"threshold":{THRESHOLD},'
        f'"verdict":"{"deny" if denied else "allow"}","action":"{"block" if denied else "allow"}",'
        f'"status":"{"timeout" if failed else "ok"}","request_id":"request-{number:012d}-{session:08d}",'
        f'"session_id":"conversation-{session:012d}-of-the-customers-of-one-shop","app":"assistant-for-customers","language":"{language}",'
        f'"latency_ms":{3 + number % 40}.25}}'
    ).encode()
