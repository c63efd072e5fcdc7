"""Onset and size of a drift, from the ticks of the current excursion.

    onset(log_e (T,) or (T, K)) -> Onset(first, best, last)       from log e-values per tick
    onset_of(counts (T, B), bank) -> Onset                        from counts
    effect(counts, values, baseline=, start=) -> Effect           before, after, ratio, confidence sequence

An excursion runs from the tick after the evidence was last near zero (or from the last re-arming) to the
alarm. A change before the excursion is not looked for: the evidence has forgotten it.

    >>> found = onset([-2.1, -0.9, 2.9, 3.1, 3.0])
    >>> found.first, found.best, found.last
    (1, 2, 2)
    >>> size = effect([120, 30], [0, 1], baseline=0.05, start=3)
    >>> round(size.current, 2), round(size.low, 2), round(size.high, 2)
    (0.2, 0.09, 0.36)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.alternatives import Bank
from detectors.comparison import mean_interval

# A start that is 2 log units below the best is e^2 = 7.4 times less likely: about a 95 % interval, as for a
# log-likelihood ratio (chi2 with one degree of freedom has its 95 % point at 2 x 1.92).
LOG_UNITS = 2.0
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Onset:
    """Ticks (indices into the excursion) at which the drift may have begun; `first <= best <= last`."""

    first: int
    best: int
    last: int
    log_evidence: float  # of the best start


@dataclass(frozen=True)
class Effect:
    """Mean of x before (`baseline`) and since the onset (`current`), with an interval for the latter."""

    baseline: float
    current: float
    low: float
    high: float
    ratio: float
    ratio_low: float
    ratio_high: float
    events: int


def onset(log_e: ArrayLike, *, log_units: float = LOG_UNITS) -> Onset:
    """Profile over start ticks: for each start, the evidence of the best alternative from there to the end.

    Parameters
    ----------
    log_e : (T,) or (T, K) log e-values of the excursion's ticks, per alternative.
    """
    table = np.asarray(log_e, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or not table.size or not np.isfinite(table).all():
        raise ValueError(f"log_e must be finite (ticks, alternatives) of at least one tick, got {table.shape}")
    profile = table[::-1].cumsum(axis=0)[::-1].max(axis=1)
    best = int(profile.argmax())
    close = np.flatnonzero(profile >= profile[best] - log_units)
    return Onset(int(close[0]), best, int(close[-1]), float(profile[best]))


def onset_of(counts: ArrayLike, bank: Bank, *, log_units: float = LOG_UNITS) -> Onset:
    """`onset` of counts (T, B) under a bank over the same bins."""
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != bank.log_e.shape[0]:
        raise ValueError(f"counts must be (ticks, {bank.log_e.shape[0]}), got {table.shape}")
    return onset(table @ bank.log_e, log_units=log_units)


def effect(
    counts: ArrayLike,
    values: ArrayLike,
    *,
    baseline: float,
    start: int = 1,
    choices: int = 1,
    confidence: float = CONFIDENCE,
) -> Effect:
    """The size of a drift, with an interval that holds although the onset and the moment of looking were chosen.

    Parameters
    ----------
    counts, values : (B,) events since the onset by bin, and x of each bin.
    baseline : approved mean of x, taken as known.
    start : which tick since the test was armed the onset is, from 1 on. The interval is a confidence sequence at
        level 1 - confidence over `start (start + 1)`; these sum to 1 - confidence over all starts, so it covers
        whichever of them was chosen and whenever one looks, if the mean has been the same since.
    choices : of how many such x this one was picked for having moved most.
    """
    number, x = np.asarray(counts, dtype=np.int64), np.asarray(values, dtype=np.float64)
    if number.shape != x.shape or number.sum() < 1 or not 0 <= baseline <= 1 or start < 1 or choices < 1:
        raise ValueError(f"need events, a baseline in [0, 1], start and choices >= 1: {number}, {baseline}, {start}")
    low, high = mean_interval(number, x, alpha=(1 - confidence) / choices / (start * (start + 1)))
    current = float(number @ x / number.sum())
    ratios = [v / baseline if baseline > 0 else np.inf for v in (current, low, high)]
    return Effect(baseline, current, low, high, ratios[0], ratios[1], ratios[2], int(number.sum()))


def excursion(log_evidence: ArrayLike, *, rest: float) -> int:
    """First tick of the current excursion: the one after the last tick whose log M was at or below `rest`.

    Parameters
    ----------
    log_evidence : (T,) log M after each tick. rest : where a test idles, about log of a few ticks' spend.
    """
    values: NDArray[np.float64] = np.asarray(log_evidence, dtype=np.float64)
    idle = np.flatnonzero(values <= rest)
    return int(idle[-1]) + 1 if len(idle) else 0
