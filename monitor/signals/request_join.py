"""request_join: was the rest of the request found?

Signals that join a request's events are only as good as the join. Where a topic is not keyed by conversation, where
output events carry no request id, or where the input's verdict is logged too late, an output finds nothing; the
signals that need it are then unavailable, not wrong (see ``misses`` of :class:`Signal`). It asks no question of its
own: its any-change test reports, as a notice, that joins have changed.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch, Stage
from monitor.signals.recall import UNKNOWN, Recall
from monitor.signals.signal import Signal

BINS: Final = ("found", "no surface", "no input", "neither")
NO_INPUT: Final = ("no input", "neither")
NO_SURFACE: Final = ("no surface", "neither")


_LEFT_OUT: Final = (
    "whose request is found",
    "without an event that records whether they look like a refusal",
    "whose request no input guardrail logged",
    "whose request has neither",
)


def code(batch: EventBatch, recall: Recall) -> NDArray[np.int16]:
    """For an output event with a verdict, what of its request was not found; -1 for every other event."""
    codes = 2 * (recall.layer == UNKNOWN) + (recall.surface == UNKNOWN)
    asks = (batch.stage == Stage.output) & (batch.verdict >= 0)
    return np.where(asks, codes, -1).astype(np.int16)


SIGNAL: Final = Signal(
    name="request_join",
    version=1,
    bins=BINS,
    code=code,
    recalls=True,
    questions=(),
    share_of=lambda first, last: f"share of outputs {_LEFT_OUT[first]}",
    unavailable="the guardrail judges no outputs",
)
