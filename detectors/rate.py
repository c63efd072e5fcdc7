"""Plain rules for traffic itself: silence and volume. They promise no rate of false alarms; each gives a reason.

silence(expected=...) -> Verdict         a guardrail had no events while its siblings were busy
expected_events(share, siblings)         what it should have judged meanwhile
volume(count, windows) -> Verdict        this window against windows like it, over-dispersion included
Hours().season().volume(count, hour)     the same against its hour of the week

    >>> silence(seen=0, expected=expected_events(share=0.5, siblings=200), burst=5).reason.name
    'SILENT'
    >>> volume(400, [90, 110, 100, 95, 105, 100]).reason.name
    'SURGE'
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

# exp(-20) = 2e-9 for independent events; traffic in bursts of five still leaves exp(-4) = 2 %
SILENT_AFTER = 20.0
MIN_WINDOWS = 6  # fewer say nothing about how windows scatter
HOURS = 168  # of a week
PRIOR_WINDOWS = 1.0  # the overall mean weighs as much as one window of the hour
TAIL = 1e-4  # probability of a window at least this unusual, under the fitted law


class RateReason(StrEnum):
    """The rule's outcome."""

    HEARD = "events arrived since it was last seen"
    QUIET_SIBLINGS = "silent, but so is the traffic it would judge"
    SILENT = "silent while its siblings judged traffic"
    LEARNING = "too few baseline windows"
    NORMAL = "volume within the baseline's scatter"
    SURGE = "volume above the baseline's scatter"
    DROP = "volume below the baseline's scatter"


@dataclass(frozen=True)
class Verdict:
    """A rule's verdict, with the figures behind it."""

    fires: bool
    reason: RateReason
    observed: float
    expected: float
    probability: float  # of the observation, or one more extreme, if nothing is wrong


def expected_events(*, share: float, siblings: float) -> float:
    """Events a guardrail should have judged while its siblings judged `siblings`.

    Parameters
    ----------
    share : its events per sibling event in the baseline (may exceed 1). siblings : theirs since it was last
        seen, by the tick counts, so that the passage of time alone adds nothing.
    """
    if not (share >= 0 and siblings >= 0 and np.isfinite(share) and np.isfinite(siblings)):
        raise ValueError(f"share and siblings must be finite and not negative, got {share} and {siblings}")
    return share * siblings


def silence(*, seen: int, expected: float, burst: float = 1.0, after: float = SILENT_AFTER) -> Verdict:
    """Whether a guardrail that should have judged `expected` events and judged `seen` is silent.

    Parameters
    ----------
    burst : events that come together in the baseline (variance over mean of its counts), >= 1.
    after : expected events, in independent bursts, before silence is worth saying.
    """
    if seen < 0 or not (expected >= 0 and burst >= 1 and after > 0):
        raise ValueError(f"need seen, expected >= 0, burst >= 1, after > 0: {seen}, {expected}, {burst}, {after}")
    probability = float(np.exp(-expected / burst))
    if seen:
        return Verdict(False, RateReason.HEARD, seen, expected, 1.0)
    if expected / burst < after:
        return Verdict(False, RateReason.QUIET_SIBLINGS, seen, expected, probability)
    return Verdict(True, RateReason.SILENT, seen, expected, probability)


def volume(count: int, windows: ArrayLike, *, tail: float = TAIL, minimum_ratio: float = 1.5) -> Verdict:
    """A window's number of events against baseline windows of the same length (and hour of the week).

    A negative binomial law with the windows' mean and variance, widened for the mean being estimated; where
    the windows scatter less than independent events would, Poisson.

    Parameters
    ----------
    windows : (W,) counts. tail : probability, per side, below which the window is reported.
    minimum_ratio : and the count must be off by this factor, since in heavy traffic anything is significant.
    """
    base = np.asarray(windows, dtype=np.float64)
    if count < 0 or base.ndim != 1 or not ((base >= 0) & np.isfinite(base)).all():
        raise ValueError(f"count and windows must be finite and not negative, got {count} and {base}")
    if not 0 < tail < 0.5 or not minimum_ratio >= 1:
        raise ValueError(f"need tail in (0, .5) and minimum_ratio >= 1, got {tail} and {minimum_ratio}")
    if len(base) < MIN_WINDOWS or base.sum() == 0:
        return Verdict(False, RateReason.LEARNING, count, float(base.mean()) if len(base) else np.nan, 1.0)
    mean = float(base.mean())
    variance = max(float(base.var(ddof=1)), mean) * (1 + 1 / len(base))
    return _against(count, mean, variance, tail, minimum_ratio)


