"""The decision threshold of a guardrail that logs scores and verdicts and keeps its threshold to itself.

    learn(scores, allowed, adverse) -> Learned          raises CannotTell

A decision rule is a step: adverse from some score t on, plus verdicts that other rules turned over. Isotonic
regression (SciPy) of the verdict on the score fits it without assuming more than that a higher score is not
judged safer, and t is where it crosses 1/2, the cut with the fewest contradictions. A logistic regression was not
taken: on a clean step its slope diverges and leaves no interval, and one verdict turned over far from t moves it.

The interval inverts a likelihood ratio. Let L(t) be the likelihood of the verdicts under a step at t with the shares
of turned-over verdicts below and above it. As t moves away from the truth on either side, L(t) / L(truth) is a
product of density ratios, a non-negative martingale with mean 1, so by Ville's inequality it exceeds 2 / alpha on
that side with probability alpha / 2 at most. {t: L(t) > (alpha / 2) max L} therefore covers with probability
1 - alpha, at every sample size, for known shares; with estimated ones that is simulated
(tests/unit/detectors/test_learned_threshold.py). Likelihoods of a step have no chi-squared limit to lean on.

Where the verdict turns gradually the step is wrong, and its interval too narrow: it is widened to the zone in which
the isotonic fit is neither settled below .1 nor above .9.

    >>> scores = np.arange(1000) / 1000
    >>> learned = learn(scores, allowed=scores < 0.7, adverse=scores >= 0.7)
    >>> learned.value
    0.7
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

CONFIDENCE = 0.95
FEWEST = 20  # verdicts of either class: with fewer, the share of turned-over ones is anybody's guess
OVERLAP = 0.2  # of the verdicts on either side of the cut turned over: then the score does not decide the verdict
WIDEST = 0.2  # of the scale: twice the bandwidth of boundary proximity, which would look at the wrong place
SETTLED = 0.1
SHORTEST_DECIMALS = 4


class CannotTell(Exception):  # noqa: N818 - an answer, not a failure
    """The log does not show where the threshold is; the message gives the reason."""


@dataclass(frozen=True)
class Learned:
    """A learned threshold: adverse from `value` on.

    Parameters
    ----------
    value : in [low, high], with the fewest decimals that fit: people write thresholds.
    low, high : interval that covers the threshold with probability `confidence`.
    allowed, adverse : verdicts that it was learned from.
    contradicting : of these, how many `value` contradicts.
    """

    value: float
    low: float
    high: float
    confidence: float
    allowed: int
    adverse: int
    contradicting: int


def learn(
    scores: ArrayLike,
    allowed: ArrayLike,
    adverse: ArrayLike,
    *,
    confidence: float = CONFIDENCE,
    widest: float = WIDEST,
    level: bool = False,
) -> Learned:
    """The threshold on P(unsafe) behind the verdicts.

    Parameters
    ----------
    scores : (n,) distinct scores in [0, 1], or lower edges of narrow bins, in rising order.
    allowed, adverse : (n,) how many verdicts of that score were allow, and anything else.
    widest : widest interval that is an answer.
    level : scores have a few levels, and the threshold is one of them; else it is anywhere between the scores.

    Raises
    ------
    CannotTell : too few verdicts of a class, verdicts that do not follow the score, or a gap that is too wide.
    """
    x, safe, unsafe = _checked(scores, allowed, adverse)
    for name, total in (("allowed", int(safe.sum())), ("adverse", int(unsafe.sum()))):
        if total < FEWEST:
            raise CannotTell(f"{total} {name} verdicts with a score; {FEWEST} are needed")
    # cut[k]: adverse from score k on; the last one judges nothing adverse
    safe_below = np.concatenate([[0.0], safe.cumsum()])
    unsafe_below = np.concatenate([[0.0], unsafe.cumsum()])
    wrong_below, wrong_above = unsafe_below, safe.sum() - safe_below
    fitted = isotonic_regression(unsafe / (safe + unsafe), weights=safe + unsafe).x
    best = int(np.searchsorted(fitted, 0.5))
    below, above = safe_below[best] + wrong_below[best], wrong_above[best] + unsafe.sum() - unsafe_below[best]
    turned = wrong_below[best] / max(below, 1), wrong_above[best] / max(above, 1)
    if min(safe_below[best], above - wrong_above[best]) < FEWEST or max(turned) > OVERLAP:
        raise CannotTell(
            f"the verdict does not follow the score: below the best cut {turned[0]:.0%} of {below:.0f} verdicts are "
            f"adverse, above it {turned[1]:.0%} of {above:.0f} are not"
        )
    likely = _likely_cuts(safe_below, unsafe_below, best, confidence)
    unsettled = np.flatnonzero((fitted > SETTLED) & (fitted < 1 - SETTLED))
    first = min([likely[0], *unsettled[:1]])
    last = max([likely[-1], *(unsettled[-1:] + 1)])
    # A cut k means: above score k - 1, at most score k.
    low = float(x[first]) if level else float(x[first - 1]) if first > 0 else 0.0
    high = float(x[last]) if last < len(x) else 1.0
    if high - low > widest + 1e-9:
        raise CannotTell(f"it lies somewhere between {low:.3g} and {high:.3g}: too few verdicts in between")
    value = float(x[min(best, len(x) - 1)])
    if not level:
        bottom = float(x[best - 1]) if best > 0 else 0.0
        value = shortest_between(bottom, value)
    return Learned(
        value=value,
        low=low,
        high=high,
        confidence=confidence,
        allowed=int(safe.sum()),
        adverse=int(unsafe.sum()),
        contradicting=int(wrong_below[best] + wrong_above[best]),
    )


def shortest_between(low: float, high: float) -> float:
    """The number in (low, high] with the fewest decimals, the one nearest to the middle if there are several."""
    middle = (low + high) / 2
    for decimals in range(1, SHORTEST_DECIMALS + 1):
        step = 10.0**-decimals
        candidates = np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step
        inside = candidates[(candidates > low + 1e-12) & (candidates <= high + 1e-12)]
        if len(inside):
            return round(float(inside[np.argmin(np.abs(inside - middle))]), decimals)
    return high


def _likely_cuts(
    safe_below: NDArray[np.float64], unsafe_below: NDArray[np.float64], best: int, confidence: float
) -> NDArray[np.int64]:
    """Cuts whose likelihood is more than alpha / 2 of the largest; at least `best`."""
    safe, unsafe = safe_below[-1], unsafe_below[-1]
    below = (unsafe_below[best] + 0.5) / (safe_below[best] + unsafe_below[best] + 1)
    above = (safe - safe_below[best] + 0.5) / (safe + unsafe - safe_below[best] - unsafe_below[best] + 1)
    log_l = (
        safe_below * np.log1p(-below)
        + unsafe_below * np.log(below)
        + (safe - safe_below) * np.log(above)
        + (unsafe - unsafe_below) * np.log1p(-above)
    )
    return np.flatnonzero(log_l >= min(log_l.max() + np.log((1 - confidence) / 2), log_l[best]))


def _checked(
    scores: ArrayLike, allowed: ArrayLike, adverse: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    x, safe, unsafe = (np.asarray(one, np.float64) for one in (scores, allowed, adverse))
    if not (x.ndim == 1 and x.shape == safe.shape == unsafe.shape):
        raise ValueError(f"need three arrays of one length, got {x.shape}, {safe.shape}, {unsafe.shape}")
    if len(x) and not (x.min() >= 0 and x.max() <= 1 and (np.diff(x) > 0).all()):
        raise ValueError("scores must be distinct, in rising order, in [0, 1]")
    if not (np.isfinite(safe).all() and np.isfinite(unsafe).all() and (safe >= 0).all() and (unsafe >= 0).all()):
        raise ValueError("counts must be numbers >= 0")
    seen = safe + unsafe > 0
    return x[seen], safe[seen], unsafe[seen]
