"""Expanding the record batches of Kafka's codecs with a bound: a bomb is refused before it fills the memory."""

from __future__ import annotations

import zlib
from typing import Final

import lz4.frame
import snappy  # type: ignore[import-untyped]
import zstandard

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)  # the compression type in a batch's attributes

ZSTD_WINDOW: Final = 1 << 27  # the library's own default: windows above 128 MiB are refused
ZSTD_PIECE: Final = 1 << 20
LZ4_EXPANDS_AT_MOST: Final = 255  # a match of any length costs at least 1 byte per 255
XERIAL_MAGIC: Final = b"\x82SNAPPY\x00"  # snappy-java's framing: 16 bytes of header, then length-prefixed blocks
XERIAL_HEADER: Final = 16


class TooLarge(Exception):  # noqa: N818 - named for what it says of the data
    """The data expand beyond the bound."""


class Damaged(Exception):  # noqa: N818 - named for what it says of the data
    """The data cannot be expanded."""


def expand(codec: int, data: memoryview, limit: int) -> bytes:
    """The expanded bytes of one record batch, at most ``limit`` of them.

    zstd and lz4 frames and snappy blocks that state their size are refused by it before anything is expanded; gzip,
    and frames that do not state it, while expanding, at most one byte beyond the limit.

    Raises:
        TooLarge: more than ``limit`` bytes.
        Damaged: not in the codec's form, cut short, or an unknown codec.
    """
    try:
        if codec == GZIP:
            return _gzip(data, limit)
        if codec == SNAPPY:
            return _snappy(data, limit)
        if codec == LZ4:
            return _lz4(data, limit)
        if codec == ZSTD:
            return _zstd(data, limit)
    except (zlib.error, zstandard.ZstdError, RuntimeError, ValueError, snappy.UncompressError) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error
    raise Damaged(f"unknown compression type {codec}")


def _checked(size: int, limit: int) -> int:
    if size > limit:
        raise TooLarge(f"expands to {'at least ' if size == limit + 1 else ''}{size} bytes, the limit is {limit}")
    return size


def _gzip(data: memoryview, limit: int) -> bytes:
    pieces: list[bytes] = []
    left = limit + 1
    rest: bytes | memoryview = data
    while len(rest):  # several members count as one stream
        member = zlib.decompressobj(wbits=31)
        pieces.append(member.decompress(rest, left))
        left -= len(pieces[-1])
        _checked(limit + 1 - left, limit)
        if not member.eof:
            raise Damaged("gzip data end early")
        rest = member.unused_data
    return b"".join(pieces)


def _lz4(data: memoryview, limit: int) -> bytes:
    if len(data) * LZ4_EXPANDS_AT_MOST <= limit:
        return bytes(lz4.frame.decompress(data))
    _checked(int(lz4.frame.get_frame_info(data)["content_size"]), limit)  # 0 where it is not stated
    frame = lz4.frame.LZ4FrameDecompressor()
    expanded = bytes(frame.decompress(data, max_length=limit + 1))
    _checked(len(expanded), limit)
    if not frame.eof:
        raise Damaged("lz4 data end early")
    return expanded


def _zstd(data: memoryview, limit: int) -> bytes:
    stated = zstandard.frame_content_size(data)  # -1 where it is not stated
    _checked(stated, limit)
    reader = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).stream_reader(data, read_across_frames=True)
    pieces: list[bytes] = []
    size = 0
    while piece := reader.read(min(ZSTD_PIECE, limit + 1 - size)):
        pieces.append(piece)
        size = _checked(size + len(piece), limit)
    if size < stated:
        raise Damaged(f"zstd data end early: {size} bytes of {stated}")
    return b"".join(pieces)


def _snappy(data: memoryview, limit: int) -> bytes:
    if bytes(data[: len(XERIAL_MAGIC)]) != XERIAL_MAGIC:
        _checked(_snappy_size(data), limit)
        return bytes(snappy.uncompress(bytes(data)))
    blocks: list[memoryview] = []
    at = XERIAL_HEADER
    size = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big", signed=True)
        block = data[at + 4 : at + 4 + length]
        if length <= 0 or len(block) < length:
            raise Damaged("snappy block length is wrong")
        size = _checked(size + _snappy_size(block), limit)
        blocks.append(block)
        at += 4 + length
    return b"".join(snappy.uncompress(bytes(block)) for block in blocks)


def _snappy_size(block: memoryview) -> int:
    """The expanded size that a raw snappy block states in its first 1 to 5 bytes."""
    size = 0
    for place, byte in enumerate(block[:5]):
        size |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return size
    raise Damaged("snappy block states no size")
