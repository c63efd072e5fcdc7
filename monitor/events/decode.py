"""Decodes a block of records into a batch of events: the canonical event, straight into columns."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch, Vocabulary
from monitor.events.columns import SLOT, Columns, to_batch
from monitor.events.fingerprint import fingerprint
from monitor.events.general import read
from monitor.events.interning import Interner
from monitor.events.keyed import SubKey, keyed_hash
from monitor.events.lookup import build_lookup
from monitor.events.mapped import Program, scan_mapped
from monitor.events.paths import ORDER
from monitor.events.reasons import Reason, Rejected, Rejection
from monitor.events.records import RecordBlock
from monitor.events.scanner import no_order, scan
from monitor.events.schema import LAST_TIME_MS
from monitor.events.shape import measure
from monitor.events.utf8 import characters

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32
DEEPEST: Final = 64
"""The scanner keeps the kinds of the open brackets in the bits of one word."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The result of one block: the accepted events in offset order, and the reasons for the other records."""

    batch: EventBatch
    rejected: list[Rejected]


@dataclass(frozen=True, slots=True)
class Scanned:
    """Rows of a block that another scanner has read.

    Attributes:
        columns: their cells; of the other rows anything.
        keep: bool (n,), which rows they are.
        aside: strings that are not in the block's buffer, by hash.
    """

    columns: Columns
    keep: NDArray[np.bool_]
    aside: Mapping[int, str]

    def at(self, rows: NDArray[np.int64]) -> Scanned:
        """The same for a block of these rows of the block, over the same bytes."""
        columns = Columns.empty(len(rows))
        columns.cells[:] = self.columns.cells[:, rows]
        return Scanned(columns, self.keep[rows], self.aside)


