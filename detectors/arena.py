"""One flat array that holds many blocks of different lengths, in the form that the numba kernels take."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Arena:
    """Blocks of a growing flat array. A freed block serves the next request of its length.

    Memory is bounded by the largest number of blocks of each length that were ever alive together.
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self.data: NDArray[Any] = np.zeros(64, dtype=dtype)
        self._used = 0
        self._free: dict[int, list[int]] = {}

    def take(self, length: int) -> int:
        """Offset of a zeroed block."""
        freed = self._free.get(length)
        if freed:
            offset = freed.pop()
        else:
            offset = self._used
            self._used += length
            if self._used > len(self.data):
                grown = np.zeros(max(self._used, 2 * len(self.data)), dtype=self.data.dtype)
                grown[:offset] = self.data[:offset]
                self.data = grown
        self.data[offset : offset + length] = 0
        return offset

    def put(self, values: NDArray[Any]) -> int:
        """Offset of a block that holds a copy of `values`."""
        offset = self.take(len(values))
        self.data[offset : offset + len(values)] = values
        return offset

    def free(self, offset: int, length: int) -> None:
        """Gives a block back."""
        self._free.setdefault(length, []).append(offset)


class Slots:
    """Small stable ids; the lowest free one is handed out first, so that a restored table continues alike."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self.size = 0

    def take(self) -> int:
        if self._free:
            return heapq.heappop(self._free)
        self.size += 1
        return self.size - 1

    def free(self, slot: int) -> None:
        heapq.heappush(self._free, slot)

    def restore(self, size: int, alive: NDArray[np.int64]) -> None:
        """Ids 0..size-1 exist, of which `alive` are in use."""
        self.size = size
        self._free = sorted(set(range(size)) - set(alive.tolist()))


def grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    """`array` with room for at least `size` rows, doubled when it grows."""
    if size <= len(array):
        return array
    out = np.zeros((max(size, 2 * len(array)), *array.shape[1:]), dtype=array.dtype)
    out[: len(array)] = array
    return out
