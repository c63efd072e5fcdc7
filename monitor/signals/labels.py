"""labels: how often the guardrail is wrong, by what people found out later.

A label is a record of its own (an event with ``harmful``): what a person, or a slow judge, found of an event that
was counted before, with the verdict that the guardrail had given. It counts at the time of the judgement, here and
nowhere else. Two signals, because the misses of harmful requests say nothing about alarms at benign ones.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch, Verdict
from monitor.findings.model import Direction
from monitor.signals.bands import share_of_names
from monitor.signals.signal import Question, Signal

OUTCOMES: Final = {"labels_harmful": ("caught", "missed"), "labels_benign": ("passed", "false_positive")}
"""Bins of both, right before wrong."""


def _code(batch: EventBatch, *, harmful: bool) -> NDArray[np.int16]:
    """0 where the guardrail was right, 1 where it was wrong; -1 where the request has no such label."""
    caught = batch.verdict > Verdict.allow
    judged = (batch.harmful == int(harmful)) & (batch.verdict >= 0)
    return np.where(judged, caught != harmful, np.int16(-1)).astype(np.int16)


def harmful_code(batch: EventBatch) -> NDArray[np.int16]:
    """Labels of harmful requests: caught or missed."""
    return _code(batch, harmful=True)


def benign_code(batch: EventBatch) -> NDArray[np.int16]:
    """Labels of benign requests: passed or a false positive."""
    return _code(batch, harmful=False)


HARMFUL: Final = Signal(
    name="labels_harmful",
    version=1,
    bins=OUTCOMES["labels_harmful"],
    code=harmful_code,
    questions=(
        Question(
            name="miss_rate_rise",
            values=(0.0, 1.0),
            direction=Direction.rise,
            phrase="share of requests found harmful that the guardrail had let pass",
        ),
    ),
    share_of=share_of_names("requests found harmful that the guardrail had", ("caught", "let pass")),
    unavailable="no label in the baseline marks a request as harmful",
    of_labels=True,
)
BENIGN: Final = Signal(
    name="labels_benign",
    version=1,
    bins=OUTCOMES["labels_benign"],
    code=benign_code,
    questions=(
        Question(
            name="false_positive_rise",
            values=(0.0, 1.0),
            direction=Direction.rise,
            phrase="share of requests found benign that the guardrail had caught",
        ),
    ),
    share_of=share_of_names("requests found benign that the guardrail had", ("let pass", "caught")),
    unavailable="no label in the baseline marks a request as benign",
    of_labels=True,
)
