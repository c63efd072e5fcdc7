"""Two releases compared while both run: regressed, improved, equivalent or undecided, at any time.

    c = Comparison(alpha=.05, equivalence=.01)
    c.update(old=(events, bad), new=(events, bad)) -> Judgement             unpaired: traffic split at random
    PairedComparison(...).update(better=, worse=, same=) -> Judgement       the same request through both releases

A bad event is whatever must not grow (attacks let through, harmful outputs, benign requests blocked). One question
per release, with a fixed start: the chance of ever saying "regressed" or "improved" of a release whose mean is no
worse (no better) than the old one's, at whatever time one looks or stops, is at most alpha / 2 each; the interval
covers the true difference at all times together with probability 1 - alpha.

    >>> verdict = Comparison(alpha=0.05).update(old=(2000, 100), new=(2000, 200))
    >>> verdict.outcome.name, round(verdict.difference, 3), verdict.low > 0
    ('REGRESSED', 0.05, True)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from detectors.bins import unit_values

# Of the largest stake that a bet may take: the smallest suits a difference that shows after a million events.
FRACTIONS = np.geomspace(0.0005, 0.95, 14)


class Outcome(StrEnum):
    """The verdict so far; the first three are final for the stated alpha."""

    REGRESSED = "the new release is worse"
    IMPROVED = "the new release is better"
    EQUIVALENT = "the difference lies within the equivalence margin"
    UNDECIDED = "not enough evidence yet"


@dataclass(frozen=True)
class Judgement:
    """The difference new - old: an estimate, its anytime-valid interval, and the outcome."""

    outcome: Outcome
    difference: float
    low: float
    high: float
    events: int  # pairs of observations used


class PairedComparison:
    """The same requests through both releases: d = x_new - x_old in {-1, 0, 1}.

    For each candidate difference delta, the bets `prod(1 + lam (d - delta))` over both signs of lam are a martingale
    if the mean of d is delta, whatever the past; the interval holds the deltas whose wealth stays below
    2 / alpha on each side (Waudby-Smith and Ramdas 2024). Within a tick the events are taken as exchangeable.
    """

    def __init__(self, *, alpha: float = 0.05, equivalence: float = 0.01) -> None:
        if not 0 < alpha < 1 or not 0 < equivalence < 1:
            raise ValueError(f"alpha and equivalence must lie in (0, 1), got {alpha} and {equivalence}")
        self.alpha, self.equivalence = alpha, equivalence
        self._counts = np.zeros(3, dtype=np.int64)  # of d = -1, 0, 1
        self._low, self._high = -1.0, 1.0

    def update(self, *, better: int, worse: int, same: int) -> Judgement:
        """Feeds pairs in which the new release did better, worse or the same; returns the judgement so far."""
        step = np.array([better, same, worse])
        if step.dtype.kind not in "iu" or step.min() < 0:
            raise ValueError(f"numbers of pairs must be integers >= 0, got {better}, {worse}, {same}")
        self._counts += step
        n = int(self._counts.sum())
        if not n:
            return Judgement(Outcome.UNDECIDED, 0.0, -1.0, 1.0, 0)
        mean = float(self._counts[2] - self._counts[0]) / n
        threshold = np.log(2 / self.alpha)
        values = np.array([-1.0, 0.0, 1.0])
        # the running intersection is valid, for the interval holds at all times together
        self._low = max(self._low, _bound(values, self._counts, threshold, mean, up=False))
        self._high = min(self._high, _bound(values, self._counts, threshold, mean, up=True))
        return _judge(mean, self._low, self._high, n, self.equivalence)


class Comparison:
    """Different requests on each side, split at random: rates of old and new, each with its own interval.

    The difference lies between new.low - old.high and new.high - old.low, each side at alpha / 2: simple, valid for
    any sizes and orders, and somewhat wider than a paired comparison's. Requests must reach the releases at
    random (or within strata): otherwise the difference of traffic is part of the difference of releases.
    """

    def __init__(self, *, alpha: float = 0.05, equivalence: float = 0.01) -> None:
        if not 0 < alpha < 1 or not 0 < equivalence < 1:
            raise ValueError(f"alpha and equivalence must lie in (0, 1), got {alpha} and {equivalence}")
        self.alpha, self.equivalence = alpha, equivalence
        self._counts = np.zeros((2, 2), dtype=np.int64)  # (old, new) x (x = 0, x = 1)
        self._limits = np.array([[0.0, 1.0], [0.0, 1.0]])

    def update(self, *, old: tuple[int, int], new: tuple[int, int]) -> Judgement:
        """Feeds (events, bad ones) of each side; returns the judgement so far."""
        sides = np.array([old, new])
        if sides.dtype.kind not in "iu" or sides.shape != (2, 2) or not (sides[:, 1] >= 0).all():
            raise ValueError(f"each side is (events, bad events), integers >= 0: {old}, {new}")
        if (sides[:, 1] > sides[:, 0]).any():
            raise ValueError(f"a side has more bad events than events: {old}, {new}")
        self._counts += np.stack((sides[:, 0] - sides[:, 1], sides[:, 1]), axis=1)
        n = self._counts.sum(axis=1)
        if not n.all():
            return Judgement(Outcome.UNDECIDED, 0.0, -1.0, 1.0, 0)
        rates = self._counts[:, 1] / n
        threshold = np.log(4 / self.alpha)  # alpha / 2 for each side's interval, alpha / 4 for each of its ends
        for side in range(2):
            ends = [
                _bound(np.array([0.0, 1.0]), self._counts[side], threshold, float(rates[side]), up=up)
                for up in (False, True)
            ]
            self._limits[side, 0] = max(self._limits[side, 0], ends[0])
            self._limits[side, 1] = min(self._limits[side, 1], ends[1])
        low = float(self._limits[1, 0] - self._limits[0, 1])
        high = float(self._limits[1, 1] - self._limits[0, 0])
        return _judge(float(rates[1] - rates[0]), low, high, int(n.min()), self.equivalence)


def mean_interval(counts: ArrayLike, values: ArrayLike, *, alpha: float) -> tuple[float, float]:
    """Confidence limits of the mean of x, at all times together with probability 1 - alpha, if it is constant.

    Parameters
    ----------
    counts : (B,) events by bin since a start that was fixed beforehand. values : (B,) x of each bin, in [0, 1].
    """
    x, number = unit_values(values), np.asarray(counts, dtype=np.int64)
    if number.shape != x.shape or not 0 < alpha < 1 or not number.sum() or (number < 0).any():
        raise ValueError(f"need counts >= 0 of {len(x)} bins, not all 0, and alpha in (0, 1): {number}, {alpha}")
    mean = float(number @ x / number.sum())
    low, high = (_bound(x, number, float(np.log(2 / alpha)), mean, up=up) for up in (False, True))
    return low, high


def _judge(mean: float, low: float, high: float, n: int, equivalence: float) -> Judgement:
    outcome = Outcome.UNDECIDED
    if low > high:  # the running intersection can become empty when the mean moves while it runs
        return Judgement(outcome, mean, min(low, mean), max(high, mean), n)
    if -equivalence < low and high < equivalence:
        outcome = Outcome.EQUIVALENT
    elif low > 0:
        outcome = Outcome.REGRESSED
    elif high < 0:
        outcome = Outcome.IMPROVED
    return Judgement(outcome, mean, low, high, n)


def _log_wealth(mean: float, values: NDArray[np.float64], counts: NDArray[np.int64], *, against_low: bool) -> float:
    """log wealth of bets that the true mean is above (against_low) or below `mean`."""
    room = mean - values.min() if against_low else values.max() - mean
    stake = FRACTIONS / max(room, 1e-12) * (1 if against_low else -1)
    growth = counts @ np.log1p(stake * (values[:, None] - mean))
    top = float(growth.max())
    return top + float(np.log(np.exp(growth - top).mean()))


def _bound(
    values: NDArray[np.float64], counts: NDArray[np.int64], threshold: float, mean: float, *, up: bool
) -> float:
    """The farthest candidate mean on one side whose wealth stays below the threshold."""
    end = float(values.max() if up else values.min())
    edge = end - 1e-9 if up else end + 1e-9

    def excess(candidate: float) -> float:
        return _log_wealth(candidate, values, counts, against_low=not up) - threshold

    if abs(mean - end) <= 1e-9 or excess(edge) < 0:
        return end
    return float(brentq(excess, mean, edge, xtol=1e-7))
