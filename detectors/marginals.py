"""Fields that separate before from after, from their counts alone: for callers that do not keep events.

    field_auc(before (T0, B), after (T1, B)) -> FieldAuc(auc, standard_error) | None   one field
    rank_fields({name: (before, after)}) -> {name: FieldAuc}                                  most telling first

A two-sample test by classification (Lopez-Paz and Oquab 2017), one field at a time: of one categorical field the best
classifier is the ratio of the bins' shares, so counts suffice. It learns that ratio in some ticks and is asked in
others; where it does no better there than chance, the field separates nothing and is left out. Ticks, not events, are
held out: events of one tick share whatever made that tick special. What only several fields together show is not
seen; for that there is `explain`, which needs the events themselves.

    >>> calm, changed = [[50, 50]] * 6, [[10, 90]] * 6
    >>> {name: round(one.auc, 2) for name, one in rank_fields({"app": (calm, changed), "turn": (calm, calm)}).items()}
    {'app': 0.7}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.level import dispersion

MIN_EVENTS = 30  # of each side
MIN_TICKS = 2  # of each side: one to learn from, one to be asked about
FOLDS = 5
SIGMAS = 3.0  # above .5, in standard errors of the AUC under chance, before a field counts as separating
PRIOR = 0.5  # events added to every bin, so that one that was not seen in training decides nothing


@dataclass(frozen=True)
class FieldAuc:
    """`auc` .5 is a guess, 1 is certainty; `standard_error` is that of a field that separates nothing."""

    auc: float
    standard_error: float


def field_auc(before: ArrayLike, after: ArrayLike) -> FieldAuc | None:
    """The separation of before from after by one field; None where it has none, or too little is known.

    Parameters
    ----------
    before, after : (T0, B) and (T1, B) counts per tick and bin; empty ticks are left out.
    """
    old, new = _filled(before), _filled(after)
    if old.shape[1] != new.shape[1]:
        raise ValueError(f"before and after must have the same bins, got {old.shape[1]} and {new.shape[1]}")
    if min(len(old), len(new)) < MIN_TICKS or min(old.sum(), new.sum()) < MIN_EVENTS:
        return None
    folds = min(FOLDS, len(old), len(new))
    of_old, of_new = np.arange(len(old)) % folds, np.arange(len(new)) % folds
    won = pairs = 0.0
    for fold in range(folds):
        score = _ratio(old[of_old != fold].sum(axis=0), new[of_new != fold].sum(axis=0))
        asked_old, asked_new = old[of_old == fold].sum(axis=0), new[of_new == fold].sum(axis=0)
        won += _wins(asked_old, asked_new, score)
        pairs += float(asked_old.sum()) * float(asked_new.sum())
    auc = won / pairs
    # Mann-Whitney under chance; folds share what they learn from (a third more, as in `explain`), and ticks that
    # wander before the change are worth fewer events than they hold
    n0, n1 = float(old.sum()), float(new.sum())
    rank = np.argsort(np.argsort(_ratio(old.sum(axis=0), new.sum(axis=0)), kind="stable"), kind="stable")
    design, _ = dispersion(old.astype(np.float64), rank / max(1, len(rank) - 1))
    error = float(np.sqrt((n0 + n1 + 1) / (12 * n0 * n1) * design)) * 4 / 3
    return FieldAuc(auc, error) if auc >= 0.5 + SIGMAS * error else None


def rank_fields(fields: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> dict[str, FieldAuc]:
    """The fields that separate the two, best first."""
    found = {name: field_auc(before, after) for name, (before, after) in fields.items()}
    known = [(name, one) for name, one in found.items() if one is not None]
    return dict(sorted(known, key=lambda one: (-round(one[1].auc, 9), one[0])))


def _filled(counts: ArrayLike) -> NDArray[np.int64]:
    table = np.asarray(counts)
    if table.ndim != 2 or table.dtype.kind not in "iu" or (table.size and table.min() < 0):
        raise ValueError(f"counts must be (ticks, bins) integers >= 0, got {table.dtype} {table.shape}")
    out: NDArray[np.int64] = table[table.sum(axis=1) > 0].astype(np.int64)
    return out


def _ratio(old: NDArray[np.int64], new: NDArray[np.int64]) -> NDArray[np.float64]:
    bins = len(old)
    share_old = (old + PRIOR) / (old.sum() + PRIOR * bins)
    share_new = (new + PRIOR) / (new.sum() + PRIOR * bins)
    out: NDArray[np.float64] = np.round(np.log(share_new / share_old), 9)
    return out


def _wins(old: NDArray[np.int64], new: NDArray[np.int64], score: NDArray[np.float64]) -> float:
    """Pairs (event before, event after) in which the latter scores higher; equal scores count half."""
    _, place = np.unique(score, return_inverse=True)
    below = np.bincount(place, weights=old)
    above = np.bincount(place, weights=new, minlength=len(below))
    return float(above @ (np.cumsum(below) - below / 2))
