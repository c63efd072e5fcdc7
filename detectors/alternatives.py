"""Banks of alternatives: what a test bets on.

    Bank(log_e (B, K), log_prior (K,), names, fades)       frozen; .fingerprint identifies its content
    material(values, level=m, direction="rise")    bets on a mean above (below) m; needs E[x | past] <= m, no more
    boundary(q, values)                            bets on a larger mean of x under a declared law q of the bins
    crowding(q, values)                            bets on new mass where x is large
    growth(q)                                      bets on the odds of any single bin growing
    swings(q)                                      bets on the odds of any single bin growing or shrinking
    sparse(q, bump=0)                              bets on mass moving into any single bin (or narrow bump)
    mixture([(weight, bank), ...])                 one bank of them all
    limit(level, margin=, floor=, direction=)      the m of `material`; raises Unavailable where there is none

`log_e[b, k]` is the log e-value of one event in bin b under alternative k: its expectation under the null is
exactly 1 (`q` declared) or at most 1 (every law whose mean keeps to the level).

Against a history that grows by what is tested, a drift fades: of an effect d that began at a history of H events,
d H / H' is left at H'. So each bet on an unknown baseline names the next smaller one (`fades`), to which
`evidence` hands its money over at the pace at which the history grows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.bins import unit_values

Direction = Literal["rise", "fall"]
Likely = Mapping[float, float] | Sequence[float]  # sizes to bet on, to their weights; a sequence: all alike

# From a drift that only a large stream can show to a rate that is 35 times its level: below the first, the
# margin is the better tool; above the last (rates of .3 % becoming 10 %), any alternative alarms within events.
MATERIAL_RATIOS = (1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.2, 4.5, 7.0, 12.0, 20.0, 35.0)
# How likely each growth of a rate is held to be. Beyond 2 a drift is found within few ticks anyway; below 1.2 only a
# long history can show it, and what is left of larger ones that the history has absorbed moves there (`fades`).
BOUNDARY_RATIOS = {1.1: 0.15, 1.22: 0.8, 1.5: 0.6, 2.0: 1.3, 3.2: 0.2, 6.0: 0.1}
# The same for the odds of a single bin: attacks multiply a rare one.
GROWTHS = {1.25: 1.0, 1.5: 1.2, 2.0: 1.2, 3.0: 0.8, 6.0: 0.4}
# Factors of a bin's odds, either way: without the two near 1 a share of .7 that falls to .63 took twice the events.
SWINGS = (0.25, 0.5, 0.7, 1.4, 2.0, 4.0)
CONTAMINATIONS = (0.003, 0.01, 0.03, 0.1, 0.3)
# Shares of the traffic, to their weights. For histograms of scores: a bump below 2 % in a single bin is `boundary`'s
# business or nobody's, and 2 % show in the rare bins only.
BUMPS = {0.02: 1.0, 0.08: 4.0, 0.2: 4.0}
# For bands of lengths, wide and few: what moves there moves from one band to the next, most often little of it.
BANDS = (0.02, 0.06, 0.2)
BAND = 1.0  # half a width, in bands
BUMP = 1.5  # half a width, in bins: a narrow peak lies in two bins as often as in one
CROWDS = {0.03: 1.0, 0.1: 2.0, 0.25: 2.0}
DENSE_SHARE = 0.25  # of the spend, for `dense`: one bin grows more often than all move a little
CROWDING_WEIGHT = 2.0  # beside `boundary`: new mass at the threshold is what probing looks like
MAX_LEANING = 1e4  # between the weights of one bank: evidence before a tick stays below what `evidence` can hold
MAX_CELLS = 4_000_000  # bins x alternatives of one bank: 32 MB


class Reason(StrEnum):
    """Why a test cannot be set up."""

    LEVEL_OUT_OF_RANGE = "the level with its margin lies outside (0, 1)"
    FALL_BELOW_FLOOR = "a fall below the level minus its margin and floor would be below zero"
    NOTHING_BEYOND_LEVEL = "no bin has a value beyond the level"


class Unavailable(ValueError):  # noqa: N818 - a state of the signal, in the words of the design
    """The test cannot work on these figures; `reason` is the violated rule."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason


