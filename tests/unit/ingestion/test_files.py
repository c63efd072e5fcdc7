"""Files as a source: what the conformance suite does not ask of every source."""

from __future__ import annotations

import gzip
import io
import os
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from monitor.errors import SourceRefused
from monitor.ingestion.files import FileSource, Progress
from tests.contract.source_logs import Claims, Reading

LINES = b"".join(b'{"n":%d}\n' % n for n in range(5000))


def read_all(source: FileSource, names: Sequence[str], starts: dict[str, int] | None = None) -> Reading:
    source.start(Claims(starts or {}))
    read = Reading()
    try:
        read.to_the_end(source, names)
    finally:
        source.close()
    return read


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match=r"nowhere\.jsonl cannot be read: No such file"):
        FileSource([tmp_path / "nowhere.jsonl"]).start(Claims())


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="Is a directory"):
        FileSource([tmp_path]).start(Claims())


def test_the_same_file_twice_is_refused() -> None:
    with pytest.raises(SourceRefused, match="more than once"):
        FileSource(["a.jsonl", "a.jsonl"])


def test_files_of_one_base_name_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "log.jsonl", tmp_path / "b" / "log.jsonl", tmp_path / "other.jsonl"]
    assert FileSource(paths).partitions() == {str(paths[0]), str(paths[1]), "other.jsonl"}


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_truncated_file_is_read_as_far_as_it_goes_and_then_named(tmp_path: Path, ending: str) -> None:
    noise = b"".join(b'{"n":"%s"}\n' % os.urandom(40).hex().encode() for _ in range(5000))
    whole = gzip.compress(noise) if ending == ".gz" else zstandard.ZstdCompressor().compress(noise)
    path = tmp_path / f"log.jsonl{ending}"
    path.write_bytes(whole[: len(whole) // 2])
    source = FileSource([path])
    source.start(Claims())
    read = Reading()
    with closing(source), pytest.raises(SourceRefused, match=rf"log.jsonl{ending}.*middle of compressed data"):
        read.to_the_end(source, [path.name])
    values = [record.value for _, record in read.rows[path.name]]
    assert len(values) > 1000
    assert values == noise.split(b"\n")[: len(values)]


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_damaged_file_is_named(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"log.jsonl{ending}"
    path.write_bytes(b"this is not compressed at all\n" * 10)
    with pytest.raises(SourceRefused, match="damaged"):
        read_all(FileSource([path]), [path.name])


def test_a_window_that_is_too_long_is_named_as_the_cause(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.zst"
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=30, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    path.write_bytes(compressor.compress(LINES) + compressor.flush())
    with pytest.raises(SourceRefused, match=r"needs a window of 1024 MiB .* at most 128 MiB .*without --long"):
        read_all(FileSource([path]), [path.name])


def test_a_compressed_bomb_is_read_in_bounded_pieces(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress(b"\0" * (200 << 20) + b"\n{}\n"))
    read = read_all(FileSource([path], max_line_bytes=1000), [path.name])
    assert [len(record.value or b"") for _, record in read.rows[path.name]] == [1001, 2]
    assert max(len(block.buffer) for polled in read.polls for block in polled.blocks) < 32 << 20


def test_a_file_with_fewer_lines_than_were_read_before_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"{}\n" * 10)
    with pytest.raises(SourceRefused, match="has 10 lines, but 11 were read before"):
        read_all(FileSource([path]), [path.name], {path.name: 11})


def test_an_empty_file_ends_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.touch()
    assert read_all(FileSource([path]), [path.name]).rows == {}


def test_progress_counts_the_bytes_of_the_file_itself(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    plain.write_bytes(LINES)
    packed.write_bytes(gzip.compress(LINES))
    source = FileSource([plain, packed], chunk_bytes=1000)
    source.start(Claims())
    assert source.progress["a.jsonl"] == Progress(0, len(LINES))
    source.poll(timeout_s=0)
    assert 0 < source.progress["a.jsonl"].read_bytes < len(LINES)
    Reading().to_the_end(source, ["a.jsonl", "b.jsonl.gz"])
    size = packed.stat().st_size
    assert source.progress == {"a.jsonl": Progress(len(LINES), len(LINES)), "b.jsonl.gz": Progress(size, size)}
    source.close()


def test_standard_input_is_read_as_it_comes() -> None:
    out, into = os.pipe()
    with open(out, "rb", buffering=0) as pipe, open(into, "wb", buffering=0) as writer:
        source = FileSource(["-"], stdin=pipe)
        source.start(Claims())
        assert not source.poll(timeout_s=0).blocks  # nothing there: does not block
        writer.write(b'{"n":0}\n{"n":')
        [block] = source.poll(timeout_s=5).blocks
        assert (block.partition, block.value(0)) == ("stdin", b'{"n":0}')
        threading.Timer(0.05, lambda: (writer.write(b"1}"), writer.close())).start()
        read = Reading()
        read.to_the_end(source, ["stdin"])
        assert [record.value for _, record in read.rows["stdin"]] == [b'{"n":1}']
        assert source.progress["stdin"].total_bytes is None
        source.close()


def test_a_stream_without_a_descriptor_can_stand_for_standard_input() -> None:
    assert len(read_all(FileSource(["-"], stdin=io.BytesIO(LINES)), ["stdin"]).rows["stdin"]) == 5000


def test_a_file_that_is_behind_is_read_before_the_others(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.jsonl" for name in "abc"]
    for path in paths:
        path.write_bytes(LINES)
    source = FileSource(paths, chunk_bytes=1000)
    source.start(Claims())
    order = [source.poll(timeout_s=0, behind="b.jsonl").blocks[0].partition for _ in range(6)]
    assert order == ["a.jsonl", "b.jsonl", "c.jsonl", "b.jsonl", "b.jsonl", "b.jsonl"]
    source.close()
