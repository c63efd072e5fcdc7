"""Traffic whose events hang together: conversations, bursts, retries, days and nights. Counts per tick of one stream.

Every kind is null traffic: stationary, or with a season that a baseline of days shows. What is dependent is who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Traffic = Callable[[np.random.Generator, int], tuple[Ints, Ints]]
"""(generator, ticks) -> events and adverse verdicts per tick."""
Mix = tuple[tuple[float, float], ...]
"""(share, chance of an adverse verdict) of kinds of conversations."""

TICK_S = 10.0
DAY_TICKS = 8_640
PER_S = 0.5
COMMON: Mix = ((0.1, 0.4), (0.9, 0.01))
"""Mean .049."""
RARE: Mix = ((0.03, 0.4), (0.97, 0.002))
"""Mean .014."""


def conversations(turns: float, mix: Mix, *, gap_s: float = 30.0) -> Traffic:
    """Independent conversations of a geometric number of turns, each with its own chance of an adverse verdict."""
    shares, chances = np.array(mix).T

    def draw(rng: np.random.Generator, ticks: int) -> tuple[Ints, Ints]:
        span, before = ticks * TICK_S, 10 * turns * gap_s  # those under way when the log begins
        count = rng.poisson(PER_S / turns * (span + before))
        number = rng.geometric(1 / turns, count)
        of = np.repeat(np.arange(count), number)
        turn = np.arange(len(of)) - np.repeat(number.cumsum() - number, number)
        at = rng.uniform(-before, span, count)[of] + turn * gap_s
        chance = chances[rng.choice(len(shares), count, p=shares / shares.sum())]
        return _per_tick(at, rng.random(len(of)) < chance[of], ticks)

    return draw


def bursts(size: int, over_ticks: int, rate: float) -> Traffic:
    """Bursts of events that are judged alike, spread over so many ticks."""

    def draw(rng: np.random.Generator, ticks: int) -> tuple[Ints, Ints]:
        count = rng.poisson(PER_S * TICK_S * ticks / size)
        within = rng.integers(0, over_ticks, (count, size)) if over_ticks > 1 else np.zeros((count, size))
        at = (rng.integers(0, ticks, count)[:, None] + within).ravel() * TICK_S
        return _per_tick(at, np.repeat(rng.random(count) < rate, size), ticks)

    return draw


def retries(rate: float, again: float = 0.7) -> Traffic:
    """Single requests; who is refused asks the same again after five seconds, with this probability each time."""

    def draw(rng: np.random.Generator, ticks: int) -> tuple[Ints, Ints]:
        count = rng.poisson(PER_S * (1 - rate * again) * TICK_S * ticks)
        at, adverse = rng.uniform(0, ticks * TICK_S, count), rng.random(count) < rate
        tries = np.where(adverse, rng.geometric(1 - again, count), 1)
        of = np.repeat(np.arange(count), tries)
        turn = np.arange(len(of)) - np.repeat(tries.cumsum() - tries, tries)
        return _per_tick(at[of] + 5.0 * turn, adverse[of], ticks)

    return draw


def day_and_night(night: float, day: float) -> Traffic:
    """From 50 to 300 events in ten minutes, least at midnight; the share of adverse verdicts goes with the hour."""

    def draw(rng: np.random.Generator, ticks: int) -> tuple[Ints, Ints]:
        light = (1 - np.cos(np.arange(ticks) * 2 * np.pi / DAY_TICKS)) / 2
        number = rng.poisson((50 + 250 * light) / 60)
        return number, rng.binomial(number, night + (day - night) * light)

    return draw


def holiday() -> Traffic:
    """The last day is a holiday: a fifth of the traffic, in longer conversations."""
    working, off = conversations(2, COMMON), conversations(6, COMMON)

    def draw(rng: np.random.Generator, ticks: int) -> tuple[Ints, Ints]:
        (number, adverse), (few, bad) = working(rng, ticks), off(rng, ticks)
        last = np.arange(ticks) >= ticks - DAY_TICKS
        kept = rng.binomial(few, 0.2)
        bad = rng.hypergeometric(bad, few - bad, kept)
        return np.where(last, kept, number), np.where(last, bad, adverse)

    return draw


def _per_tick(at_s: NDArray[np.float64], adverse: NDArray[np.bool_], ticks: int) -> tuple[Ints, Ints]:
    tick = np.floor(at_s / TICK_S).astype(np.int64)
    inside = (tick >= 0) & (tick < ticks)
    number = np.bincount(tick[inside], minlength=ticks)
    return number, np.bincount(tick[inside & adverse], minlength=ticks)


KINDS: Mapping[str, Traffic] = {
    "single turns, .049": conversations(1, COMMON),
    "5 turns, .049": conversations(5, COMMON),
    "10 turns, .049": conversations(10, COMMON),
    "20 turns, .049": conversations(20, COMMON),
    "10 turns, .014": conversations(10, RARE),
    "20 turns, .014": conversations(20, RARE),
    "bursts of 5 in a tick, .011": bursts(5, 1, 0.011),
    "bursts of 5 over 6 ticks, .011": bursts(5, 6, 0.011),
    "bursts of 20 over 6 ticks, .011": bursts(20, 6, 0.011),
    "retries, .03": retries(0.03),
    "night .02, day .06": day_and_night(0.02, 0.06),
    "holiday, .049": holiday(),
}
