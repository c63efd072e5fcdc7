"""How events hang together over time: conversations, batches, retries. From counts per tick alone.

    measure(counts, values, ticks=...) -> Dependence       counts (T, B) of the ticks that had events

Sums over blocks of 1, 4, 16, 64 and 256 ticks scatter as those of independent events do, or more. Turns of one
conversation that are judged alike hardly ever meet in one tick, so no comparison of ticks shows them; blocks longer
than a conversation do. A block's sum is one of counts: partitions add up, and nothing but counts is kept.

    >>> rng = np.random.default_rng(0)
    >>> alike = np.repeat(rng.binomial(5, 0.1, 500), 8)  # eight ticks of five events each, judged much alike
    >>> found = measure(np.stack((40 - 8 * alike, 8 * alike), axis=1), [0, 1])
    >>> found.together > 30, found.scale
    (True, 16)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.bins import unit_values

SCALES: Final = (1, 4, 16, 64, 256)  # ticks; of 10 s, up to 43 minutes
FEWEST: Final = 20  # blocks of a scale: fewer do not tell how sums scatter
SPANS: Final = 20  # of the longest scale that a baseline should span
CHANCE_SD: Final = 2.33  # chance shows as much in one baseline of a hundred
PHASES: Final = 4  # where the blocks may begin; a quarter of a block apart, they use the counts twice as well as one
MOST: Final = 30.0  # what a trend may foretell: it is an extrapolation
SATURATED: Final = 0.8  # of the largest ratio: there the scale of the dependence is reached

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dependence:
    """What a baseline shows of it.

    Parameters
    ----------
    together : events that come together, >= 1: the variance of neighbouring blocks' difference over that of
        independent events, at the scale where that is largest. A season cancels in the difference.
    design : the same of the blocks' own sums, >= `together`: what the confidence limit of a mean must allow for.
    scale : ticks, the shortest blocks that show (most of) it; 1 where events come alone.
    trend : what longer blocks, of which there are too few, would show if the ratio went on growing.
    """

    together: float = 1.0
    design: float = 1.0
    scale: int = 1
    trend: float = 1.0


ALONE: Final = Dependence()


def measure(
    counts: ArrayLike, values: ArrayLike, *, ticks: ArrayLike | None = None, sd: float = CHANCE_SD
) -> Dependence:
    """The dependence of x in a baseline.

    Parameters
    ----------
    counts : (T, B) counts per tick. values : (B,) x of each bin, in [0, 1].
    ticks : (T,) numbers of the ticks, rising; by default they follow one another.
    sd : a ratio counts where it exceeds 1 by so many standard deviations of chance.
    """
    table = np.asarray(counts, dtype=np.float64)
    x = unit_values(values)
    if table.ndim != 2 or table.shape[1] != len(x):
        raise ValueError(f"counts must be (ticks, {len(x)}), got shape {table.shape}")
    return _measure(table, (table @ x)[:, None], (table @ x**2).sum(keepdims=True), ticks, sd)


def measure_bins(counts: ArrayLike, *, ticks: ArrayLike | None = None, sd: float = CHANCE_SD) -> Dependence:
    """The dependence of the bin that shows most of it, among those with 20 events inside and 20 outside."""
    table = np.asarray(counts, dtype=np.float64)
    mass = table.sum(axis=0)
    each = table[:, np.minimum(mass, mass.sum() - mass) >= FEWEST]
    return _measure(table, each, each.sum(axis=0), ticks, sd) if each.shape[1] else ALONE


def _measure(table: Floats, sums: Floats, squares: Floats, ticks: ArrayLike | None, sd: float) -> Dependence:
    """``sums`` (T, Q) of x, one column for each x; ``squares`` (Q,) those of x * x over all ticks."""
    at = np.arange(len(table)) if ticks is None else np.asarray(ticks, dtype=np.int64)
    if at.shape != (len(table),) or (np.diff(at) <= 0).any():
        raise ValueError(f"ticks must be {len(table)} rising numbers")
    number = table.sum(axis=1)
    use = number > 0
    at, number, sums = at[use], number[use], sums[use]
    total = number.sum()
    if not len(at) or total == 0:
        return ALONE
    rate = sums.sum(axis=0) / total
    within = squares / total - rate**2
    varies = within > 1e-12
    if not varies.any():
        return ALONE
    rate, within, residual = rate[varies], within[varies], sums[:, varies] - np.outer(number, rate[varies])
    mass = total * np.minimum(rate, 1 - rate)
    seen: list[tuple[int, Floats, Floats]] = []  # scale, ratio of differences and of sums where beyond chance
    sums_before = sums_last = np.ones(len(rate))
    for scale in SCALES:
        found = _ratios(at - at[0], number, residual, scale)
        if found is None:
            continue
        blocks, differences, whole = found
        beyond = sd * np.sqrt(3 / blocks + 1 / mass)
        sums_before, sums_last = sums_last, whole / within
        seen.append(
            (
                scale,
                np.where(differences / within > 1 + beyond, differences / within, 1.0),
                np.where(sums_last > 1 + beyond, sums_last, 1.0),
            )
        )
    if not seen:
        return ALONE
    together = max(float(differences.max()) for _, differences, _ in seen)
    design = max(together, *(float(whole.max()) for _, _, whole in seen))
    scale = next(scale for scale, *both in seen if max(float(one.max()) for one in both) >= SATURATED * design)
    return Dependence(
        together=together,
        design=design,
        scale=scale if design > 1 else 1,
        trend=max(design, _trend(seen[-1], sums_before, sums_last)),
    )


def _ratios(
    at: NDArray[np.int64], number: Floats, residual: Floats, scale: int
) -> tuple[float, Floats, Floats] | None:
    """(blocks, variance of their differences, of their sums), per event; None where there are too few blocks."""
    blocks = 0
    differences, whole = np.zeros((2, residual.shape[1])), np.zeros((2, residual.shape[1]))
    phases = sorted({scale * phase // PHASES for phase in range(PHASES)})
    for phase in phases:
        edges = np.flatnonzero(np.diff((at + phase) // scale, prepend=-1))
        if len(edges) < FEWEST:
            return None
        blocks += len(edges)
        n, r = np.add.reduceat(number, edges), np.add.reduceat(residual, edges, axis=0)
        both = (n[1:] + n[:-1])[:, None]
        difference = (r[1:] * n[:-1, None] - r[:-1] * n[1:, None]) / both
        differences += (difference**2).sum(axis=0), np.full(len(r[0]), (n[1:] * n[:-1] / both[:, 0]).sum())
        whole += (r**2).sum(axis=0), np.full(len(r[0]), n.sum())
    return blocks / len(phases), differences[0] / differences[1], whole[0] / whole[1]


def _trend(last: tuple[int, Floats, Floats], before: Floats, now: Floats) -> float:
    """The last ratio, where it is beyond chance, grown on to the longest scale as it grew on its way there."""
    scale, _, beyond = last
    steps = np.log(SCALES[-1] / scale) / np.log(SCALES[1])
    growth = np.clip(now / np.maximum(before, 1e-9), 1.0, SCALES[1])
    return float(np.minimum(np.where(beyond > 1, beyond * growth**steps, 1.0), MOST).max())
