"""A stream that can be read once, kept compressed in memory to be read a second time; never on disk."""

from __future__ import annotations

import io
from typing import IO, Any, Final

import zstandard

KEPT_BYTES: Final = 256 << 20
"""Compressed; of guardrail logs that is a few GB."""


class Tape:
    """Records what :meth:`recording` reads, and gives it again.

    Args:
        stream: read once, by :meth:`recording`.
        keep_bytes: beyond so many compressed bytes nothing is kept.
    """

    def __init__(self, stream: IO[bytes], *, keep_bytes: int = KEPT_BYTES) -> None:
        self._stream = stream
        self._keep_bytes = keep_bytes
        self._kept = io.BytesIO()
        self._writer: Any = zstandard.ZstdCompressor(level=1).compressobj()
        self._lost = False

    def recording(self) -> IO[bytes]:
        """The stream itself, recorded while it is read."""
        return _Recording(self, self._stream)  # type: ignore[return-value]

    def again(self) -> IO[bytes] | None:
        """The bytes read, from the beginning; None if they were too many to keep."""
        if self._lost:
            return None
        if self._writer is not None:
            self._kept.write(self._writer.flush())
            self._writer = None
        self._kept.seek(0)
        return _Kept(zstandard.ZstdDecompressor().stream_reader(self._kept, closefd=False))  # type: ignore[return-value]

    def keep(self, data: bytes) -> None:
        """So much was read."""
        if self._lost:
            return
        self._kept.write(self._writer.compress(data))
        if self._kept.tell() > self._keep_bytes:
            self._lost = True
            self._kept = io.BytesIO()


class _Recording(io.RawIOBase):
    def __init__(self, tape: Tape, stream: IO[bytes]) -> None:
        self._tape = tape
        self._stream = stream

    def fileno(self) -> int:
        """File descriptor of the stream, so that waiting for it works."""
        return self._stream.fileno()

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes."""
        data = self._stream.read(size) or b""
        self._tape.keep(data)
        return data


class _Kept(io.RawIOBase):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes."""
        return bytes(self._stream.read(size))
