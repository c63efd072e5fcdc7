"""Columns that both decoders fill, as declared in the events; and how they become a batch.

Filling and normalising are apart, so that the scanner and the general decoder only have to agree on what an event
says, and defaults, score semantics and interning happen once, for whole columns.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import MISSING, EventBatch, ScoreKind, ScoreSemantics, Stage, Status, Verdict, Vocabulary
from monitor.events.records import RecordBlock
from monitor.events.schema import Kind, of_kind

WORDS: Final = of_kind(Kind.word)
IDENTIFIERS: Final = of_kind(Kind.identifier)
CODES: Final = of_kind(Kind.choice, Kind.flag)
INTEGERS: Final = (*of_kind(Kind.time, Kind.integer, Kind.rules), "text_length")
NUMBERS: Final = of_kind(Kind.number)
FINGERPRINTS: Final = ("fingerprint", "text_fingerprint")

TEXT_LENGTH: Final = INTEGERS.index("text_length")
DECLARED_FINGERPRINT: Final = FINGERPRINTS.index("fingerprint")
TEXT_FINGERPRINT: Final = FINGERPRINTS.index("text_fingerprint")


class Columns(NamedTuple):
    """n rows, one array per type; the first index is the field's slot in the tuple of names above.

    A tuple, because compiled code takes tuples of arrays but no dataclasses.

    Attributes:
        word: uint64 (8, n), keyed hash of a vocabulary string; 0 missing.
        word_start, word_length: int64 (8, n), where its bytes are in the block's buffer; start -1: not there.
        identifier: uint64 (3, n), keyed hash; 0 missing.
        code: int8 (7, n), -1 missing.
        integer: int64 (6, n), -1 missing.
        number: float64 (3, n), NaN missing.
        fingerprint: uint64 (2, n), 0 missing.
    """

    word: NDArray[np.uint64]
    word_start: NDArray[np.int64]
    word_length: NDArray[np.int64]
    identifier: NDArray[np.uint64]
    code: NDArray[np.int8]
    integer: NDArray[np.int64]
    number: NDArray[np.float64]
    fingerprint: NDArray[np.uint64]

    @classmethod
    def empty(cls, rows: int) -> Columns:
        """All values missing."""
        return cls(
            word=np.zeros((len(WORDS), rows), np.uint64),
            word_start=np.full((len(WORDS), rows), -1, np.int64),
            word_length=np.zeros((len(WORDS), rows), np.int64),
            identifier=np.zeros((len(IDENTIFIERS), rows), np.uint64),
            code=np.full((len(CODES), rows), MISSING, np.int8),
            integer=np.full((len(INTEGERS), rows), MISSING, np.int64),
            number=np.full((len(NUMBERS), rows), np.nan, np.float64),
            fingerprint=np.zeros((len(FINGERPRINTS), rows), np.uint64),
        )

    def clear(self, row: int) -> None:
        """Make one row all missing again, after a decoder gave up on it half way."""
        self.word[:, row] = 0
        self.word_start[:, row] = -1
        self.word_length[:, row] = 0
        self.identifier[:, row] = 0
        self.code[:, row] = MISSING
        self.integer[:, row] = MISSING
        self.number[:, row] = np.nan
        self.fingerprint[:, row] = 0


def to_batch(
    *,
    block: RecordBlock,
    columns: Columns,
    words: NDArray[np.int32],
    keep: NDArray[np.bool_],
    vocabulary: Vocabulary,
) -> EventBatch:
    """The accepted rows, normalised: times and defaults filled in, every score P(unsafe).

    Args:
        block: the records.
        columns: what the events say.
        words: int32 (8, n), codes of the vocabulary strings.
        keep: bool (n,), rows that were accepted.
        vocabulary: what ``words`` refers to.
    """
    rows: Any = slice(None) if bool(keep.all()) else np.flatnonzero(keep)
    code = dict(zip(CODES, columns.code[:, rows], strict=True))
    integer = dict(zip(INTEGERS, columns.integer[:, rows], strict=True))
    number = dict(zip(NUMBERS, columns.number[:, rows], strict=True))
    identifier = dict(zip(IDENTIFIERS, columns.identifier[:, rows], strict=True))
    word = dict(zip(WORDS, words[:, rows], strict=True))
    declared, computed = columns.fingerprint[:, rows]
    record_ms = block.timestamp_ms[rows]
    score, threshold, semantics = _p_unsafe(
        score=number["score"],
        threshold=number["threshold"],
        declared=code["score_semantics"],
        verdict=code["verdict"],
    )
    judged_output = code["stage"] == Stage.output
    text_length = integer["text_length"]
    return EventBatch(
        partition=block.partition,
        vocabulary=vocabulary,
        next_offset=block.next_offset,
        offset=block.offset[rows],
        time_ms=np.where(integer["time"] != MISSING, integer["time"], record_ms),
        record_ms=record_ms,
        guardrail=word["guardrail"],
        guardrail_version=word["guardrail_version"],
        category=word["category"],
        language=word["language"],
        app=word["app"],
        model=word["model"],
        model_version=word["model_version"],
        format=word["format"],
        stage=code["stage"],
        verdict=code["verdict"],
        action=code["action"],
        status=_default(code["status"], Status.ok, where=code["status"] == MISSING),
        score_kind=_default(
            code["score_kind"], ScoreKind.continuous, where=(code["score_kind"] == MISSING) & ~np.isnan(score)
        ),
        semantics=semantics,
        score=score,
        threshold=threshold,
        event_id=identifier["event_id"],
        request_id=identifier["request_id"],
        session_id=identifier["session_id"],
        turn=integer["turn"].astype(np.int32),
        input_length=_length(integer["input_length"], text_length, judged=~judged_output),
        output_length=_length(integer["output_length"], text_length, judged=judged_output),
        refusal=code["refusal"],
        fingerprint=np.where(declared != 0, declared, computed),
        rules=integer["rules"].astype(np.int32),
        latency_ms=number["latency_ms"].astype(np.float32),
    )


def _default(column: NDArray[np.int8], value: int, *, where: NDArray[np.bool_]) -> NDArray[np.int8]:
    return np.where(where, np.int8(value), column)


def _length(declared: NDArray[np.int64], text: NDArray[np.int64], *, judged: NDArray[np.bool_]) -> NDArray[np.int32]:
    return np.where((declared == MISSING) & judged, text, declared).astype(np.int32)


def _p_unsafe(
    *,
    score: NDArray[np.float64],
    threshold: NDArray[np.float64],
    declared: NDArray[np.int8],
    verdict: NDArray[np.int8],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int8]]:
    """Score and threshold as P(unsafe), and the semantics with its default.

    An inverted score is P(safe), and so is its threshold. A label confidence is P(the verdict is right): P(unsafe)
    if the verdict is anything but allow, P(safe) if it is allow; its threshold already is on P(unsafe).
    """
    semantics = _default(declared, ScoreSemantics.p_unsafe, where=declared == MISSING)
    inverted = semantics == ScoreSemantics.inverted
    confident_allow = (semantics == ScoreSemantics.label_confidence) & (verdict == Verdict.allow)
    return (
        np.where(inverted | confident_allow, 1.0 - score, score),
        np.where(inverted, 1.0 - threshold, threshold),
        semantics,
    )
