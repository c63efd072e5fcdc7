"""The promise in the team's own words, and what it lets each test spend.

    budget = Budget(alarms=1, period_s=30 * 86400)
    budget.per_tick(10.0)                    spend per tick of 10 s, over everything
    budget.split(10.0, weights)              the same, split over the tests that are armed
    budget.allot(10.0, known=, newcomers=)   with a reserve for streams that nobody announced
    poisson_upper_limit(count, .95)          upper limit of the rate behind a count of false alarms

By the theorem in README.md the expected number of false alarms never exceeds the total of what is spent. A
split may change at any time and must look only at the past: which tests are armed now, not how they move next.

    >>> month = Budget(alarms=1, period_s=30 * 86400)
    >>> spend = month.allot(10.0, known={"a": 3, "b": 1}, newcomers={"c": 1})
    >>> [round(spend[name] / month.per_tick(10.0), 3) for name in "abc"]
    [0.675, 0.225, 0.1]
    >>> round(poisson_upper_limit(0), 2)
    3.0
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Name = TypeVar("Name", bound=Hashable)
RESERVE = 0.1  # of the budget, for streams that appear between two approvals


@dataclass(frozen=True)
class Budget:
    """At most `alarms` false alarms per `period_s` seconds on average, over all tests that share the budget."""

    alarms: float
    period_s: float

    def __post_init__(self) -> None:
        for name in ("alarms", "period_s"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} of a budget must be a positive number, got {value}")

    def per_tick(self, tick_s: float) -> float:
        """Spend of one full tick over all tests, in alarms."""
        if not (np.isfinite(tick_s) and 0 < tick_s <= self.period_s):
            raise ValueError(f"a tick must last more than 0 and at most {self.period_s} s, got {tick_s}")
        return self.alarms * tick_s / self.period_s

    def split(self, tick_s: float, weights: ArrayLike) -> NDArray[np.float64]:
        """Spend of a full tick of each armed test, in proportion to its weight; sums to `per_tick`."""
        share = np.asarray(weights, dtype=np.float64)
        if not (np.isfinite(share).all() and (share >= 0).all()):
            raise ValueError(f"weights must be finite and not negative, got {share}")
        total = share.sum()
        return np.zeros_like(share) if total == 0 else self.per_tick(tick_s) * share / total

    def allot(
        self,
        tick_s: float,
        *,
        known: Mapping[Name, float],
        newcomers: Mapping[Name, float],
        reserve: float = RESERVE,
    ) -> dict[Name, float]:
        """Spend of a full tick by name, when streams come and go.

        Parameters
        ----------
        known : weights of armed tests with an approved baseline; they share all but the reserve.
        newcomers : weights of armed tests that appeared since; they share the reserve, however many they are, so
            that nobody can starve the approved ones by inventing names. A test that retires is simply left out:
            what it spent stays spent, its share returns to its group.
        reserve : part of the budget for newcomers, in (0, 1). While there are none of one kind, the other has it all.
        """
        if not 0 < reserve < 1:
            raise ValueError(f"reserve must lie in (0, 1), got {reserve}")
        both = known.keys() & newcomers.keys()
        if both:
            raise ValueError(f"known and newcomers must differ, both hold {sorted(map(str, both))[:3]}")
        if not any(known.values()):
            reserve = 1.0
        elif not any(newcomers.values()):
            reserve = 0.0
        out: dict[Name, float] = {}
        for group, part in ((known, 1 - reserve), (newcomers, reserve)):
            spend = self.split(tick_s, list(group.values())) * part
            out.update(zip(group, spend.tolist(), strict=True))
        return out

    def parts(self, weights: ArrayLike) -> tuple[Budget, ...]:
        """Budgets of the same period for groups of tests, such as a reserve for streams to come."""
        share = np.asarray(weights, dtype=np.float64)
        if not ((share > 0).all() and np.isfinite(share).all() and share.size):
            raise ValueError(f"weights of parts must be positive, got {share}")
        return tuple(Budget(float(self.alarms * s), self.period_s) for s in share / share.sum())


def poisson_upper_limit(count: int, confidence: float = 0.95) -> float:
    """Upper confidence limit of a Poisson mean after `count` events (Garwood 1936): 3.0 after none at 95 %."""
    _check(count, confidence)
    return float(stats.chi2.ppf(confidence, 2 * (count + 1)) / 2)


def poisson_lower_limit(count: int, confidence: float = 0.95) -> float:
    """Lower confidence limit of a Poisson mean after `count` events; 0 after none."""
    _check(count, confidence)
    return float(stats.chi2.ppf(1 - confidence, 2 * count) / 2) if count else 0.0


def _check(count: int, confidence: float) -> None:
    if count < 0 or not 0 < confidence < 1:
        raise ValueError(f"need a count >= 0 and a confidence in (0, 1), got {count} and {confidence}")
