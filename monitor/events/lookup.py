"""What the scanner looks up: field names by a perfect hash, the words of closed vocabularies by comparison.

Built from the table of fields. Strings are compared as whole words of 8 bytes with zeros behind them; a JSON string
holds no zero byte unless it has escapes, so equal words mean equal strings.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitor.events.columns import CODES, IDENTIFIERS, INTEGERS, NUMBERS, WORDS
from monitor.events.schema import FIELDS, Field, Kind
from monitor.events.words import partial_word

NAME_BYTES: Final = 24
"""Longest field name that can be looked up: three words."""
CHOICE_BYTES: Final = 16
_SIZE: Final = 128
"""Slots of the hash table: of some 50 multipliers one spreads 31 names over 128 slots without a collision."""
_SHIFT: Final = np.uint64(64 - 7)  # 2**7 slots
_SECOND: Final = np.uint64(0x9E3779B97F4A7C15)
_THIRD: Final = np.uint64(0xC2B2AE3D27D4EB4F)
UNKNOWN: Final = -1

VERSION, WORD, IDENTIFIER, CHOICE, FLAG, TIME, INTEGER, NUMBER, FINGERPRINT, TEXT, RULES, LABELS = range(12)
"""How a field is read, as :class:`Kind`, but plain integers for compiled code."""

_SLOTS: Final = {
    Kind.word: WORDS,
    Kind.identifier: IDENTIFIERS,
    Kind.choice: CODES,
    Kind.flag: CODES,
    Kind.time: INTEGERS,
    Kind.integer: INTEGERS,
    Kind.rules: INTEGERS,
    Kind.number: NUMBERS,
}


class Lookup(NamedTuple):
    """Tables of compiled code; the first index of the last six is the field's place in the table of fields.

    Attributes:
        multiplier: uint64 (1,), makes the hash of the names perfect.
        field: int64 (128,), hash slot to field; -1 empty.
        names: uint64 (fields, 3), the field names as words.
        kind: int64 (fields,), one of the constants above.
        slot: int64 (fields,), where the value goes in its array of the columns.
        minimum, maximum: int64 (fields,), the field's range.
        choices: uint64 (fields, choices, 2), the words of a closed vocabulary; zeros beyond the last.
    """

    multiplier: NDArray[np.uint64]
    field: NDArray[np.int64]
    names: NDArray[np.uint64]
    kind: NDArray[np.int64]
    slot: NDArray[np.int64]
    minimum: NDArray[np.int64]
    maximum: NDArray[np.int64]
    choices: NDArray[np.uint64]


def _as_words(text: str, count: int) -> list[int]:
    padded = text.encode().ljust(8 * count, b"\0")
    if len(padded) > 8 * count:
        raise ValueError(f"{text!r} has more than {8 * count} bytes, the longest name that the scanner compares")
    return [int.from_bytes(padded[i : i + 8], "little") for i in range(0, 8 * count, 8)]


def _slot_of(field: Field) -> int:
    return _SLOTS[field.kind].index(field.name) if field.kind in _SLOTS else 0


def build_lookup() -> Lookup:
    """The tables for the canonical event."""
    names = np.array([_as_words(field.name, NAME_BYTES // 8) for field in FIELDS], np.uint64)
    choices = np.zeros((len(FIELDS), max(len(field.words) for field in FIELDS), CHOICE_BYTES // 8), np.uint64)
    for i, field in enumerate(FIELDS):
        for code, choice in enumerate(field.words):
            choices[i, code] = _as_words(choice, CHOICE_BYTES // 8)
    multiplier, slots = _perfect(names)
    table = np.full(_SIZE, UNKNOWN, np.int64)
    table[slots] = np.arange(len(FIELDS))
    kinds = list(Kind)
    return Lookup(
        multiplier=np.array([multiplier], np.uint64),
        field=table,
        names=names,
        kind=np.array([kinds.index(field.kind) for field in FIELDS], np.int64),
        slot=np.array([_slot_of(field) for field in FIELDS], np.int64),
        minimum=np.array([field.minimum for field in FIELDS], np.int64),
        maximum=np.array([field.maximum for field in FIELDS], np.int64),
        choices=choices,
    )


def _perfect(names: NDArray[np.uint64]) -> tuple[np.uint64, NDArray[np.int64]]:
    """The first multiplier of a fixed sequence under which no two names share a slot, and the slots."""
    mixed = names[:, 0] ^ (names[:, 1] * _SECOND) ^ (names[:, 2] * _THIRD)
    multiplier = _SECOND
    while True:
        slots = ((mixed * multiplier) >> _SHIFT).astype(np.int64)
        if len(np.unique(slots)) == len(names):
            return multiplier, slots
        multiplier = np.uint64((int(multiplier) * int(_THIRD)) & (1 << 64) - 1)  # odd times odd stays odd


@njit(cache=True, nogil=True)
def find_field(buffer, start, end, lookup):  # type: ignore[no-untyped-def]
    """The field whose name is ``buffer[start:end]``; -1 for an unknown one."""
    if end - start > NAME_BYTES:
        return np.int64(UNKNOWN)
    first = partial_word(buffer, start, end)
    second = partial_word(buffer, start + 8, end)
    third = partial_word(buffer, start + 16, end)
    mixed = first ^ (second * _SECOND) ^ (third * _THIRD)
    field = lookup.field[(mixed * lookup.multiplier[0]) >> _SHIFT]
    if field >= 0 and (
        lookup.names[field, 0] != first or lookup.names[field, 1] != second or lookup.names[field, 2] != third
    ):
        return np.int64(UNKNOWN)
    return field


@njit(cache=True, nogil=True)
def find_choice(buffer, start, end, choices):  # type: ignore[no-untyped-def]
    """The code of the word ``buffer[start:end]`` (not empty) among ``choices`` (n, 2); -1 if it is none of them."""
    if end - start > CHOICE_BYTES:
        return np.int64(-1)
    first = partial_word(buffer, start, end)
    second = partial_word(buffer, start + 8, end)
    for code in range(choices.shape[0]):
        if choices[code, 0] == first and choices[code, 1] == second:
            return np.int64(code)
    return np.int64(-1)
