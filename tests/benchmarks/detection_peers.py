"""Well-known change detectors in the detection benchmark, given what ours has: counts of ticks, and all history.

A detector reads one tick after the other, and whatever it estimates of the time before a change it estimates from
the baseline and all that it has monitored since. After an alarm its statistic begins anew; the history stays. Each
looks for rises only, and its height is found by simulation at the true rate of the family: more than ours is told.

    cusums      two CUSUMs for rates that grow by :data:`RATIOS`, from the running mean (Page 1954)
    glr         two-sample generalised likelihood ratio over all starts of a change (Siegmund and Venkatraman 1995)
    gma         a geometric moving average of standardised counts (Roberts 1959)
    bocpd       Bayes factor of a change at any start, under Jeffreys' prior, begun anew after each alarm: the
                restarted form of Bayesian online change-point detection (Alami, Maillard and Feraud 2020)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import lgamma
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tests.benchmarks.detection_streams import AFTER, BASELINE, BEFORE, NULL, SPACING, TICK, Method, Outcome, Streams
from tests.benchmarks.detection_streams import undrifted as undrifted_streams

RATIOS: Final = (1.2, 1.7)
"""Of the pair of CUSUMs: the smallest growth of the table's families, and one between the two others."""
FORGETTING: Final = 0.03
"""Weight of the newest tick in the moving average: a memory of some 33 ticks."""
MOST: Final = BASELINE + BEFORE + max(AFTER, NULL) + TICK
N_LOG_N: Final = np.array([0.0, *(n * np.log(n) for n in range(1, MOST))])
LOG_GAMMA_HALF: Final = np.array([lgamma(n + 0.5) for n in range(MOST)])
LOG_GAMMA_ONE: Final = np.array([lgamma(n + 1.0) for n in range(MOST)])

Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def cusums(k: Ints, n: Ints, k0: int, n0: int, height: float) -> Ints:
    """Ticks in which the detector alarms: ``k`` of ``n`` events of each tick, ``k0`` of ``n0`` of the baseline.

    Each CUSUM takes the mean of all that came before it last was 0: a drift does not raise what it is held to.
    """
    past_k, past_n = np.full(2, k0), np.full(2, n0)  # up to where each was last 0
    value = np.zeros(2)
    out = np.zeros(len(k), np.int64)
    for t in range(len(k)):
        k0, n0 = k0 + k[t], n0 + n[t]
        for one in range(2):
            value[one] += _growth(k[t], n[t], past_k[one] / past_n[one], RATIOS[one])
            if value[one] <= 0:
                value[one], past_k[one], past_n[one] = 0.0, k0, n0
        if value.max() >= height:
            out[t], value[:], past_k[:], past_n[:] = 1, 0.0, k0, n0
    return np.flatnonzero(out)


@njit(cache=True, nogil=True)
def _growth(k: int, n: int, p: float, ratio: float) -> float:
    """Log likelihood ratio of a rate of ``ratio * p`` against ``p``."""
    return k * np.log(ratio) + (n - k) * np.log((1 - ratio * p) / (1 - p))


@njit(cache=True, nogil=True)
def gma(k: Ints, n: Ints, k0: int, n0: int, height: float) -> Ints:
    """As :func:`cusums`."""
    mean = 0.0
    out = np.zeros(len(k), np.int64)
    for t in range(len(k)):
        p = k0 / n0
        mean += FORGETTING * ((k[t] - n[t] * p) / np.sqrt(max(n[t], 1) * p * (1 - p)) - mean)
        if mean >= height:
            out[t], mean = 1, 0.0
        k0, n0 = k0 + k[t], n0 + n[t]
    return np.flatnonzero(out)


