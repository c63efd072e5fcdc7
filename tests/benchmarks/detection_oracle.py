"""The yardstick: Page's CUSUM of the true log likelihood ratio, told both laws, tuned to the same spacing.

It is exactly minimax for the delay at a given spacing (Moustakides 1986), event by event.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

POOL = 4_000_000  # log ratios under the null, resampled with replacement by the tuning


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
def _delays(log_ratio: NDArray[np.float64], change: NDArray[np.int64], height: float) -> NDArray[np.int64]:
    """(runs,) events from the change to the first alarm after it; alarms before reset; -1 where none."""
    out = np.full(len(log_ratio), -1, dtype=np.int64)
    for i in range(len(log_ratio)):
        s = 0.0
        for j in range(log_ratio.shape[1]):
            s = max(0.0, s + log_ratio[i, j])
            if s >= height:
                if j >= change[i]:
                    out[i] = j - change[i] + 1
                    break
                s = 0.0
    return out


def tune(pool: NDArray[np.float64], *, spacing: float, alarms: int, seed: int = 1) -> tuple[float, float]:
    """(height, its simulated spacing) by bisection on the same random events."""
    low, high = 0.0, 20.0
    for _ in range(18):
        middle = (low + high) / 2
        longer = _spacing(pool, middle, alarms, int(4 * spacing * alarms), seed) > spacing
        low, high = (low, middle) if longer else (middle, high)
    return high, _spacing(pool, high, alarms, int(4 * spacing * alarms), seed + 1)


def delays(log_ratio: NDArray[np.float64], change: NDArray[np.int64], height: float) -> NDArray[np.int64]:
    """Delay of each run in events; -1 where the drift was not found."""
    return _delays(np.ascontiguousarray(log_ratio), change, height)
