"""How well one could do, knowing more than a detector can: what ticks cost, what not knowing either law costs.

    ticks(family, numbers, bound)                told both laws, but counts of ticks only: Shiryaev-Roberts
    told(told, family, numbers, bound)           rates: told the level before, the ratio, or neither (`Told`)
    tune_ticks(family, ...), tune_told(...)      the bound with the allowed spacing of false alarms, by simulation

Told neither is Bayes' rule: Shiryaev-Roberts at every level that the history leaves possible, weighted by what
history and stream say of that level. All streams go side by side, tick by tick.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.alternatives import boundary
from tests.benchmarks.detection_oracle import pool
from tests.benchmarks.detection_ours import START
from tests.benchmarks.detection_streams import AFTER, SPACING, TICK, Outcome, draw, undrifted

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Step = Callable[[Ints, NDArray[Any], Ints], Floats]
"""(rows, what a tick showed of them, its events) to their evidence after it; see `_run`."""

TICKS_BEFORE, TICKS_AFTER = 2_000, 25_000  # events: told both laws, it forgets the past, and finds all by then
LANES = 2_000
POOL = 400_000  # undrifted ticks, resampled with replacement
LEVELS = np.linspace(0.03, 0.085, 111)  # steps of half a standard error of 50,000 events at .05
GRID = 128  # streams at a time: levels x alternatives of each are 1 MB


class Told(Enum):
    """What a floor knows of a rate's two laws; the alternatives are those of `alternatives.boundary`."""

    LEVEL = "told p0, not the ratio"
    RATIO = "told the ratio, not p0"
    NEITHER = "told neither, Bayes' rule"


def ticks(family: Any, numbers: range, bound: float) -> Outcome:
    """Told both laws; alarms when Shiryaev-Roberts, in ticks' worth of spend, reaches the bound."""
    streams = draw(family, numbers, before=TICKS_BEFORE, after=TICKS_AFTER, history=0, seed=7)
    shown = _by_tick(family.log_ratio(streams.events), streams.phase)
    return _run(shown, _sizes(streams), streams.change, streams.phase, _shiryaev_roberts(len(numbers)), bound)


def ticks_undrifted(family: Any, number: int, bound: float, *, steps: int = 2_000) -> Outcome:
    """Its false alarms on ticks of undrifted events; `number` chooses them."""
    rng = np.random.default_rng((9, number))
    ratios = pool(family)
    sums = sum(ratios[rng.integers(0, len(ratios), POOL)] for _ in range(TICK))
    evidence, false = np.zeros(LANES), 0
    run_in = int(bound)  # a fresh test alarms late
    for step in range(run_in + steps):
        evidence = (evidence + 1) * np.exp(sums[rng.integers(0, POOL, LANES)])
        fired = evidence >= bound
        evidence[fired] = 0
        false += int(fired.sum()) if step >= run_in else 0
    return Outcome(np.empty(0, dtype=np.int64), false, LANES * steps * TICK, 0.0, 0)


def tune_ticks(family: Any, *, steps: int) -> float:
    """The bound of `ticks`, on LANES x steps ticks."""
    return _tuned(lambda bound: ticks_undrifted(family, 10**6, bound, steps=steps))


