"""The level that a team approves as normal: proposed from a baseline, defended by the material test.

    propose(counts, values, direction="rise") -> Level       counts (B,), or (T, B) to let wander widen it
    level.limit                                              the m that `alternatives.material` takes
    minimum_detectable(limit, direction=, events_per_day=, spend_per_day=)

The promise of the material test does not rest on the proposal: whatever level is approved, false alarms are
those raised while the true mean keeps to it. The proposal decides how probable it is that it does.

    >>> level = propose([1560, 40], [0, 1], events_per_day=10_000, spend_per_day=1 / 30)
    >>> round(level.rate, 4), round(level.level, 4), round(level.limit, 4), level.reason.name
    (0.025, 0.0356, 0.0496, 'PROPOSED')
    >>> round(level.minimum_detectable, 3)  # what a day would show
    0.059
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from detectors.alternatives import MATERIAL_RATIOS, Direction, Unavailable, limit
from detectors.bins import unit_values
from detectors.dependence import ALONE, Dependence, measure

# With 1,600 events and rates of .4-1.1 %, a plug-in level times 1.1-1.5 paged 3-22 times a stream-month where
# .045 are promised; a 99 % limit x 1.25 + .005 paged 0-.08 times.
CONFIDENCE = 0.99
MARGIN = 0.25
FLOOR = 0.005
LEARNING_EVENTS = 1600
EXPECTED = 1.0  # Cochran (1954): a chi-square of expected counts from 1 on keeps its level well enough
BURST_SD = 2.33  # of the ratio under independence, whose variance is 3 / ticks: one in a hundred
FEWEST = 20  # stretches of ticks, each with an x to be expected, that say how ticks scatter
LEARNING_MASS = 15.0  # of x summed over the baseline: rare events seen
# In an hour, conversations do not show yet how they hang together. Twice the variance costs a sixth of the delay of a
# page; four times half of it, and what that spared in false pages was half (monitor/judging/README.md).
PROVISIONAL_DESIGN = 2.0
HOURS = 24
SEASON_HOURS = 1  # on either side of an hour of the day, as seasons are smooth and an hour alone holds little


class LevelReason(StrEnum):
    """The reliability of a proposal."""

    PROPOSED = "proposed from the baseline"
    WIDENED = "proposed from the baseline; the margin is widened because the baseline wanders"
    SEASONAL = "proposed from the worst hours of the baseline's days"
    LEARNING = "learning: the baseline has too few events, or too few in the rare bins"
    UNAVAILABLE = "the margin and the floor leave no level that could be tested"


@dataclass(frozen=True)
class Level:
    """An approved or proposed level.

    Parameters
    ----------
    rate : mean of x in the baseline. level : its confidence limit on the side that is defended.
    margin, floor : relative and absolute distance from the level that a drift must exceed to be material.
    confidence : of the limit. direction : the side that pages. reason : see `LevelReason`.
    minimum_detectable : nearest true mean that is expected to be found within a day, NaN where none or unknown.
    events : size of the baseline. wander : sd of the tick means around the rate beyond chance, over the rate.
    bursts : how many events come together, as far as the baseline tells: see `bursts` and `dependence`.
    design : what the confidence limit allows for: the baseline counts as `events / design` independent events.
    scale : ticks, the longest scale of dependence that the baseline shows.
    provisional : the baseline spans too little time to show all of it: limit and bursts allow for more than it shows.
    season : mean of x in the worst hours of the day where they differ beyond chance, else NaN.
    """

    rate: float
    level: float
    margin: float
    floor: float
    confidence: float
    direction: Direction
    reason: LevelReason
    minimum_detectable: float = np.nan
    events: int = 0
    wander: float = 0.0
    bursts: float = 1.0
    design: float = 1.0
    scale: int = 1
    provisional: bool = False
    season: float = np.nan

    @property
    def limit(self) -> float:
        """m, the bound the material test defends. Raises Unavailable where there is none."""
        return limit(self.level, margin=self.margin, floor=self.floor, direction=self.direction)


def propose(
    counts: ArrayLike,
    values: ArrayLike,
    *,
    direction: Direction = "rise",
    confidence: float = CONFIDENCE,
    margin: float = MARGIN,
    floor: float = FLOOR,
    events_per_day: float | None = None,
    spend_per_day: float | None = None,
    ticks: ArrayLike | None = None,
    hours: ArrayLike | None = None,
    provisional: bool = False,
) -> Level:
    """A level from a baseline's counts.

    Parameters
    ----------
    counts : (B,) totals, or (T, B) per tick: then traffic that wanders from tick to tick counts as fewer
        independent events, and the margin is at least the wander (one sd of the level, relative).
    values : (B,) x of each bin, in [0, 1].
    events_per_day, spend_per_day : traffic and budget; with both, the smallest detectable mean is worked out.
    ticks : (T,) numbers of the ticks, rising; by default they follow one another.
    hours : (T,) hour of the day of each tick, from 0 to 23. Where hours differ beyond chance, the level is that of
        the worst ones. None: the baseline spans too few of them.
    provisional : the baseline spans too little time; see `PROVISIONAL_DESIGN` and `dependence.Dependence.trend`.
    """
    x = unit_values(values)
    table = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    if table.ndim != 2 or table.shape[1] != len(x) or not (np.isfinite(table).all() and (table >= 0).all()):
        raise ValueError(f"counts must be (ticks, {len(x)}) numbers >= 0, got shape {table.shape}")
    number = table.sum(axis=1)
    total = float(number.sum())
    mass = float(table.sum(axis=0) @ x)
    if total == 0:
        bound = 1.0 if direction == "rise" else 0.0
        return Level(np.nan, bound, margin, floor, confidence, direction, LevelReason.LEARNING)
    rate = mass / total
    found = measure(table, x, ticks=ticks) if len(table) > 1 else ALONE
    scatter, wander = dispersion(table, x)
    together, design = _discounts(found, bursts(table, x), scatter, provisional=provisional)
    upper = direction == "rise"
    bound = mean_limit(mass / design, total / design, confidence=confidence, upper=upper)
    widened = max(margin, wander)
    reason = LevelReason.WIDENED if widened > margin else LevelReason.PROPOSED
    worst = None if hours is None else worst_hours(table, x, hours, together=together, upper=upper)
    if worst is not None:
        events, sums = worst[0] / together, worst[1] / together
        seasonal = mean_limit(sums, events, confidence=confidence, upper=upper)
        if seasonal > bound if upper else seasonal < bound:
            bound, reason = seasonal, LevelReason.SEASONAL
    rare = min(mass, total - mass)
    if total < LEARNING_EVENTS or rare < LEARNING_MASS:
        reason = LevelReason.LEARNING
    smallest = np.nan
    try:
        m = limit(bound, margin=widened, floor=floor, direction=direction)
        if events_per_day is not None and spend_per_day is not None:
            smallest = minimum_detectable(
                m, direction=direction, events_per_day=events_per_day / together, spend_per_day=spend_per_day
            )
    except Unavailable:
        reason = LevelReason.UNAVAILABLE
    return Level(
        rate,
        bound,
        widened,
        floor,
        confidence,
        direction,
        reason,
        smallest,
        events=int(total),
        wander=wander,
        bursts=together,
        design=design,
        scale=found.scale,
        provisional=provisional,
        season=np.nan if worst is None else worst[1] / worst[0],
    )


def _discounts(found: Dependence, short: float, scatter: float, *, provisional: bool) -> tuple[float, float]:
    """(how many events count as one to the bets, to the limit): what the baseline shows, or may not show yet."""
    if provisional:
        return max(found.trend, short), max(found.trend, scatter, short, PROVISIONAL_DESIGN)
    return max(found.together, short), max(found.design, scatter)


def worst_hours(
    table: NDArray[np.float64], x: NDArray[np.float64], hours: ArrayLike, *, together: float, upper: bool
) -> tuple[float, float] | None:
    """(events, sum of x) of the hour of the day, with its neighbours, whose mean is the worst.

    None where hours differ by no more than chance would in one of a hundred baselines, `together` events at a time.
    """
    hour = np.asarray(hours, dtype=np.int64)
    n = np.bincount(hour, weights=table.sum(axis=1), minlength=HOURS)
    sums = np.bincount(hour, weights=table @ x, minlength=HOURS)
    seen = n > 0
    rate = sums.sum() / n.sum()
    within = float(table.sum(axis=0) @ (x - rate) ** 2) / n.sum()
    if within <= 0 or seen.sum() < 2:
        return None
    chi2 = float(((sums - rate * n)[seen] ** 2 / n[seen]).sum()) / within / together
    if chi2 < stats.chi2.ppf(0.99, seen.sum() - 1):
        return None
    shifts = range(-SEASON_HOURS, SEASON_HOURS + 1)
    events = sum((np.roll(n, shift) for shift in shifts), np.zeros(HOURS))
    mass = sum((np.roll(sums, shift) for shift in shifts), np.zeros(HOURS))
    means = np.where(events > 0, mass / np.maximum(events, 1e-12), -np.inf if upper else np.inf)
    worst = int(means.argmax() if upper else means.argmin())
    return float(events[worst]), float(mass[worst])


def mean_limit(mass: float, events: float, *, confidence: float, upper: bool) -> float:
    """Confidence limit of the mean of x in [0, 1] from the sum of x, by Clopper-Pearson's beta quantile.

    Exact (conservative) for x in {0, 1}. For graded x, imagine each replaced by a coin that shows 1 with
    probability x: the coins are independent with the same mean, so the exact limit U(R) of their number R
    covers. E[R | x] is the sum of x, and U is concave in it, so by Jensen the limit used here, U(sum of x), is
    not below the average of that exact limit; nor is the sum of x more spread than R. This is an argument, not
    a proof of coverage: that is simulated in tests/statistics.
    """
    if not (0 <= mass <= events and events > 0):
        raise ValueError(f"need 0 <= mass <= events and events > 0, got {mass} and {events}")
    if upper:
        return 1.0 if mass == events else float(stats.beta.ppf(confidence, mass + 1, events - mass))
    return 0.0 if mass == 0 else float(stats.beta.ppf(1 - confidence, mass, events - mass + 1))


def dispersion(table: NDArray[np.float64], x: NDArray[np.float64]) -> tuple[float, float]:
    """(design effect >= 1, relative wander >= 0) of tick counts (T, B), by the method of moments.

    The design effect is the variance of the rate that the ticks show over that of independent events; the
    wander is the sd of the ticks' own levels, relative to the rate. Thin ticks are pooled with their neighbours until
    x is expected to show. Below 20 such stretches: (1, 0).
    """
    table = _pooled(table, x)
    t = len(table)
    if t < FEWEST:
        return 1.0, 0.0
    n, sums = table.sum(axis=1), table @ x
    rate = sums.sum() / n.sum()
    within = float(table.sum(axis=0) @ (x - rate) ** 2) / n.sum()
    if within <= 0 or rate <= 0:
        return 1.0, 0.0
    residual = sums - rate * n
    chi2 = float((residual**2 / n).sum()) / within
    # wander is claimed only where chance alone would show as much in one baseline of a hundred
    if chi2 < stats.chi2.ppf(0.99, t - 1):
        return 1.0, 0.0
    between = max(0.0, (chi2 - (t - 1)) * within / (n.sum() - (n**2).sum() / n.sum()))
    design = float((residual**2).sum()) / (within * n.sum())
    return max(1.0, design), float(np.sqrt(between) / rate)


def bursts(table: NDArray[np.float64], x: NDArray[np.float64], *, sd: float = BURST_SD) -> float:
    """The size of bursts: the variance of neighbouring ticks' difference over that of independent events.

    Of conversations of k turns that are judged alike it is k, of mixed lengths the mean length that an event sees.
    Slow wander, a season among it, cancels in the difference (von Neumann 1941). 1 where it is within `sd` standard
    deviations of chance (by default, chance shows as much in one baseline of a hundred), and below 20 stretches.
    """
    table = _pooled(np.asarray(table, dtype=np.float64), x)
    if len(table) < FEWEST:
        return 1.0
    n, sums = table.sum(axis=1), table @ x
    within = float(table.sum(axis=0) @ (x - sums.sum() / n.sum()) ** 2) / n.sum()
    if within <= 0:
        return 1.0
    ratio = float((np.diff(sums / n) ** 2 / (within * (1 / n[1:] + 1 / n[:-1]))).mean())
    return ratio if ratio > 1 + sd * np.sqrt(3 / (len(n) - 1)) else 1.0


def _pooled(table: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ticks with events, pooled in their order into stretches in which `EXPECTED` of x and of 1 - x is expected.

    With less, the statistic is no chi-square any more: at two events a tick and a rate of .4 % it exceeded its 99 %
    quantile in 27 null baselines of 100 (now in 0), and a slow wander of a rate of 7 % (sd .8 of it) was seen in 11
    (now in 65).
    """
    number = table.sum(axis=1)
    table, number = table[number > 0], number[number > 0]
    mass, total = float(table.sum(axis=0) @ x), float(number.sum())
    rare = min(mass, total - mass)
    if rare <= 0:
        return table
    stretch = np.floor((number.cumsum() - number) * (rare / total / EXPECTED)).astype(np.int64)
    return np.add.reduceat(table, np.unique(stretch, return_index=True)[1], axis=0)


