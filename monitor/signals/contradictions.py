"""contradictions: does the verdict agree with the score and the threshold that the same event carries?

A score above the threshold that was let pass, or one below it that was caught, says that the log does not tell what
the guardrail does: a threshold that was changed in one place, a score that is the confidence in the label, a mapping
with the wrong sign. Every signal that looks at scores is wrong then. Counted only: no baseline makes it right, so a
rule with a limit of its own (``judging/followers/contradictions.py``) reports it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import TOLERANCE, EventBatch, Status, Verdict
from monitor.signals.signal import Signal

BINS: Final = ("consistent", "passed above the threshold", "caught below the threshold")


def code(batch: EventBatch) -> NDArray[np.int16]:
    """Which way the event contradicts itself; -1 without score, threshold or verdict."""
    distance = batch.score - batch.threshold  # NaN where either is missing: no comparison holds
    caught = batch.verdict > Verdict.allow
    codes = np.zeros(len(batch), np.int16)
    codes[(distance > TOLERANCE) & ~caught] = 1
    codes[(distance < -TOLERANCE) & caught] = 2
    judged = ~np.isnan(distance) & (batch.verdict >= 0) & (batch.status == Status.ok)
    return np.where(judged, codes, np.int16(-1))


SIGNAL: Final = Signal(
    name="contradictions",
    version=1,
    bins=BINS,
    code=code,
    questions=(),
    alternatives=(),
    share_of=lambda first, last: f"share of verdicts {BINS[first]}",
    unavailable="counted only: a separate threshold rule reports it",
)
