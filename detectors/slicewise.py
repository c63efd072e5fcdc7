"""A new release against an approved baseline, slice by slice: regressed, improved, equivalent or undecided.

    compare(old (S, B), new (S, B), values (B,), alpha=, equivalence=, direction="rise") -> SliceJudgement

Both sides are counts by slice and bin; the old side is fixed, the new one grows and may be looked at after every
tick. For each slice, the null "the new mean is at most the old one's" is met by two bets against the unknown common
mean p,

    E_s = min over p of  W(old, mean is below p) * W(new, mean is above p)

where W is the mixed wealth of bets on a bounded mean (`comparison`). At the true p the product is a supermartingale
that starts at 1, and the minimum is never above it: E_s >= 1 / alpha has a chance of at most alpha, at whatever time
one looks (Ville). Where `comparison.Comparison` keeps two intervals apart, here both sides share p, so the errors add
as variances do, and fewer events bring the same verdict. Over slices

    E = 1/2 shared + 1/4 product of the E_s + 1/4 mean of the E_s

where `shared` is the mean over pairs of stakes, one for each side, of the product over slices with these stakes in
every slice: a change of everything is seen by it without each slice's finding out for itself how large it is (at 800
answers in eight slices, refusals from 6.5 to 1.2 %: 10 nats instead of 5), changes of several sizes by the product, a
change of one slice by its own. As each slice is compared with itself, a change of the mix alone is none.

    >>> old, new = [[900, 100], [950, 50]], [[900, 100], [850, 150]]
    >>> verdict = compare(old, new, [0, 1], alpha=0.01, equivalence=0.02)
    >>> verdict.outcome.name, verdict.leading  # the second slice
    ('REGRESSED', 1)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.alternatives import Direction
from detectors.bins import unit_values
from detectors.comparison import FRACTIONS, Outcome

GRID = 24  # points per pass of the search for p
STAKES = FRACTIONS[4:]  # for all slices alike, from .5 % on: less pays after tens of thousands of events only
LOGITS = np.linspace(-14, 14, GRID)  # of p, in the first pass; from one in a million on
# Each pass leaves a twelfth. Of all logits: the last .0007, .0006 of log E for 10,000 events. Of what lies between
# the two means, where every log E above 0 is least: less than 1e-6.
PASSES = 4
EDGE = 1e-9  # how near p may come to 0 and 1
NEGLIGIBLE = 0.1  # a slice with less of the new traffic need not be shown equivalent by itself
LEADS = 0.8  # of the evidence: then it is that slice's change
SCREEN = 0.5  # of the log evidence that a normal law would give: below, the exact search cannot reach 1 / alpha


@dataclass(frozen=True)
class SliceJudgement:
    """The verdict on one question.

    Parameters
    ----------
    outcome : as in `comparison.Outcome`; EQUIVALENT means that every slice of weight lies within the margin.
    before, after : means of x, both in the mix of the new side. difference : after - before.
    log_evidence : log E of the leading side (regressed or improved), 0 where nothing points anywhere.
    leading : the slice that carries it, -1 where all of them do.
    events : of the new side, in slices that the old side has.
    """

    outcome: Outcome
    before: float
    after: float
    difference: float
    log_evidence: float
    leading: int
    events: int


def compare(
    old: ArrayLike,
    new: ArrayLike,
    values: ArrayLike,
    *,
    alpha: float,
    equivalence: float,
    direction: Direction = "rise",
) -> SliceJudgement:
    """Judge the counts so far.

    Parameters
    ----------
    old, new : (S, B) counts. Slices that one side lacks are left out: there is nothing to compare them with.
    values : (B,) x of each bin in [0, 1]; `direction` is the one that is worse.
    alpha : chance of ever saying "regressed" of a release that is no worse, over all looks; the same for "improved",
        and for "equivalent" of one that is not. equivalence : margin of the difference of means, in (0, 1).

    Differences below the margin are not called regressed or improved, however certain they are.
    """
    if not 0 < alpha < 1 or not 0 < equivalence < 1:
        raise ValueError(f"alpha and equivalence must lie in (0, 1), got {alpha} and {equivalence}")
    x = unit_values(values)
    before, after = _table(old, len(x)), _table(new, len(x))
    if before.shape != after.shape:
        raise ValueError(f"old and new must have the same slices, got {before.shape} and {after.shape}")
    shared = (before.sum(axis=1) > 0) & (after.sum(axis=1) > 0)
    if not shared.any():
        return SliceJudgement(Outcome.UNDECIDED, np.nan, np.nan, np.nan, 0.0, -1, 0)
    places = np.flatnonzero(shared)
    before, after = before[shared], after[shared]
    worse = x if direction == "rise" else 1 - x
    weight = after.sum(axis=1) / after.sum()
    means = [side @ x / side.sum(axis=1) for side in (before, after)]
    m0, m1 = float(weight @ means[0]), float(weight @ means[1])
    harm = m1 - m0 if direction == "rise" else m0 - m1
    enough = -np.log(alpha)
    outcome, evidence, leading = Outcome.UNDECIDED, 0.0, -1
    for towards, verdict in ((worse, Outcome.REGRESSED), (1 - worse, Outcome.IMPROVED)):
        side_evidence, side_leading = _evidence(before, after, towards, enough=enough)
        own = _gain(before, after, towards)[side_leading] if side_leading >= 0 else abs(harm)
        if side_evidence > evidence:
            evidence, leading = side_evidence, side_leading
        if side_evidence >= enough and own >= equivalence and outcome is Outcome.UNDECIDED:
            outcome, evidence, leading = verdict, side_evidence, side_leading
            break
    if outcome is Outcome.UNDECIDED and _equivalent(before, after, worse, weight, margin=equivalence, enough=enough):
        outcome = Outcome.EQUIVALENT
    return SliceJudgement(
        outcome, m0, m1, m1 - m0, float(evidence), int(places[leading]) if leading >= 0 else -1, int(after.sum())
    )


def log_e(old: NDArray[np.float64], new: NDArray[np.float64], x: NDArray[np.float64], *, shift: float = 0.0) -> float:
    """log E against "the mean of the new side is at most that of the old one plus `shift`"; both (B,) counts."""
    r0, r1 = float(old @ x / old.sum()), float(new @ x / new.sum())
    inside = max(EDGE, EDGE - shift), min(1 - EDGE, 1 - EDGE - shift)
    low, high = (min(max(end, inside[0]), inside[1]) for end in (min(r0, r1 - shift), max(r0, r1 - shift)))
    best = np.inf
    for _ in range(PASSES):
        p = np.linspace(low, high, GRID)
        wealth = _log_wealth(p, x, old, above=False) + _log_wealth(p + shift, x, new, above=True)
        at = int(wealth.argmin())
        best = min(best, float(wealth[at]))
        low, high = float(p[max(at - 1, 0)]), float(p[min(at + 1, GRID - 1)])
    return best


def _evidence(
    old: NDArray[np.float64], new: NDArray[np.float64], x: NDArray[np.float64], *, enough: float
) -> tuple[float, int]:
    """log E over all slices, and the slice that carries it (-1: all of them)."""
    if not _worth_it(old, new, x, enough=enough):
        return 0.0, -1
    each = np.array([log_e(a, b, x) for a, b in zip(old, new, strict=True)])
    if len(each) == 1:
        return float(each[0]), -1
    slices = float(np.logaddexp.reduce(each) - np.log(len(each)))
    leading = int(each.argmax()) if each.max() >= LEADS * np.maximum(each, 0).sum() else -1
    parts = [_shared(old, new, x) - np.log(2), float(each.sum()) - np.log(4), slices - np.log(4)]
    return round(float(np.logaddexp.reduce(parts)), 9), leading


def _shared(old: NDArray[np.float64], new: NDArray[np.float64], x: NDArray[np.float64]) -> float:
    """log E of one pair of stakes for all slices, on average over the pairs."""
    pairs = np.sum([_least(a, b, x) for a, b in zip(old, new, strict=True)], axis=0)
    return float(np.logaddexp.reduce(pairs.ravel()) - np.log(pairs.size))


def _least(old: NDArray[np.float64], new: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, F) the least that each pair of stakes can have won over all common means p; convex in p."""
    logit = np.broadcast_to(LOGITS[:, None, None], (len(LOGITS), len(STAKES), len(STAKES)))
    for step in range(PASSES):
        p = 1 / (1 + np.exp(-logit))
        won = _won(p, STAKES[:, None], x, old, above=False) + _won(p, STAKES[None, :], x, new, above=True)
        if step == PASSES - 1:
            break
        at = won.argmin(axis=0)[None]
        low = np.take_along_axis(logit, np.maximum(at - 1, 0), axis=0)
        high = np.take_along_axis(logit, np.minimum(at + 1, len(logit) - 1), axis=0)
        logit = low + (high - low) * np.linspace(0, 1, GRID)[:, None, None]
    out: NDArray[np.float64] = won.min(axis=0)
    return out


