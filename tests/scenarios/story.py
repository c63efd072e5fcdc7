"""Stories: guardrail traffic in lines that anybody can read, and the log that they stand for.

    00:00 injection: rate=60/min near=1% unsafe=5% languages=en:70,de:30
    00:00 toxicity:  rate=60/min
    01:30 injection: near=20%
    01:45 injection: near=1%
    03:00 end

Each line says what changes, from that hour and minute on. What can be said of a guardrail:

    rate=60/min     events per minute, at random; 0/min is silence
    near=1%         share of scores at the decision threshold
    unsafe=5%       share judged unsafe and blocked
    leak=0%         share judged unsafe and let through all the same
    timeout=0%      share that the guardrail did not judge in time
    languages=en:70,de:30    who asks, in percent; `unsafe.de=20%` says a share for one language alone
    version=1       the guardrail's version
    model=1         the version of the model that the product calls; not said by default
    scores=continuous        or boolean
    stage=input     or output

What the judged texts look like is said by these; what is not said, the log does not carry (see shapes.py):

    length=60       characters of the prompt or answer, as the middle of a wide spread
    scripts=latin:98,mixed:2    in percent
    suffix=1%       share of prompts with the disorder of a suffix that an optimiser made
    late=5%         share of prompts that are the sixteenth turn of their conversation
    rules=1%        share of prompts on which rules hit
    refusal=10%     share of answers that refuse
    cut=2%          share of answers that break off at the length limit
    lift=.2         added to the ordinary scores
    harms=hate:70,pii:30        categories of what is judged unsafe, in percent
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from monitor.ingestion.memory import MemoryRecord
from tests.scenarios.shapes import SHAPES, shape_of

START_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z"""
MINUTE_MS = 60_000
TURNS = 5
"""Events of one guardrail and conversation: the keys by which a log is split into partitions."""
_ORDINARY = {
    "rate": "60/min",
    "near": "1%",
    "unsafe": "5%",
    "leak": "0%",
    "timeout": "0%",
    "languages": "en:100",
    "version": "1",
    "model": "",
    "scores": "continuous",
    "stage": "input",
    **dict.fromkeys(SHAPES, ""),
}


@dataclass(frozen=True)
class Line:
    """What is true of a guardrail from one minute to another."""

    guardrail: str
    start_ms: int
    end_ms: int
    said: dict[str, str]

    def share(self, what: str, language: str) -> float:
        """A share such as ``near``, said for the language or for all."""
        return float(self.said.get(f"{what}.{language}", self.said[what]).removesuffix("%")) / 100


def at(clock: str) -> int:
    """Epoch milliseconds of a story's hour and minute."""
    hours, minutes = clock.split(":")
    return START_MS + (60 * int(hours) + int(minutes)) * MINUTE_MS


def lines_of(story: str) -> list[Line]:
    """The story's lines, each with the end that the next line of its guardrail (or the story) sets."""
    rows = [row.split() for row in story.strip().splitlines() if row.strip()]
    *told, end = rows
    if end[1] != "end":
        raise ValueError(f"a story ends with `HH:MM end`, not with {' '.join(end)!r}")
    now: dict[str, tuple[int, dict[str, str]]] = {}
    out = []
    for when, name, *changes in told:
        guardrail = name.removesuffix(":")
        since, said = now.get(guardrail, (None, dict(_ORDINARY)))
        if since is not None:
            out.append(Line(guardrail, since, at(when), said))
        new = dict(change.split("=") for change in changes)
        unknown = {key.partition(".")[0] for key in new} - set(_ORDINARY)
        if unknown:
            raise ValueError(f"nothing called {sorted(unknown)} can be said of a guardrail; known: {list(_ORDINARY)}")
        now[guardrail] = (at(when), said | new)
    out += [Line(guardrail, since, at(end[0]), said) for guardrail, (since, said) in now.items()]
    return sorted(out, key=lambda line: (line.guardrail, line.start_ms))


def log_of(story: str, *, seed: int = 1) -> list[MemoryRecord]:
    """The story as a log in order of time; the same story and seed give the same log."""
    events: list[tuple[int, str, dict]] = []
    numbers: dict[str, int] = {}
    for i, line in enumerate(lines_of(story)):
        events += _events(line, np.random.default_rng([seed, i]), numbers)
    events.sort(key=lambda event: event[:2])
    return [
        MemoryRecord(json.dumps(body).encode(), key=body["session_id"].encode(), timestamp_ms=time)
        for time, _, body in events
    ]


def split(log: list[MemoryRecord], partitions: int) -> list[list[MemoryRecord]]:
    """The log as a producer would spread it: by conversation."""
    out: list[list[MemoryRecord]] = [[] for _ in range(partitions)]
    for record in log:
        out[int(record.key.rpartition(b"-")[2]) % partitions].append(record)
    return out


def _events(line: Line, rng: np.random.Generator, numbers: dict[str, int]) -> list[tuple[int, str, dict]]:
    per_minute = float(line.said["rate"].removesuffix("/min"))
    n = rng.poisson(per_minute * (line.end_ms - line.start_ms) / MINUTE_MS)
    times = np.sort(rng.integers(line.start_ms, line.end_ms, n)).tolist()
    weights = dict(part.split(":") for part in line.said["languages"].split(","))
    parts = np.array([float(w) for w in weights.values()])
    languages = rng.choice(list(weights), size=n, p=parts / parts.sum()).tolist()
    draws, noise = rng.random((n, 4)).tolist(), rng.normal(0, 1, n).tolist()
    shapes = [shape_of(line.said, rng) for _ in range(n)] if any(line.said[name] for name in SHAPES) else [{}] * n
    lift = float(line.said["lift"] or 0)
    out = []
    for time, language, shape, (unsafe, near, leak, timeout), z in zip(
        times, languages, shapes, draws, noise, strict=True
    ):
        number = numbers[line.guardrail] = numbers.get(line.guardrail, 0) + 1
        bad = unsafe < line.share("unsafe", language)
        leaked = bad and leak < line.share("leak", language) / max(line.share("unsafe", language), 1e-9)
        edge = 0.5 + 0.03 * abs(z) if bad else 0.5 - 0.03 * abs(z)
        ordinary = 0.93 if bad else 0.04 + 0.01 * abs(z) + lift
        score = edge if near < line.share("near", language) else ordinary
        body = {
            "v": 1,
            "event_id": f"{line.guardrail}-{number}",
            "time": time,
            "guardrail": line.guardrail,
            "guardrail_version": line.said["version"],
            "stage": line.said["stage"],
            "session_id": f"{line.guardrail}-{number // TURNS}",
            "language": language,
            **{name: value for name, value in shape.items() if bad or name != "category"},
        }
        if line.said["model"]:
            body["model_version"] = line.said["model"]
        if timeout < line.share("timeout", language):
            body["status"] = "timeout"
        else:
            body |= {
                "score": round(min(max(score, 0.0), 1.0), 4),
                "score_kind": line.said["scores"],
                "threshold": 0.5,
                "verdict": "deny" if bad else "allow",
                "action": "allow" if leaked or not bad else "block",
            }
        out.append((time, line.guardrail, body))
    return out
