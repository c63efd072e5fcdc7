"""Fields that separate before from after, by a classifier; no answer when it cannot separate them.

    explain(before, after, names, seed=0) -> Explanation | None

A two-sample test by classification (Lopez-Paz and Oquab 2017): gradient-boosted trees learn to tell events before
the onset from events since. If they cannot on events held out (cross-validated AUC no better than chance), there
is nothing to explain and None is returned: an importance list of a classifier that guesses is noise with
names. It explains findings; it raises none, as an alarm determines where and when it looks. Needs the extra
`explain`.

    >>> rng = np.random.default_rng(1)
    >>> before, after = rng.normal(size=(300, 2)), rng.normal(size=(300, 2)) + (0, 2)
    >>> found = explain(before, after, ("length", "score"))
    >>> found.auc > 0.85, found.fields[0].name, explain(before, before[::-1], ("length", "score"))
    (True, 'score', None)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

MAX_EVENTS = 5000  # of each side: two seconds on one core
MIN_EVENTS = 100
FOLDS = 3
SIGMAS = 3.0  # above .5, in standard errors of the AUC under chance, before it counts as separating


@dataclass(frozen=True)
class Field:
    """A field's part: how much AUC is lost when its values are shuffled, and its mean before and after."""

    name: str
    importance: float
    before: float
    after: float


@dataclass(frozen=True)
class Explanation:
    """`auc` .5 is a guess, 1 is certainty; fields by importance, those below noise left out."""

    auc: float
    standard_error: float
    fields: tuple[Field, ...]
    events: int


def explain(before: ArrayLike, after: ArrayLike, names: tuple[str, ...], *, seed: int = 0) -> Explanation | None:
    """The fields that separate the events of `after` from those of `before`; None where none does.

    Parameters
    ----------
    before, after : (n, fields) numbers; categories as integer codes, NaN where a field is missing.
    names : one per field. Session or request ids do not belong here: they separate any two periods.
    seed : of subsampling, folds and trees.
    """
    old, new = _matrix(before, names), _matrix(after, names)
    if min(len(old), len(new)) < MIN_EVENTS:
        return None
    rng = np.random.default_rng(seed)
    size = min(len(old), len(new), MAX_EVENTS)
    x = np.concatenate([side[rng.permutation(len(side))[:size]] for side in (old, new)])
    y = np.repeat([0, 1], size)
    scores = np.empty(len(y))
    drops = np.zeros((FOLDS, len(names)))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for fold, (train, test) in enumerate(folds.split(x, y)):
        model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, random_state=seed)
        model.fit(x[train], y[train])
        scores[test] = model.predict_proba(x[test])[:, 1]
        lost = permutation_importance(model, x[test], y[test], scoring="roc_auc", n_repeats=2, random_state=seed)
        drops[fold] = lost.importances_mean
    auc = float(roc_auc_score(y, scores))
    # of the Mann-Whitney statistic of two equal samples of `size` under chance; folds share training events, so
    # it is widened by a third (simulated: 3 of 1,000 null pairs pass, see the tests)
    error = float(np.sqrt((2 * size + 1) / (12.0 * size * size))) * 4 / 3
    if auc < 0.5 + SIGMAS * error:
        return None
    importance = drops.mean(axis=0)
    order = np.argsort(-importance, kind="stable")
    fields = tuple(
        Field(names[i], float(importance[i]), _mean(old[:, i]), _mean(new[:, i]))
        for i in order
        if importance[i] > error
    )
    return Explanation(auc, error, fields, 2 * size)


def _mean(column: NDArray[np.float64]) -> float:
    known = column[~np.isnan(column)]
    return float(known.mean()) if len(known) else float("nan")


def _matrix(events: ArrayLike, names: tuple[str, ...]) -> NDArray[np.float64]:
    table = np.asarray(events, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(names) or np.isinf(table).any():
        raise ValueError(f"events must be (n, {len(names)}) without infinities, got shape {table.shape}")
    return table