def _worth_it(old: NDArray[np.float64], new: NDArray[np.float64], x: NDArray[np.float64], *, enough: float) -> bool:
    """Whether a normal law puts the evidence anywhere near enough; the exact search is a thousand times dearer."""
    n0, n1 = old.sum(axis=1), new.sum(axis=1)
    p = ((old + new) @ x + 1) / (n0 + n1 + 2)
    z2 = np.maximum(_gain(old, new, x), 0) ** 2 / (p * (1 - p) * (1 / n0 + 1 / n1))
    return bool(z2.sum() / 2 >= SCREEN * enough)


def _gain(old: NDArray[np.float64], new: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = new @ x / new.sum(axis=1) - old @ x / old.sum(axis=1)
    return out


def _equivalent(
    old: NDArray[np.float64],
    new: NDArray[np.float64],
    x: NDArray[np.float64],
    weight: NDArray[np.float64],
    *,
    margin: float,
    enough: float,
) -> bool:
    """Every slice of weight lies within the margin on both sides; claims of all need no correction for many."""
    shown = False
    for s in np.flatnonzero(weight >= NEGLIGIBLE):
        for towards in (x, 1 - x):
            if abs(float(_gain(old[s : s + 1], new[s : s + 1], towards)[0])) >= margin:
                return False
            if log_e(old[s], new[s], towards, shift=-margin) < enough:
                return False
        shown = True
    return shown


def _log_wealth(
    mean: NDArray[np.float64], x: NDArray[np.float64], counts: NDArray[np.float64], *, above: bool
) -> NDArray[np.float64]:
    """log wealth (P,) of bets that the mean of x is above (below) each of `mean` (P,)."""
    growth = _won(mean[:, None], FRACTIONS, x, counts, above=above)
    out: NDArray[np.float64] = np.logaddexp.reduce(growth, axis=1) - np.log(len(FRACTIONS))
    return out


def _won(
    mean: NDArray[np.float64],
    stakes: NDArray[np.float64],
    x: NDArray[np.float64],
    counts: NDArray[np.float64],
    *,
    above: bool,
) -> NDArray[np.float64]:
    """log wealth of single stakes, shares of what a bet on `mean` may cost; the two are broadcast."""
    stake = stakes / np.maximum(mean if above else 1 - mean, 1e-12) * (1 if above else -1)
    out = np.zeros(np.broadcast_shapes(mean.shape, stakes.shape))
    for b in np.flatnonzero(counts):
        out += counts[b] * np.log1p(stake * (x[b] - mean))
    return out


def _table(counts: ArrayLike, bins: int) -> NDArray[np.float64]:
    table = np.atleast_2d(np.asarray(counts))
    if table.dtype.kind not in "iu" or table.ndim != 2 or table.shape[1] != bins or (table < 0).any():
        raise ValueError(f"counts must be (slices, {bins}) integers >= 0, got {table.dtype} {table.shape}")
    return table.astype(np.float64)
