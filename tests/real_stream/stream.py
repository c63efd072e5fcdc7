"""The stream itself: requests judged by real guardrails, as the records of a log, with the truth beside it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from monitor.demo.campaign import Campaign
from monitor.demo.classifiers import Guardrail
from monitor.demo.wire import WireEvent
from monitor.ingestion.memory import MemoryRecord
from tests.real_stream.answers import Answer, answer
from tests.real_stream.attacks import ATTACKS
from tests.real_stream.materials import Materials, load_materials
from tests.real_stream.schedule import START_MS, Segment, rate_per_ms, schedule, wandered
from tests.real_stream.users import OrdinaryUsers, Request

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "real-stream"
MADE_BY = ("answers", "attacks", "materials", "schedule", "stream", "users")
BATCH, PROBING_BATCH = 256, 6
"""Requests that are judged at once; a prober waits for his answer."""
INJECTION, TOXICITY, ANSWERS = "prompt-injection", "toxicity", "answer-toxicity"


class Span(msgspec.Struct, frozen=True):
    """A labelled stretch: its first and last moment, and its requests' places in the stream."""

    name: str
    begin_ms: int
    end_ms: int
    first: int
    last: int


class Stream(msgspec.Struct, frozen=True):
    """A log and its truth. Lines are (time, conversation, canonical event as JSON), in order of time."""

    lines: list[tuple[int, str, bytes]]
    spans: list[Span]
    request_ms: list[int]

    def partition(self) -> list[MemoryRecord]:
        """The whole log in one partition."""
        return [MemoryRecord(value, key=key.encode(), timestamp_ms=time) for time, key, value in self.lines]

    def partitions(self, count: int, *, keyed: bool) -> list[list[MemoryRecord]]:
        """Spread by conversation, as producers should; or by event, as those do that set no key."""
        out: list[list[MemoryRecord]] = [[] for _ in range(count)]
        for record in self.partition():
            key = record.key if keyed else record.value
            out[int(hashlib.blake2b(key or b"", digest_size=4).hexdigest(), 16) % count].append(record)
        return out


@dataclass(frozen=True)
class _Judged:
    """One guardrail's answer on a batch."""

    guardrail: Guardrail
    scores: NDArray[np.float64]

    def denied(self, row: int) -> bool:
        return bool(self.scores[row] >= self.guardrail.threshold)


def real_stream(seed: int, *, only: tuple[str, ...] = ()) -> Stream:
    """The stream of a seed: made once, then read from the cache. `only` picks eventful segments."""
    file = CACHE / f"{seed}-{_fingerprint(only)}.zst"
    if file.exists():
        return msgspec.msgpack.decode(zstandard.decompress(file.read_bytes()), type=Stream)
    stream = make_stream(seed, schedule(only=only))
    CACHE.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(zstandard.compress(msgspec.msgpack.encode(stream)))
    unfinished.replace(file)
    return stream


def _fingerprint(only: tuple[str, ...]) -> str:
    """Of everything that makes the stream, so that a change of the generator makes it anew."""
    own = [Path(__file__).with_name(f"{name}.py") for name in MADE_BY]
    sources = [*own, *Path(__file__).parents[2].glob("monitor/demo/*.py")]
    digest = hashlib.sha256(repr(only).encode())
    for source in sorted(sources):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def make_stream(seed: int, segments: Sequence[Segment]) -> Stream:
    """Generate: the same seed and segments give the same bytes."""
    return _Maker(seed, load_materials(seed)).make(segments)


