"""Joins by ``request_id`` over the last W offsets of one partition: other guardrails' results for this request.

An event looks backwards only, at events of its request that stand less than ``window`` offsets before it. What it
finds depends on the log alone; nothing is stored, and a memory rebuilt by reading the last W offsets again answers
exactly as one that never stopped. That is why no flags are kept but, per request and fact, the offset at which the
fact was stated last: a fact grows old by itself, whatever else is known of its request.

As in the duplicate filter two hash tables take turns, one per W offsets. Request ids are keyed hashes: nobody outside
can aim at one slot. A repeated event states its facts again, which changes none of them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit
from monitor.counting.dedupe import find_key, turn_over
from monitor.events.batch import EventBatch, Stage, Status, Verdict
from monitor.signals.recall import UNKNOWN, Layer, Surface

_INPUT: Final = int(Stage.input)
_OUTPUT: Final = int(Stage.output)
_OK: Final = int(Status.ok)
_ALLOW: Final = int(Verdict.allow)
_PASSED, _GAP, _STOPPED = int(Layer.passed), int(Layer.gap), int(Layer.stopped)
_ANSWER, _REFUSAL = int(Surface.answer), int(Surface.refusal)

ALLOWED, ADVERSE, NOT_RUN = 0, 1, 2
"""Facts of input events."""
SAID_ANSWER, SAID_REFUSAL = 3, 4
"""The shape of an output."""
HARM, CLEAN = 5, 6
"""The verdict of an output event that does not record the output's shape itself."""
PROMPT = 7
"""An input event with a fingerprint."""
FACTS: Final = 8


@njit(cache=True, nogil=True)
def _knows(young: NDArray[np.int32], old: NDArray[np.int32], fact: int, place: int) -> bool:
    """Whether the fact was stated within the window; ``place`` is the event's offset within its turn."""
    return bool(young[fact] >= 0 or old[fact] > place)


@njit(cache=True, nogil=True)
def _layer(young: NDArray[np.int32], old: NDArray[np.int32], place: int) -> int:
    if _knows(young, old, ADVERSE, place):
        return _STOPPED
    if _knows(young, old, NOT_RUN, place):
        return _GAP
    return _PASSED if _knows(young, old, ALLOWED, place) else UNKNOWN


@njit(cache=True, nogil=True)
def _surface(young: NDArray[np.int32], old: NDArray[np.int32], place: int) -> int:
    if _knows(young, old, SAID_REFUSAL, place):
        return _REFUSAL
    return _ANSWER if _knows(young, old, SAID_ANSWER, place) else UNKNOWN


@njit(cache=True, nogil=True)
def _harm(young: NDArray[np.int32], old: NDArray[np.int32], place: int, own: int) -> int:
    if own == 1 or _knows(young, old, HARM, place):
        return 1
    return 0 if own == 0 or _knows(young, old, CLEAN, place) else UNKNOWN


@njit(cache=True, nogil=True)
def _find_request(
    key: np.uint64,
    keys: NDArray[np.uint64],
    stated: NDArray[np.int32],
    turn: NDArray[np.int64],
    nothing: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The request's facts of this turn, which may be stated, and of the one before."""
    young, old = turn[1], 1 - turn[1]
    slot, before = find_key(keys[young], key), find_key(keys[old], key)
    if keys[young, slot] != key:
        keys[young, slot] = key
        stated[young, slot] = -1
    return stated[young, slot], stated[old, before] if keys[old, before] == key else nothing


@njit(cache=True, nogil=True)
def _join(
    request_id: NDArray[np.uint64],
    offset: NDArray[np.int64],
    coded: tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8], NDArray[np.int8], NDArray[np.bool_]],
    window: int,
    keys: NDArray[np.uint64],
    stated: NDArray[np.int32],
    turn: NDArray[np.int64],
    found: tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8], NDArray[np.bool_]],
) -> None:
    stage, status, verdict, refusal, has_prompt = coded
    layer, surface, harm, first = found
    nothing = np.full(FACTS, -1, np.int32)
    for i in range(len(offset)):
        turn_over(keys, turn, offset[i] // window)
        is_output = stage[i] == _OUTPUT
        own_harm = UNKNOWN if verdict[i] < 0 else int(verdict[i] != _ALLOW)
        if is_output:
            surface[i], harm[i] = refusal[i], own_harm
        if request_id[i] == 0 or not (is_output or stage[i] == _INPUT):
            continue
        place = np.int32(offset[i] - turn[0] * window)
        young, old = _find_request(request_id[i], keys, stated, turn, nothing)
        if not is_output:
            if has_prompt[i]:
                first[i] = not _knows(young, old, PROMPT, place)
                young[PROMPT] = place
            if status[i] != _OK:
                young[NOT_RUN] = place
            elif verdict[i] >= 0:
                young[ADVERSE if own_harm else ALLOWED] = place
            continue
        layer[i] = _layer(young, old, place)
        if refusal[i] >= 0:
            harm[i] = _harm(young, old, place, own_harm)
            young[SAID_REFUSAL if refusal[i] else SAID_ANSWER] = place
        else:
            surface[i] = _surface(young, old, place)
            if verdict[i] >= 0:
                young[HARM if own_harm else CLEAN] = place


class RequestJoin:
    """Remembers the requests of the last ``window`` offsets of one partition: 160 to 320 bytes per offset.

    A window of 0 turns joins off: every event is alone.
    """

    def __init__(self, window: int = 16_384) -> None:
        if window < 0:
            raise ValueError(f"window must not be negative, got {window} offsets")
        self.window = window
        # At most half full: a turn brings one request per offset at most.
        capacity = 1 << max(0, 2 * window - 1).bit_length()
        self._keys = np.zeros((2, capacity), np.uint64)
        self._stated = np.full((2, capacity, FACTS), -1, np.int32)
        self._turn = np.array([-(2**40), 0], np.int64)  # [number of the turn, which table is the young one]

    def look(
        self, batch: EventBatch
    ) -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8], NDArray[np.bool_]]:
        """Columns ``layer``, ``surface`` and ``harm`` of a :class:`~monitor.signals.recall.Recall`, and ``first``:
        whether an input event is the first of its request to carry a prompt's fingerprint.

        Args:
            batch: events with rising offsets, all above those of earlier calls.
        """
        n = len(batch)
        layer, surface, harm = (np.full(n, UNKNOWN, np.int8) for _ in range(3))
        first = np.zeros(n, np.bool_)
        _join(
            batch.request_id if self.window else np.zeros(n, np.uint64),
            batch.offset,
            (batch.stage, batch.status, batch.verdict, batch.refusal, batch.fingerprint != 0),
            max(1, self.window),
            self._keys,
            self._stated,
            self._turn,
            (layer, surface, harm, first),
        )
        return layer, surface, harm, first
