"""Look-ups of the scanner: field names by a perfect hash, the words of closed vocabularies by comparison.

Built from the table of fields. Strings are compared as whole words of 8 bytes with zeros behind them; a JSON string
holds no zero byte unless it has escapes, so equal words mean equal strings.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit
from monitor.events.columns import SLOT
from monitor.events.schema import FIELDS, Field, Kind
from monitor.events.words import partial_word, word

NAME_BYTES: Final = 24
"""Longest field name that can be looked up: three words."""
CHOICE_BYTES: Final = 16
_SIZE: Final = 128
"""Slots of the hash table: of some 50 multipliers one spreads 34 names over 128 slots without a collision."""
_SHIFT: Final = np.uint64(64 - 7)  # 2**7 slots
_SECOND: Final = np.uint64(0x9E3779B97F4A7C15)
_THIRD: Final = np.uint64(0xC2B2AE3D27D4EB4F)
UNKNOWN: Final = -1

VERSION, WORD, IDENTIFIER, CHOICE, FLAG, TIME, INTEGER, NUMBER, FINGERPRINT, TEXT, RULES, LABELS = range(12)
"""The reading of a field, as :class:`Kind`, but plain integers for compiled code."""

NAME, MASK, LENGTH, KIND, PLACE, MINIMUM, MAXIMUM, CHOICES = 0, 3, 6, 7, 8, 9, 10, 11
"""Columns of the field rows: the name as 3 words, the bits of these words that it covers, its length, the kind, the
slot in the cells, the range, then for each spelling of a choice its 2 words and its code."""


class Lookup(NamedTuple):
    """Tables for compiled code.

    Attributes:
        slots: uint64 (129,), hash slot to field row, 128 times; beyond the last field: empty. Then the multiplier
            that makes the hash of the names perfect.
        fields: uint64 (fields, 11 + 3 * spellings), a row per field in the order of the table of fields.
    """

    slots: NDArray[np.uint64]
    fields: NDArray[np.uint64]


def _as_words(text: str, count: int) -> list[int]:
    padded = text.encode("latin-1").ljust(8 * count, b"\0")
    if len(padded) > 8 * count:
        raise ValueError(f"{text!r} has more than {8 * count} bytes, the longest name that the scanner compares")
    return [int.from_bytes(padded[i : i + 8], "little") for i in range(0, 8 * count, 8)]


def _spellings(field: Field) -> list[tuple[str, int]]:
    """Those that the scanner compares; what is longer is left to the general decoder."""
    return [(spelling, code) for spelling, code in field.spellings.items() if len(spelling) <= CHOICE_BYTES]


def build_lookup() -> Lookup:
    """The tables for the canonical event."""
    spelt = [_spellings(field) for field in FIELDS]
    fields = np.zeros((len(FIELDS), CHOICES + 3 * max(map(len, spelt))), np.uint64)
    kinds = list(Kind)
    for row, field, spellings in zip(fields, FIELDS, spelt, strict=True):
        row[NAME:MASK] = _as_words(field.name, 3)
        row[MASK:LENGTH] = _as_words("\xff" * len(field.name), 3)
        row[LENGTH] = len(field.name)
        row[KIND] = kinds.index(field.kind)
        row[PLACE] = SLOT.get(field.name, 0)
        row[MINIMUM] = field.minimum
        row[MAXIMUM] = field.maximum
        row[CHOICES : CHOICES + 3 * len(spellings)] = [
            cell for spelling, code in spellings for cell in (*_as_words(spelling, 2), code)
        ]
    multiplier, places = _perfect(fields[:, NAME:MASK])
    slots = np.full(_SIZE + 1, len(FIELDS), np.uint64)
    slots[places] = np.arange(len(FIELDS))
    slots[_SIZE] = multiplier
    return Lookup(slots, fields)


def _perfect(names: NDArray[np.uint64]) -> tuple[np.uint64, NDArray[np.int64]]:
    """The first multiplier of a fixed sequence under which no two names share a slot, and the slots."""
    mixed = names[:, 0] ^ (names[:, 1] * _SECOND) ^ (names[:, 2] * _THIRD)
    multiplier = _SECOND
    while True:
        slots = ((mixed * multiplier) >> _SHIFT).astype(np.int64)
        if len(np.unique(slots)) == len(names):
            return multiplier, slots
        multiplier = np.uint64((int(multiplier) * int(_THIRD)) & (1 << 64) - 1)  # odd times odd stays odd


@njit(cache=True, nogil=True, forceinline=True)
def find_field(buffer, start, end, slots, fields):  # type: ignore[no-untyped-def]
    """The row of the field whose name is ``buffer[start:end]``; -1 for an unknown one."""
    if end - start > NAME_BYTES:
        return np.int64(UNKNOWN)
    first = partial_word(buffer, start, end)
    second = partial_word(buffer, start + 8, end)
    third = partial_word(buffer, start + 16, end)
    mixed = first ^ (second * _SECOND) ^ (third * _THIRD)
    field = slots[(mixed * slots[np.uint64(_SIZE)]) >> _SHIFT]
    if field >= np.uint64(fields.shape[0]):
        return np.int64(UNKNOWN)
    if fields[field, 0] != first or fields[field, 1] != second or fields[field, 2] != third:
        return np.int64(UNKNOWN)
    return np.int64(field)


@njit(cache=True, nogil=True, forceinline=True)
def is_field(buffer, start, end, field, fields):  # type: ignore[no-untyped-def]
    """Whether the string whose body begins at ``start`` is the name of this field, without looking for its end.

    False also if fewer than 25 bytes are left of the record: the longest name and a quote.
    """
    if start + NAME_BYTES >= end:
        return False
    return (
        (word(buffer, start) & fields[field, 3]) == fields[field, 0]
        and buffer[np.uint64(start) + fields[field, 6]] == 0x22
        and (word(buffer, start + 8) & fields[field, 4]) == fields[field, 1]
        and (word(buffer, start + 16) & fields[field, 5]) == fields[field, 2]
    )


@njit(cache=True, nogil=True, forceinline=True)
def find_choice(buffer, start, end, field, fields):  # type: ignore[no-untyped-def]
    """The code of the word ``buffer[start:end]`` (not empty) in the field's vocabulary; -1 if it is not there."""
    if end - start > CHOICE_BYTES:
        return np.int64(-1)
    first = partial_word(buffer, start, end)
    second = partial_word(buffer, start + 8, end)
    for column in range(CHOICES, fields.shape[1], 3):
        if fields[field, column] == first and fields[field, column + 1] == second:
            return np.int64(fields[field, column + 2])
    return np.int64(-1)