class Decoder:
    """Decodes canonical events. Holds the strings met so far; not to be shared by threads.

    Args:
        vocabulary: where open vocabularies are interned.
        key: at least 16 secret bytes; identifiers, strings and fingerprints are hashed under keys derived from it.
        max_bytes: longest value that is read.
        max_depth: how deeply objects and arrays may be nested, 1 to 64; the event itself counts as 1.
        text_key: another key for the fingerprints, so that it can be rotated without touching the identifiers.

    Raises:
        ValueError: a key is too short or a limit out of range.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        key: bytes,
        *,
        max_bytes: int = MAX_BYTES,
        max_depth: int = MAX_DEPTH,
        text_key: bytes | None = None,
    ) -> None:
        if max_bytes < 2:
            raise ValueError(f"max_bytes must be at least 2 (an empty object), got {max_bytes}")
        if not 1 <= max_depth <= DEEPEST:
            raise ValueError(f"max_depth must be 1 to {DEEPEST}, got {max_depth}")
        self._vocabulary = vocabulary
        self._string_key = SubKey.derive(key, purpose="strings")
        self._text_key = SubKey.derive(key if text_key is None else text_key, purpose="fingerprints")
        self._max_bytes = max_bytes
        self._max_depth = max_depth
        self._interner = Interner(vocabulary)
        self._lookup = build_lookup()
        self._order = no_order()
        self._keys = np.array([*self._string_key.words(), *self._text_key.words()], np.uint64)

    def decode(self, block: RecordBlock, scanned: Scanned | None = None) -> Decoded:
        """Decode every record of the block.

        Args:
            block: the records.
            scanned: rows that are read already, which are taken as they are.

        Raises:
            ValueError: a span of the block points outside of its buffer (a fault of the source, not of the data).
        """
        return self._decode(block, scan_first=True, scanned=scanned)

    def decode_general(self, block: RecordBlock) -> Decoded:
        """The same as :meth:`decode`, with the general decoder alone: slower, and the yardstick of the scanner."""
        return self._decode(block, scan_first=False)

    def scan_mapped(self, block: RecordBlock, program: Program) -> Scanned:
        """Those rows of a block that a compiled mapping reads with certainty.

        Raises:
            ValueError: as :meth:`decode`.
        """
        _check_spans(block)
        columns = Columns.empty(len(block))
        aside: dict[int, str] = {}
        self._fill(columns, slice(None), program.constants, aside)
        keep = np.zeros(len(block), np.bool_)
        scan_mapped(
            _read_only(block.buffer),
            _read_only(block.value_start),
            _read_only(block.value_end),
            self._readable(block),
            _has_timestamp(block),
            columns.cells,
            columns.cells.view(np.float64),
            keep,
            self._lookup.fields,
            self._keys,
            self._max_depth,
            program.nodes,
            program.heads,
            program.steps,
            program.tests,
            program.words,
            program.names,
            program.highest,
            np.empty((len(program.nodes), 2), np.int64),
            np.full(ORDER, -1, np.int64),
        )
        return Scanned(columns, keep, aside)

    def _readable(self, block: RecordBlock) -> NDArray[np.bool_]:
        return (block.value_start >= 0) & (block.value_end - block.value_start <= self._max_bytes)

    def _decode(self, block: RecordBlock, *, scan_first: bool, scanned: Scanned | None = None) -> Decoded:
        _check_spans(block)
        columns = Columns.empty(len(block))
        aside: dict[int, str] = {}
        keep = np.zeros(len(block), np.bool_)
        if scanned is not None:
            columns, aside, keep = scanned.columns, dict(scanned.aside), scanned.keep.copy()
            columns.clear(np.flatnonzero(~keep))
        has_timestamp = _has_timestamp(block)
        if scan_first and not keep.all():
            scan(
                _read_only(block.buffer),
                _read_only(block.value_start),
                _read_only(block.value_end),
                self._readable(block) & ~keep,
                has_timestamp,
                columns.cells,
                columns.cells.view(np.float64),
                keep,
                self._lookup.slots,
                self._lookup.fields,
                self._keys,
                self._max_depth,
                self._order,
            )
        rejected: list[Rejected] = []
        for row in np.flatnonzero(~keep).tolist():
            columns.clear(row)
            try:
                self._fill(columns, row, self._read(block, row, has_timestamp=bool(has_timestamp[row])), aside)
                keep[row] = True
            except Rejection as why:
                rejected.append(Rejected(row, int(block.offset[row]), why.reason, why.sentence))
        words = self._interner.codes(columns, buffer=block.buffer, keep=keep, aside=aside)
        batch = to_batch(block=block, columns=columns, words=words, keep=keep, vocabulary=self._vocabulary)
        return Decoded(batch, rejected)

    def _read(self, block: RecordBlock, row: int, *, has_timestamp: bool) -> dict[str, str | bytes | int | float]:
        length = int(block.value_end[row] - block.value_start[row])
        if block.value_start[row] < 0:
            raise Rejection(Reason.null_value, "the record has no value")
        if length > self._max_bytes:
            raise Rejection(Reason.too_large, f"{length} bytes; at most {self._max_bytes} are read")
        value = block.buffer[block.value_start[row] : block.value_end[row]].tobytes()
        return read(value, has_timestamp=has_timestamp, max_depth=self._max_depth)

    def _fill(
        self,
        columns: Columns,
        row: int | slice,
        event: Mapping[str, str | bytes | int | float],
        aside: dict[int, str],
    ) -> None:
        cells = columns.cells
        for name, value in event.items():
            if isinstance(value, str):
                cells[SLOT[name], row] = hashed = self._hash(value.encode())
                aside[hashed] = value
            elif isinstance(value, bytes):
                if name != "text":
                    cells[SLOT[name], row] = self._hash(value)
            elif isinstance(value, float):
                cells.view(np.float64)[SLOT[name], row] = value
            else:
                cells[SLOT[name], row] = value
        text = event.get("text")
        if isinstance(text, bytes) and isinstance(row, int):
            self._measure(cells, row, np.frombuffer(text, np.uint8), given=event.keys())

    def _measure(self, cells: NDArray[np.uint64], row: int, text: NDArray[np.uint8], *, given: Set[str]) -> None:
        """Length, fingerprint and shape of the text; nothing else of it is kept."""
        cells[SLOT["text_length"], row] = characters(text, 0, len(text))
        cells[SLOT["text_fingerprint"], row] = fingerprint(
            text, 0, len(text), self._text_key.first, self._text_key.second
        )
        for name, measured in zip(("script", "disorder"), measure(text, 0, len(text)), strict=True):
            if name not in given:
                cells[SLOT[name], row] = measured

    def _hash(self, text: bytes) -> int:
        key = self._string_key
        return int(keyed_hash(np.frombuffer(text, np.uint8), 0, len(text), key.first, key.second))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A contiguous read-only view: compiled code has one version per kind of array, and this one fits all."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _has_timestamp(block: RecordBlock) -> NDArray[np.bool_]:
    return (block.timestamp_ms >= 0) & (block.timestamp_ms <= LAST_TIME_MS)


def _check_spans(block: RecordBlock) -> None:
    start, end = block.value_start, block.value_end
    null = (start == -1) & (end == -1)
    wrong = ~null & ((start < 0) | (end < start) | (end > block.buffer.size))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{block.partition}: record {row} spans {start[row]} to {end[row]}"
            f" of a buffer of {block.buffer.size} bytes"
        )