def hour_of_week(seconds: float, *, offset_s: float = 0.0) -> int:
    """0 to 167 of seconds since 1970-01-01 UTC; Monday 0:00 is 0, on a clock `offset_s` ahead of UTC."""
    return int((seconds + offset_s) // 3600 + 72) % HOURS  # 1970-01-01 was a Thursday


class Hours:
    """Windows by hour of the week, as sums alone: their number, counts and squares. Old weeks fade.

    Parameters
    ----------
    table : (3, 168) of a former :meth:`table`; None: nothing yet.
    """

    def __init__(self, table: ArrayLike | None = None) -> None:
        self._table = np.zeros((3, HOURS)) if table is None else np.array(table, dtype=np.float64)
        if self._table.shape != (3, HOURS) or not (np.isfinite(self._table).all() and (self._table >= 0).all()):
            raise ValueError(f"sums of windows must be (3, {HOURS}) numbers >= 0, got shape {self._table.shape}")

    def add(self, count: float, hour: int, *, most: float = np.inf) -> None:
        """One window of this hour; at `most` windows of an hour their weight is halved, so that old weeks fade."""
        if not count >= 0 or not 0 <= hour < HOURS:
            raise ValueError(f"need a count >= 0 and an hour from 0 to {HOURS - 1}, got {count} and {hour}")
        if self._table[0, hour] >= most:
            self._table[:, hour] /= 2
        self._table[:, hour] += (1.0, count, count * count)

    def windows(self, hour: int) -> float:
        """The number of windows of this hour that are remembered."""
        return float(self._table[0, hour])

    def table(self) -> NDArray[np.float64]:
        """(3, 168): number, sum and sum of squares, to go on from."""
        return self._table.copy()

    def season(self) -> Season:
        """The usual level in each hour of the week, and the scatter of windows around it."""
        number, sums, squares = self._table
        total = float(number.sum())
        if total < MIN_WINDOWS or sums.sum() == 0:
            return Season(np.full(HOURS, np.nan), 0.0, total)
        weight = number + PRIOR_WINDOWS
        mean = (sums + PRIOR_WINDOWS * sums.sum() / total) / weight
        # A window pulls its own hour's mean towards itself; each is held against the mean without it.
        used = number > 0
        n, s, q, m, w = number[used], sums[used], squares[used], mean[used], weight[used]
        left = np.maximum(w - 1, 0.5)
        scatter = (w / left) ** 2 * (q - 2 * m * s + n * m * m)
        without = (n * m * w - s) / left
        without2 = (n * (m * w) ** 2 - 2 * m * w * s + q) / left**2
        excess = float((scatter - without).sum()) / float(without2.sum())
        return Season(mean, max(0.0, excess), total)


@dataclass(frozen=True, eq=False)
class Season:
    """Expected events per hour of the week, and how much windows scatter around it.

    `mean` (168,) is each hour's own mean drawn towards the overall one, the more so the fewer windows it has;
    `dispersion` is the variance of windows around it in units of mean squared, beyond Poisson's. Two weeks or more
    are needed for a daily shape to be trusted; with less, hours lean on the overall mean and the season that was not
    learned counts as scatter, which only makes the rule slower to fire.
    """

    mean: NDArray[np.float64]
    dispersion: float
    windows: float

    @classmethod
    def fit(cls, windows: ArrayLike, hours: ArrayLike) -> Season:
        """Learn from baseline windows (W,) of an hour and the hours of the week (W,) they were counted in."""
        base = np.asarray(windows, dtype=np.float64)
        slot = np.asarray(hours)
        if base.ndim != 1 or base.shape != slot.shape or not ((base >= 0) & np.isfinite(base)).all():
            raise ValueError(f"windows and hours must be equally many numbers >= 0, got {base.shape}, {slot.shape}")
        if slot.dtype.kind not in "iu" or (len(slot) and (slot.min() < 0 or slot.max() >= HOURS)):
            raise ValueError(f"hours of the week are integers from 0 to {HOURS - 1}")
        return Hours(
            [np.bincount(slot, weights=w, minlength=HOURS) for w in (np.ones(len(base)), base, base**2)]
        ).season()

    def volume(self, count: int, hour: int, *, tail: float = TAIL, minimum_ratio: float = 1.5) -> Verdict:
        """A window's number of events against its hour of the week."""
        if count < 0 or not 0 <= hour < HOURS:
            raise ValueError(f"need a count >= 0 and an hour from 0 to {HOURS - 1}, got {count} and {hour}")
        mean = float(self.mean[hour])
        if np.isnan(mean):
            return Verdict(False, RateReason.LEARNING, count, mean, 1.0)
        return _against(count, mean, mean + self.dispersion * mean**2, tail, minimum_ratio)


def _against(count: int, mean: float, variance: float, tail: float, minimum_ratio: float) -> Verdict:
    variance = max(variance, mean * (1 + 1e-6))  # the negative binomial's limit is Poisson
    size = mean**2 / (variance - mean)
    law = stats.nbinom(size, size / (size + mean))
    if count > mean:
        probability = float(law.sf(count - 1))
        fires = probability < tail and count > minimum_ratio * mean
        return Verdict(fires, RateReason.SURGE if fires else RateReason.NORMAL, count, mean, probability)
    probability = float(law.cdf(count))
    fires = probability < tail and count * minimum_ratio < mean
    return Verdict(fires, RateReason.DROP if fires else RateReason.NORMAL, count, mean, probability)
