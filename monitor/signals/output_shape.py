"""output_shape: the shape of the answers: length, whether they refuse, why the model stopped.

Catches unusual distributions of outputs that no filter objects to: answers that grow longer or break off, streams cut
by the provider's filter, a model that refuses more than before, or less. Each facet is a signal of its own.

Only refusals may page, in both directions. A model that was fine-tuned on harmless data loses refusals first (Qi et
al. 2023, arXiv:2310.03693), and what it then answers may be what no output filter knows; one that refuses what it
answered before is down for its users. Lengths and reasons for stopping only notice.

Language and format of the answer are strata already.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch, FinishReason, Stage
from monitor.findings.model import Direction
from monitor.signals.bands import band_names, banded, coded, share_of_bands, share_of_names
from monitor.signals.signal import Alternative, Question, Signal

LENGTHS: Final = tuple(16 << i for i in range(12))
"""Doubling from 16 to 32,768 characters: answers of a word up to those that break off at some 8,000 tokens."""


def _asked(batch: EventBatch) -> NDArray[np.bool_]:
    return np.asarray(batch.stage == Stage.output)


def length(batch: EventBatch) -> NDArray[np.int16]:
    """Band of the answer's length."""
    codes: NDArray[np.int16] = banded(batch.output_length, _asked(batch), LENGTHS)
    return codes


def refusal(batch: EventBatch) -> NDArray[np.int16]:
    """Whether the answer reads like a refusal."""
    return coded(batch.refusal, _asked(batch))


def finish(batch: EventBatch) -> NDArray[np.int16]:
    """Why the model stopped."""
    return coded(batch.finish_reason, _asked(batch))


SIGNALS: Final = (
    Signal(
        name="output_length",
        version=1,
        bins=band_names(LENGTHS),
        code=length,
        questions=(),
        share_of=share_of_bands("answers of", "characters", LENGTHS),
        ordered=True,
        of_requests=True,
        unavailable="the guardrail judges no outputs, or its events carry neither output_length nor text",
        alternatives=(Alternative.bands,),
    ),
    Signal(
        name="output_refusal",
        version=1,
        bins=("answer", "refusal"),
        code=refusal,
        questions=(
            Question(
                name="refusal_rise",
                values=(0.0, 1.0),
                direction=Direction.rise,
                phrase="share of answers that refuse",
            ),
            Question(
                name="refusal_fall",
                values=(0.0, 1.0),
                direction=Direction.fall,
                phrase="share of answers that refuse",
            ),
        ),
        share_of=share_of_names("answers that", ("do not refuse", "refuse")),
        unavailable="the guardrail judges no outputs, or its events do not record whether the answer refuses",
        alternatives=(Alternative.sparse,),
    ),
    Signal(
        name="output_finish",
        version=1,
        bins=tuple(reason.name for reason in FinishReason),
        code=finish,
        questions=(),
        share_of=share_of_names("answers that ended by", tuple(reason.name for reason in FinishReason)),
        of_requests=True,
        unavailable="the guardrail judges no outputs, or its events carry no finish_reason",
        alternatives=(Alternative.sparse,),
    ),
)
