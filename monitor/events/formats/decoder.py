"""Blocks of records of any wire format to canonical columns, through the canonical decoder.

Every reader's events are written as canonical JSON into a block of their own and handed to
:class:`monitor.events.decode.Decoder`: the very same checks, normalisation, hashing and fingerprints as for a
producer that speaks canonical by itself, and at the scanner's speed. Blocks of canonical events go there untouched.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch
from monitor.events.decode import Decoded
from monitor.events.formats import cloudevents_binary
from monitor.events.formats.format import Identity
from monitor.events.formats.reader import Reader
from monitor.events.reasons import Reason, Rejected, Rejection
from monitor.events.records import RecordBlock
from monitor.events.schema import VERSION

SAMPLES: Final = 4
"""Records of a block that are looked at to guess whether it is canonical. A wrong guess costs time, nothing else."""
_ENCODE: Final = msgspec.json.Encoder().encode
_NOTHING: Final[Mapping[int, Identity]] = {}

OnFormat = Callable[[str, str, str], None]
"""Told of the first record of each format in each partition: partition, format, why."""


class BlockDecoder(Protocol):
    """What the counting worker needs: the canonical decoder, or the one of all formats."""

    def decode(self, block: RecordBlock) -> Decoded:
        """Accepted events in offset order, and why the other records were not accepted."""
        ...


class FormatDecoder:
    """Decodes records of any format; one record may give several events, or one rejection, never some of both.

    Args:
        canonical: checks and normalises what the readers say.
        reader: knows the formats.
        max_bytes: longest record that is read.
        auto: whether canonical events may be among the records.
        on_format: told once per partition and format.
    """

    def __init__(
        self,
        canonical: BlockDecoder,
        reader: Reader,
        *,
        max_bytes: int,
        auto: bool = True,
        on_format: OnFormat = lambda partition, name, why: None,
    ) -> None:
        self._canonical = canonical
        self._reader = reader
        self._max_bytes = max_bytes
        self._auto = auto
        self._on_format = on_format
        self._told: set[tuple[str, str]] = set()

    def decode(self, block: RecordBlock) -> Decoded:
        """Decode every record of the block."""
        around = cloudevents_binary.identities(block)
        if around:
            return self._merge(block, self._read(block, range(len(block)), around))
        if not (self._auto and _looks_canonical(block)):
            return self._merge(block, self._read(block, range(len(block))))
        decoded = self._canonical.decode(block)
        odd = [why.row for why in decoded.rejected if why.reason in _MALFORMED]
        readings = self._read(block, odd)
        if any(isinstance(reading, list) for reading in readings.values()):
            return self._merge(block, readings)
        return Decoded(decoded.batch, [_better(why, readings.get(why.row)) for why in decoded.rejected])

    def _read(
        self, block: RecordBlock, rows: Iterable[int], around: Mapping[int, Identity] = _NOTHING
    ) -> dict[int, list[bytes] | Rejected]:
        """What the readers make of these records: canonical JSON, or a rejection; left out is what is canonical.

        ``around`` holds the envelopes, by row, that are outside the values.
        """
        readings: dict[int, list[bytes] | Rejected] = {}
        for row in rows:
            value = block.value(row)
            if value is None or len(value) > self._max_bytes:
                continue
            try:
                found = self._reader.recognise(value, around=around.get(row))
                events = self._reader.events(found)
            except Rejection as why:
                readings[row] = Rejected(row, int(block.offset[row]), why.reason, why.sentence)
                continue
            if events is not None:
                self._tell(block.partition, found.name, found.why)
                readings[row] = [_ENCODE({"v": VERSION, **event}) for event in events]
        return readings

    def _merge(self, block: RecordBlock, readings: dict[int, list[bytes] | Rejected]) -> Decoded:
        """The whole block through the canonical decoder, with the readings in place of their records."""
        rows: list[int] = []
        pieces: list[bytes | None] = []
        rejected: list[Rejected] = []
        for row in range(len(block)):
            reading = readings.get(row)
            if isinstance(reading, Rejected):
                rejected.append(reading)
                continue
            mine = [block.value(row)] if reading is None else reading
            rows += [row] * len(mine)
            pieces += mine
        decoded = self._canonical.decode(_block(block, np.array(rows, np.int64), pieces))
        return _whole(np.array(rows, np.int64), decoded, rejected)

    def _tell(self, partition: str, name: str, why: str) -> None:
        if (partition, name) not in self._told:
            self._told.add((partition, name))
            self._on_format(partition, name, why)


_MALFORMED: Final = frozenset({Reason.missing_field, Reason.not_an_object, Reason.invalid_json, Reason.wrong_version})
"""What the canonical decoder says of records that may be of another format."""


def _looks_canonical(block: RecordBlock) -> bool:
    seen = (block.value(row) for row in range(min(len(block), SAMPLES)))
    return all(value is None or b'"v"' in value for value in seen)


def _block(block: RecordBlock, rows: NDArray[np.int64], pieces: list[bytes | None]) -> RecordBlock:
    """The canonical events as records: each with offset and time of the record that it came from."""
    length = np.array([0 if piece is None else len(piece) for piece in pieces], np.int64)
    null = np.array([piece is None for piece in pieces], np.bool_)
    end = np.cumsum(length)
    none = np.full(len(rows), -1, np.int64)
    return RecordBlock(
        partition=block.partition,
        buffer=np.frombuffer(b"".join(piece or b"" for piece in pieces), np.uint8),
        offset=block.offset[rows],
        timestamp_ms=block.timestamp_ms[rows],
        value_start=np.where(null, -1, end - length),
        value_end=np.where(null, -1, end),
        key_start=none,
        key_end=none,
        next_offset=block.next_offset,
    )


def _better(why: Rejected, reading: list[bytes] | Rejected | None) -> Rejected:
    """The readers know better what a record is that is no canonical event."""
    return reading if isinstance(reading, Rejected) else why


def _whole(rows: NDArray[np.int64], decoded: Decoded, rejected: list[Rejected]) -> Decoded:
    """Rejections by the records' own rows, and no event of a record that was rejected for another of its events."""
    if not decoded.rejected:
        return Decoded(decoded.batch, rejected)
    first: dict[int, Rejected] = {}
    for why in decoded.rejected:
        row = int(rows[why.row])
        first.setdefault(row, Rejected(row, why.offset, why.reason, why.sentence))
    accepted = np.delete(rows, [why.row for why in decoded.rejected])
    keep = ~np.isin(accepted, list(first))
    batch = decoded.batch if keep.all() else _rows(decoded.batch, keep)
    return Decoded(batch, sorted([*rejected, *first.values()], key=lambda why: why.row))


def _rows(batch: EventBatch, keep: NDArray[np.bool_]) -> EventBatch:
    columns: dict[str, Any] = {
        field.name: column[keep]
        for field in dataclasses.fields(batch)
        if isinstance(column := getattr(batch, field.name), np.ndarray)
    }
    return dataclasses.replace(batch, **columns)