class _Maker:
    def __init__(self, seed: int, materials: Materials) -> None:
        self._seed, self._materials = seed, materials
        streams = np.random.SeedSequence(seed).spawn(5)
        self._arrivals, users, self._attack_rng, self._model_rng, self._delays = map(np.random.default_rng, streams)
        self._users = OrdinaryUsers(materials, rng=users)
        self._now = float(START_MS)
        self._lines: list[tuple[int, str, bytes]] = []
        self._request_ms: list[int] = []

    def make(self, segments: Sequence[Segment]) -> Stream:
        spans = []
        for segment in segments:
            first = len(self._request_ms)
            for requests in self._batches(segment):
                self._judge(requests, segment)
            times = self._request_ms[first:]
            spans.append(Span(segment.name, times[0], times[-1], first, len(self._request_ms) - 1))
        return Stream(sorted(self._lines), spans, self._request_ms)

    def _batches(self, segment: Segment) -> Iterator[list[Request]]:
        if segment.attack == "probing":
            yield from self._probing(segment)
            return
        attack = ATTACKS[segment.attack](self._materials, self._attack_rng) if segment.attack else None
        for size in _sizes(segment.requests, BATCH):
            yield [
                next(attack) if attack and self._attack_rng.random() < segment.share else self._ordinary(segment)
                for _ in range(size)
            ]

    def _probing(self, segment: Segment) -> Iterator[list[Request]]:
        """The demo's boundary search, a third of the traffic; each query waits for the answer to the one before."""
        campaign = Campaign(self._materials.prompts, target=self._materials.injection, rng=self._attack_rng)
        done = probes = 0
        for size in _sizes(segment.requests, PROBING_BATCH):
            done += size
            attackers = campaign.next_attackers(int(segment.share * done) - probes)
            probes += len(attackers)
            queries = [attacker.request for attacker in attackers]
            batch = [Request(q.session_id, q.app, q.turn, q.text, hostile=True) for q in queries]
            batch += [self._ordinary(segment) for _ in range(size - len(batch))]
            blocked = [judged.scores >= judged.guardrail.threshold for judged in self._scored(batch, segment)]
            for row, attacker in enumerate(attackers):
                attacker.answer(blocked=any(bool(each[row]) for each in blocked))
            yield [batch[int(row)] for row in self._attack_rng.permutation(size)]

    def _ordinary(self, segment: Segment) -> Request:
        return self._users.next_request(wandered(segment.shares, self._now))

    def _scored(self, requests: Sequence[Request], segment: Segment) -> list[_Judged]:
        texts = [request.text for request in requests]
        builds = {"retrained": self._materials.retrained, "quantised": self._materials.quantised}
        injection = builds.get(segment.injection, self._materials.injection)
        return [_Judged(guardrail, guardrail.score(texts)) for guardrail in (injection, self._materials.toxicity)]

    def _judge(self, requests: Sequence[Request], segment: Segment) -> None:
        inputs = self._scored(requests, segment)
        languages = [self._materials.language(request.text) for request in requests]
        answers = [
            answer(request, segment.model, language=language, materials=self._materials, rng=self._model_rng)
            for request, language in zip(requests, languages, strict=True)
        ]
        output = _Judged(self._materials.toxicity, self._materials.toxicity.score([a.text for a in answers]))
        for row, (request, language) in enumerate(zip(requests, languages, strict=True)):
            self._now += float(self._arrivals.exponential(1.0 / rate_per_ms(self._now)))
            number = len(self._request_ms)
            self._request_ms.append(int(self._now))
            about = {
                "request_id": f"r-{self._seed}-{number}",
                "session_id": request.session_id,
                "app": request.app,
                "language": language,
                "turn": request.turn,
                "input_length": len(request.text),
                "model_version": segment.model.version,
            }
            spent = [float(x) for x in self._delays.lognormal((0.5, 0.7, 7.5), (0.3, 0.3, 0.5))]
            for name, judged, latency in zip((INJECTION, TOXICITY), inputs, spent[:2], strict=True):
                rules = self._materials.rules_hit(request.text) if name == INJECTION else ()
                self._add(name, judged, row, self._now + latency, latency, request.text, about | {"rules": rules})
            if not any(judged.denied(row) for judged in inputs):  # what is blocked never reaches the model
                self._add_answer(output, row, self._now + sum(spent), answers[row], about)

    def _add_answer(self, judged: _Judged, row: int, time: float, given: Answer, about: dict) -> None:
        more = {"stage": "output", "output_length": len(given.text), "refusal": given.refusal}
        self._add(ANSWERS, judged, row, time, 0.7, given.text, about | more)

    def _add(self, name: str, judged: _Judged, row: int, time: float, latency: float, text: str, about: dict) -> None:
        denied = judged.denied(row)
        event = WireEvent(
            event_id=f"{about['request_id']}/{name}",
            time=int(time),
            guardrail=name,
            guardrail_version=judged.guardrail.version,
            category=judged.guardrail.category,
            score=float(judged.scores[row]),
            threshold=judged.guardrail.threshold,
            verdict="deny" if denied else "allow",
            action="block" if denied else "allow",
            latency_ms=round(latency, 2),
            text=text,
            **about,
        )
        self._lines.append((event.time, event.session_id, msgspec.json.encode(event)))


def _sizes(total: int, most: int) -> list[int]:
    return [min(most, total - done) for done in range(0, total, most)]