def minimum_detectable(
    m: float,
    *,
    direction: Direction = "rise",
    events_per_day: float,
    spend_per_day: float,
    days: float = 1.0,
    alternatives: int = len(MATERIAL_RATIOS),
) -> float:
    """The mean nearest to m whose expected delay is at most so many days; NaN if none is.

    A drift to p adds at least g = KL(p || m) per event to the log evidence of the best bet, which starts from
    spend / events / alternatives and needs about log(g alternatives events / spend) / g events. For graded x
    the bet gains at least as much, so the figure is on the safe side.
    """
    if not (0 < m < 1 and events_per_day > 0 and spend_per_day > 0 and days > 0):
        raise ValueError(
            f"need m in (0, 1), events, spend and days above 0, got {m}, {events_per_day}, {spend_per_day}, {days}"
        )
    if direction == "fall":
        return 1 - minimum_detectable(
            1 - m,
            events_per_day=events_per_day,
            spend_per_day=spend_per_day,
            days=days,
            alternatives=alternatives,
        )

    def in_time(p: float) -> bool:
        g = p * np.log(p / m) + (1 - p) * np.log((1 - p) / (1 - m))
        start = np.log(g * alternatives * events_per_day / spend_per_day)
        return bool(max(start, 1.0) <= g * events_per_day * days)

    low, high = m, 1 - 1e-9
    if not in_time(high):
        return np.nan
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if middle > low and in_time(middle) else (middle, high)
    return high