@dataclass(frozen=True, eq=False)
class Bank:
    """Alternatives of one test over B bins.

    Parameters
    ----------
    log_e : (B, K) log e-values of one event, finite.
    log_prior : (K,) log weights that sum to 1.
    names : (K,) words for the alternatives, for evidence that a person reads; optional.
    fades : (K,) the earlier alternative that each becomes as the history grows (itself: none), and (K,) the pace,
        1 / log(own effect / that one's): a history that grows by 1 % moves .01 x pace of the money. Default: none.

    Raises ValueError on NaN, infinities, shapes that disagree, or weights that do not sum to 1.
    """

    log_e: NDArray[np.float64]
    log_prior: NDArray[np.float64]
    names: tuple[str, ...] = ()
    fades: tuple[NDArray[np.int64], NDArray[np.float64]] | None = None
    fingerprint: int = field(init=False)

    def __post_init__(self) -> None:
        log_e = np.array(self.log_e, dtype=np.float64, order="C")
        log_prior = np.array(self.log_prior, dtype=np.float64)
        if log_e.ndim != 2 or not log_e.size or log_e.size > MAX_CELLS:
            raise ValueError(f"log_e must be (bins, alternatives) with 1 to {MAX_CELLS} cells, got {log_e.shape}")
        if log_prior.shape != (log_e.shape[1],):
            raise ValueError(f"log_prior must be ({log_e.shape[1]},), got {log_prior.shape}")
        if not np.isfinite(log_e).all():
            raise ValueError("log_e holds NaN or infinite values; every e-value must be positive and finite")
        total = float(np.exp(log_prior).sum())
        if not abs(total - 1) < 1e-9:  # also refuses NaN
            raise ValueError(f"the alternatives' weights must sum to 1, got {total}")
        if self.names and len(self.names) != len(log_prior):
            raise ValueError(f"{len(log_prior)} alternatives need as many names, got {len(self.names)}")
        into, pace = self.fades if self.fades is not None else _lasting(len(log_prior))
        into, pace = np.array(into, dtype=np.int64), np.array(pace, dtype=np.float64)
        own = np.arange(len(log_prior))
        if into.shape != own.shape or pace.shape != own.shape or (into < 0).any() or (into > own).any():
            raise ValueError("fades must name, for each alternative, itself or an earlier one")
        if not (np.isfinite(pace) & (pace >= 0)).all():
            raise ValueError(f"the pace of fading must be finite and not negative, got {pace.tolist()}")
        for array in (log_e, log_prior, into, pace):
            array.setflags(write=False)
        object.__setattr__(self, "log_e", log_e)
        object.__setattr__(self, "log_prior", log_prior)
        object.__setattr__(self, "fades", (into, pace))
        object.__setattr__(self, "fingerprint", fingerprint(log_e, log_prior, into, pace))


def fingerprint(*arrays: NDArray[Any]) -> int:
    """A 63-bit identity of a bank's numbers, to 1e-9: the last bits of `log` differ between machines."""
    digest = hashlib.blake2b(repr(arrays[0].shape).encode(), digest_size=8)
    for array in arrays:
        digest.update(np.round(array * 1e9).astype(np.int64).tobytes())
    return int.from_bytes(digest.digest(), "big") >> 1  # fits a signed 64-bit database column


def limit(level: float, *, margin: float, floor: float, direction: Direction = "rise") -> float:
    """The bound m that a material test defends: `level` widened by a relative margin and an absolute floor.

    Raises Unavailable where m would leave (0, 1): a rise that has no room, a fall that would end below zero.

    >>> limit(0.04, margin=0.25, floor=0.005)
    0.055
    """
    if not (margin >= 0 and floor >= 0):
        raise ValueError(f"margin and floor must not be negative, got {margin} and {floor}")
    m = level * (1 + margin) + floor if direction == "rise" else level * (1 - margin) - floor
    if not 0 < m < 1:
        reason = Reason.FALL_BELOW_FLOOR if direction == "fall" and m <= 0 else Reason.LEVEL_OUT_OF_RANGE
        raise Unavailable(reason, f"level {level:.3g}, margin {margin:.3g}, floor {floor:.3g}: the bound is {m:.2g}")
    return m


