"""spec_gaming: outputs that look like refusals, and are judged harmful all the same.

Catches specification gaming: a model that has learned what a refusal looks like and delivers the harm under that
surface. Conditional on the surface: of the outputs that look like refusals, how many are harmful? More refusals, as a
wave of attacks brings them, move nothing. The surface and the verdict may come from different guardrails on one
request, in either order: the later event counts.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch, Stage
from monitor.findings.model import Direction
from monitor.signals.recall import UNKNOWN, Recall, Surface
from monitor.signals.request_join import NO_SURFACE
from monitor.signals.signal import Question, Signal

BINS: Final = ("refusal/clean", "refusal/harmful")


def code(batch: EventBatch, recall: Recall) -> NDArray[np.int16]:
    """The output's verdict where it looks like a refusal; -1 where it does not, or either is not known."""
    asks = (batch.stage == Stage.output) & (recall.surface == Surface.refusal) & (recall.harm != UNKNOWN)
    return np.where(asks, recall.harm, -1).astype(np.int16)


SIGNAL: Final = Signal(
    name="spec_gaming",
    version=1,
    bins=BINS,
    code=code,
    recalls=True,
    misses=NO_SURFACE,
    questions=(
        Question(
            name="harmful_refusals_rise",
            values=(0.0, 1.0),
            direction=Direction.rise,
            phrase="share of refusal-looking outputs judged harmful",
        ),
    ),
    unavailable="no output that looks like a refusal and carries a verdict",
)
