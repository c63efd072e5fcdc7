"""coverage: did the guardrail run at all?

Catches fail-open: a filter that errors, times out or is skipped lets everything through without a verdict. Silence
and volume, which are about events that are not there, are rules of the judge.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch, Status
from monitor.findings.model import Direction
from monitor.signals.signal import Question, Signal


def code(batch: EventBatch) -> NDArray[np.int16]:
    """The status; the decoder fills in ``ok`` where an event has none."""
    return batch.status.astype(np.int16)


SIGNAL: Final = Signal(
    name="coverage",
    version=1,
    bins=tuple(status.name for status in Status),
    code=code,
    questions=(
        Question(
            name="not_run_rise",
            values=tuple(float(status is not Status.ok) for status in Status),
            direction=Direction.rise,
            phrase="share of requests that the guardrail did not judge",
        ),
    ),
    share_of=lambda first, last: f"share of requests with status {list(Status)[first].name}",
    unavailable="never: every event has a status",
)
