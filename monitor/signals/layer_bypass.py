"""layer_bypass: the output guardrail's verdicts on requests that the input guardrails did not stop.

Catches an attack that passes the first layer and is seen (or not) by the next. Conditional on the input verdict: only
outputs whose request was let through are counted, so a wave of attacks that the first layer stops moves nothing here.
A first layer that did not run although the request went on has bins of its own: it explains a bypass.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch, Stage, Verdict
from monitor.findings.model import Direction
from monitor.signals.recall import Layer, Recall
from monitor.signals.request_join import NO_INPUT
from monitor.signals.signal import Question, Signal

BINS: Final = ("passed/allow", "passed/unsafe", "not run/allow", "not run/unsafe")


_NAMED: Final = (
    "judged safe after the input guardrails let the request pass",
    "judged unsafe after the input guardrails let the request pass",
    "judged safe where an input guardrail did not run",
    "judged unsafe where an input guardrail did not run",
)


def code(batch: EventBatch, recall: Recall) -> NDArray[np.int16]:
    """Input layer x output verdict; -1 where the input was stopped or not found, or there is no output verdict."""
    unsafe = batch.verdict != Verdict.allow
    codes = 2 * (recall.layer == Layer.gap) + unsafe
    let_through = (recall.layer == Layer.passed) | (recall.layer == Layer.gap)
    asks = (batch.stage == Stage.output) & (batch.verdict >= 0) & let_through
    return np.where(asks, codes, -1).astype(np.int16)


SIGNAL: Final = Signal(
    name="layer_bypass",
    version=1,
    bins=BINS,
    code=code,
    recalls=True,
    misses=NO_INPUT,
    questions=(
        Question(
            name="bypass_rise",
            values=(0.0, 1.0, 0.0, 1.0),
            direction=Direction.rise,
            phrase="share of outputs judged unsafe although the input guardrails let the request pass",
        ),
    ),
    share_of=lambda first, last: f"share of outputs {_NAMED[first]}",
    unavailable="no output with a verdict whose request the input guardrails let pass",
)
