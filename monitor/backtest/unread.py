"""Records of a log that could not be read, a few of them from its whole length, to propose a mapping by."""

from __future__ import annotations

from typing import Final

import numpy as np

from monitor.events.records import RecordBlock

KEPT: Final = 1_000
"""Records that are kept, at least: denied ones are rare, and their words must be among them."""
LONGEST: Final = 64 << 10
"""Bytes of one record."""
TOTAL: Final = 32 << 20
"""Bytes of all of them."""


class Unread:
    """Every so many of the records that are no event; the step doubles when there are twice enough.

    Attributes:
        records: the kept ones; never shown.
    """

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self._met = 0
        self._bytes = 0
        self._step = 1

    def add(self, block: RecordBlock, offsets: set[int]) -> None:
        """Those of a block, by their offsets."""
        rows = np.flatnonzero(np.isin(block.offset, np.fromiter(offsets, np.int64, len(offsets))))
        for row in rows.tolist():
            value = None if self._met % self._step else block.value(row)
            self._met += 1
            if value is None or len(value) > LONGEST:
                continue
            self.records.append(value)
            self._bytes += len(value)
            if len(self.records) >= 2 * KEPT or self._bytes > TOTAL:
                del self.records[1::2]
                self._bytes = sum(map(len, self.records))
                self._step *= 2
