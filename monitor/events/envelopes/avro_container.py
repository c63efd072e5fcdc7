"""Avro object containers, as files and as records: a schema, then blocks of objects, each block compressed or not.

Source: avro.apache.org/docs/1.12.0/specification, object container files. Azure Event Hubs Capture writes them around
records in bytes (``Body``).
"""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Any, Final

import snappy  # type: ignore[import-untyped]
import zstandard

from monitor.events.envelopes.avro import Parsed, parsed_schema, read_avro
from monitor.events.envelopes.contents import is_json_text
from monitor.events.envelopes.peel import MAX_EXPANDED, MAX_PARTS
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, at
from monitor.events.formats.values import identifier
from monitor.events.reasons import Reason, Rejection

MAGIC: Final = b"Obj\x01"
SYNC_BYTES: Final = 16


class Container:
    """Reads a container piece by piece.

    Args:
        max_block: most bytes of one block, as it stands and expanded.
        max_objects: most objects of one block.
    """

    def __init__(self, *, max_block: int = MAX_EXPANDED, max_objects: int = MAX_PARTS) -> None:
        self._max_block = max_block
        self._max_objects = max_objects
        self._held = bytearray()
        self._schema: Parsed = None
        self._codec = "null"
        self._sync = b""

    def feed(self, piece: bytes) -> list[Any]:
        """The objects of the blocks that end in this piece, as plain JSON.

        Raises:
            Rejection: it is no container, damaged, or a block is too large.
        """
        self._held += piece
        found: list[Any] = []
        if self._schema is None and not self._head():
            return found
        while (block := self._block()) is not None:
            count, data = block
            _check(count <= len(data), "more objects than the block has bytes")
            if len(found) + count > self._max_objects:
                raise Rejection(Reason.out_of_range, f"avro-container: more than {self._max_objects} records in one")
            stream = BytesIO(data)
            found += [read_avro(self._schema, stream) for _ in range(count)]
        return found

    def end(self) -> None:
        """Nothing more comes.

        Raises:
            Rejection: it ends in the middle of a block.
        """
        _check(not self._held, "it ends in the middle of a block")

    def _head(self) -> bool:
        if len(self._held) < len(MAGIC):
            return False
        _check(self._held.startswith(MAGIC), "no Avro container")
        stream = BytesIO(bytes(self._held[len(MAGIC) :]))
        try:
            meta = read_avro(_META_SCHEMA, stream)
        except Rejection:
            if len(self._held) > self._max_block:
                raise
            return False
        end = len(MAGIC) + stream.tell() + SYNC_BYTES
        if len(self._held) < end:
            return False
        self._sync = bytes(self._held[end - SYNC_BYTES : end])
        self._codec = str(meta.get("avro.codec") or "null")
        _check(self._codec in _CODECS, f"codec {ascii(self._codec)[:20]} is not read; there are {', '.join(_CODECS)}")
        self._schema = parsed_schema(str(meta.get("avro.schema")))
        del self._held[:end]
        return True

    def _block(self) -> tuple[int, bytes] | None:
        count, at = _long(self._held, 0)
        size, at = _long(self._held, at)
        if at < 0:
            return None
        _check(0 <= size <= self._max_block, f"a block of {size} bytes; at most {self._max_block} are read")
        _check(count >= 0, "a block of a negative number of objects")
        end = at + size + SYNC_BYTES
        if len(self._held) < end:
            return None
        data, mark = bytes(self._held[at : at + size]), bytes(self._held[at + size : end])
        _check(mark == self._sync, "a block does not end where the container states")
        del self._held[:end]
        return count, _expanded(self._codec, data, self._max_block)


_META_SCHEMA: Final = parsed_schema('{"type": "map", "values": "bytes"}')
_CODECS: Final = ("null", "deflate", "snappy", "zstandard")


def _expanded(codec: str, data: bytes, limit: int) -> bytes:
    try:
        if codec == "deflate":
            inflater = zlib.decompressobj(wbits=-15)
            found = inflater.decompress(data, limit + 1)
        elif codec == "zstandard":
            found = zstandard.ZstdDecompressor().stream_reader(data).read(limit + 1)
        elif codec == "snappy":
            size, _ = _varint(data, 0)
            _check(size <= limit, f"a block that expands to {size} bytes; at most {limit} are read")
            found = snappy.uncompress(data[:-4])  # the last four bytes are a checksum
        else:
            found = data
    except (zlib.error, zstandard.ZstdError, snappy.UncompressError, RuntimeError):
        raise Rejection(Reason.invalid_json, "avro-container: a block is damaged") from None
    if len(found) > limit:
        raise Rejection(Reason.too_large, f"avro-container: a block expands to more than {limit} bytes")
    return found


def _varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """An unsigned varint and the place behind it; the place is -1 if the data end before."""
    raw = shift = 0
    while 0 <= at < len(data):
        raw |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return raw, at
        shift += 7
        _check(shift < 64, "no length where a block begins")
    return 0, -1


def _long(data: bytearray, at: int) -> tuple[int, int]:
    raw, at = _varint(data, at)
    return (raw >> 1) ^ -(raw & 1), at


def _check(holds: bool, sentence: str) -> None:
    if not holds:
        raise Rejection(Reason.invalid_json, f"avro-container: {sentence}")


def _open(record: bytes) -> list[Inner]:
    container = Container()
    found = container.feed(record)
    container.end()
    return [inside(one) for one in found]


def inside(found: Any) -> Inner:
    """An object of a container; of Event Hubs Capture the record in it."""
    body = at(found, "Body")
    if is_json_text(body) and "SequenceNumber" in found:
        return body, Identity(session=identifier(at(found, "SystemProperties", "x-opt-partition-key")))
    return found, Identity()


ENVELOPE: Final = Envelope(
    name="avro-container",
    title="Avro object container, also of Azure Event Hubs Capture",
    keys=(),
    fits=lambda record: "begins with Obj and 1" if isinstance(record, bytes) and record[:4] == MAGIC else None,
    keep=VALUE,
    open=_open,
    dropped="the schema, metadata",
)
