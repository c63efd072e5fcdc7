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
from monitor.signals.signal import Bet, Question, Signal

KERNEL: Final = KernelBins(bandwidth=0.1, levels=6)
"""Bandwidth .1: within .1 of the threshold lie .4 % of ordinary scores and 11-22 % of a probing campaign's (real
classifiers, real prompts)."""


def code(batch: EventBatch) -> NDArray[np.int16]:
    """Signed kernel level of score - threshold; -1 where either is missing or the score is boolean."""
    codes = KERNEL.codes(batch.score - batch.threshold)
    return np.where(batch.score_kind == ScoreKind.boolean, np.int16(-1), codes).astype(np.int16)


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
        ),
    ),
    unavailable="the guardrail's scores are boolean, or carry no threshold",
    bets=(Bet.boundary, Bet.crowding),
)
