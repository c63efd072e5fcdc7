"""The fast decoder of a mapping: own JSON from the bytes of a block straight into columns, one pass, compiled.

A mapping whose expressions are plain paths and constants is a tree of keys. Every record is walked once along that
tree, which gives the span of each wanted value; then the fields are read from their spans as in the scanner of
canonical events. As there, a record is accepted only when it is sure what the interpreter of the mapping would say:
whatever is wrong or unusual (a key twice, escapes in a name, a word that is not listed) is left to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit
from monitor.events.borrow import borrow
from monitor.events.columns import SLOT
from monitor.events.grammar import skip_space, string_end
from monitor.events.keyed import keyed_hash
from monitor.events.lookup import PLACE
from monitor.events.numeral import read_number, to_double
from monitor.events.paths import same, walk
from monitor.events.plain_time import plain_time_ms
from monitor.events.scanner import complete, measure_text, read_field
from monitor.events.schema import FIRST_TIME_MS, LAST_TIME_MS, ROUNDING
from monitor.events.utf8 import is_ascii, is_utf8
from monitor.events.values import read_identifier

_LONGEST_INTEGER: Final = 18
"""Digits of an identifier that is a number."""
_LATEST_GUESS_MS: Final = 10_000_000_000_000
"""The year 2286: times beyond it are of a finer unit."""

FIELD, NODE, HOW, EVIDENT, STEP_COLUMNS = range(5)
"""Columns of the steps: row of the field in the scanner's look-up, node of its path, how it is read, and whether it
makes the record an event."""
AS_IS, SCALED, WORDED, NUMBERED, INSTANT, TEXT = range(6)
"""How a field is read: as in a canonical event; a number of the mapping's scale; a word of ``verdicts``; an
identifier that may be a number; a time of any unit; the text."""
TESTED, TEST, TOKEN, TOKEN_SIZE, TEST_COLUMNS = range(5)
"""Columns of the tests, which must all hold: node of the path, the test, where its literal is in ``names``."""
TRUE, EQUAL, DIFFERENT = range(3)
"""Tests: true as in JMESPath; equal to a literal (a string without escapes, true, false, null); not equal to it."""
SPELT, SPELT_SIZE, CODE, WORD_COLUMNS = range(4)
"""Columns of the words of ``verdicts``: where its bytes are in ``names``, and the verdict's code."""

_VERDICT: Final = SLOT["verdict"]
_TIME: Final = SLOT["time"]
_ONE_MORE: Final = 1.0 + ROUNDING


class Program(NamedTuple):
    """A mapping for compiled code.

    Attributes:
        nodes: int64 (nodes, 6), the tree of keys; the first is the record, children of a node are neighbours.
        heads: uint64 (nodes, 6), the beginnings of the keys.
        steps: int64 (fields, 4).
        tests: int64 (tests, 4).
        words: int64 (words, 3).
        names: uint8, the bytes of keys, literals and words.
        highest: upper end of the score's scale.
        constants: fields that are the same in every record, as :func:`monitor.events.general.read` gives them.
    """

    nodes: NDArray[np.int64]
    heads: NDArray[np.uint64]
    steps: NDArray[np.int64]
    tests: NDArray[np.int64]
    words: NDArray[np.int64]
    names: NDArray[np.uint8]
    highest: float
    constants: Mapping[str, str | bytes | int | float]


@njit(cache=True, nogil=True)
def scan_mapped(  # type: ignore[no-untyped-def]
    buffer,
    starts,
    ends,
    wanted,
    has_timestamp,
    cells,
    numbers,
    keep,
    fields,
    keys,
    max_depth,
    nodes,
    heads,
    steps,
    tests,
    words,
    names,
    highest,
    spans,
    order,
):
    """Decode the wanted rows of a block as far as they are ordinary.

    Args:
        buffer, starts, ends, wanted, has_timestamp, keep, fields, keys, max_depth: as of :func:`scanner.scan`.
        cells, numbers: the cells of :class:`Columns`, missing but for the constants of the mapping.
        nodes, heads, steps, tests, words, names, highest: of the :class:`Program`.
        spans: int64 (nodes, 2), scratch.
        order: int64 (64,), -1 at first; which node came at which position of the last record. Only a hint.
    """
    buffer, cells, numbers, fields, keys = (
        borrow(buffer),
        borrow(cells),
        borrow(numbers),
        borrow(fields),
        borrow(keys),
    )
    nodes, heads, steps, tests = borrow(nodes), borrow(heads), borrow(steps), borrow(tests)
    words, names, spans, order = borrow(words), borrow(names), borrow(spans), borrow(order)
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
                fields,
                keys,
                max_depth,
                nodes,
                heads,
                steps,
                tests,
                words,
                names,
                highest,
                spans,
                order,
            )


@njit(cache=True, nogil=True, forceinline=True)
def _scan_row(  # type: ignore[no-untyped-def]
    buffer,
    start,
    end,
    row,
    has_timestamp,
    cells,
    numbers,
    fields,
    keys,
    max_depth,
    nodes,
    heads,
    steps,
    tests,
    words,
    names,
    highest,
    spans,
    order,
):
    if not is_ascii(buffer, start, end) and not is_utf8(buffer, start, end):
        return False
    at = skip_space(buffer, start, end)
    if at >= end or buffer[at] != 0x7B:
        return False
    for i in range(spans.shape[0]):
        spans[i, 0] = -1
    at = walk(buffer, at, end, max_depth, nodes, heads, names, spans, order)
    if at < 0 or skip_space(buffer, at, end) != end:
        return False
    for i in range(tests.shape[0]):
        if not _holds(buffer, end, tests, i, names, spans):
            return False
    evident = False
    for i in range(steps.shape[0]):
        at = spans[steps[i, NODE], 0]
        if at < 0 or buffer[at] == 0x6E:
            continue
        close = spans[steps[i, NODE], 1]
        if not _read(
            buffer,
            at,
            close,
            row,
            steps[i, FIELD],
            steps[i, HOW],
            cells,
            numbers,
            fields,
            keys,
            max_depth,
            words,
            names,
            highest,
        ):
            return False
        evident |= steps[i, EVIDENT] != 0
    return evident and complete(cells, numbers, row, has_timestamp)


