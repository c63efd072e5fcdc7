"""Log files as a source: JSONL, also ``.gz`` and ``.zst``, and ``-`` for standard input; read once, or followed."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import structlog

from monitor.clock import Clock
from monitor.counting.ports import LogIdentity
from monitor.errors import DriftlineError, SourceRefused, SourceUnavailable
from monitor.events.records import RecordBlock
from monitor.ingestion.file_identity import HEAD_BYTES, FileIdentity, former_file
from monitor.ingestion.open_file import STANDARD_INPUT, OpenFile, size_of
from monitor.ingestion.source import Assignment, Polled
from monitor.ingestion.splitter import Splitter
from monitor.ingestion.streams import Stream, open_stream

CHUNK_BYTES: Final = 1 << 20  # one poll's work: about 2,400 events of 435 bytes
MAX_LINE_BYTES: Final = 1 << 20  # the usual limit of a Kafka record
LAST_WORDS_S: Final = 2.0  # whoever writes to a rotated file opens the new one within so long

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """The read position of a file, in bytes of the file itself; ``total_bytes`` is None for standard input."""

    read_bytes: int
    total_bytes: int | None


class FileSource:
    """Files read side by side, each one a partition; the offset of a record is its line number from 0.

    A partition is named by the file's base name, or by the path as given where base names repeat. A file that turns
    out damaged is read up to the damage; then polling it raises. Standard input has the name ``stdin``.

    **Rotation.** A file that is not the one whose lines were counted (see :mod:`monitor.ingestion.file_identity`) is
    read from its start. If the former one lies beside it, its rest is read first. With a clock the files are
    *followed*: they never end, a file that grows is read on, and one that is renamed or cut while it is read is left
    at its end for what lies at the path then. A file that is not there yet is waited for.

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
        leave_half: bool = False,
        follow: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args:
        leave_half: whoever comes again later leaves a last line that is not whole; else it is handed out as it is.
        follow: the clock, to follow the files; None reads each of them once.
        monotonic: seconds, for how long a rotated file is still waited at.
        """
        self._paths = _names([str(path) for path in paths])
        self._stdin = stdin
        self._chunk_bytes = chunk_bytes
        self._max_line_bytes = max_line_bytes
        self._leave_half = leave_half or follow is not None
        self._follow = follow
        self._monotonic = monotonic
        self._files: dict[str, OpenFile] = {}
        self._former: dict[str, Path] = {}
        self._claimed: dict[str, str] = {}
        """Identity that a partition was claimed with."""
        self._read_out: dict[str, str] = {}
        """Identity of the former file of a partition that was read to its end."""
        self._left_since: dict[str, float] = {}
        self._paused: frozenset[str] = frozenset()
        self._assignment: Assignment

    @property
    def progress(self) -> Mapping[str, Progress]:
        """Positions by partition, for progress bars."""
        return {name: Progress(file.stream.bytes_read, file.total_bytes) for name, file in self._files.items()}

    def start(self, assignment: Assignment) -> None:
        """Claim every file and open it."""
        self._assignment = assignment
        self._begin(sorted(self.partitions(), key=list(self._paths).index))

    def poll(self, *, timeout_s: float, behind: str | None = None) -> Polled:
        """One chunk of one file: one that was not read yet, else ``behind``, else the one least far through."""
        now = None if self._follow is None else self._follow.now_ms()
        if self._follow is not None:
            self._begin([name for name in self._paths if name not in self._files and self._is_there(name)])
        file = self._choose(behind)
        block = None
        if file is not None:
            block = self._read(file, timeout_s)
        elif self._follow is not None:
            time.sleep(timeout_s)
        ended = frozenset(name for name, known in self._files.items() if known.ended)
        caught_up = frozenset() if self._follow is None else self._caught_up()
        blocks = [] if block is None else [block]
        return Polled(blocks=blocks, caught_up=caught_up, ended=ended, clock_ms=now)

    def partitions(self) -> frozenset[str]:
        """One per file; of followed ones, those that are there."""
        if self._follow is None:
            return frozenset(self._paths)
        return frozenset(name for name in self._paths if name in self._files or self._is_there(name))

    def identify(self, partition: str, known: str) -> LogIdentity:
        """Identify it by its first bytes; the former file where its rest is still to be read."""
        log_identity = self._identify(partition, self._paths[partition], known)
        self._claimed[partition] = log_identity.now
        return log_identity

    def _identify(self, partition: str, path: str, known: str) -> LogIdentity:
        self._former.pop(partition, None)
        if path == STANDARD_INPUT:
            return LogIdentity(now=known, was=known)
        was = FileIdentity.parse(known)
        try:
            with Path(path).open("rb", buffering=0) as file:
                now = FileIdentity.of(file.fileno())
                if was is None or was.is_of(file.fileno()):
                    return LogIdentity(now=str(now), was=known)
        except OSError as error:
            raise self._unreadable(path, error) from error
        former = None if self._read_out.get(partition) == known else former_file(Path(path), was)
        if former is not None:
            self._former[partition] = former
            return LogIdentity(now=known, was=known)
        if self._read_out.get(partition) != known:
            log.warning("file.former_not_found", file=path, consequence="its records beyond that were not read")
        return LogIdentity(now=str(now), was=known, renewed=True)

    def confirm(self, *, ask: bool) -> None:
        """An open file stays the same file, even if its path names another one."""

    def committed(self, positions: Mapping[str, int]) -> None:
        """A file has no lag tools to commit for."""

    def pause(self, partitions: frozenset[str]) -> None:
        """Read no more of these."""
        self._paused |= partitions

    def resume(self, partitions: frozenset[str]) -> None:
        """Read them again."""
        self._paused -= partitions

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()

    def _begin(self, names: Sequence[str]) -> None:
        if not names:
            return
        starts = self._assignment.assigned(list(names))
        try:
            for name in names:
                counted = max(0, self._assignment.position(name))
                self._files[name] = self._open(name, max(0, starts[name]), counted)
        except SourceRefused:
            self.close()
            raise

    def _open(self, name: str, start: int, counted: int) -> OpenFile:
        path = str(self._former.get(name, self._paths[name]))
        splitter = Splitter(partition=name, start=start, max_line_bytes=self._max_line_bytes)
        if path == STANDARD_INPUT:
            return OpenFile(name, path, Stream(self._stdin or standard_input()), splitter, counted, None)
        try:
            stream = open_stream(Path(path))
            identity = FileIdentity.of(stream.raw.fileno())
            return OpenFile(name, path, stream, splitter, counted, size_of(path), identity)
        except OSError as error:
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: str, error: OSError) -> DriftlineError:
        text = f"{path} cannot be read: {error.strerror or error}"
        if self._follow is not None and isinstance(error, FileNotFoundError):
            return SourceUnavailable(text)  # it was renamed just now; another will be made
        return SourceRefused(text)

    def _is_there(self, name: str) -> bool:
        path = self._paths[name]
        return path == STANDARD_INPUT or Path(path).exists()

    def _choose(self, behind: str | None) -> OpenFile | None:
        ready = [file for name, file in self._files.items() if not file.ended and name not in self._paused]
        if self._follow is not None:
            ready = [file for file in ready if not file.begun or file.behind or self._is_left(file)]
        fresh = next((file for file in ready if not file.begun), None)
        wanted = next((file for file in ready if file.name == behind), None)
        return fresh or wanted or min(ready, key=lambda file: file.fraction_read, default=None)

    def _is_left(self, file: OpenFile) -> bool:
        """Whether the file has been left by those who write to it: cut, or renamed for a while."""
        if file.is_cut() or file.name in self._former:
            return True
        if not file.is_moved(self._paths[file.name]):
            self._left_since.pop(file.name, None)
            return False
        since = self._left_since.setdefault(file.name, self._monotonic())
        return self._monotonic() - since >= LAST_WORDS_S

    def _is_passed(self, file: OpenFile) -> bool:
        """Whether something lies at its path that was not read yet."""
        return file.name in self._former or file.is_cut() or file.is_moved(self._paths[file.name])

    def _read(self, file: OpenFile, timeout_s: float) -> RecordBlock | None:
        block, at_end = file.read(self._chunk_bytes, timeout_s=timeout_s)
        if self._follow is not None and file.is_cut():
            return self._turn(file, rest=None)  # what was read may be of the old file and of the new one
        if at_end:
            return self._at_end(file)
        if self._is_known(file):
            return block
        self._know_better(file)
        return None

    def _at_end(self, file: OpenFile) -> RecordBlock | None:
        """The file has no more bytes at the moment; its last line, if it will never bring more."""
        if file.name in self._former or (self._follow is not None and self._is_left(file)):
            return self._turn(file, rest=file.finish(leave_half=False))
        if self._follow is not None:
            file.check_length()
            return None
        return file.finish(leave_half=self._leave_half)

    def _turn(self, file: OpenFile, *, rest: RecordBlock | None) -> RecordBlock | None:
        """Leave a file that was rotated or cut for the one at its path; its last line is handed out first."""
        if rest is not None:
            file.ended = False  # comes here again, with nothing left, once this line is counted
            return rest
        self._assignment.revoked([file.name])
        if file.identity is not None and not file.is_cut():
            self._read_out[file.name] = self._claimed[file.name]
        self._drop(file)
        if self._follow is None or self._is_there(file.name):
            self._begin([file.name])
        return None

    def _is_known(self, file: OpenFile) -> bool:
        """Whether a followed file was claimed by enough of its beginning: one that has just been made has none."""
        claimed = None if self._follow is None else FileIdentity.parse(self._claimed[file.name])
        if claimed is None or file.name in self._former or file.whole:
            return True
        return claimed.head_bytes >= (HEAD_BYTES if file.stream.bytes_read >= HEAD_BYTES else 1)

    def _know_better(self, file: OpenFile) -> None:
        """Claim it again by the beginning that it has now, and read that again."""
        self._assignment.revoked([file.name])
        self._drop(file)
        self._begin([file.name])

    def _drop(self, file: OpenFile) -> None:
        file.close()
        del self._files[file.name]
        self._left_since.pop(file.name, None)

    def _caught_up(self) -> frozenset[str]:
        return frozenset(
            name
            for name, file in self._files.items()
            if file.begun and name not in self._paused and not file.behind and not self._is_passed(file)
        )


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
