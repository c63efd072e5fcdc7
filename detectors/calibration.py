"""Thresholds of notices by simulation: spend what the budget really allows, not what the bound fears.

    plan = Plan(bank, q, sizes=[50], n_ref=50, dense_share=.25)
    calibrate(plan, spend=1e-3) -> Calibration(factor, source)      test.spend = factor * spend
    calibrate(plan, spend=1e-6, cache=JsonCache(path))              monthly budgets: extrapolated

For notices only; a page keeps the bound. Behind a recoupler the null law is exactly Multinomial(n_t, q), so the
true spacing of alarms can be simulated, and it is 1.2 to 6 times what the bound promises. `factor` is how much
more may be spent at that spacing: the lower 99 % confidence limit of (true spacing x spend), never below 1.

The factor holds for ticks of the sizes it was simulated with. `covers` checks whether traffic still looks like
them; where it does not, spend the bound (factor 1). Seeded: the same plan gives the same factor everywhere.

    >>> from detectors.alternatives import boundary
    >>> q = np.array([0.95, 0.05])
    >>> plan = Plan(boundary(q, [0, 1]), q, sizes=[50], n_ref=50)
    >>> plan.covers(50), plan.covers(5)
    (True, False)
"""

from __future__ import annotations

import hashlib
from collections.abc import MutableMapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.alternatives import Bank, probabilities
from detectors.budget import poisson_upper_limit
from detectors.dense import DenseEvidence
from detectors.evidence import Evidence

ALARMS = 20_000  # simulated per rung: a 99 % limit 1.6 % below the estimate
STREAMS = 400
CONFIDENCE = 0.99
# Spacings, in full ticks, that simulation reaches: 20,000 alarms x 1000 ticks x 2 us = 40 s. Beyond the last, the
# expected spacing of Shiryaev-Roberts grows as 1 / spend (Pollak 1987), so the smallest factor seen is kept.
LADDER = (125, 250, 500, 1000)
DENSE_TOP = 500  # a tick of the dense bet costs ten times as much to simulate
VERSION = 1  # of the simulated engine: part of every cache key


class Source(StrEnum):
    """The source of a factor."""

    SIMULATED = "simulated at this spacing"
    EXTRAPOLATED = "extrapolated from shorter spacings"
    BOUND = "the bound: traffic is unlike what was simulated"


@dataclass(frozen=True)
class Calibration:
    """`factor` >= 1 to spend by; `estimate` is the factor without its confidence limit."""

    factor: float
    estimate: float
    source: Source
    alarms: int


BOUND = Calibration(1.0, 1.0, Source.BOUND, 0)


@dataclass(frozen=True, eq=False)
class Plan:
    """A signal's notice test: a bank under the declared law, a share of its spend for the dense bet.

    Parameters
    ----------
    bank : alternatives. q : (B,) declared law. sizes : events of past ticks, resampled; empty ticks are left out.
    n_ref : events of a full tick. dense_share : 0 to 1, share of the spend that `dense.DenseEvidence` has.
    """

    bank: Bank
    q: NDArray[np.float64]
    sizes: NDArray[np.int64]
    n_ref: float
    dense_share: float = 0.0

    def __post_init__(self) -> None:
        law = probabilities(self.q)
        sizes = np.asarray(self.sizes)
        if len(law) != self.bank.log_e.shape[0]:
            raise ValueError(f"q has {len(law)} bins, the bank {self.bank.log_e.shape[0]}")
        if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or not (sizes > 0).any():
            raise ValueError("sizes must hold at least one integer number of events above 0")
        if not 0 <= self.dense_share <= 1:
            raise ValueError(f"dense_share must lie in [0, 1], got {self.dense_share}")
        object.__setattr__(self, "q", law)
        object.__setattr__(self, "sizes", np.sort(sizes[sizes > 0]).astype(np.int64))

    @property
    def fullness(self) -> float:
        """Mean share of a full tick's spend that a tick with events spends."""
        return float(np.minimum(self.sizes, self.n_ref).mean() / self.n_ref)

    def covers(self, sizes: ArrayLike) -> bool:
        """Whether ticks of these sizes may use the factor: their mean is within a factor of two."""
        new = np.asarray(sizes)
        new = new[new > 0]
        return bool(len(new) and 0.5 <= new.mean() / self.sizes.mean() <= 2.0)

    def key(self) -> str:
        """Identity of the plan: equal plans share a calibration."""
        deciles = np.quantile(self.sizes, np.linspace(0, 1, 11))
        text = (VERSION, self.bank.fingerprint, deciles.tolist(), self.n_ref, self.dense_share)
        law = np.round(self.q * 1e9).astype(np.int64).tobytes()
        return hashlib.blake2b(repr(text).encode() + law, digest_size=16).hexdigest()


