"""score_shift: the classifier's scores, as a histogram.

Catches any change in what the classifier thinks of its traffic, also where no verdict flips: another model behind the
same name, another preprocessing, traffic of another kind. Most such changes harm nobody, so it asks no question: it
notices, and pages come from what scores lead to (verdict_mix, boundary_proximity).

Twenty bins of .05: a recalibration by less than that moves little mass over an edge.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit
from monitor.events.batch import EventBatch
from monitor.signals.signal import Alternative, Signal

BINS: Final = 20


@njit(cache=True, nogil=True)
def _histogram(score):  # type: ignore[no-untyped-def]
    codes = np.empty(len(score), np.int16)
    for i in range(len(score)):
        known = score[i] >= 0.0  # false of NaN
        codes[i] = min(int(score[i] * BINS), BINS - 1) if known else -1
    return codes


def code(batch: EventBatch) -> NDArray[np.int16]:
    """The score's bin, 1 in the last; -1 for an event without a score."""
    codes: NDArray[np.int16] = _histogram(batch.score)
    return codes


SIGNAL: Final = Signal(
    name="score_shift",
    version=1,
    bins=tuple(f"{i / BINS:.2f} to {(i + 1) / BINS:.2f}" for i in range(BINS)),
    code=code,
    questions=(),
    share_of=lambda first, last: (
        f"share of scores of {first / BINS:.2f} " + (f"to {(last + 1) / BINS:.2f}" if last < BINS - 1 else "or more")
    ),
    ordered=True,
    worse_high=True,
    unavailable="the guardrail's events carry no score",
    alternatives=(Alternative.bumps,),
)
