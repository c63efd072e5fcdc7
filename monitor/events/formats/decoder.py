"""Blocks of records of any wire format to canonical columns, through the canonical decoder.

Every reader's events are written as canonical JSON into a block of their own and handed to
:class:`monitor.events.decode.Decoder`: the very same checks, normalisation, hashing and fingerprints as for a
producer of canonical events, and at the scanner's speed. Blocks of canonical events go there untouched.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch
from monitor.events.decode import Decoded, Scanned
from monitor.events.formats import cloudevents_binary
from monitor.events.formats.format import MAX_EVENTS, Event, Identity
from monitor.events.formats.mapping import NAME as MAPPING
from monitor.events.formats.parse import encoded
from monitor.events.formats.reader import Reader
from monitor.events.reasons import Reason, Rejected, Rejection
from monitor.events.records import RecordBlock
from monitor.events.schema import VERSION

SAMPLES: Final = 4
"""Records of a block that are looked at to guess whether it is canonical. A wrong guess costs time, nothing else."""
_NOTHING: Final[Mapping[int, Identity]] = {}

OnFormat = Callable[[str, str, str], None]
"""Called with the first record of each format in each partition: partition, format, reason."""


class CanonicalDecoder(Protocol):
    """The decoder of canonical events, which also takes rows that are read already."""

    def decode(self, block: RecordBlock, scanned: Scanned | None = None) -> Decoded:
        """Accepted events in offset order, and why the other records were not accepted."""
        ...


class BlockDecoder(Protocol):
    """The decoder that the counting worker needs: the canonical one, or the one of all formats."""

    def decode(self, block: RecordBlock) -> Decoded:
        """Accepted events in offset order, and why the other records were not accepted."""
        ...


@dataclass(frozen=True, slots=True)
class _Read:
    """One part of a record: its events as canonical JSON, or why it has none."""

    pieces: list[bytes]
    fault: Rejection | None = None


class FormatDecoder:
    """Decodes records of any format. A record may give several events; one in an envelope may hold several records.

    Each of the records inside gives all of its events or one rejection, whatever becomes of the others.

    Args:
        canonical: checks and normalises what the readers say.
        reader: knows the formats.
        max_bytes: longest record that is read.
        auto: whether canonical events may be among the records.
        on_format: called once per partition and format.
        scan: reads most records of a mapping at the speed of canonical ones; what it leaves, the reader reads.
    """

    def __init__(
        self,
        canonical: CanonicalDecoder,
        reader: Reader,
        *,
        max_bytes: int,
        auto: bool = True,
        on_format: OnFormat = lambda partition, name, why: None,
        scan: Callable[[RecordBlock], Scanned] | None = None,
    ) -> None:
        self._canonical = canonical
        self._reader = reader
        self._max_bytes = max_bytes
        self._auto = auto
        self._on_format = on_format
        self._scan = scan
        self._reported: set[tuple[str, str]] = set()

    def decode(self, block: RecordBlock) -> Decoded:
        """Decode every record of the block."""
        around = cloudevents_binary.identities(block)
        if around:
            return self._merge(block, self._read(block, range(len(block)), around))
        if not (self._auto and _looks_canonical(block)):
            if self._scan is not None:
                return self._scanned(block, self._scan(block))
            return self._merge(block, self._read(block, range(len(block))))
        decoded = self._canonical.decode(block)
        odd = [why.row for why in decoded.rejected if why.reason in _MALFORMED]
        readings = self._read(block, odd)
        if any(part.pieces for parts in readings.values() for part in parts):
            return self._merge(block, readings)
        read = {row: _rejected(block, row, parts) for row, parts in readings.items()}
        return Decoded(decoded.batch, [better for why in decoded.rejected for better in read.get(why.row, [why])])

    def _scanned(self, block: RecordBlock, scanned: Scanned) -> Decoded:
        """The rows that the scan of the mapping has read, and all others as without it."""
        if scanned.keep.any():
            self._report(block.partition, MAPPING, "mapping.when holds")
        left = np.flatnonzero(~scanned.keep)
        if not len(left):
            return self._canonical.decode(block, scanned)
        return self._merge(block, self._read(block, left.tolist()), scanned)

    def _read(
        self, block: RecordBlock, rows: Iterable[int], around: Mapping[int, Identity] = _NOTHING
    ) -> dict[int, list[_Read]]:
        """The readers' results for these records, part by part; canonical records are left out.

        ``around`` holds the envelopes, by row, that are outside the values.
        """
        readings: dict[int, list[_Read]] = {}
        for row in rows:
            value = block.value(row)
            if value is None or len(value) > self._max_bytes:
                continue
            room = MAX_EVENTS
            parts: list[_Read] = []
            for found in self._reader.parts(value, around=around.get(row)):
                try:
                    events = self._reader.events(found)
                    if events is None:
                        continue
                    room -= len(events)
                    if room < 0:
                        raise Rejection(Reason.out_of_range, f"more than {MAX_EVENTS} events in one record")
                except Rejection as why:
                    parts.append(_Read([], why))
                    continue
                self._report(block.partition, found.name, found.why)
                parts.append(_Read([canonical_json(event) for event in events]))
            if parts:
                readings[row] = parts
        return readings

    def _merge(self, block: RecordBlock, readings: dict[int, list[_Read]], scanned: Scanned | None = None) -> Decoded:
        """The whole block through the canonical decoder, with the readings in place of their records."""
        rows: list[int] = []
        places: list[int] = []  # of each piece, the part of its record that it is from
        pieces: list[bytes | None] = []
        for row in range(len(block)):
            parts = readings.get(row)
            if parts is None:
                rows.append(row)
                places.append(0)
                pieces.append(None)
                continue
            for place, part in enumerate(parts):
                rows += [row] * len(part.pieces)
                places += [place] * len(part.pieces)
                pieces += part.pieces
        at = np.array(rows, np.int64)
        decoded = self._canonical.decode(_block(block, at, pieces), None if scanned is None else scanned.at(at))
        return _whole(block, at, np.array(places, np.int64), decoded, readings)

    def _report(self, partition: str, name: str, why: str) -> None:
        if (partition, name) not in self._reported:
            self._reported.add((partition, name))
            self._on_format(partition, name, why)


_MALFORMED: Final = frozenset(
    {Reason.missing_field, Reason.not_an_object, Reason.invalid_json, Reason.wrong_version, Reason.too_deep}
)
"""The canonical decoder's result for records that may be of another format."""