@njit(cache=True, nogil=True, forceinline=True)
def _holds(buffer, end, tests, i, names, spans):  # type: ignore[no-untyped-def]  # noqa: PLR0911 - one line per case
    """Whether a test surely holds; where escapes leave it open, it does not."""
    at, close = spans[tests[i, TESTED], 0], spans[tests[i, TESTED], 1]
    absent = at < 0 or buffer[at] == 0x6E
    container = not absent and (buffer[at] == 0x7B or buffer[at] == 0x5B)
    if tests[i, TEST] == TRUE:
        if absent or buffer[at] == 0x66:
            return False
        if container:
            inside = buffer[skip_space(buffer, at + 1, end)]
            return inside != 0x7D and inside != 0x5D  # noqa: PLR1714 - as above
        return buffer[at] != 0x22 or buffer[at + 1] != 0x22
    name, size = tests[i, TOKEN], tests[i, TOKEN_SIZE]
    if absent:
        return (names[name] == 0x6E) == (tests[i, TEST] == EQUAL)
    if container:
        return tests[i, TEST] == DIFFERENT
    for k in range(at, close):
        if buffer[k] == 0x5C:
            return False
    equal = close - at == size and same(buffer, at, close, names, name)
    return equal == (tests[i, TEST] == EQUAL)


@njit(cache=True, nogil=True, forceinline=True)
def _read(buffer, at, close, row, field, how, cells, numbers, fields, keys, max_depth, words, names, highest):  # type: ignore[no-untyped-def]  # noqa: PLR0911 - one branch per way
    """Store the value ``buffer[at:close]``, which is not null; whether it is certain."""
    slot = fields[field, PLACE]
    if how == AS_IS:
        return read_field(buffer, at, close, row, cells, numbers, field, fields, keys, max_depth) >= 0
    if how == SCALED:
        after, mantissa, power, _ = read_number(buffer, at, close)
        if after < 0:
            return False
        value = to_double(mantissa, power)
        if value < 0.0 or value / highest > _ONE_MORE:
            return False
        numbers[slot, row] = min(value / highest, 1.0)
        return True
    if how == WORDED:
        code = _worded(buffer, at, close, words, names)
        cells[_VERDICT, row] = np.uint64(code)
        return code >= 0
    if how == NUMBERED:
        if buffer[at] == 0x22:
            return read_identifier(buffer, at, close, cells, slot, row, keys) >= 0
        if not _is_integer(buffer, at, close):
            return False
        cells[slot, row] = keyed_hash(buffer, at, close, keys[0], keys[1])
        return True
    if how == INSTANT:
        milliseconds = _instant(buffer, at, close)
        cells[_TIME, row] = np.uint64(milliseconds)
        return milliseconds >= 0
    if buffer[at] != 0x22:  # the text
        return False
    text_end, escaped = string_end(buffer, at + 1, close)
    measure_text(buffer, at + 1, text_end, escaped, row, cells, keys)
    return True


@njit(cache=True, nogil=True)
def _is_integer(buffer, at, close):  # type: ignore[no-untyped-def]
    """Whether a value is a whole number that is written as Python writes it, and short enough for an identifier."""
    if close - at > _LONGEST_INTEGER:
        return False
    for i in range(at, close):  # noqa: SIM110 - as above
        if not 0x30 <= buffer[i] <= 0x39:
            return False
    return True


@njit(cache=True, nogil=True, forceinline=True)
def _worded(buffer, at, close, words, names):  # type: ignore[no-untyped-def]
    """The verdict's code of a word, a whole number, true or false; -1 if it is not listed as it stands."""
    if buffer[at] == 0x22:
        at, close = at + 1, close - 1
    elif 0x30 <= buffer[at] <= 0x39:
        if not _is_integer(buffer, at, close):
            return np.int64(-1)
    elif buffer[at] != 0x74 and buffer[at] != 0x66:
        return np.int64(-1)
    for i in range(words.shape[0]):
        if words[i, SPELT_SIZE] != close - at:
            continue
        name, same = words[i, SPELT], True
        for k in range(close - at):
            byte = buffer[at + k]
            if 0x41 <= byte <= 0x5A:
                byte |= 0x20
            if byte != names[name + k]:
                same = False
                break
        if same:
            return words[i, CODE]
    return np.int64(-1)


@njit(cache=True, nogil=True, forceinline=True)
def _instant(buffer, at, close):  # type: ignore[no-untyped-def]
    """Epoch milliseconds of RFC 3339 or of a number in seconds to nanoseconds; -1 if it is not certain."""
    if buffer[at] == 0x22:
        milliseconds = plain_time_ms(buffer, at + 1, close - 1)
        return milliseconds if FIRST_TIME_MS <= milliseconds <= LAST_TIME_MS else np.int64(-1)
    after, mantissa, power, _ = read_number(buffer, at, close)
    if after < 0:
        return np.int64(-1)
    value = to_double(mantissa, power)
    for unit in (1000.0, 1.0, 1e-3, 1e-6):
        scaled = value * unit
        if FIRST_TIME_MS <= scaled < _LATEST_GUESS_MS:
            return np.int64(scaled)
    return np.int64(-1)
