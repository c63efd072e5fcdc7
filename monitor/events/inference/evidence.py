"""A number's evidence about verdicts: its unsafe end, and the unsafe side of a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

CLEAR: Final = 0.6
"""Of 1: a score that ranks 6 of 10 pairs of an adverse and an allowed record rightly has a direction."""


def ranking(scores: Sequence[float | None], adverse: Sequence[bool | None]) -> tuple[float, int, int] | None:
    """Share of pairs in which the adverse record has the higher score, ties as halves (the area under ROC).

    Returns:
        the share, and how many adverse and allowed records there were; None if there were none of either.
    """
    both = zip(scores, adverse, strict=True)
    pairs = [(score, bad) for score, bad in both if score is not None and bad is not None]
    values = np.array([score for score, _ in pairs], float)
    bad = np.array([bad for _, bad in pairs], bool)
    adverse_n, allowed_n = int(bad.sum()), int((~bad).sum())
    if not adverse_n or not allowed_n:
        return None
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2.0)[place]
    above = float(ranks[bad].sum()) - adverse_n * (adverse_n + 1) / 2.0
    return above / (adverse_n * allowed_n), adverse_n, allowed_n


def agreement(
    scores: Sequence[float | None], thresholds: Sequence[float | None], adverse: Sequence[bool | None], *, low: bool
) -> float | None:
    """Share of records whose verdict agrees with score and threshold; None if none has all three."""
    sides = [
        ((score <= threshold) if low else (score >= threshold)) is bad
        for score, threshold, bad in zip(scores, thresholds, adverse, strict=True)
        if score is not None and threshold is not None and bad is not None
    ]
    return sum(sides) / len(sides) if sides else None


def scale_of(values: Sequence[float]) -> float:
    """The upper end of a scale that starts at 0: of fractions 1, else the next of 10, 100, 1,000, ...

    Whole numbers up to 7 are levels: their upper end is the largest one that was seen.
    """
    top = max(values)
    if top <= 1.0 + 1e-6:
        return 1.0
    if top <= 7 and all(value == int(value) for value in values):
        return float(top)
    scale = 10.0
    while scale < top:
        scale *= 10.0
    return scale
