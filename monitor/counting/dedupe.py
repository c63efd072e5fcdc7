"""De-duplication by ``event_id`` and content over the last W offsets of one partition.

An event is a duplicate when the newest event with the same id stands less than ``window`` offsets before it and has
the same content. An id with another content is a new event: one id for all of an attack must not make it disappear.
That depends on the log alone: nothing of it is stored; after a restart the memory is rebuilt by reading the last W
offsets again, and a filter rebuilt so decides exactly as one that never stopped.

Two hash tables take turns, one per W offsets, so forgetting costs nothing per event; the distance is compared
exactly whatever table an id is found in. The ids are keyed hashes already: nobody outside can aim at one slot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit
from monitor.events.batch import EventBatch


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
    content: NDArray[np.uint64],
    offset: NDArray[np.int64],
    window: int,
    keys: NDArray[np.uint64],
    seen_at: NDArray[np.int64],
    contents: NDArray[np.uint64],
    turn: NDArray[np.int64],
    duplicate: NDArray[np.bool_],
    reused: NDArray[np.bool_],
) -> None:
    for i in range(len(offset)):
        turn_over(keys, turn, offset[i] // window)
        key = event_id[i]
        if key == 0:
            continue
        young, old = turn[1], 1 - turn[1]
        slot = find_key(keys[young], key)
        if keys[young, slot] == key:  # less than a turn ago, so within the window
            known, same = True, contents[young, slot] == content[i]
        else:
            before = find_key(keys[old], key)
            known = keys[old, before] == key and offset[i] - seen_at[old, before] < window
            same = contents[old, before] == content[i]
            keys[young, slot] = key
        duplicate[i] = known and same
        reused[i] = known and not same
        seen_at[young, slot], contents[young, slot] = offset[i], content[i]


@njit(cache=True, nogil=True)
def _mix(code: np.uint64, value: np.uint64) -> np.uint64:
    """One more value into a hash: two rounds of splitmix64 (Steele, Lea, Flood 2014)."""
    code = (code ^ value) * np.uint64(0xBF58476D1CE4E5B9)
    return (code ^ (code >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)


@njit(cache=True, nogil=True)
def _contents(
    words: NDArray[np.int32], small: NDArray[np.int8], wide: NDArray[np.uint64], out: NDArray[np.uint64]
) -> None:
    for i in range(len(out)):
        code = np.uint64(0)
        for row in range(words.shape[0]):
            code = _mix(code, np.uint64(words[row, i] + 1))
        for row in range(small.shape[0]):
            code = _mix(code, np.uint64(small[row, i] + 1))
        for row in range(wide.shape[0]):
            code = _mix(code, wide[row, i])
        out[i] = code


def contents_of(batch: EventBatch) -> NDArray[np.uint64]:
    """uint64 (n,): a hash of each event's content, its own time included and its place in the log left out.

    Codes of names differ from process to process, and so do the hashes; they are compared within one process only.
    """
    own_time = np.where(batch.time_ms == batch.record_ms, 0, batch.time_ms)  # a copy has another record timestamp
    out = np.empty(len(batch), np.uint64)
    _contents(
        np.stack((batch.guardrail, batch.guardrail_version, batch.category, batch.turn, batch.input_length)),
        np.stack((batch.stage, batch.verdict, batch.action, batch.status, batch.harmful)),
        np.stack(
            (
                batch.score.view(np.uint64),
                batch.threshold.view(np.uint64),
                batch.fingerprint,
                batch.request_id,
                batch.session_id,
                own_time.astype(np.uint64),
            )
        ),
        out,
    )
    return out


class DuplicateFilter:
    """Remembers the event ids of the last ``window`` offsets of one partition: 96 bytes per offset of the window.

    A window of 0 turns de-duplication off.
    """

    def __init__(self, window: int = 65_536) -> None:
        if window < 0:
            raise ValueError(f"window must not be negative, got {window} offsets")
        self.window = window
        capacity = 1 << max(0, 2 * window - 1).bit_length()
        self._keys = np.zeros((2, capacity), np.uint64)
        self._seen_at = np.zeros((2, capacity), np.int64)
        self._contents = np.zeros((2, capacity), np.uint64)
        self._turn = np.array([-(2**40), 0], np.int64)  # [number of the turn, which table is the young one]

    def look(
        self, event_id: NDArray[np.uint64], content: NDArray[np.uint64], offset: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which of these events repeat an earlier one, and which only use its id again; id 0 (none) does neither.

        Args:
            event_id: uint64 (n,), keyed hashes.
            content: uint64 (n,), see :func:`contents_of`.
            offset: int64 (n,), rising, all above those of earlier calls.
        """
        duplicate, reused = np.zeros(len(offset), np.bool_), np.zeros(len(offset), np.bool_)
        if self.window:
            memory = (self._keys, self._seen_at, self._contents, self._turn)
            _mark(event_id, content, offset, self.window, *memory, duplicate, reused)
        return duplicate, reused

    def warm_from(self, position: int) -> int:
        """The offset to read again from, so that a fresh filter is exact from ``position`` on."""
        return max(0, position - self.window)
