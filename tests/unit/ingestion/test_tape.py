"""A stream that can be read once, read twice."""

from __future__ import annotations

import io

from monitor.ingestion.tape import Tape


def read(stream: io.RawIOBase, size: int) -> bytes:
    return b"".join(iter(lambda: stream.read(size) or b"", b""))


def test_what_was_read_once_is_read_again() -> None:
    text = b"".join(b'{"n":%d}\n' % n for n in range(20_000))
    tape = Tape(io.BytesIO(text))
    assert read(tape.recording(), 1_000) == text
    for _ in range(2):
        again = tape.again()
        assert again is not None
        assert read(again, 777) == text


def test_what_is_too_much_to_keep_is_not_kept() -> None:
    tape = Tape(io.BytesIO(bytes(range(256)) * 4_000), keep_bytes=10)
    assert len(read(tape.recording(), 1 << 16)) == 1_024_000
    assert tape.again() is None
