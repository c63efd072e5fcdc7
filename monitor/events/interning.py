"""Turns keyed hashes into vocabulary codes, for whole columns; Python sees only strings that are new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit
from monitor.events.batch import MISSING, Strings, Vocabulary
from monitor.events.columns import LENGTH_BITS, WORDS, Columns

_UNKNOWN: Final = -2


class Interner:
    """Codes of the strings that were met before, in one open-addressing table per vocabulary.

    The tables hold at most as many entries as the vocabularies have codes. Strings that are pooled because a
    vocabulary is full are not remembered, so hostile values cost time per distinct value and batch, not memory.
    Two strings with the same 64-bit hash would share a code; the key keeps anybody from making such a pair.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._strings: list[Strings] = [getattr(vocabulary, name) for name in WORDS]
        # at most half full: one more entry than the limit for the pooling code
        slots = 2 * max(strings.limit + 1 for strings in self._strings)
        self._size = 1 << (slots - 1).bit_length()
        self._hashes = np.zeros((len(WORDS), self._size), np.uint64)
        self._codes = np.full((len(WORDS), self._size), MISSING, np.int32)

    def codes(
        self,
        columns: Columns,
        *,
        buffer: NDArray[np.uint8],
        keep: NDArray[np.bool_],
        aside: Mapping[int, str],
    ) -> NDArray[np.int32]:
        """int32 (8, n): codes of ``columns.word``, new ones in order of arrival.

        Args:
            columns: hashes of the strings and where they are.
            buffer: the bytes that ``columns.span`` points into.
            keep: bool (n,), rows that were accepted; the others get no codes.
            aside: strings that are not in the buffer as they are, by hash.
        """
        out = np.empty(columns.word.shape, np.int32)
        for slot in np.flatnonzero(_look_up(columns.word, keep, self._hashes, self._codes, out)).tolist():
            self._learn(slot, columns=columns, buffer=buffer, aside=aside, out=out[slot])
        return out

    def _learn(
        self,
        slot: int,
        *,
        columns: Columns,
        buffer: NDArray[np.uint8],
        aside: Mapping[int, str],
        out: NDArray[np.int32],
    ) -> None:
        rows = np.flatnonzero(out == _UNKNOWN)
        hashes, first, inverse = np.unique(columns.word[slot, rows], return_index=True, return_inverse=True)
        codes = np.empty(len(hashes), np.int32)
        strings = self._strings[slot]
        for i in np.argsort(first).tolist():
            row = rows[first[i]]
            span = int(columns.span[slot, row])
            start, length = span >> LENGTH_BITS, span & (1 << LENGTH_BITS) - 1
            text = buffer[start : start + length].tobytes().decode() if length else aside[int(hashes[i])]
            codes[i] = strings.code(text)
            if codes[i] != 0:
                _insert(self._hashes[slot], self._codes[slot], hashes[i], codes[i])
        out[rows] = codes[inverse]


@njit(cache=True, nogil=True)
def _look_up(words, keep, table, codes, out):  # type: ignore[no-untyped-def]
    """Codes of all known hashes; returns per vocabulary how many rows hold unknown ones."""
    unknown = np.zeros(words.shape[0], np.int64)
    mask = np.uint64(table.shape[1] - 1)
    for slot in range(words.shape[0]):
        for row in range(words.shape[1]):
            value = words[slot, row]
            if value == np.uint64(0) or not keep[row]:
                out[slot, row] = -1
                continue
            at = value & mask
            while table[slot, at] != value and table[slot, at] != np.uint64(0):
                at = (at + np.uint64(1)) & mask
            if table[slot, at] == value:
                out[slot, row] = codes[slot, at]
            else:
                out[slot, row] = -2
                unknown[slot] += 1
    return unknown


@njit(cache=True, nogil=True)
def _insert(table, codes, value, code):  # type: ignore[no-untyped-def]
    mask = np.uint64(table.size - 1)
    at = value & mask
    while table[at] != value and table[at] != np.uint64(0):
        at = (at + np.uint64(1)) & mask
    table[at] = value
    codes[at] = code
