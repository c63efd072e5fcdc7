"""Expanding within a bound, for every codec."""

from __future__ import annotations

import gzip
import tracemalloc
from contextlib import suppress

import lz4.frame
import pytest
import snappy
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka import codec as kafka_codec

from monitor.ingestion.compression import GZIP, LZ4, SNAPPY, ZSTD, Damaged, TooLarge, expand

MEBI = 1 << 20


def zstd_unsized(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=False).compress(data)


def lz4_sized(data: bytes) -> bytes:
    return bytes(lz4.frame.compress(data, store_size=True))


COMPRESSORS = {
    "gzip": (GZIP, gzip.compress),
    "gzip in members": (
        GZIP,
        lambda data: gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :]),
    ),
    "snappy": (SNAPPY, snappy.compress),
    "snappy in blocks": (SNAPPY, kafka_codec.snappy_encode),
    "lz4": (LZ4, kafka_codec.lz4_encode),
    "lz4 without size": (LZ4, lambda data: lz4.frame.compress(data, store_size=False)),
    "lz4 with size": (LZ4, lz4_sized),
    "zstd": (ZSTD, kafka_codec.zstd_encode),
    "zstd without size": (ZSTD, zstd_unsized),
}
every_codec = pytest.mark.parametrize(("codec", "compress"), COMPRESSORS.values(), ids=COMPRESSORS)


@every_codec
@pytest.mark.parametrize("size", [1, 1000, 300_000])
def test_what_was_compressed_comes_back(codec: int, compress, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert expand(codec, memoryview(compress(data)), size) == data


@every_codec
def test_a_bomb_is_refused_without_filling_the_memory(codec: int, compress) -> None:
    bomb = compress(b"\0" * (64 * MEBI))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match=str(MEBI)):
            expand(codec, memoryview(bomb), MEBI)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(bomb) + 8 * MEBI


@every_codec
def test_the_bound_itself_is_allowed_and_one_byte_more_is_not(codec: int, compress) -> None:
    data = b"ab" * 50_000
    assert expand(codec, memoryview(compress(data)), len(data)) == data
    with pytest.raises(TooLarge):
        expand(codec, memoryview(compress(data)), len(data) - 1)


@every_codec
def test_data_cut_short_are_never_taken_for_whole(codec: int, compress) -> None:
    data = bytes(i * i % 251 for i in range(50_000))
    whole = compress(data)
    if compress is zstd_unsized:  # nothing in the frame says what is missing; the record count of the batch does
        assert len(expand(codec, memoryview(whole[: len(whole) // 3]), MEBI)) < len(data)
        return
    with pytest.raises(Damaged):
        expand(codec, memoryview(whole[: len(whole) // 3]), MEBI)


def test_an_unknown_codec_is_named() -> None:
    with pytest.raises(Damaged, match="7"):
        expand(7, memoryview(b"data"), MEBI)


@settings(max_examples=200)
@given(st.sampled_from([GZIP, SNAPPY, LZ4, ZSTD]), st.binary(max_size=200), st.booleans())
def test_any_bytes_are_expanded_or_damaged_or_too_large(codec: int, data: bytes, framed: bool) -> None:
    data = (b"\x82SNAPPY\0\0\0\0\1\0\0\0\1" + data) if framed and codec == SNAPPY else data
    with suppress(Damaged, TooLarge):
        assert len(expand(codec, memoryview(data), 1000)) <= 1000
