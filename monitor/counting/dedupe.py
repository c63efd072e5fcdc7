"""De-duplication by ``event_id`` over the last W offsets of one partition.

An event is a duplicate when an event with the same id stands less than ``window`` offsets before it. That depends
on the log alone: nothing of it is stored; after a restart the memory is rebuilt by reading the last W offsets again,
and a filter rebuilt so decides exactly as one that never stopped.

Two hash tables take turns, one per W offsets, so forgetting costs nothing per event; the distance is compared
exactly whatever table an id is found in. The ids are keyed hashes already: nobody outside can aim at one slot.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def find_key(keys: NDArray[np.uint64], key: np.uint64) -> np.int64:
    """Slot that holds the key, or the empty slot where it would go (linear probing, load at most one half)."""
    mask = len(keys) - 1
    slot = np.int64(key & np.uint64(mask))
    while keys[slot] != 0 and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def turn_over(keys: NDArray[np.uint64], turn: NDArray[np.int64], turn_now: int) -> None:
    """Empty the older of two tables (both after a gap) when a new turn begins.

    ``turn`` holds the number of the turn, and which table is the young one.
    """
    if turn_now == turn[0]:
        return
    if turn_now == turn[0] + 1:
        turn[1] = 1 - turn[1]
    else:
        keys[1 - turn[1]] = 0
    keys[turn[1]] = 0
    turn[0] = turn_now


@njit(cache=True, nogil=True)
def _mark(
    event_id: NDArray[np.uint64],
    offset: NDArray[np.int64],
    window: int,
    keys: NDArray[np.uint64],
    seen_at: NDArray[np.int64],
    turn: NDArray[np.int64],
    duplicate: NDArray[np.bool_],
) -> None:
    for i in range(len(offset)):
        turn_over(keys, turn, offset[i] // window)
        key = event_id[i]
        if key == 0:
            continue
        young, old = turn[1], 1 - turn[1]
        slot = find_key(keys[young], key)
        if keys[young, slot] == key:
            duplicate[i] = True  # less than a turn ago, so within the window
        else:
            before = find_key(keys[old], key)
            duplicate[i] = keys[old, before] == key and offset[i] - seen_at[old, before] < window
            keys[young, slot] = key
        seen_at[young, slot] = offset[i]


class DuplicateFilter:
    """Remembers the event ids of the last ``window`` offsets of one partition: 64 bytes per offset of the window.

    A window of 0 turns de-duplication off.
    """

    def __init__(self, window: int = 65_536) -> None:
        if window < 0:
            raise ValueError(f"window must not be negative, got {window} offsets")
        self.window = window
        capacity = 1 << max(0, 2 * window - 1).bit_length()
        self._keys = np.zeros((2, capacity), np.uint64)
        self._seen_at = np.zeros((2, capacity), np.int64)
        self._turn = np.array([-(2**40), 0], np.int64)  # [number of the turn, which table is the young one]

    def duplicates(self, event_id: NDArray[np.uint64], offset: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these events repeat an earlier one; an id of 0 (none) never does.

        Args:
            event_id: uint64 (n,), keyed hashes.
            offset: int64 (n,), rising, all above those of earlier calls.
        """
        duplicate = np.zeros(len(offset), np.bool_)
        if self.window:
            _mark(event_id, offset, self.window, self._keys, self._seen_at, self._turn, duplicate)
        return duplicate

    def warm_from(self, position: int) -> int:
        """The offset to read again from, so that a fresh filter is exact from ``position`` on."""
        return max(0, position - self.window)
