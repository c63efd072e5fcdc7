"""The vocabulary of an event, and a batch of them as columns.

From the record to the counts an event never is a Python object: it is a row of an :class:`EventBatch`, a struct
of numpy arrays with small integer codes. Closed vocabularies (stage, verdict, action, status, score kind) are
enumerations whose value is the code; open ones (guardrail, language, ...) are interned in :class:`Strings`;
identifiers (event, request, session) are kept as 64-bit hashes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

TOLERANCE: Final = 0.0005
"""Logs round to thousandths: a score this near its threshold agrees with every verdict."""

MISSING: Final = -1
"""Code of a value that the event does not carry, in every coded or integer column."""


class Stage(IntEnum):
    """The guardrail's place in the product."""

    input = 0
    output = 1
    tool = 2
    retrieval = 3


class Verdict(IntEnum):
    """The guardrail's own decision; the enforced one is the action."""

    allow = 0
    flag = 1
    deny = 2
    modify = 3


class Action(IntEnum):
    """The enforced action."""

    allow = 0
    block = 1
    redact = 2
    audit = 3


class Status(IntEnum):
    """Whether the guardrail ran."""

    ok = 0
    error = 1
    timeout = 2
    not_run = 3
    skipped = 4
    bypassed = 5


class ScoreKind(IntEnum):
    """Resolution of the score; boundary proximity is unavailable for boolean scores."""

    continuous = 0
    quantised = 1
    ordinal = 2
    boolean = 3


class ScoreSemantics(IntEnum):
    """Meaning of the score. The decoder turns every score into P(unsafe) before anything else reads it."""

    p_unsafe = 0
    label_confidence = 1
    inverted = 2


class Script(IntEnum):
    """Writing system of a text's letters."""

    latin = 0
    cyrillic = 1
    greek = 2
    arabic = 3
    hebrew = 4
    devanagari = 5
    cjk = 6
    """Han, Kana, Hangul."""
    other = 7
    mixed = 8
    none = 9
    """No letters at all."""


class FinishReason(IntEnum):
    """Why the model stopped."""

    stop = 0
    length = 1
    content_filter = 2
    tool = 3
    error = 4
    other = 5


class Strings:
    """Interned strings of one open vocabulary: a code per distinct string, in order of arrival.

    Bounded, because the values are an attacker's to choose: once ``limit`` strings are known every further one gets
    the code of :attr:`OVERFLOW`. So does a string that reads like a sentence, at any time: it may be a prompt, and
    names are stored; and one in parentheses, such as ``(all)``: those are our own. :attr:`overflowed` counts the
    distinct look-ups that were pooled.
    """

    OVERFLOW: Final = "(other)"
    MOST_WORDS: Final = 8
    """Words of a name, by its spaces. Names of guardrails, products and policies have up to six; of real prompts nine
    in ten have more than eight."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        self.limit = limit
        self.overflowed = 0
        self._codes: dict[str, int] = {self.OVERFLOW: 0}
        self._texts: list[str] = [self.OVERFLOW]

    def code(self, text: str) -> int:
        """The code of ``text``, a new one if it is new, a name, and there is room; 0 (pooled) otherwise."""
        if text.startswith("(") and text.endswith(")"):
            self.overflowed += text != self.OVERFLOW
            return 0
        known = self._codes.get(text)
        if known is not None:
            return known
        if len(self._texts) > self.limit or text.count(" ") >= self.MOST_WORDS:
            self.overflowed += 1
            return 0
        return self._add(text)

    def own(self, text: str) -> int:
        """The code of a name that Driftline itself gives, such as ``(all)``; it always has room."""
        known = self._codes.get(text)
        return self._add(text) if known is None else known

    def _add(self, text: str) -> int:
        self._texts.append(text)
        self._codes[text] = len(self._texts) - 1
        return len(self._texts) - 1

    def text(self, code: int) -> str:
        """The string of a code; the empty string for :data:`MISSING`."""
        return "" if code == MISSING else self._texts[code]

    def __len__(self) -> int:
        return len(self._texts)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The open vocabularies that the codes of a batch refer to; one per process, shared by all partitions.

    The limits bound memory against hostile input: 1,000 guardrails is ten times the largest fleet that
    the sizing table of monitor/judging/README.md is measured for.
    """

    guardrail: Strings
    guardrail_version: Strings
    category: Strings
    language: Strings
    app: Strings
    model: Strings
    model_version: Strings
    format: Strings

    @classmethod
    def bounded(cls, *, guardrails: int = 1_000, others: int = 4_096) -> Vocabulary:
        """Empty vocabularies with room for that many distinct values each."""
        return cls(
            guardrail=Strings(guardrails),
            guardrail_version=Strings(others),
            category=Strings(others),
            language=Strings(others),
            app=Strings(others),
            model=Strings(others),
            model_version=Strings(others),
            format=Strings(others),
        )