def material(
    values: ArrayLike,
    *,
    level: float,
    direction: Direction = "rise",
    ratios: Likely = MATERIAL_RATIOS,
    bursts: float = 1.0,
) -> Bank:
    """Bets that the mean of x has left the level, `e = 1 + lam * (x - m)` (rise) or `1 - lam * (x - m)` (fall).

    Parameters
    ----------
    values : (B,) x of each bin, in [0, 1].
    level : m, margin included (see `limit`), in (0, 1).
    ratios : factors > 1 on the *odds* of m that the bets are tuned to. On odds rather than on the rate, so no
        bet can cross m or reach 1: each e-value stays positive, and a test for falls never profits from a rise.
    bursts : events that come together, >= 1: each e-value is raised to 1 / bursts. Of up to so many events the
        product then has a mean of at most 1 however they depend on each other (Hoelder's inequality), if each has a
        mean of at most m given the bursts before.

    The e-value's mean is exactly 1 when the mean of x is m and below 1 on the approved side, whatever else
    the law of x is. Raises Unavailable. Source: betting on bounded means, Waudby-Smith and Ramdas 2024.
    """
    x = unit_values(values)
    if not 1 <= bursts < np.inf:
        raise ValueError(f"bursts must be a number of events >= 1, got {bursts}")
    if not 0 < level < 1:
        raise Unavailable(Reason.LEVEL_OUT_OF_RANGE, f"the bound is {level:.6g}")
    if direction == "fall":
        mirrored = material(1 - x, level=1 - level, direction="rise", ratios=ratios, bursts=bursts)
        names = tuple(name.replace("up", "down") for name in mirrored.names)
        return Bank(mirrored.log_e, mirrored.log_prior, names)
    if x.max() <= level:
        raise Unavailable(Reason.NOTHING_BEYOND_LEVEL, f"largest value {x.max():.6g}, m = {level:.6g}")
    factor, weight = _ratios(ratios)
    odds = factor * level / (1 - level)
    target = odds / (1 + odds)
    lam = (target - level) / (level * (1 - level))
    return _bank(np.log1p(lam * (x[:, None] - level)) / bursts, tuple(f"odds up {r:g}x" for r in factor), weight)


def boundary(q: ArrayLike, values: ArrayLike, *, ratios: Likely = BOUNDARY_RATIOS) -> Bank:
    """Bets that the mean of x under the declared law q grows by each ratio: `e = 1 + lam * (x - q.x)`.

    With two bins of value 0 and 1 this is the likelihood ratio. Ratios that would need a negative e-value
    are held just short of it. Raises Unavailable when q gives x no room to grow.
    """
    law = probabilities(q)
    x = unit_values(values, len(law))
    mean = float(law @ x)
    spread = float(law @ (x - mean) ** 2)
    if not (spread > 0 and mean < x.max()):
        raise Unavailable(Reason.NOTHING_BEYOND_LEVEL, f"mean {mean:.6g} of values up to {x.max():.6g}")
    factor, weight = _ratios(ratios)
    # a tilt by lam moves the mean to mean + lam * spread; .98: the rarest event may cost a factor 50, not all
    lam = np.minimum((factor - 1) * mean / spread, 0.98 / (mean - x.min()))
    names = tuple(f"near the threshold {r:g}x" for r in factor)
    return _bank(np.log1p(lam * (x[:, None] - mean)), names, weight, effects=factor - 1)


