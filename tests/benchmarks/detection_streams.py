"""The protocol of the detection benchmark: streams that drift, and what a method made of them.

draw(family, range(20, 40))     runs 20 to 39 of a family: the same events whoever asks, in whatever portions
undrifted(family, range(10))    streams that never drift: how often a method alarms without a reason
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

SPACING = 50_000  # events between false alarms that every tuned method is allowed
TICK = 50
BASELINE = 10_000
BEFORE, AFTER = 5_000, 40_000  # monitored events before the drift, and after it
NULL = 45_000  # monitored events of a stream that never drifts


@dataclass(frozen=True, eq=False)
class Streams:
    """Streams of one family: a baseline, then monitored events that drift from event `change` on.

    `numbers` are the runs' own; `phase` is where in a tick each stream begins.
    """

    family: Any
    numbers: range
    baseline: NDArray[np.float64]
    events: NDArray[np.float64]
    change: int
    phase: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Outcome:
    """(runs,) delays in events, -1 where not found; false alarms over `exposure` undrifted events; what it cost."""

    delay: NDArray[np.int64]
    false: int
    exposure: int
    seconds: float  # of process time,
    events: int  # for this many events


Method = Callable[[Streams], Outcome]


def draw(
    family: Any,
    numbers: range,
    *,
    before: int = BEFORE,
    after: int = AFTER,
    history: int = BASELINE,
    seed: int = 2026,
) -> Streams:
    """The streams with these numbers; `after` = 0 gives streams that never drift."""
    baseline, events, phase = [], [], []
    for number in numbers:
        rng = np.random.default_rng((seed, crc32(family.name.encode()), number))
        baseline.append(family.draw(rng, history, drifted=False))
        quiet, drift = family.draw(rng, before, drifted=False), family.draw(rng, after, drifted=True)
        events.append(np.concatenate((quiet, drift)))
        phase.append(int(rng.integers(0, TICK)))
    return Streams(family, numbers, np.array(baseline), np.array(events), before, np.array(phase))


def undrifted(family: Any, numbers: range, *, seed: int = 2027) -> Streams:
    """Streams that never drift, with numbers and events of their own."""
    return draw(family, numbers, before=NULL, after=0, seed=seed)


def joined(parts: Sequence[Outcome]) -> Outcome:
    """Outcomes of several portions of runs as one."""
    return Outcome(
        np.concatenate([p.delay for p in parts]),
        sum(p.false for p in parts),
        sum(p.exposure for p in parts),
        sum(p.seconds for p in parts),
        sum(p.events for p in parts),
    )