@dataclass(frozen=True, slots=True, eq=False)
class EventBatch:
    """n events of one partition in offset order, as columns of length n.

    Attributes:
        partition: the partition's name, as in the record block.
        vocabulary: what the codes of the open vocabularies mean.
        next_offset: the offset to read next once this batch is counted.
        offset: int64, the record's offset.
        time_ms: int64, event time, epoch milliseconds (the record's timestamp where the event carries none).
        record_ms: int64, the record's own timestamp; -1 where the source has none.
        guardrail, guardrail_version, category, language, app, model, model_version, format:
            int32 codes of :class:`Vocabulary`; -1 missing.
        stage, verdict, action, status, score_kind: int8 codes of the enumerations; -1 missing.
        semantics: int8 code of :class:`ScoreSemantics` as declared; ``score`` is already P(unsafe).
        score: float64 in [0, 1], P(unsafe); NaN missing.
        threshold: float64 in [0, 1], on the same scale as ``score``; NaN missing.
        event_id, request_id, session_id: uint64 keyed hashes; 0 missing.
        turn, input_length, output_length: int32 (turn from 1; characters); -1 missing.
        refusal: int8, 0 or 1; -1 missing.
        script, finish_reason: int8 codes of the enumerations; -1 missing.
        disorder: int8, 0 to 64, see :mod:`monitor.events.shape`; -1 missing.
        fingerprint: uint64 SimHash of the text; 0 missing.
        rules: int32, how many rules hit; -1 missing.
        latency_ms: float32; NaN missing.
        harmful: int8, 0 or 1: the row is a label, what a person found of an earlier event; -1: it is an event.
    """

    partition: str
    vocabulary: Vocabulary
    next_offset: int
    offset: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    record_ms: NDArray[np.int64]
    guardrail: NDArray[np.int32]
    guardrail_version: NDArray[np.int32]
    category: NDArray[np.int32]
    language: NDArray[np.int32]
    app: NDArray[np.int32]
    model: NDArray[np.int32]
    model_version: NDArray[np.int32]
    format: NDArray[np.int32]
    stage: NDArray[np.int8]
    verdict: NDArray[np.int8]
    action: NDArray[np.int8]
    status: NDArray[np.int8]
    score_kind: NDArray[np.int8]
    semantics: NDArray[np.int8]
    score: NDArray[np.float64]
    threshold: NDArray[np.float64]
    event_id: NDArray[np.uint64]
    request_id: NDArray[np.uint64]
    session_id: NDArray[np.uint64]
    turn: NDArray[np.int32]
    input_length: NDArray[np.int32]
    output_length: NDArray[np.int32]
    refusal: NDArray[np.int8]
    script: NDArray[np.int8]
    finish_reason: NDArray[np.int8]
    disorder: NDArray[np.int8]
    fingerprint: NDArray[np.uint64]
    rules: NDArray[np.int32]
    latency_ms: NDArray[np.float32]
    harmful: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.offset)
