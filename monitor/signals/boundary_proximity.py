"""boundary_proximity: how near the score comes to the guardrail's decision threshold.

Catches probing (somebody feels for the edge of the decision) and erosion of the classifier's margin. A score that
sits on the threshold weighs 1, one a bandwidth away weighs 0.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.bins import KernelBins
from monitor.events.batch import EventBatch, ScoreKind
from monitor.findings.model import Direction
from monitor.signals.signal import Alternative, Question, Signal

KERNEL: Final = KernelBins(bandwidth=0.1, levels=6)
"""Bandwidth .1: within .1 of the threshold lie .4 % of ordinary scores and 11-22 % of a probing campaign's (real
classifiers, real prompts)."""


def code(batch: EventBatch) -> NDArray[np.int16]:
    """Signed kernel level of score - threshold; -1 where either is missing or the score is boolean."""
    codes = KERNEL.codes(batch.score - batch.threshold)
    return np.where(batch.score_kind == ScoreKind.boolean, np.int16(-1), codes).astype(np.int16)


def share_of(first: int, last: int) -> str:
    """Distances to the threshold, for people.

    >>> share_of(1, 3)
    'share of scores from 0.1 to 0.05 below the threshold'
    """
    step, middle = KERNEL.bandwidth / KERNEL.levels, KERNEL.levels + 1
    low, high = step * (first - middle), step * (last + 1 - middle)
    if first == 0 and last == 2 * middle - 1:
        return "share of scores"
    if first == 0:
        return (
            f"share of scores below {_distance(high)} the threshold"
            if high
            else "share of scores below the threshold"
        )
    if last == 2 * middle - 1:
        return (
            f"share of scores above {_distance(low)} the threshold"
            if low
            else "share of scores at or above the threshold"
        )
    if high <= 0:
        return f"share of scores from {abs(low):.2g} to {abs(high):.2g} below the threshold"
    if low >= 0:
        return f"share of scores from {low:.2g} to {high:.2g} above the threshold"
    return f"share of scores from {_distance(low)} to {_distance(high)} the threshold"


def _distance(value: float) -> str:
    return f"{abs(value):.2g} {'below' if value < 0 else 'above'}"


SIGNAL: Final = Signal(
    name="boundary_proximity",
    version=1,
    bins=KERNEL.names,
    code=code,
    questions=(
        Question(
            name="near_threshold",
            values=tuple(KERNEL.values.tolist()),
            direction=Direction.rise,
            phrase="crowding of scores at the decision threshold",
            near=f"share of scores within {KERNEL.bandwidth:g} of the decision threshold",
        ),
    ),
    share_of=share_of,
    ordered=True,
    worse_high=True,
    unavailable="the guardrail's scores are boolean, or carry no threshold",
    alternatives=(Alternative.boundary, Alternative.crowding),
)
