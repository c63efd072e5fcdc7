"""Plain rules for traffic itself: silence and volume. They promise no rate of false alarms; each says why.

silence(expected=...) -> Verdict         a guardrail heard nothing while its siblings were busy
expected_events(share, siblings)         what it should have judged meanwhile
volume(count, windows) -> Verdict        this window against windows like it, over-dispersion included
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

# exp(-20) = 2e-9 for independent events; traffic in bursts of five still leaves exp(-4) = 2 %
SILENT_AFTER = 20.0
MIN_WINDOWS = 6  # fewer say nothing about how windows scatter
TAIL = 1e-4  # probability of a window at least this unusual, under the fitted law


class RateReason(StrEnum):
    """What the rule found."""

    HEARD = "events arrived since it was last seen"
    QUIET_SIBLINGS = "silent, but so is the traffic it would judge"
    SILENT = "silent while its siblings judged traffic"
    LEARNING = "too few baseline windows"
    NORMAL = "volume within the baseline's scatter"
    SURGE = "volume above the baseline's scatter"
    DROP = "volume below the baseline's scatter"


@dataclass(frozen=True)
class Verdict:
    """What a rule says, with the figures it looked at."""

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
    size = mean**2 / (variance - mean)
    law = stats.nbinom(size, size / (size + mean))
    if count > mean:
        probability = float(law.sf(count - 1))
        fires = probability < tail and count > minimum_ratio * mean
        return Verdict(fires, RateReason.SURGE if fires else RateReason.NORMAL, count, mean, probability)
    probability = float(law.cdf(count))
    fires = probability < tail and count * minimum_ratio < mean
    return Verdict(fires, RateReason.DROP if fires else RateReason.NORMAL, count, mean, probability)
