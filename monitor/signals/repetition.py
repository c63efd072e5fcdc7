"""repetition: does a prompt come back in variants?

Catches automated probing and pattern-matched queries: the same request, reworded a little, again and again. Every
request counts once, at the first input guardrail that logs its text, so five guardrails on one prompt are not five
repeats.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch
from monitor.findings.model import Direction, Promise
from monitor.signals.recall import Recall
from monitor.signals.signal import Question, Signal

NO_PROMPT: Final = (
    "no input event with a request id and a text of 16 characters, or too few of them in each partition"
)


def code(batch: EventBatch, recall: Recall) -> NDArray[np.int16]:
    """Whether one of the partition's last 128 prompts is a near-duplicate; -1 where the event has no prompt."""
    return recall.near.astype(np.int16)


SIGNAL: Final = Signal(
    name="repetition",
    version=1,
    bins=("new", "near-duplicate"),
    code=code,
    recalls=True,
    questions=(
        Question(
            name="near_duplicate_rise",
            values=(0.0, 1.0),
            direction=Direction.rise,
            phrase="share of prompts that nearly repeat a recent one",
            promise=Promise.rule,  # people repeat themselves in bursts
        ),
    ),
    share_of=lambda first, last: (
        "share of prompts unlike recent ones",
        "share of prompts that nearly repeat a recent one",
    )[first],
    unavailable=NO_PROMPT,
)