def told(what: Told, family: Any, numbers: range, bound: float, *, quiet: bool = False) -> Outcome:
    """A rate's floor on the protocol's own streams: history, replay, 5,000 events, drift (`quiet`: none)."""
    parts = [range(at, min(at + GRID, numbers.stop)) for at in range(numbers.start, numbers.stop, GRID)]
    outcomes = []
    for part in parts:
        streams = undrifted(family, part) if quiet else draw(family, part, after=AFTER)
        past, replay = streams.baseline[:, :START], streams.baseline[:, START:]
        step, forget = _bayes(what, family, past)
        none = np.zeros(len(part), dtype=np.int64)
        events = replay.shape[1]
        whole = np.full((events // TICK, len(part)), TICK)
        _run(_by_tick(replay, none), whole, events, none, (step, forget), bound)
        outcomes.append(
            _run(
                _by_tick(streams.events, streams.phase),
                _sizes(streams),
                streams.change,
                streams.phase,
                (step, forget),
                bound,
            )
        )
    return Outcome(
        np.concatenate([o.delay for o in outcomes]),
        sum(o.false for o in outcomes),
        sum(o.exposure for o in outcomes),
        0.0,
        0,
    )


def tune_told(what: Told, family: Any, *, streams: int) -> float:
    """The bound of `told`, on undrifted streams of their own."""
    numbers = range(10**6, 10**6 + streams)
    return _tuned(lambda bound: told(what, family, numbers, bound, quiet=True))


def _tuned(simulate: Callable[[float], Outcome]) -> float:
    """The bound with the allowed spacing: spacing grows in proportion to the bound, near enough for four rounds."""
    bound = SPACING / TICK / 1.5
    for _ in range(4):
        found = simulate(bound)
        bound *= SPACING / (found.exposure / max(found.false, 1))
    return bound


def _run(
    shown: NDArray[Any],
    sizes: Ints,
    change: int,
    phase: Ints,
    engine: tuple[Step, Callable[[Ints], None]],
    bound: float,
) -> Outcome:
    """Ticks in, outcome out; `engine` is a step and how rows forget their evidence after a false alarm."""
    step, forget = engine
    delay = np.full(shown.shape[1], -1, dtype=np.int64)
    live = np.arange(shown.shape[1])
    false = 0
    for tick in range(len(shown)):
        evidence = step(live, shown[tick, live], sizes[tick, live])
        fired = live[evidence >= bound]
        end = (tick + 1) * TICK - phase[fired]
        late = end > change
        delay[fired[late]] = (end - change)[late]
        forget(fired[~late])
        false += int((~late).sum())
        if late.any():
            live = live[delay[live] < 0]
        if not len(live):
            break
    return Outcome(delay, false, len(delay) * change, 0.0, 0)


def _shiryaev_roberts(rows: int) -> tuple[Step, Callable[[Ints], None]]:
    evidence = np.zeros(rows)

    def step(live: Ints, log_ratio: NDArray[Any], size: Ints) -> Floats:
        evidence[live] = (evidence[live] + size / TICK) * np.exp(log_ratio)
        return evidence[live]

    def forget(which: Ints) -> None:
        evidence[which] = 0

    return step, forget


def _bayes(what: Told, family: Any, past: Floats) -> tuple[Step, Callable[[Ints], None]]:
    """Shiryaev-Roberts at each level and for each alternative, weighted by the level's posterior."""
    levels = np.array([family.before]) if what is Told.LEVEL else LEVELS
    ratios = {"ratios": (family.after / family.before,)} if what is Told.RATIO else {}
    banks = [boundary([1 - p, p], [0, 1], **ratios) for p in levels]
    far, near = (np.array([bank.log_e[b] for bank in banks]) for b in (0, 1))  # (levels, alternatives)
    prior = np.exp(banks[0].log_prior)
    seen = np.stack((past.shape[1] - past.sum(axis=1), past.sum(axis=1)), axis=1) + 0.5  # far, near, of each row
    logs = np.stack((np.log1p(-levels), np.log(levels)))
    evidence = np.zeros((len(past), *far.shape))

    def step(live: Ints, count: NDArray[Any], size: Ints) -> Floats:
        rest = size - count
        seen[live] += np.stack((rest, count), axis=1)
        own = evidence[live]
        own += (size / TICK)[:, None, None]
        own *= np.exp(count[:, None, None] * near + rest[:, None, None] * far)
        evidence[live] = own
        posterior = seen[live] @ logs
        posterior = np.exp(posterior - posterior.max(axis=1, keepdims=True))
        posterior /= posterior.sum(axis=1, keepdims=True)
        out: Floats = np.einsum("rl,rlk,k->r", posterior, own, prior, optimize=True)
        return out

    def forget(which: Ints) -> None:
        evidence[which] = 0

    return step, forget


def _by_tick(values: Floats, phase: Ints) -> Floats:
    """(ticks, rows) sums of (rows, events) over ticks that begin at each row's phase."""
    rows, events = values.shape
    ticks_ = (events + int(phase.max()) - 1) // TICK + 1
    padded = np.zeros((rows, ticks_ * TICK))
    for row in range(rows):
        padded[row, phase[row] : phase[row] + events] = values[row]
    return np.ascontiguousarray(padded.reshape(rows, ticks_, TICK).sum(axis=2).T)


def _sizes(streams: Any) -> Ints:
    """(ticks, rows) events of each tick."""
    return _by_tick(np.ones(streams.events.shape), streams.phase).astype(np.int64)
