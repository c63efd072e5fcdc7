"""Log files as a source: JSONL, also ``.gz`` and ``.zst``, and ``-`` for standard input."""

from __future__ import annotations

import select
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from monitor.errors import SourceRefused
from monitor.events.records import RecordBlock
from monitor.ingestion.source import Assignment, Polled
from monitor.ingestion.splitter import Splitter
from monitor.ingestion.streams import Stream, open_stream

STANDARD_INPUT: Final = "-"
CHUNK_BYTES: Final = 1 << 20  # one poll's work: about 2,400 events of 435 bytes
MAX_LINE_BYTES: Final = 1 << 20  # the usual limit of a Kafka record


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file has been read, in bytes of the file itself; ``total_bytes`` is None for standard input."""

    read_bytes: int
    total_bytes: int | None


@dataclass(slots=True)
class _File:
    name: str
    path: str
    stream: Stream
    splitter: Splitter
    start: int
    total_bytes: int | None
    begun: bool = False
    ended: bool = field(default=False)


class FileSource:
    """Files read side by side, each one a partition; the offset of a record is its line number from 0.

    A partition is named by the file's base name, or by the path as given where base names repeat. A file that turns
    out damaged is read up to the damage; then polling it raises. Standard input has the name ``stdin``.

    Raises (from :meth:`start` and :meth:`poll`):
        SourceRefused: a file is missing, a directory, unreadable, damaged, given twice, or has fewer lines than were
            read before.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        *,
        stdin: IO[bytes] | None = None,
        chunk_bytes: int = CHUNK_BYTES,
        max_line_bytes: int = MAX_LINE_BYTES,
    ) -> None:
        self._paths = _names([str(path) for path in paths])
        self._stdin = stdin
        self._chunk_bytes = chunk_bytes
        self._max_line_bytes = max_line_bytes
        self._files: dict[str, _File] = {}
        self._paused: frozenset[str] = frozenset()

    @property
    def progress(self) -> Mapping[str, Progress]:
        """By partition, for progress bars."""
        return {name: Progress(file.stream.bytes_read, file.total_bytes) for name, file in self._files.items()}

    def start(self, assignment: Assignment) -> None:
        """Claim every file and open it."""
        starts = assignment.assigned(list(self._paths))
        try:
            for name, path in self._paths.items():
                stream, size = self._open(path)
                start = max(0, starts[name])
                splitter = Splitter(partition=name, start=start, max_line_bytes=self._max_line_bytes)
                self._files[name] = _File(name, path, stream, splitter, start, size)
        except SourceRefused:
            self.close()
            raise

    def poll(self, *, timeout_s: float, behind: str | None = None) -> Polled:
        """One chunk of one file: one that was not read yet, else ``behind``, else the one least far through."""
        file = self._choose(behind)
        block = None if file is None else self._read(file, timeout_s)
        ended = frozenset(name for name, known in self._files.items() if known.ended)
        return Polled(blocks=[] if block is None else [block], caught_up=frozenset(), ended=ended, clock_ms=None)

    def partitions(self) -> frozenset[str]:
        """One per file."""
        return frozenset(self._paths)

    def committed(self, positions: Mapping[str, int]) -> None:
        """Nobody looks at a file's lag."""

    def pause(self, partitions: frozenset[str]) -> None:
        """Read no more of these."""
        self._paused |= partitions

    def resume(self, partitions: frozenset[str]) -> None:
        """Read them again."""
        self._paused -= partitions

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            if file.path != STANDARD_INPUT:
                file.stream.close()
            file.ended = True

    def _open(self, path: str) -> tuple[Stream, int | None]:
        if path == STANDARD_INPUT:
            return Stream(self._stdin or standard_input()), None
        try:
            return open_stream(Path(path)), Path(path).stat().st_size
        except OSError as error:
            raise SourceRefused(f"{path} cannot be read: {error.strerror or error}") from error

    def _choose(self, behind: str | None) -> _File | None:
        ready = [file for name, file in self._files.items() if not file.ended and name not in self._paused]
        fresh = next((file for file in ready if not file.begun), None)
        wanted = next((file for file in ready if file.name == behind), None)
        return fresh or wanted or min(ready, key=_fraction_read, default=None)

    def _read(self, file: _File, timeout_s: float) -> RecordBlock | None:
        if file.path == STANDARD_INPUT and not _ready(file.stream.raw, timeout_s):
            return None
        try:
            chunk = file.stream.read(self._chunk_bytes)
        except OSError as error:
            raise SourceRefused(f"{file.path} cannot be read further: {error.strerror or error}") from error
        if chunk:
            block = file.splitter.feed(chunk)
            file.begun |= block is not None
            return block
        file.begun = True
        if file.stream.fault is not None:
            raise SourceRefused(
                f"{file.path}: {file.stream.fault}; its first {file.splitter.lines} lines were read. "
                "Restore the file, or leave it out"
            )
        block = file.splitter.finish()
        file.ended = True
        if file.splitter.lines < file.start:
            raise SourceRefused(
                f"{file.path} has {file.splitter.lines} lines, but {file.start} were read before: it is another file "
                "or was cut; give it another name to read it from the start"
            )
        return block


def standard_input() -> IO[bytes]:
    """Unbuffered: a read of a pipe returns what is there instead of waiting for a full chunk."""
    return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)


def _names(paths: Sequence[str]) -> dict[str, str]:
    """Partition name -> path."""
    repeated = [path for path, times in Counter(paths).items() if times > 1]
    if repeated:
        raise SourceRefused(f"{repeated[0]} is given more than once")
    bases = Counter(Path(path).name for path in paths)
    name = {path: Path(path).name if bases[Path(path).name] == 1 else path for path in paths}
    return {"stdin" if path == STANDARD_INPUT else name[path]: path for path in paths}


def _fraction_read(file: _File) -> float:
    return file.stream.bytes_read / file.total_bytes if file.total_bytes else 0.0


def _ready(raw: IO[bytes], timeout_s: float) -> bool:
    """Whether a read would not block, waiting up to ``timeout_s``; streams without a descriptor never block."""
    try:
        descriptor = raw.fileno()
    except OSError:
        return True
    return bool(select.select([descriptor], [], [], timeout_s)[0])
