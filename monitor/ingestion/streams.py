"""Files as byte streams: plain, gzip, Zstandard, or standard input; damage is found and what came before it kept."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import IO, Final, Protocol

import zstandard

GZIP_FEED: Final = 16 * 1024  # deflate expands at most 1,032 times: one feed gives at most 17 MB
ZSTD_FEED: Final = 2 * 1024  # a 4-byte run-length block gives 128 KiB: one feed gives at most 64 MiB
ZSTD_WINDOW: Final = 1 << 27  # what `zstd --long` uses at most by default: 128 MiB


RESTORE: Final = "Restore the file, or leave it out"


class _Expander(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class Stream:
    """A raw file read in chunks.

    Attributes:
        fault: why reading ended before the end of the data; None if it did not.
        bytes_read: bytes taken from the file itself, compressed if it is compressed.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        self.fault: str | None = None
        self.bytes_read = 0
        self.raw = raw

    def read(self, size: int) -> bytes:
        """Up to about ``size`` bytes; empty at the end or at a fault.

        Raises:
            OSError: the file cannot be read.
        """
        return self._raw(size)

    def close(self) -> None:
        """Close the file."""
        self.raw.close()

    def _raw(self, size: int) -> bytes:
        data = self.raw.read(size)
        self.bytes_read += len(data)
        return data


class CompressedStream(Stream):
    """Like :class:`Stream`, of a compressed file of one or more frames (gzip members, Zstandard frames)."""

    def __init__(self, raw: IO[bytes], *, gzip: bool) -> None:
        super().__init__(raw)
        self._gzip = gzip
        self._expander: _Expander | None = None
        self._pending = b""

    def read(self, size: int) -> bytes:
        """Up to about ``size`` expanded bytes, more by at most what one feed expands to."""
        pieces: list[bytes] = []
        expanded = 0
        while expanded < size and self.fault is None:
            data, self._pending = self._pending or self._raw(GZIP_FEED if self._gzip else ZSTD_FEED), b""
            if not data:
                if self._expander is not None:
                    self.fault = f"it ends in the middle of compressed data, after {self.bytes_read} bytes. {RESTORE}"
                break
            if self._expander is None and (window := _window(data) if not self._gzip else 0) > ZSTD_WINDOW:
                self.fault = (
                    f"it needs a window of {window >> 20} MiB to be expanded, at most {ZSTD_WINDOW >> 20} MiB are "
                    "allowed. Compress it without --long, or with --long=27"
                )
                break
            if self._expander is None:
                data = data.lstrip(b"\0") if self._gzip else data  # gzip allows zero padding between members
                if not data:
                    continue
                self._expander = self._new_expander()
            try:
                pieces.append(self._expander.decompress(data))
            except (zlib.error, zstandard.ZstdError) as error:
                self.fault = f"its compressed data is damaged near byte {self.bytes_read}: {error}. {RESTORE}"
                break
            expanded += len(pieces[-1])
            if self._expander.eof:
                self._pending = self._expander.unused_data
                self._expander = None
        return b"".join(pieces)

    def _new_expander(self) -> _Expander:
        if self._gzip:
            return zlib.decompressobj(wbits=31)
        return zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()


def _window(frame: bytes) -> int:
    """Bytes of window that a Zstandard frame needs; 0 where its header has no size."""
    try:
        return int(zstandard.get_frame_parameters(frame).window_size)
    except zstandard.ZstdError:
        return 0


def open_stream(path: Path) -> Stream:
    """Open by the name's ending: ``.gz``, ``.zst``, else plain.

    Raises:
        OSError: it cannot be opened.
    """
    raw = path.open("rb", buffering=0)
    if path.suffix in {".gz", ".zst"}:
        return CompressedStream(raw, gzip=path.suffix == ".gz")
    return Stream(raw)
