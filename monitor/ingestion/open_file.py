"""One file that is being read: its lines, how far it has come, and whether it still is what lies at its path."""

from __future__ import annotations

import os
import select
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec
import structlog

from monitor.errors import SourceRefused
from monitor.events.records import RecordBlock
from monitor.ingestion.file_identity import FileIdentity
from monitor.ingestion.splitter import Splitter
from monitor.ingestion.streams import CompressedStream, Stream

STANDARD_INPUT: Final = "-"

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class OpenFile:
    """A file or standard input, as a partition. ``path`` is where it is now; ``-`` is standard input."""

    name: str
    path: str
    stream: Stream
    splitter: Splitter
    counted: int
    """Records before this one were counted before."""
    total_bytes: int | None
    identity: FileIdentity | None = None
    """None of standard input."""
    begun: bool = False
    """Whether it has brought a record, or has none."""
    ended: bool = False

    @property
    def whole(self) -> bool:
        """Whether its last line is final: a compressed file or a closed pipe has no writer."""
        return self.path == STANDARD_INPUT or isinstance(self.stream, CompressedStream)

    @property
    def fraction_read(self) -> float:
        """Progress from 0 to 1; 0 where the size is unknown."""
        return self.stream.bytes_read / self.total_bytes if self.total_bytes else 0.0

    @property
    def behind(self) -> bool:
        """Whether the file holds bytes that were not read yet."""
        return os.fstat(self.stream.raw.fileno()).st_size > self.stream.bytes_read

    def read(self, chunk_bytes: int, *, timeout_s: float) -> tuple[RecordBlock | None, bool]:
        """The lines of the next chunk, and whether the file has no more bytes at the moment.

        Raises:
            SourceRefused: it cannot be read, is damaged, or has fewer lines than were read before.
        """
        if self.path == STANDARD_INPUT and not _ready(self.stream.raw, timeout_s):
            return None, False
        try:
            chunk = self.stream.read(chunk_bytes)
        except OSError as error:
            raise SourceRefused(f"{self.path} cannot be read further: {error.strerror or error}") from error
        if chunk:
            block = self.splitter.feed(chunk)
            self.begun |= block is not None
            return block, False
        self.begun = True
        if self.stream.fault is not None:
            raise SourceRefused(f"{self.path}, of which {self.splitter.lines} lines were read: {self.stream.fault}")
        return None, True

    def finish(self, *, leave_half: bool) -> RecordBlock | None:
        """The last line, if it has no newline; the file brings nothing more.

        Args:
            leave_half: leave it in the file if it is no whole JSON value: somebody is writing it.

        Raises:
            SourceRefused: the file has fewer lines than were read before.
        """
        self.ended = True
        rest = self.splitter.rest
        block = None
        if rest and leave_half and not self.whole and not _is_json(rest):
            log.warning(
                "file.half_line_left",
                file=self.path,
                line=self.splitter.lines,
                bytes=len(rest),
                reason="it has no newline and is no whole JSON value; it is read once it is complete",
            )
        else:
            block = self.splitter.finish()
        self.check_length()
        return block

    def check_length(self) -> None:
        """Check that the bytes read before are still there; to be called at the end of the file.

        Raises:
            SourceRefused: it is not.
        """
        if self.splitter.lines < self.counted:
            raise SourceRefused(
                f"{self.path} has {self.splitter.lines} lines, but {self.counted} were read before: it was cut, or "
                "is another file that begins in the same way; give it another name to read it from the start"
            )

    def is_cut(self) -> bool:
        """Whether it was emptied, and perhaps filled anew, under our eyes (copy and truncate)."""
        if self.identity is None or self.whole:
            return False
        descriptor = self.stream.raw.fileno()
        shorter = os.fstat(descriptor).st_size < self.stream.bytes_read
        return shorter or not self.identity.is_of(descriptor)

    def is_moved(self, path: str) -> bool:
        """Whether another file lies at this path now (rename and create). False while none does."""
        try:
            there = os.stat(path)
        except OSError:
            return False
        ours = os.fstat(self.stream.raw.fileno())
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def close(self) -> None:
        """Close it; standard input belongs to the caller and stays open."""
        self.ended = True
        if self.path != STANDARD_INPUT:
            self.stream.close()


def size_of(path: str) -> int:
    """In bytes."""
    return Path(path).stat().st_size


def _is_json(line: bytes) -> bool:
    """Whether it is a whole object or array: a number or a word might still grow."""
    if line.strip()[-1:] not in (b"}", b"]"):
        return False
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _ready(raw: IO[bytes], timeout_s: float) -> bool:
    """Whether a read would not block, waiting up to ``timeout_s``; streams without a descriptor never block."""
    try:
        descriptor = raw.fileno()
    except OSError:
        return True
    return bool(select.select([descriptor], [], [], timeout_s)[0])
