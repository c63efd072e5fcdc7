"""Columns that both decoders fill, as declared in the events; and how they become a batch.

Filling and normalising are apart, so that the scanner and the general decoder only have to agree on what an event
says, and defaults, score semantics and interning happen once, for whole columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

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

SPANS: Final = len(WORDS)
"""Slot of the first vocabulary string's span; the strings themselves begin at slot 0."""
_IDENTIFIER: Final = 2 * len(WORDS)
_CODE: Final = _IDENTIFIER + len(IDENTIFIERS)
_INTEGER: Final = _CODE + len(CODES)
_NUMBER: Final = _INTEGER + len(INTEGERS)
_FINGERPRINT: Final = _NUMBER + len(NUMBERS)
_SLOTS: Final = _FINGERPRINT + len(FINGERPRINTS)

SLOT: Final[dict[str, int]] = {
    name: first + i
    for first, names in (
        (0, WORDS),
        (_IDENTIFIER, IDENTIFIERS),
        (_CODE, CODES),
        (_INTEGER, INTEGERS),
        (_NUMBER, NUMBERS),
        (_FINGERPRINT, FINGERPRINTS),
    )
    for i, name in enumerate(names)
}
"""Places of the fields' values in the cells."""

_HARMFUL_SALT: Final = np.uint64(0x9E3779B97F4A7C15)
_BENIGN_SALT: Final = np.uint64(0xC2B2AE3D27D4EB4F)
"""Ids are keyed hashes already: any two constants keep a label's apart from its event's."""
LENGTH_BITS: Final = 8
"""A span is start << 8 | length: vocabulary strings have at most 128 bytes."""
_LINE: Final = 8
"""Cells in a cache line of 64 bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """n rows of 64-bit cells; the first index is the slot, and the meaning of a cell's bits follows from the slot.

    One array, because compiled code pays for every array that it is handed, and one width, because it then stores
    without asking for the type. The views below give the groups of slots their types.

    Attributes:
        cells: uint64 (slots, n), as a view of rows an odd number of cache lines long, so that the cells of one event
            do not all fall into the same set of the processor's cache.
    """

    cells: NDArray[np.uint64]

    @classmethod
    def empty(cls, rows: int) -> Columns:
        """All values missing."""
        lines = -(-rows // _LINE) | 1
        columns = cls(np.empty((_SLOTS, lines * _LINE), np.uint64)[:, :rows])
        columns.clear(slice(None))
        return columns

    def clear(self, rows: int | slice | NDArray[np.int64]) -> None:
        """Make rows all missing, also after a decoder gave up on one half way."""
        self.cells[:_CODE, rows] = 0
        self.code[:, rows] = MISSING
        self.integer[:, rows] = MISSING
        self.number[:, rows] = np.nan
        self.fingerprint[:, rows] = 0

    @property
    def word(self) -> NDArray[np.uint64]:
        """(8, n), keyed hash of a vocabulary string; 0 missing."""
        return self.cells[:SPANS]

    @property
    def span(self) -> NDArray[np.uint64]:
        """(8, n), where its bytes are in the block's buffer; 0: not there."""
        return self.cells[SPANS:_IDENTIFIER]

    @property
    def identifier(self) -> NDArray[np.uint64]:
        """(3, n), keyed hash; 0 missing."""
        return self.cells[_IDENTIFIER:_CODE]

    @property
    def code(self) -> NDArray[np.int64]:
        """(10, n), code of a closed vocabulary, or 0 and 1 for false and true; -1 missing."""
        return self.cells[_CODE:_INTEGER].view(np.int64)

    @property
    def integer(self) -> NDArray[np.int64]:
        """(7, n); -1 missing."""
        return self.cells[_INTEGER:_NUMBER].view(np.int64)

    @property
    def number(self) -> NDArray[np.float64]:
        """(3, n); NaN missing."""
        return self.cells[_NUMBER:_FINGERPRINT].view(np.float64)

    @property
    def fingerprint(self) -> NDArray[np.uint64]:
        """(2, n), as the producer gave it and as computed from the text; 0 missing."""
        return self.cells[_FINGERPRINT:]


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
    code = dict(zip(CODES, columns.code[:, rows].astype(np.int8), strict=True))
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
    harmful = code["harmful"]
    label = harmful != MISSING
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
        event_id=_key(identifier["event_id"], harmful),
        # A label joins nothing: its request was joined when it was judged.
        request_id=np.where(label, np.uint64(0), identifier["request_id"]),
        session_id=np.where(label, np.uint64(0), identifier["session_id"]),
        turn=integer["turn"].astype(np.int32),
        input_length=_length(integer["input_length"], text_length, judged=~judged_output),
        output_length=_length(integer["output_length"], text_length, judged=judged_output),
        refusal=code["refusal"],
        script=code["script"],
        finish_reason=code["finish_reason"],
        disorder=integer["disorder"].astype(np.int8),
        fingerprint=np.where(label, np.uint64(0), np.where(declared != 0, declared, computed)),
        rules=integer["rules"].astype(np.int32),
        latency_ms=number["latency_ms"].astype(np.float32),
        harmful=harmful,
    )


def _key(event_id: NDArray[np.uint64], harmful: NDArray[np.int8]) -> NDArray[np.uint64]:
    """The keys of repeats: a label does not repeat its event, nor a label with other content."""
    salted = event_id ^ np.where(harmful == 1, _HARMFUL_SALT, _BENIGN_SALT)
    return np.where((harmful == MISSING) | (event_id == 0), event_id, salted)


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