def crowding(
    q: ArrayLike, values: ArrayLike, *, contaminations: Likely = CROWDS, powers: Sequence[float] = (1.0, 4.0)
) -> Bank:
    """Bets that a share c of the traffic moved to where x is large: `e = 1 - c + c * g(bin) / q(bin)`, g ~ x^power.

    Where `boundary` bets on every bin growing in proportion to x, this bets on new mass in the shape of the
    kernel (power 1) or of its peak (power 4): probes that were tuned to end at the threshold.
    """
    law = probabilities(q)
    x = unit_values(values, len(law))
    if x.max() <= 0:
        raise Unavailable(Reason.NOTHING_BEYOND_LEVEL, "all values of the bins are 0")
    shape = (x[:, None] / x.max()) ** np.asarray(powers, dtype=np.float64)
    shape /= shape.sum(axis=0)
    share, weight = _shares(contaminations)
    e = 1 - share + share * (shape / law[:, None])[:, :, None]
    names = tuple(
        f"crowding{'' if p == 1 else f' of the peak, power {p:g},'} +{c:.3g}" for p in powers for c in share
    )
    return _bank(np.log(e).reshape(len(law), -1), names, np.tile(weight, shape.shape[1]), effects=share)


def growth(q: ArrayLike, *, growths: Likely = GROWTHS) -> Bank:
    """Bets that the odds of any one bin grow, the other bins keeping their proportions: `e = r^[bin is b] / norm`.

    Where `sparse` bets the same shares of traffic on every bin, most of them far too much for a rare bin or too
    little to ever be seen in a large one, these bets are of a size with the bin.

    Parameters
    ----------
    q : (B,) declared law of the bins, positive. growths : factors > 1 of the odds.
    """
    law = probabilities(q)
    factor, weight = _ratios(growths)
    bins = len(law)
    names = tuple(f"bin {b} {r:g}x" for b in range(bins) for r in factor)
    return _bank(_odds(law, factor), names, np.tile(weight, bins), effects=factor - 1)


def swings(q: ArrayLike, *, factors: Sequence[float] = SWINGS) -> Bank:
    """Bets that the odds of any one bin grow or shrink, the other bins keeping their proportions.

    Where several bins grow at once, the large one that they all take from shrinks by more than any of them has grown
    by: one bet on it catches them, however many they are. A bin weighs as much as the root of its share: a change of
    the whole moves the large bins, and most often few events fall into the others.

    Parameters
    ----------
    q : (B,) declared law of the bins, positive. factors : of the odds, positive, none of them 1.
    """
    law = probabilities(q)
    factor = np.unique(np.asarray(factors, dtype=np.float64))
    if not (factor.size and np.isfinite(factor).all() and factor.min() > 0 and (factor != 1).all()):
        raise ValueError(f"factors must be positive and not 1, got {list(factors)}")
    weight = np.repeat(np.sqrt(law), len(factor))
    names = tuple(f"bin {b} {r:g}x" for b in range(len(law)) for r in factor)
    return _bank(_odds(law, factor), names, weight)


def sparse(q: ArrayLike, *, contaminations: Likely = CONTAMINATIONS, bump: float = 0) -> Bank:
    """Bets that a share c of the traffic moved into one bin: `e = 1 - c + c * g_b(bin) / q(bin)`.

    Parameters
    ----------
    q : (B,) declared law of the bins, positive.
    contaminations : shares c in (0, 1).
    bump : spreads the mass over neighbours, falling linearly to nothing at 1 + bump bins away; for ordered bins only.
    """
    if not 0 <= bump < np.inf:
        raise ValueError(f"bump must be a number of bins >= 0, got {bump}")
    law = probabilities(q)
    share, weight = _shares(contaminations)
    index = np.arange(len(law))
    shape = np.clip(1 + bump - np.abs(index[:, None] - index[None, :]), 0, None).astype(np.float64)
    shape /= shape.sum(axis=0)
    gain = shape / law[:, None]  # (B events, B targets)
    e = 1 - share + share * gain[:, :, None]
    names = tuple(f"bin {b} +{c:.3g}" for b in index for c in share)
    return _bank(np.log(e).reshape(len(law), -1), names, np.tile(weight, len(law)), effects=share)


