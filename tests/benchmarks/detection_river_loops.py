"""River's slower detectors as compiled loops, step by step as river has them: 1 to 5 us an event is hours a table.

    LOOPS[name](x, start, setting) -> index of the first alarm of a fresh detector fed from `start` on, or -1

`detection_river` compares each of them with river's own on every portion that it measures, alarm by alarm.
Checked against river 0.26.1; river is BSD-3-Clause, the rules are those of the papers that it names.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def page_hinkley(x: Floats, start: int, threshold: float) -> int:
    """Page's test of sums of deviations from the running mean, both ways (Page 1954)."""
    delta, alpha, warm = 0.005, 1 - 0.0001, 30
    n, mean, up, down, least, most = 0.0, 0.0, 0.0, 0.0, np.inf, -1.0
    for at in range(start, len(x)):
        n += 1.0
        mean += (1.0 / n) * (x[at] - mean)
        deviation = x[at] - mean
        up = alpha * up + deviation - delta
        down = alpha * down + deviation + delta
        least, most = min(least, up), max(most, down)
        if n >= warm and (up - least > threshold or most - down > threshold):
            return at
    return -1


@njit(cache=True, nogil=True)
def ddm(x: Floats, start: int, threshold: float) -> int:
    """The error rate against the lowest so far (Gama et al. 2004)."""
    n, p, p_min, s_min, lowest = 0.0, 0.0, 0.0, 0.0, np.inf
    for at in range(start, len(x)):
        n += 1.0
        p += (1.0 / n) * (x[at] - p)
        s = math.sqrt(p * (1 - p) / n)
        if n > 30:
            if p + s <= lowest:
                p_min, s_min = p, s
                lowest = p_min + s_min
            if p + s > p_min + threshold * s_min:
                return at
    return -1


@njit(cache=True, nogil=True)
def eddm(x: Floats, start: int, beta: float) -> int:
    """Distances between errors against the longest so far (Baena-Garcia et al. 2006)."""
    n, last, errors = 0, 0, 0
    mean, total, longest = 0.0, 0.0, -1.0
    for at in range(start, len(x)):
        n += 1
        if x[at] != 1.0:
            continue
        errors += 1
        before = mean
        mean += (1.0 / errors) * ((n - last) - mean)
        total += ((n - last) - before) * ((n - last) - mean)
        if n > 30:
            now = mean + 2 * (total / (errors - 1) if errors > 1 else 0.0) ** 0.5
            if now > longest:
                longest = now
            elif errors > 30 and now / longest < beta:
                return at
        last = n
    return -1


@njit(cache=True, nogil=True)
def hddm_a(x: Floats, start: int, confidence: float) -> int:
    """Hoeffding's bound on a rise since the lowest mean (Frias-Blanco et al. 2015)."""
    bound, limit = math.log(1.0 / confidence), math.log(2.0 / confidence)
    n, mean, n_min, mean_min = 0.0, 0.0, 0.0, 0.0
    for at in range(start, len(x)):
        n += 1.0
        mean += (1.0 / n) * (x[at] - mean)
        if n_min == 0:
            n_min, mean_min = n, mean
        if mean_min + math.sqrt(1.0 / (2 * n_min) * bound) >= mean + math.sqrt(1.0 / (2 * n) * bound):
            n_min, mean_min = n, mean
        if n_min != n and mean - mean_min >= math.sqrt((n - n_min) / n_min * (1.0 / n) / 2 * limit):
            return at
    return -1


@njit(cache=True, nogil=True)
def hddm_w(x: Floats, start: int, confidence: float) -> int:
    """McDiarmid's bound on a rise of a weighted mean since its lowest (Frias-Blanco et al. 2015)."""
    fade = 0.05
    limit, square, rest = math.log(1 / confidence), fade * fade, (1 - fade) ** 2
    mean, share, seen = 0.0, 1.0, False
    mean_1, share_1 = 0.0, 1.0
    mean_2, share_2, seen_2 = 0.0, 1.0, False
    cut = np.inf
    for at in range(start, len(x)):
        mean = fade * x[at] + (1.0 - fade) * mean if seen else x[at]
        share, seen = square + rest * share, True
        eps = math.sqrt(share * limit / 2)
        if mean + eps < cut:
            cut = mean + eps
            mean_1, share_1 = mean, share
            mean_2, share_2, seen_2 = 0.0, 1.0, False
        else:
            mean_2 = fade * x[at] + (1.0 - fade) * mean_2 if seen_2 else x[at]
            share_2, seen_2 = square + rest * share_2, True
        if seen_2 and mean_2 - mean_1 > math.sqrt((share_1 + share_2) * limit / 2):
            return at
    return -1


LOOPS: dict[str, Callable[[Floats, int, float], int]] = {
    "PageHinkley": page_hinkley,
    "DDM": ddm,
    "EDDM": eddm,
    "HDDM_A": hddm_a,
    "HDDM_W": hddm_w,
}
