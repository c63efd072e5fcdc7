"""Splits a file's bytes into records: JSON lines, documents printed over several lines, UTF-16, Avro.

Its kind is recognised by its beginning, once. JSON lines go to the splitter of lines untouched.
"""

from __future__ import annotations

import codecs
from typing import Any, Final, Protocol

import msgspec
import numpy as np

from monitor.errors import SourceRefused
from monitor.events.envelopes.avro_container import MAGIC, Container, inside
from monitor.events.envelopes.documents import document_end
from monitor.events.envelopes.text_encoding import encoding_of
from monitor.events.reasons import Rejection
from monitor.events.records import RecordBlock
from monitor.ingestion.lines import BYTE_ORDER_MARK, LineSplitter

LOOKS_AT: Final = 1 << 16
"""Bytes of the beginning that are waited for where two lines do not end before."""
MAX_OBJECTS: Final = 1_000_000
"""Most objects of one block of an Avro file."""
_SPACE: Final = b" \t\r\n\x1e,"
_ENCODE: Final = msgspec.json.Encoder(enc_hook=str).encode


class Pieces(Protocol):
    """A splitter of one kind of stream; ``lines`` is the number of lines so far."""

    @property
    def lines(self) -> int:
        """Records so far."""

    @property
    def rest(self) -> bytes:
        """Bytes after the last record so far."""

    def feed(self, chunk: bytes) -> RecordBlock | None:
        """The records that end in this chunk."""
        ...

    def finish(self) -> RecordBlock | None:
        """The rest at the end."""
        ...


class Splitter:
    """Recognises a stream by its beginning, and passes it on.

    Raises (from :meth:`feed` and :meth:`finish`):
        SourceRefused: an Avro container is damaged.
    """

    def __init__(self, *, partition: str, start: int, max_line_bytes: int) -> None:
        self._options = (partition, start, max_line_bytes)
        self._head = b""
        self._inner: Pieces | None = None
        self._decoder: codecs.IncrementalDecoder | None = None

    @property
    def lines(self) -> int:
        """Records so far, the blank and skipped ones too."""
        return 0 if self._inner is None else self._inner.lines

    @property
    def rest(self) -> bytes:
        """Bytes after the last record so far."""
        return self._head if self._inner is None else self._inner.rest

    def feed(self, chunk: bytes) -> RecordBlock | None:
        """The records that end in this chunk; None if none of them is to be handed out."""
        if self._inner is None:
            self._head += chunk
            if len(self._head) < LOOKS_AT and not _is_enough(self._head):
                return None
            chunk = self._begin()
        return self._feed(chunk)

    def finish(self) -> RecordBlock | None:
        """The last records; those of a short file all."""
        if self._inner is not None:
            return self._inner.finish()
        if not self._head:
            return None
        first = self._feed(self._begin())
        last = None if self._inner is None else self._inner.finish()
        return _joined(first, last)

    def _feed(self, chunk: bytes) -> RecordBlock | None:
        if self._inner is None:
            raise AssertionError("fed before its format is known")
        return self._inner.feed(chunk if self._decoder is None else self._decoder.decode(chunk).encode())

    def _begin(self) -> bytes:
        """Choose by the head; returns what is to be fed of it, still in its own encoding."""
        partition, start, longest = self._options
        head, self._head = self._head, b""
        if head.startswith(MAGIC):
            self._inner = AvroSplitter(partition=partition, start=start)
            return head
        text = head.removeprefix(BYTE_ORDER_MARK)
        encoding = encoding_of(text[:4])
        if encoding is not None:
            name, mark = encoding
            self._decoder = codecs.getincrementaldecoder(name)("replace")
            head = head[mark:]
            text = codecs.getincrementaldecoder(name)("replace").decode(head).encode()
        kind: type[DocumentSplitter | LineSplitter] = DocumentSplitter if _is_printed(text) else LineSplitter
        self._inner = kind(partition=partition, start=start, max_line_bytes=longest)
        return head


class DocumentSplitter:
    """JSON documents that are not one a line; of an array the elements. The offset is a document's number from 0.

    One that is longer than ``max_line_bytes`` becomes a record of its first ``max_line_bytes + 1`` bytes, as a line.
    """

    def __init__(self, *, partition: str, start: int, max_line_bytes: int) -> None:
        self.lines = 0
        self._partition = partition
        self._start = start
        self._longest = max_line_bytes + 1
        self._held = bytearray()
        self._scanned = self._depth = 0
        self._in_string = False
        self._cut: bytes | None = None  # the beginning of a document that is too long

    @property
    def rest(self) -> bytes:
        """The beginning of a document."""
        return bytes(self._held).strip(_SPACE + b"[]") if self._cut is None else self._cut

    def feed(self, chunk: bytes) -> RecordBlock | None:
        """The documents that end in this chunk."""
        self._held += chunk
        values: list[bytes] = []
        while (value := self._next()) is not None:
            values.append(value)
        return self._block(values)

    def finish(self) -> RecordBlock | None:
        """The rest: a document that does not end, or something between two."""
        value, self._held = self.rest[: self._longest], bytearray()
        return self._block([value] if value else [])

    def _next(self) -> bytes | None:
        if self._depth == 0 and self._cut is None:
            del self._held[: len(self._held) - len(self._held.lstrip(_SPACE + b"[]"))]
            self._scanned = 0
            if not self._held:
                return None
            if self._held[:1] != b"{":
                return self._between()
        end, self._depth, self._in_string = document_end(
            np.frombuffer(bytes(self._held), np.uint8), self._scanned, self._depth, self._in_string
        )
        if end >= 0:
            value = bytes(self._held[: min(end, self._longest)]) if self._cut is None else self._cut
            del self._held[:end]
            self._scanned, self._cut = 0, None
            return value
        self._scanned = len(self._held) - (self._in_string and _ends_escaping(self._held))
        if self._scanned >= self._longest:
            self._cut = bytes(self._held[: self._longest]) if self._cut is None else self._cut
            del self._held[: self._scanned]
            self._scanned = 0
        return None

    def _between(self) -> bytes | None:
        """Bytes that are not a document, up to its line's end or the next one."""
        ends = [at for mark in (b"\n", b"{") if (at := self._held.find(mark)) >= 0]
        if not ends and len(self._held) < self._longest:
            return None
        end = min(ends, default=self._longest)
        value = bytes(self._held[:end])
        del self._held[:end]
        return value

    def _block(self, values: list[bytes]) -> RecordBlock | None:
        first = self.lines
        self.lines += len(values)
        return block_of(self._partition, values, first=first, start=self._start)


