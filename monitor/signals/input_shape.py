"""input_shape: what the judged prompts look like: length, script, disorder, turn of the conversation, rules that hit.

Catches what hardly moves scores: suffixes that an optimiser made (disorder), other languages' scripts, few-shot and
long-context framing (length), pressure over many turns, and attacks that only the rules see. Each facet is a signal
of its own, so that a finding names what changed.

None asks a question, so none pages: prompts of another shape are as often a new feature, a new client or a holiday as
an attack. What an attack leads to is paged by the verdicts; the shape describes it, as a notice.

Facets are asked of every stage but output: a retrieved document and a tool's answer are input of the model, too. An
output guardrail that logs its prompt's length as well would only say the same again.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch, Script, Stage
from monitor.signals.bands import band_names, banded, coded, share_of_bands, share_of_names
from monitor.signals.signal import Alternative, Signal

LENGTHS: Final = tuple(16 << i for i in range(12))
"""Doubling from 16 to 32,768 characters: of real prompts 90 % lie between 30 and 170 (S-Labs), of long-context
injections between 5,000 and 8,000."""
DISORDERS: Final = (1, 3, 6, 12)
"""None; typing errors and names (2.5 % of real prompts); from 3 on suffixes (no real prompt, every published suffix);
from 12 on encodings."""
TURNS: Final = tuple(1 << i for i in range(9))
"""The turns at which a conversation is counted: 1, 2, 4, ... 256. Were each of its turns counted, one long
conversation would be a run of the same band, which no test for exchangeable events may be given: on streams of 24
interleaved conversations of 6 turns on average it raised most of the false notices."""
RULES: Final = (1, 2, 3, 5)


def _asked(batch: EventBatch) -> NDArray[np.bool_]:
    return np.asarray(batch.stage != Stage.output)


def length(batch: EventBatch) -> NDArray[np.int16]:
    """Band of the prompt's length."""
    codes: NDArray[np.int16] = banded(batch.input_length, _asked(batch), LENGTHS)
    return codes


def script(batch: EventBatch) -> NDArray[np.int16]:
    """Writing system of the text."""
    return coded(batch.script, _asked(batch))


def disorder(batch: EventBatch) -> NDArray[np.int16]:
    """Band of the text's disorder."""
    codes: NDArray[np.int16] = banded(batch.disorder, _asked(batch), DISORDERS)
    return codes


def turn(batch: EventBatch) -> NDArray[np.int16]:
    """Which of :data:`TURNS` the conversation has just reached; -1 for the turns in between."""
    reached = np.searchsorted(TURNS, batch.turn)
    at_one = np.isin(batch.turn, TURNS)
    return np.where(_asked(batch) & at_one, reached, -1).astype(np.int16)


def rules(batch: EventBatch) -> NDArray[np.int16]:
    """Band of how many rules hit."""
    codes: NDArray[np.int16] = banded(batch.rules, _asked(batch), RULES)
    return codes


def _share_of_turns(first: int, last: int) -> str:
    turns = f"{TURNS[first]}" if first == last else f"{TURNS[first]} to {TURNS[last]}"
    more = " and later" if last == len(TURNS) - 1 and first != last else ""
    return f"share of prompts at turn {turns}{more} of their conversation, of those counted"


SIGNALS: Final = (
    Signal(
        name="input_length",
        version=1,
        bins=band_names(LENGTHS),
        code=length,
        questions=(),
        share_of=share_of_bands("prompts of", "characters", LENGTHS),
        ordered=True,
        of_requests=True,
        unavailable="the guardrail judges outputs, or its events carry neither input_length nor text",
        alternatives=(Alternative.bands,),
    ),
    Signal(
        name="input_script",
        version=1,
        bins=tuple(one.name for one in Script),
        code=script,
        questions=(),
        share_of=share_of_names("prompts in script", tuple(one.name for one in Script)),
        of_requests=True,
        unavailable="the guardrail judges outputs, or its events carry neither script nor text",
        alternatives=(Alternative.sparse,),
    ),
    Signal(
        name="input_disorder",
        version=1,
        bins=band_names(DISORDERS),
        code=disorder,
        questions=(),
        share_of=share_of_bands("prompts with", "unusual character pairs", DISORDERS),
        ordered=True,
        worse_high=True,
        of_requests=True,
        unavailable="the guardrail judges outputs, or its events carry neither disorder nor text",
        alternatives=(Alternative.sparse,),
    ),
    Signal(
        name="input_turn",
        version=2,
        bins=tuple(str(turn) for turn in TURNS),
        code=turn,
        questions=(),
        share_of=_share_of_turns,
        ordered=True,
        of_requests=True,
        unavailable="the guardrail judges outputs, or its events carry no turn",
        alternatives=(Alternative.sparse,),
    ),
    Signal(
        name="input_rules",
        version=1,
        bins=band_names(RULES),
        code=rules,
        questions=(),
        share_of=share_of_bands("prompts hit by", "rules", RULES),
        ordered=True,
        worse_high=True,
        of_requests=True,
        unavailable="the guardrail judges outputs, or its events carry no rules",
        alternatives=(Alternative.sparse,),
    ),
)
