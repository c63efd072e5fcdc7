"""The fast decoder: canonical events from the bytes of a block straight into columns, one pass, compiled.

The scanner accepts a record only when it is sure to say what the general decoder would say; whatever is wrong or
merely unusual it leaves alone. So it never rejects, and both paths agree by construction: the property test over both
of them checks the "sure".
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from monitor.events.batch import ScoreSemantics
from monitor.events.columns import (
    CODES,
    DECLARED_FINGERPRINT,
    INTEGERS,
    NUMBERS,
    TEXT_FINGERPRINT,
    TEXT_LENGTH,
    WORDS,
)
from monitor.events.fingerprint import fingerprint
from monitor.events.grammar import skip_colon, skip_literal, skip_space, skip_value, string_end
from monitor.events.lookup import (
    CHOICE,
    FINGERPRINT,
    FLAG,
    IDENTIFIER,
    INTEGER,
    LABELS,
    NUMBER,
    RULES,
    TEXT,
    TIME,
    VERSION,
    WORD,
    find_field,
)
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

_GUARDRAIL: Final = WORDS.index("guardrail")
_TIME: Final = INTEGERS.index("time")
_SCORE: Final = NUMBERS.index("score")
_SEMANTICS: Final = CODES.index("score_semantics")
_VERDICT: Final = CODES.index("verdict")
_LABEL_CONFIDENCE: Final = int(ScoreSemantics.label_confidence)


@njit(cache=True, nogil=True)
def scan(buffer, starts, ends, wanted, has_timestamp, columns, keep, lookup, string_key, text_key, max_depth):  # type: ignore[no-untyped-def]
    """Decode the wanted rows of a block as far as they are ordinary.

    Args:
        buffer: uint8, the block's bytes.
        starts, ends: int64 (n,), spans of the values; those of wanted rows are inside of the buffer.
        wanted: bool (n,), rows to look at.
        has_timestamp: bool (n,), rows whose record has a time of its own.
        columns: :class:`Columns` of n rows, all missing; rows that are not kept may be left half filled.
        keep: bool (n,), set for every row that was decoded.
        lookup: :class:`Lookup`.
        string_key, text_key: uint64 (2,), keys of strings and of fingerprints.
        max_depth: how deeply objects and arrays may be nested, 1 to 64.
    """
    for row in range(starts.size):
        if wanted[row]:
            keep[row] = _scan_row(
                buffer,
                starts[row],
                ends[row],
                row,
                has_timestamp[row],
                columns,
                lookup,
                string_key,
                text_key,
                max_depth,
            )


@njit(cache=True, nogil=True)
def _scan_row(buffer, start, end, row, has_timestamp, columns, lookup, string_key, text_key, max_depth):  # type: ignore[no-untyped-def]  # noqa: PLR0911, PLR0912 - a grammar branches
    if not is_ascii(buffer, start, end) and not is_utf8(buffer, start, end):
        return False
    at = skip_space(buffer, start, end)
    if at >= end or buffer[at] != 0x7B:
        return False
    at = skip_space(buffer, at + 1, end)
    versioned = False
    text_start, text_end, text_escaped = np.int64(-1), np.int64(-1), False
    while True:
        # a key, at its opening quote
        if at >= end or buffer[at] != 0x22:
            return False
        close, escaped = string_end(buffer, at + 1, end)
        if close < 0 or escaped:
            return False
        field = find_field(buffer, at + 1, close, lookup)
        at = skip_colon(buffer, close + 1, end)
        if at < 0 or at >= end:
            return False
        # its value
        if field < 0:
            at = skip_value(buffer, at, end, max_depth - 1)
        elif buffer[at] == 0x6E:
            at = skip_literal(buffer, at, end)
            if lookup.kind[field] == VERSION:
                return False
            if lookup.kind[field] == TEXT:
                text_start = np.int64(-1)
            else:
                _forget(columns, lookup.kind[field], lookup.slot[field], row)
        elif lookup.kind[field] == TEXT:
            if buffer[at] != 0x22:
                return False
            text_start = np.int64(at + 1)
            text_end, text_escaped = string_end(buffer, text_start, end)
            at = text_end + (text_end >= 0)
        else:
            at = _read(buffer, at, end, row, columns, lookup, field, string_key, max_depth)
            versioned |= lookup.kind[field] == VERSION
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
        _measure(buffer, text_start, text_end, text_escaped, row, columns, text_key)
    return versioned and _complete(columns, row, has_timestamp)


@njit(cache=True, nogil=True)
def _complete(columns, row, has_timestamp):  # type: ignore[no-untyped-def]
    """Whether the row has what every event must have."""
    if columns.word[_GUARDRAIL, row] == np.uint64(0):
        return False
    if columns.integer[_TIME, row] < 0 and not has_timestamp:
        return False
    return not (
        columns.code[_SEMANTICS, row] == _LABEL_CONFIDENCE
        and columns.code[_VERDICT, row] < 0
        and not np.isnan(columns.number[_SCORE, row])
    )


@njit(cache=True, nogil=True)
def _read(buffer, at, end, row, columns, lookup, field, string_key, max_depth):  # type: ignore[no-untyped-def]  # noqa: PLR0911 - a grammar branches
    """Store the value of a known field that is not the text; the position after it, or -1."""
    kind, slot = lookup.kind[field], lookup.slot[field]
    minimum, maximum = lookup.minimum[field], lookup.maximum[field]
    if kind == WORD:
        return read_word(buffer, at, end, columns, slot, row, string_key[0], string_key[1])
    if kind == IDENTIFIER:
        return read_identifier(buffer, at, end, columns, slot, row, string_key[0], string_key[1])
    if kind == CHOICE:
        return read_choice(buffer, at, end, columns, slot, row, lookup.choices[field])
    if kind == NUMBER:
        at, number = read_double(buffer, at, end, minimum, maximum)
        columns.number[slot, row] = number
        return at
    if kind == INTEGER:
        at, integer = read_integer(buffer, at, end, minimum, maximum)
        columns.integer[slot, row] = integer
        return at
    if kind == TIME:
        at, integer = read_time(buffer, at, end, minimum, maximum)
        columns.integer[slot, row] = integer
        return at
    if kind == FLAG:
        return read_flag(buffer, at, end, columns, slot, row)
    if kind == FINGERPRINT:
        at, value = read_fingerprint(buffer, at, end)
        columns.fingerprint[DECLARED_FINGERPRINT, row] = value
        return at
    if kind == RULES and max_depth >= 2:
        at, integer = read_rules(buffer, at, end)
        columns.integer[slot, row] = integer
        return at
    if kind == LABELS and max_depth >= 2:
        return read_labels(buffer, at, end)
    at, _ = read_integer(buffer, at, end, minimum, maximum)  # the version: its range is one number
    return at


@njit(cache=True, nogil=True)
def _forget(columns, kind, slot, row):  # type: ignore[no-untyped-def]
    """A null: the field is missing, whatever an earlier key of the same name said."""
    if kind == WORD:
        columns.word[slot, row] = np.uint64(0)
    elif kind == IDENTIFIER:
        columns.identifier[slot, row] = np.uint64(0)
    elif kind in (CHOICE, FLAG):
        columns.code[slot, row] = -1
    elif kind == NUMBER:
        columns.number[slot, row] = np.nan
    elif kind in (INTEGER, TIME, RULES):
        columns.integer[slot, row] = -1
    elif kind == FINGERPRINT:
        columns.fingerprint[DECLARED_FINGERPRINT, row] = np.uint64(0)


@njit(cache=True, nogil=True)
def _measure(buffer, start, end, escaped, row, columns, key):  # type: ignore[no-untyped-def]
    """Length and, unless the producer gave one, fingerprint of the text; nothing else of it is kept."""
    wanted = columns.fingerprint[DECLARED_FINGERPRINT, row] == np.uint64(0)
    if escaped:
        plain = np.empty(end - start, np.uint8)
        size = unescape(buffer, start, end, plain)
        columns.integer[TEXT_LENGTH, row] = characters(plain, 0, size)
        if wanted:
            columns.fingerprint[TEXT_FINGERPRINT, row] = fingerprint(plain, 0, size, key[0], key[1])
    else:
        columns.integer[TEXT_LENGTH, row] = characters(buffer, start, end)
        if wanted:
            columns.fingerprint[TEXT_FINGERPRINT, row] = fingerprint(buffer, start, end, key[0], key[1])
