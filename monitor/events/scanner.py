"""The fast decoder: canonical events from the bytes of a block straight into columns, one pass, compiled.

The scanner accepts a record only when it is sure to say what the general decoder would say; whatever is wrong or
merely unusual it leaves alone. So it never rejects, and both paths agree by construction: the property test over both
of them checks the "sure".
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit
from monitor.events.batch import ScoreSemantics
from monitor.events.borrow import borrow
from monitor.events.columns import SLOT
from monitor.events.fingerprint import fingerprint
from monitor.events.grammar import skip_colon, skip_literal, skip_space, skip_value, string_end
from monitor.events.lookup import (
    CHOICE,
    FINGERPRINT,
    FLAG,
    IDENTIFIER,
    INTEGER,
    KIND,
    LABELS,
    LENGTH,
    MAXIMUM,
    MINIMUM,
    NUMBER,
    PLACE,
    RULES,
    TEXT,
    TIME,
    UNKNOWN,
    VERSION,
    WORD,
    find_field,
    is_field,
)
from monitor.events.shape import measure
from monitor.events.utf8 import characters, is_ascii, is_utf8, unescape
from monitor.events.values import (
    read_choice,
    read_double,
    read_fingerprint,
    read_flag,
    read_identifier,
    read_integer,
    read_labels,
    read_rules,
    read_time,
    read_word,
)

_GUARDRAIL: Final = SLOT["guardrail"]
_TIME: Final = SLOT["time"]
_SCORE: Final = SLOT["score"]
_SEMANTICS: Final = SLOT["score_semantics"]
_VERDICT: Final = SLOT["verdict"]
_HARMFUL: Final = SLOT["harmful"]
_DECLARED_FINGERPRINT: Final = SLOT["fingerprint"]
_TEXT_FINGERPRINT: Final = SLOT["text_fingerprint"]
_TEXT_LENGTH: Final = SLOT["text_length"]
_SCRIPT: Final = SLOT["script"]
_DISORDER: Final = SLOT["disorder"]
_ORDER: Final = 64
"""Positions whose field is remembered; further ones start again at the first."""
_ZERO: Final = np.uint64(0)
_MISSING: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
"""-1, as the bits of a code or an integer."""
_LABEL_CONFIDENCE: Final = np.uint64(ScoreSemantics.label_confidence)


def no_order() -> NDArray[np.int64]:
    """The hint of :func:`scan` before any record was seen."""
    return np.full(_ORDER, UNKNOWN, np.int64)


@njit(cache=True, nogil=True)
def scan(buffer, starts, ends, wanted, has_timestamp, cells, numbers, keep, slots, fields, keys, max_depth, order):  # type: ignore[no-untyped-def]
    """Decode the wanted rows of a block as far as they are ordinary.

    Args:
        buffer: uint8, the block's bytes.
        starts, ends: int64 (n,), spans of the values; those of wanted rows are inside of the buffer.
        wanted: bool (n,), rows to look at.
        has_timestamp: bool (n,), rows whose record has a time of its own.
        cells, numbers: uint64 and float64 (slots, n), the cells of :class:`Columns`, all missing; rows that are not
            kept may be left half filled.
        keep: bool (n,), set for every row that was decoded.
        slots, fields: the tables of :class:`Lookup`.
        keys: uint64 (4,), two words of key for strings and two for fingerprints.
        max_depth: how deeply objects and arrays may be nested, 1 to 64.
        order: int64 (64,), from :func:`no_order`; keeps which field came at which position of the last record, since
            producers write their keys in one order. Only a hint: it changes no result.
    """
    buffer, cells, numbers = borrow(buffer), borrow(cells), borrow(numbers)
    slots, fields, keys, order = borrow(slots), borrow(fields), borrow(keys), borrow(order)
    for row in range(starts.size):
        if wanted[row]:
            keep[row] = _scan_row(
                buffer,
                starts[row],
                ends[row],
                row,
                has_timestamp[row],
                cells,
                numbers,
                slots,
                fields,
                keys,
                max_depth,
                order,
            )


@njit(cache=True, nogil=True, forceinline=True)
def _scan_row(buffer, start, end, row, has_timestamp, cells, numbers, slots, fields, keys, max_depth, order):  # type: ignore[no-untyped-def]  # noqa: PLR0911, PLR0912 - a grammar branches
    if not is_ascii(buffer, start, end) and not is_utf8(buffer, start, end):
        return False
    at = skip_space(buffer, start, end)
    if at >= end or buffer[at] != 0x7B:
        return False
    at = skip_space(buffer, at + 1, end)
    versioned = False
    position = 0
    text_start, text_end, text_escaped = np.int64(-1), np.int64(-1), False
    while True:
        # a key, at its opening quote
        if at >= end or buffer[at] != 0x22:
            return False
        field = order[position]
        if field >= 0 and is_field(buffer, at + 1, end, field, fields):
            close = at + 1 + np.int64(fields[field, LENGTH])
        else:
            close, escaped = string_end(buffer, at + 1, end)
            if close < 0 or escaped:
                return False
            field = find_field(buffer, at + 1, close, slots, fields)
            order[position] = field
        position = (position + 1) & (_ORDER - 1)
        at = skip_colon(buffer, close + 1, end)
        if at < 0 or at >= end:
            return False
        # its value
        if field < 0:
            at = skip_value(buffer, at, end, max_depth - 1)
        elif buffer[at] == 0x6E:
            at = skip_literal(buffer, at, end)
            if fields[field, KIND] == VERSION:
                return False
            if fields[field, KIND] == TEXT:
                text_start = np.int64(-1)
            else:
                _forget(cells, numbers, fields[field, KIND], fields[field, PLACE], row)
        elif fields[field, KIND] == TEXT:
            if buffer[at] != 0x22:
                return False
            text_start = np.int64(at + 1)
            text_end, text_escaped = string_end(buffer, text_start, end)
            at = text_end + (text_end >= 0)
        else:
            at = read_field(buffer, at, end, row, cells, numbers, field, fields, keys, max_depth)
            versioned |= fields[field, KIND] == VERSION
        if at < 0:
            return False
        # a comma or the end
        if at < end and buffer[at] != 0x2C:
            at = skip_space(buffer, at, end)
        if at >= end:
            return False
        if buffer[at] == 0x7D:
            break
        if buffer[at] != 0x2C:
            return False
        at += 1
        if at < end and buffer[at] != 0x22:
            at = skip_space(buffer, at, end)
    if skip_space(buffer, at + 1, end) != end:
        return False
    if text_start >= 0:
        measure_text(buffer, text_start, text_end, text_escaped, row, cells, keys)
    return versioned and complete(cells, numbers, row, has_timestamp)


@njit(cache=True, nogil=True, forceinline=True)
def complete(cells, numbers, row, has_timestamp):  # type: ignore[no-untyped-def]
    """Whether the row has what every event must have."""
    if cells[_GUARDRAIL, row] == _ZERO:
        return False
    if cells[_TIME, row] == _MISSING and not has_timestamp:
        return False
    if cells[_VERDICT, row] != _MISSING:
        return True
    if cells[_HARMFUL, row] != _MISSING:
        return False
    return not (cells[_SEMANTICS, row] == _LABEL_CONFIDENCE and not np.isnan(numbers[_SCORE, row]))


@njit(cache=True, nogil=True, forceinline=True)
def read_field(buffer, at, end, row, cells, numbers, field, fields, keys, max_depth):  # type: ignore[no-untyped-def]  # noqa: PLR0911 - a grammar branches
    """Store the value of a known field that is not the text; the position after it, or -1."""
    kind, slot = fields[field, KIND], fields[field, PLACE]
    minimum, maximum = fields[field, MINIMUM], fields[field, MAXIMUM]
    if kind == WORD:
        return read_word(buffer, at, end, cells, slot, row, keys)
    if kind == IDENTIFIER:
        return read_identifier(buffer, at, end, cells, slot, row, keys)
    if kind == CHOICE:
        return read_choice(buffer, at, end, cells, slot, row, field, fields)
    if kind == NUMBER:
        at, number = read_double(buffer, at, end, minimum, maximum)
        numbers[slot, row] = number
        return at
    if kind == INTEGER:
        at, integer = read_integer(buffer, at, end, minimum, maximum)
        cells[slot, row] = np.uint64(integer)
        return at
    if kind == TIME:
        at, integer = read_time(buffer, at, end, minimum, maximum)
        cells[slot, row] = np.uint64(integer)
        return at
    if kind == FLAG:
        return read_flag(buffer, at, end, cells, slot, row)
    if kind == FINGERPRINT:
        at, value = read_fingerprint(buffer, at, end)
        cells[_DECLARED_FINGERPRINT, row] = value
        return at
    if kind == RULES and max_depth >= 2:
        at, integer = read_rules(buffer, at, end)
        cells[slot, row] = np.uint64(integer)
        return at
    if kind == LABELS and max_depth >= 2:
        return read_labels(buffer, at, end)
    at, _ = read_integer(buffer, at, end, minimum, maximum)  # the version: its range is one number
    return at


@njit(cache=True, nogil=True, forceinline=True)
def _forget(cells, numbers, kind, slot, row):  # type: ignore[no-untyped-def]
    """A null: the field is missing, even if an earlier key of the same name had a value."""
    if kind in (WORD, IDENTIFIER, FINGERPRINT):
        cells[slot, row] = _ZERO
    elif kind == NUMBER:
        numbers[slot, row] = np.nan
    elif kind != LABELS:
        cells[slot, row] = _MISSING


@njit(cache=True, nogil=True)
def measure_text(buffer, start, end, escaped, row, cells, keys):  # type: ignore[no-untyped-def]
    """Length of the text and, unless the producer gave them, fingerprint and shape; nothing else of it is kept."""
    wanted = cells[_DECLARED_FINGERPRINT, row] == np.uint64(0)
    if escaped:
        plain = np.empty(end - start, np.uint8)
        size = unescape(buffer, start, end, plain)
        cells[_TEXT_LENGTH, row] = characters(plain, 0, size)
        if wanted:
            cells[_TEXT_FINGERPRINT, row] = fingerprint(plain, 0, size, keys[2], keys[3])
        script, disorder = measure(plain, 0, size)
    else:
        cells[_TEXT_LENGTH, row] = characters(buffer, start, end)
        if wanted:
            cells[_TEXT_FINGERPRINT, row] = fingerprint(buffer, start, end, keys[2], keys[3])
        script, disorder = measure(buffer, start, end)
    if cells[_SCRIPT, row] == _MISSING:
        cells[_SCRIPT, row] = np.uint64(script)
    if cells[_DISORDER, row] == _MISSING:
        cells[_DISORDER, row] = np.uint64(disorder)