def calibrate(
    plan: Plan,
    *,
    spend: float,
    seed: int = 0,
    alarms: int = ALARMS,
    cache: MutableMapping[str, dict[str, float]] | None = None,
) -> Calibration:
    """The factor for a test that may raise `spend` alarms per full tick.

    Parameters
    ----------
    alarms : simulated per rung, of which there are two; fewer are quicker and give a lower (safer) limit. By default
        about a minute, some with a dense bet.

    Simulated without a history, as fading transfers weight and adds none: with 1,000 and 9,000 events of history the
    number of alarms was the same within the 3 % that such a check can tell.

    cache : remembers simulated rungs, for instance `calibration_cache.JsonCache(path)`.
    """
    if not (np.isfinite(spend) and spend > 0):
        raise ValueError(f"spend must be a positive number of alarms per full tick, got {spend}")
    if alarms < 100:
        raise ValueError(f"fewer than 100 simulated alarms calibrate nothing, got {alarms}")
    wanted = 1 / spend
    if wanted < LADDER[0]:
        return BOUND  # an alarm every few ticks: the run-in is as long as the spacing
    top = DENSE_TOP if plan.dense_share > 0 else LADDER[-1]
    rungs = [r for r in LADDER if r <= min(wanted * 1.0001, top)]
    # the factor moves little from rung to rung; the lower of the nearest two is kept
    near = [_rung(plan, rung, seed, alarms, cache) for rung in rungs[-2:]]
    lowest = min(near, key=lambda r: r["lower"])
    beyond = wanted > 1.5 * rungs[-1]
    return Calibration(
        factor=max(1.0, lowest["lower"]),
        estimate=lowest["estimate"],
        source=Source.EXTRAPOLATED if beyond else Source.SIMULATED,
        alarms=int(sum(r["alarms"] for r in near)),
    )


def _rung(
    plan: Plan, spacing: int, seed: int, alarms: int, cache: MutableMapping[str, dict[str, float]] | None
) -> dict[str, float]:
    key = f"{plan.key()}-{spacing}-{seed}-{alarms}"
    if cache is not None and key in cache:
        return cache[key]
    # solve factor = true spacing x spend at spend = factor / spacing, starting from a short trial at factor 2
    trial = simulate(plan, spend=2 / spacing, seed=seed + 1, alarms=max(100, alarms // 10))
    factor = max(1.0, trial["multiple"])
    found = simulate(plan, spend=factor / spacing, seed=seed, alarms=alarms)
    out = {"estimate": found["multiple"], "lower": found["lower"], "alarms": found["alarms"]}
    if cache is not None:
        cache[key] = out
    return out


def simulate(plan: Plan, *, spend: float, seed: int, alarms: int) -> dict[str, float]:
    """Null streams until `alarms` false alarms: their spacing as a multiple of what the spend promises.

    Returns `multiple` (true spacing over 1 / spend), its lower confidence limit `lower`, and `alarms`. Streams run
    in for one promised spacing first: a fresh test alarms late, which would flatter the spacing.
    """
    rng = np.random.default_rng(seed)
    bank_test, dense_test = Evidence(), DenseEvidence(len(plan.q)) if plan.dense_share > 0 else None
    for _ in range(STREAMS):
        bank_test.add([plan.bank], spend=spend * (1 - plan.dense_share), n_ref=plan.n_ref)
        if dense_test is not None:
            dense_test.add(plan.q, spend=spend * plan.dense_share, n_ref=plan.n_ref)
    per_tick = spend * plan.fullness
    run_in = int(np.ceil(1 / per_tick))
    seen, exposure, tick = 0, 0.0, 0
    limit = run_in + int(np.ceil(20 * alarms / (STREAMS * per_tick)))  # a test that never alarms ends too
    while seen < alarms and tick < limit:
        n = rng.choice(plan.sizes, STREAMS)
        counts = rng.multinomial(n, plan.q)
        test, bin_ = np.nonzero(counts)
        number, ptr = counts[test, bin_], [0, len(test)]
        fired = set(bank_test.advance(ptr, test, np.zeros_like(test), bin_, number)[1].tolist())
        if dense_test is not None:
            fired |= set(dense_test.advance(ptr, test, bin_, number)[1].tolist())
        for which in fired:
            bank_test.reset(which)
            if dense_test is not None:
                dense_test.reset(which)
        tick += 1
        if tick > run_in:
            seen += len(fired)
            exposure += STREAMS * per_tick
    upper = poisson_upper_limit(seen, CONFIDENCE)
    return {"multiple": exposure / max(seen, 1), "lower": exposure / upper, "alarms": float(seen)}