class AvroSplitter:
    """The objects of an Avro container as JSON. The offset is an object's number from 0."""

    def __init__(self, *, partition: str, start: int) -> None:
        self.lines = 0
        self._partition = partition
        self._start = start
        self._container = Container(max_objects=MAX_OBJECTS)

    @property
    def rest(self) -> bytes:
        """Nothing that could be read later: a block is whole or damage."""
        return b""

    def feed(self, chunk: bytes) -> RecordBlock | None:
        """The objects of the blocks that end in this chunk."""
        try:
            values = [_ENCODE(one) for one in map(_record, self._container.feed(chunk))]
        except Rejection as why:
            raise self._damaged(why) from None
        first = self.lines
        self.lines += len(values)
        return block_of(self._partition, values, first=first, start=self._start)

    def finish(self) -> RecordBlock | None:
        """Nothing, if the file is whole."""
        try:
            self._container.end()
        except Rejection as why:
            raise self._damaged(why) from None
        return None

    def _damaged(self, why: Rejection) -> SourceRefused:
        return SourceRefused(
            f"{self._partition}: {why.sentence}; its first {self.lines} records were read. "
            "Restore the file, or leave it out"
        )


def _record(found: Any) -> Any:
    """The record of an object: of Event Hubs Capture the record in its body."""
    record, _ = inside(found)
    return msgspec.Raw(record.encode()) if isinstance(record, str) and record is not found else record


def block_of(partition: str, values: list[bytes], *, first: int, start: int) -> RecordBlock | None:
    """Records numbered from ``first``, those before ``start`` left out; None if nothing is left."""
    kept = values[max(0, start - first) :]
    if not kept:
        return None
    lengths = np.array([len(value) for value in kept], np.int64)
    ends = np.cumsum(lengths)
    none = np.full(len(kept), -1, np.int64)
    last = first + len(values)
    return RecordBlock(
        partition=partition,
        buffer=np.frombuffer(b"".join(kept), np.uint8),
        offset=np.arange(last - len(kept), last, dtype=np.int64),
        timestamp_ms=none,
        value_start=ends - lengths,
        value_end=ends,
        key_start=none,
        key_end=none,
        next_offset=last,
    )


def _is_printed(text: bytes) -> bool:
    """Whether JSON is printed over several lines: the first one leaves a bracket open, and the second goes on.

    A first line that was cut off does not make a file of lines anything else: the line behind it begins anew.
    """
    lines = [line for line in (line.strip() for line in text.split(b"\n", 64)[:64]) if line][:2]
    if not lines or lines[0][:1] not in (b"{", b"["):
        return False
    end, _, in_string = document_end(np.frombuffer(lines[0], np.uint8), 0, 0, False)
    if end >= 0 or in_string:
        return False
    if len(lines) == 1:
        return lines[0][:1] == b"[" and len(text) >= LOOKS_AT
    return lines[0][:1] == b"[" or lines[1][:1] in (b'"', b"}")


def _is_enough(head: bytes) -> bool:
    """Whether the kind can be recognised: its first line is whole, or the second one has begun."""
    if len(head) < len(MAGIC) or encoding_of(head.removeprefix(BYTE_ORDER_MARK)[:4]) is not None:
        return False
    lines = [line for line in head.removeprefix(BYTE_ORDER_MARK).split(b"\n", 64) if line.strip()]
    if head.startswith(MAGIC) or len(lines) > 1:
        return True
    return b"\n" in head.lstrip() and document_end(np.frombuffer(lines[0], np.uint8), 0, 0, False)[0] >= 0


def _ends_escaping(text: bytearray) -> bool:
    return (len(text) - len(text.rstrip(b"\\"))) % 2 == 1


def _joined(first: RecordBlock | None, last: RecordBlock | None) -> RecordBlock | None:
    if first is None or last is None:
        return last if first is None else first
    values = [block.value(row) or b"" for block in (first, last) for row in range(len(block))]
    joined = block_of(first.partition, values, first=0, start=0)
    if joined is None:
        raise AssertionError("two blocks have records")
    numbers = np.concatenate([first.offset, last.offset])
    return RecordBlock(
        partition=joined.partition,
        buffer=joined.buffer,
        offset=numbers,
        timestamp_ms=joined.timestamp_ms,
        value_start=joined.value_start,
        value_end=joined.value_end,
        key_start=joined.key_start,
        key_end=joined.key_end,
        next_offset=last.next_offset,
    )