def mixture(parts: Sequence[tuple[float, Bank]]) -> Bank:
    """One bank of several over the same bins; weights are normalised. Halving a weight costs log 2 of evidence."""
    if not parts:
        raise ValueError("a mixture needs at least one bank")
    sizes = {bank.log_e.shape[0] for _, bank in parts}
    weights = np.array([weight for weight, _ in parts], dtype=np.float64)
    if len(sizes) != 1:
        raise ValueError(f"the banks of a mixture must share their bins, got {sorted(sizes)} bins")
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise ValueError(f"weights of a mixture must be positive, got {weights.tolist()}")
    log_weights = np.log(weights / weights.sum())
    named = all(bank.names for _, bank in parts)
    start = np.cumsum([0, *(len(bank.log_prior) for _, bank in parts)])
    fades = [fades_of(bank) for _, bank in parts]
    return Bank(
        np.concatenate([bank.log_e for _, bank in parts], axis=1),
        np.concatenate([w + bank.log_prior for w, (_, bank) in zip(log_weights, parts, strict=True)]),
        tuple(name for _, bank in parts for name in bank.names) if named else (),
        (
            np.concatenate([at + into for at, (into, _) in zip(start[:-1], fades, strict=True)]),
            np.concatenate([pace for _, pace in fades]),
        ),
    )


def fades_of(bank: Bank) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The alternative into which each one fades, and how fast; see `Bank`."""
    return bank.fades if bank.fades is not None else _lasting(len(bank.log_prior))


def probabilities(q: ArrayLike) -> NDArray[np.float64]:
    """A declared law of the bins, normalised. Raises ValueError unless all are positive and they sum to 1."""
    law = np.array(q, dtype=np.float64)
    if law.ndim != 1 or len(law) < 2:
        raise ValueError(f"q must hold the probabilities of at least 2 bins, got shape {law.shape}")
    if not ((law > 0).all() and abs(law.sum() - 1) < 1e-6):
        raise ValueError("q must be positive and sum to 1 (smooth counts with recoupling.declared first)")
    law /= law.sum()
    return law


def _odds(law: NDArray[np.float64], factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B, B * K) log e-values: the odds of one bin times each factor, bin by bin."""
    bins, k = len(law), len(factor)
    log_e = np.zeros((bins, bins, k)) - np.log1p(law[:, None] * (factor - 1))
    log_e[np.arange(bins), np.arange(bins)] += np.log(factor)
    return log_e.reshape(bins, bins * k)


def _ratios(ratios: Likely) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    factor, weight = _sizes(ratios)
    if not (factor.size and np.isfinite(factor).all() and factor.min() > 1):
        raise ValueError(f"ratios must be above 1, got {list(ratios)}")
    return factor, weight


def _shares(contaminations: Likely) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    share, weight = _sizes(contaminations)
    if not (share.size and ((share > 0) & (share < 1)).all()):
        raise ValueError(f"contaminations must lie in (0, 1), got {list(contaminations)}")
    return share, weight


def _sizes(likely: Likely) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sizes, rising, and the weight of each."""
    weighed = dict(likely) if isinstance(likely, Mapping) else dict.fromkeys(likely, 1.0)
    size = np.array(sorted(weighed), dtype=np.float64)
    weight = np.array([weighed[at] for at in sorted(weighed)], dtype=np.float64)
    if not (np.isfinite(weight) & (weight > 0)).all() or weight.max() > MAX_LEANING * weight.min():
        raise ValueError(f"weights must be positive and within a factor of {MAX_LEANING:g}, got {weight.tolist()}")
    return size, weight


def _bank(
    log_e: NDArray[np.float64],
    names: tuple[str, ...],
    weight: NDArray[np.float64],
    *,
    effects: NDArray[np.float64] | None = None,
) -> Bank:
    """`effects`, rising, are the sizes that the alternatives run through, again and again."""
    k = log_e.shape[1]
    into, pace = _lasting(k)
    if effects is not None:
        place = np.arange(k) % len(effects)
        into = into - (place > 0)
        pace = np.append(0.0, 1 / np.diff(np.log(effects)))[place]
    return Bank(log_e, np.log(weight / weight.sum()), names, (into, pace))


def _lasting(k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return np.arange(k), np.zeros(k)