@njit(cache=True, nogil=True)
def glr(k: Ints, n: Ints, k0: int, n0: int, height: float, n_log_n: NDArray[np.float64]) -> Ints:
    """As :func:`cusums`."""
    out = np.zeros(len(k), np.int64)
    first, sum_k, sum_n = 0, k0, n0
    for t in range(len(k)):
        sum_k, sum_n = sum_k + k[t], sum_n + n[t]
        whole = n_log_n[sum_k] + n_log_n[sum_n - sum_k] - n_log_n[sum_n]
        late_k, late_n = 0, 0
        for start in range(t, first - 1, -1):
            late_k, late_n = late_k + k[start], late_n + n[start]
            early_k, early_n = sum_k - late_k, sum_n - late_n
            split = n_log_n[late_k] + n_log_n[late_n - late_k] - n_log_n[late_n]
            split += n_log_n[early_k] + n_log_n[early_n - early_k] - n_log_n[early_n]
            if split - whole >= height and late_k * early_n > early_k * late_n:
                out[t], first = 1, t + 1
                break
    return np.flatnonzero(out)


@njit(cache=True, nogil=True)
def bocpd(
    k: Ints, n: Ints, k0: int, n0: int, height: float, half: NDArray[np.float64], one: NDArray[np.float64]
) -> Ints:
    """As :func:`cusums`."""
    out = np.zeros(len(k), np.int64)
    first, sum_k, sum_n = 0, k0, n0
    jeffreys = 2 * half[0] - one[0]
    for t in range(len(k)):
        sum_k, sum_n = sum_k + k[t], sum_n + n[t]
        whole = half[sum_k] + half[sum_n - sum_k] - one[sum_n]
        late_k, late_n = 0, 0
        for start in range(t, first - 1, -1):
            late_k, late_n = late_k + k[start], late_n + n[start]
            early_k, early_n = sum_k - late_k, sum_n - late_n
            split = half[late_k] + half[late_n - late_k] - one[late_n]
            split += half[early_k] + half[early_n - early_k] - one[early_n] - jeffreys
            if split - whole >= height and late_k * early_n > early_k * late_n:
                out[t], first = 1, t + 1
                break
    return np.flatnonzero(out)


PEERS: Final[dict[str, Callable[..., Ints]]] = {
    "CUSUM pair, running mean": cusums,
    "two-sample GLR": lambda *given: glr(*given, N_LOG_N),
    "geometric moving average": gma,
    "BOCPD with restarts": lambda *given: bocpd(*given, LOG_GAMMA_HALF, LOG_GAMMA_ONE),
}


def by_tick(name: str, height: float) -> Method:
    """One of :data:`PEERS` at this height."""

    def run(streams: Streams) -> Outcome:
        delay = np.full(len(streams.events), -1, dtype=np.int64)
        false, spent = 0, 0.0
        for i, (base, events) in enumerate(zip(streams.baseline, streams.events, strict=True)):
            ends = _ends(len(events), int(streams.phase[i]))
            k = np.diff(np.concatenate(([0], events.cumsum()[ends - 1]))).astype(np.int64)
            n = np.diff(np.concatenate(([0], ends)))
            start = time.process_time()
            alarms = ends[PEERS[name](k, n, int(base.sum()), len(base), height)]
            spent += time.process_time() - start
            after = alarms[alarms > streams.change]
            delay[i] = after[0] - streams.change if len(after) else -1
            false += int((alarms <= streams.change).sum())
        return Outcome(delay, false, len(streams.events) * streams.change, spent, streams.events.size)

    return run


def _ends(events: int, phase: int) -> Ints:
    """The event after the last one of each tick; the first tick may be cut short."""
    ends = np.arange(phase, events + 1, TICK, dtype=np.int64)
    return ends[ends > 0]


def tune(name: str, family: Any, *, streams: int) -> float:
    """The height at which the simulated spacing of false alarms on undrifted streams is the one allowed."""
    drawn = undrifted_streams(family, range(streams), seed=2028)
    low, high = 0.0, 40.0
    for _ in range(18):
        middle = (low + high) / 2
        eager = by_tick(name, middle)(drawn).false > streams * NULL / SPACING
        low, high = (middle, high) if eager else (low, middle)
    return high
