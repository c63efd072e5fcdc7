"""Attribution: a change of a mean split into mix (the kinds of requests) and behaviour (how each is judged).

    decompose(before (S, B), after (S, B), values (B,)) -> Decomposition
        change = sum_s (w1_s - w0_s) p0_s  [mix]  +  sum_s w1_s (p1_s - p0_s)  [behaviour]

Alert on behaviour, inform on mix. The two sum to the change exactly; each stratum's and each bin's part is
listed, largest first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.bins import unit_values


@dataclass(frozen=True)
class Part:
    """One stratum's or bin's contribution: `amount` in units of the mean, `share` of all absolute amounts."""

    index: int
    amount: float
    share: float


@dataclass(frozen=True)
class Decomposition:
    """`change = mix + behaviour`; parts are sorted by absolute amount."""

    before: float
    after: float
    mix: float
    behaviour: float
    strata_mix: tuple[Part, ...]
    strata_behaviour: tuple[Part, ...]
    bins: tuple[Part, ...]  # of the behaviour: how much of each bin's share moved, in strata taken as they are now

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before


def decompose(before: ArrayLike, after: ArrayLike, values: ArrayLike) -> Decomposition:
    """Splits the change of the mean of x between two tables of counts.

    Parameters
    ----------
    before, after : (S, B) counts per stratum and bin. A stratum that one side lacks has no behaviour to
        compare: it takes its mean from the side that has it, so that its whole part counts as mix.
    values : (B,) x of each bin, in [0, 1].

    Who asks has changed from half and half to 1 : 3; how either is judged has not:

    >>> parts = decompose([[90, 10], [70, 30]], [[45, 5], [105, 45]], [0, 1])
    >>> round(parts.change, 3), round(parts.mix, 3), round(parts.behaviour, 3)
    (0.05, 0.05, 0.0)
    """
    x = unit_values(values)
    old, new = _table(before, x), _table(after, x)
    if old.shape != new.shape:
        raise ValueError(f"before and after must have the same strata, got {old.shape} and {new.shape}")
    n0, n1 = old.sum(axis=1), new.sum(axis=1)
    if n0.sum() == 0 or n1.sum() == 0:
        raise ValueError("before and after must each hold at least one event")
    w0, w1 = n0 / n0.sum(), n1 / n1.sum()
    law0, law1 = _laws(old, n0), _laws(new, n1)
    law0[n0 == 0] = law1[n0 == 0]
    law1[n1 == 0] = law0[n1 == 0]
    p0, p1 = law0 @ x, law1 @ x
    mix = (w1 - w0) * p0
    behaviour = w1 * (p1 - p0)
    return Decomposition(
        before=float(w0 @ p0),
        after=float(w1 @ p1),
        mix=float(mix.sum()),
        behaviour=float(behaviour.sum()),
        strata_mix=_ranked(mix),
        strata_behaviour=_ranked(behaviour),
        bins=_ranked(w1 @ (law1 - law0)),
    )


def _table(counts: ArrayLike, x: NDArray[np.float64]) -> NDArray[np.float64]:
    table = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    if table.ndim != 2 or table.shape[1] != len(x) or not (np.isfinite(table).all() and (table >= 0).all()):
        raise ValueError(f"counts must be (strata, {len(x)}) numbers >= 0, got shape {table.shape}")
    return table


def _laws(table: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = table / np.maximum(n, 1)[:, None]
    return out


def _ranked(amounts: NDArray[np.float64]) -> tuple[Part, ...]:
    total = float(np.abs(amounts).sum())
    order = np.argsort(-np.abs(amounts), kind="stable")
    return tuple(Part(int(i), float(amounts[i]), float(abs(amounts[i]) / total) if total else 0.0) for i in order)
