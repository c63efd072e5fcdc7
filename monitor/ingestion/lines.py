"""Lines of a byte stream as record blocks, with every line's length bounded."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.records import RecordBlock

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
NEWLINE, RETURN = 0x0A, 0x0D
WHITESPACE: Final = np.frombuffer(b" \t\r\v\f", np.uint8)


class LineSplitter:
    """Turns consecutive chunks of one stream into blocks; the offset of a record is its line number from 0.

    Blank lines count as lines and are not handed out. A line longer than ``max_line_bytes`` becomes a record of
    its first ``max_line_bytes + 1`` bytes, which whoever decodes it rejects as too large; the rest is not held.
    """

    def __init__(self, *, partition: str, start: int, max_line_bytes: int) -> None:
        if max_line_bytes < 1:
            raise ValueError(f"max_line_bytes must be at least 1, got {max_line_bytes}")
        self.lines = 0
        self._partition = partition
        self._start = start
        self._longest = max_line_bytes + 1
        self._carry = bytearray()  # the beginning of a line whose newline has not come yet
        self._skipping = False  # the carry is as long as a line may get: drop bytes up to the next newline
        self._at_beginning = True

    def feed(self, chunk: bytes) -> RecordBlock | None:
        """The lines that end in this chunk; None if none of them is to be handed out."""
        if self._at_beginning and chunk:
            chunk = chunk.removeprefix(BYTE_ORDER_MARK)
            self._at_beginning = False
        if self._skipping:
            end = chunk.find(b"\n")
            if end < 0:
                return None
            chunk = chunk[end:]
            self._skipping = False
        tail_from = chunk.rfind(b"\n") + 1
        if tail_from == 0:
            self._hold(chunk)
            return None
        whole = bytes(self._carry) + chunk[:tail_from]
        self._carry.clear()
        self._hold(chunk[tail_from:])
        return self._split(np.frombuffer(whole, np.uint8))

    @property
    def rest(self) -> bytes:
        """Bytes after the last newline so far, cut to the longest line."""
        return bytes(self._carry)

    def finish(self) -> RecordBlock | None:
        """The last line, if the stream ended without a newline."""
        last = bytes(self._carry)
        self._carry.clear()
        self._skipping = False
        return self._split(np.frombuffer(last + b"\n", np.uint8)) if last else None

    def _hold(self, piece: bytes) -> None:
        self._carry += piece[: self._longest - len(self._carry)]
        self._skipping = len(self._carry) == self._longest

    def _split(self, buffer: NDArray[np.uint8]) -> RecordBlock | None:
        end = np.flatnonzero(buffer == NEWLINE).astype(np.int64)
        start = np.empty_like(end)
        start[0] = 0
        start[1:] = end[:-1] + 1
        number = np.arange(self.lines, self.lines + len(end), dtype=np.int64)
        self.lines += len(end)
        end -= (end > start) & (buffer[np.maximum(end, 1) - 1] == RETURN)
        end = np.minimum(end, start + self._longest)
        wanted = (end > start) & (number >= self._start)
        # Only a line that begins with white space can be blank and not empty; such lines are rare.
        for row in np.flatnonzero(wanted & np.isin(buffer[start], WHITESPACE)):
            wanted[row] = bool(buffer[start[row] : end[row]].tobytes().strip())
        if not wanted.any():
            return None
        none = np.full(int(wanted.sum()), -1, np.int64)
        return RecordBlock(
            partition=self._partition,
            buffer=buffer,
            offset=number[wanted],
            timestamp_ms=none,
            value_start=start[wanted],
            value_end=end[wanted],
            key_start=none,
            key_end=none,
            next_offset=self.lines,
        )