def _looks_canonical(block: RecordBlock) -> bool:
    seen = (block.value(row) for row in range(min(len(block), SAMPLES)))
    return all(value is None or b'"v"' in value for value in seen)


def _block(block: RecordBlock, rows: NDArray[np.int64], pieces: list[bytes | None]) -> RecordBlock:
    """The canonical events as records: each with offset and time of the record that it came from.

    A row without a piece is the record itself, where it is.
    """
    length = np.array([0 if piece is None else len(piece) for piece in pieces], np.int64)
    own = np.array([piece is None for piece in pieces], np.bool_)
    end = block.buffer.size + np.cumsum(length)
    none = np.full(len(rows), -1, np.int64)
    written = np.frombuffer(b"".join(piece or b"" for piece in pieces), np.uint8)
    return RecordBlock(
        partition=block.partition,
        buffer=np.concatenate((block.buffer, written)),
        offset=block.offset[rows],
        timestamp_ms=block.timestamp_ms[rows],
        value_start=np.where(own, block.value_start[rows], end - length),
        value_end=np.where(own, block.value_end[rows], end),
        key_start=none,
        key_end=none,
        next_offset=block.next_offset,
    )


def canonical_json(event: Event) -> bytes:
    """A reader's event in the form of a producer of canonical events."""
    return encoded({"v": VERSION, **event})


def _rejected(block: RecordBlock, row: int, parts: list[_Read]) -> list[Rejected]:
    """Why parts of a record are rejected: one rejection per reason, that of its first part, with their number."""
    found: dict[Reason, list[int]] = {}
    for place, part in enumerate(parts):
        if part.fault is not None:
            found.setdefault(part.fault.reason, []).append(place)
    rejected = []
    for reason, places in found.items():
        sentence = str(parts[places[0]].fault)
        if len(parts) > 1:
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            sentence = f"record {places[0] + 1} of {len(parts)} in this one{more}: {sentence}"
        rejected.append(Rejected(row, int(block.offset[row]), reason, sentence, len(places)))
    return rejected


def _whole(
    block: RecordBlock,
    rows: NDArray[np.int64],
    places: NDArray[np.int64],
    decoded: Decoded,
    readings: Mapping[int, list[_Read]],
) -> Decoded:
    """Rejections by the records' own rows, and no event of a part that was rejected for another of its events."""
    faults: dict[tuple[int, int], Rejection] = {}
    for why in decoded.rejected:
        faults.setdefault((int(rows[why.row]), int(places[why.row])), Rejection(why.reason, why.sentence))
    rejected: list[Rejected] = []
    for row, parts in readings.items():
        known = parts
        if faults:
            known = [
                dataclasses.replace(part, fault=faults.get((row, place), part.fault))
                for place, part in enumerate(parts)
            ]
        if any(part.fault is not None for part in known):
            rejected += _rejected(block, row, known)
    rejected += [
        Rejected(row, int(block.offset[row]), why.reason, why.sentence)
        for (row, _), why in faults.items()
        if row not in readings
    ]
    rejected.sort(key=lambda why: why.row)
    if not faults:
        return Decoded(decoded.batch, rejected)
    accepted = np.delete(np.stack([rows, places], axis=1), [why.row for why in decoded.rejected], axis=0)
    keep = np.array([(row, place) not in faults for row, place in accepted.tolist()], np.bool_)
    return Decoded(decoded.batch if keep.all() else _rows(decoded.batch, keep), rejected)


def _rows(batch: EventBatch, keep: NDArray[np.bool_]) -> EventBatch:
    columns: dict[str, Any] = {
        field.name: column[keep]
        for field in dataclasses.fields(batch)
        if isinstance(column := getattr(batch, field.name), np.ndarray)
    }
    return dataclasses.replace(batch, **columns)
