"""The yardstick: Page's CUSUM of the true log likelihood ratio, told both laws, tuned to the same spacing.

It is exactly minimax for the delay at a given spacing (Moustakides 1986), event by event. Its mean delay is the unit
of all others.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import betaincinv

from tests.benchmarks.detection_streams import SPACING, Outcome, draw

POOL = 200_000  # log ratios under the null, resampled with replacement by the tuning
BEFORE, AFTER = 2_000, 25_000  # events of its streams: it forgets its past, and finds all within ten times its mean
PORTION = 200  # streams at a time


class Even:
    """A generator whose numbers are the law's own quantiles: a pool drawn at random is off by enough to show.

    With 2,000,000 events drawn, spacings came out a tenth too short.
    """

    def random(self, size: int) -> NDArray[np.float64]:
        return (np.arange(size) + 0.5) / size

    def beta(self, a: float, b: float, size: int) -> NDArray[np.float64]:
        out: NDArray[np.float64] = betaincinv(a, b, self.random(size))
        return out


def pool(family: Any) -> NDArray[np.float64]:
    """Log ratios of undrifted events, as often as they come."""
    out: NDArray[np.float64] = family.log_ratio(family.draw(Even(), POOL, drifted=False))
    return out


@njit(cache=True, nogil=True)
def _spacing(pool: NDArray[np.float64], height: float, alarms: int, limit: int, seed: int) -> float:
    """Mean events between alarms of the CUSUM at this height."""
    state = np.uint64(seed * 2 + 1)
    s, seen, events = 0.0, 0, 0
    while seen < alarms and events < limit:
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        s = max(0.0, s + pool[(state >> np.uint64(33)) % np.uint64(len(pool))])
        events += 1
        if s >= height:
            seen += 1
            s = 0.0
    return events / max(seen, 1)


@njit(cache=True, nogil=True)
def _delays(log_ratio: NDArray[np.float64], change: int, height: float) -> NDArray[np.int64]:
    """(runs,) events from the change to the first alarm after it; alarms before reset; -1 where none."""
    out = np.full(len(log_ratio), -1, dtype=np.int64)
    for i in range(len(log_ratio)):
        s = 0.0
        for j in range(log_ratio.shape[1]):
            s = max(0.0, s + log_ratio[i, j])
            if s >= height:
                if j >= change:
                    out[i] = j - change + 1
                    break
                s = 0.0
    return out


def tune(family: Any, *, alarms: int, spacing: float = SPACING) -> float:
    """The height with this spacing, by bisection on simulated alarms."""
    ratios = pool(family)
    low, high = 0.0, 20.0
    for step in range(16):
        middle = (low + high) / 2
        enough = alarms if step > 5 else min(alarms, 100)  # the first steps are far apart
        longer = _spacing(ratios, middle, enough, int(4 * spacing * enough), 1) > spacing
        low, high = (low, middle) if longer else (middle, high)
    return high


def undrifted(family: Any, number: int, height: float, *, alarms: int = 500, spacing: float = SPACING) -> Outcome:
    """This many false alarms, on events that it was not tuned on; other events for each `number`."""
    ratios = pool(family)
    start = time.process_time()
    events = int(alarms * _spacing(ratios, height, alarms, int(4 * spacing * alarms), number + 2))
    return Outcome(np.empty(0, dtype=np.int64), alarms, events, time.process_time() - start, events)


def mean_delay(family: Any, *, alarms: int = 150, runs: int = 400) -> float:
    """In events; tuned on so many alarms, measured on so many runs."""
    told = oracle(family, range(runs), tune(family, alarms=alarms))
    return float(told.delay[told.delay > 0].mean())


def oracle(family: Any, numbers: range, height: float) -> Outcome:
    """Its delays on streams of its own."""
    delays, spent = [], 0.0
    for first in range(numbers.start, numbers.stop, PORTION):
        part = range(first, min(first + PORTION, numbers.stop))
        streams = draw(family, part, before=BEFORE, after=AFTER, history=0, seed=7)
        start = time.process_time()
        delays.append(_delays(np.ascontiguousarray(family.log_ratio(streams.events)), BEFORE, height))
        spent += time.process_time() - start
    return Outcome(np.concatenate(delays), 0, 0, spent, len(numbers) * (BEFORE + AFTER))
