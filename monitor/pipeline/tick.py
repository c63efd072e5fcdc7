"""Event time to ticks: watermark, lateness and clocks that cannot be believed, for one partition.

A tick is a fixed length of event time; tick k covers [k * tick_ms, (k + 1) * tick_ms). The rules read the log and
recorded marks only, record by record, so the outcome does not depend on batches, restarts or the speed of reading:

- The partition's time is the newest *believed* event time, or the time of an idle mark. Ticks that end at least
  ``lateness_ms`` before it are closed.
- An event of a closed tick is late: it is counted in the oldest open tick.
- An event more than ``ahead_ms`` ahead of every reference is not believed: it is counted in the tick of the
  partition's time and closes nothing. References are the partition's time and the record's own timestamp, the
  latter held to the reader's clock. Without record timestamps (files), :data:`CONFIRMATIONS` such events in a row
  are believed after all: a night without traffic looks just like that.
- No event beyond the reader's clock by more than ``ahead_ms`` is ever believed, where there is a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

CONFIRMATIONS: Final = 20
"""One broken clock among a few producers hardly ever gets 20 records in a row: at half of the traffic, 1e-6."""

UNKNOWN: Final = -(2**62)
"""Time and tick before the first record."""

_NEWEST, _CLOSED, _AHEAD = 0, 1, 2


class TickState(msgspec.Struct, array_like=True):
    """Everything the assignment remembers; stored with the partition's position."""

    newest_ms: int = UNKNOWN
    closed_before: int = UNKNOWN
    ahead: int = 0
    """Unbelieved events in a row so far."""


@dataclass(frozen=True, slots=True)
class TickRule:
    """Lengths in milliseconds."""

    tick_ms: int = 10_000
    lateness_ms: int = 500
    ahead_ms: int = 60_000


@njit(cache=True, nogil=True)
def _assign(
    time_ms: NDArray[np.int64],
    record_ms: NDArray[np.int64],
    use: NDArray[np.bool_],
    clock_ms: int,
    tick_ms: int,
    lateness_ms: int,
    ahead_ms: int,
    state: NDArray[np.int64],
    ticks: NDArray[np.int64],
) -> tuple[int, int]:
    late = 0
    future = 0
    newest, closed, ahead = state[0], state[1], state[2]
    for i in range(len(time_ms)):
        if not use[i]:
            continue
        t = time_ms[i]
        reference = newest
        if record_ms[i] >= 0:
            reference = max(reference, record_ms[i] if clock_ms < 0 else min(record_ms[i], clock_ms))
        elif newest == UNKNOWN:
            reference = t if clock_ms < 0 else clock_ms
        believed = t <= reference + ahead_ms
        if not believed:
            ahead += 1
            if ahead >= CONFIRMATIONS and (clock_ms < 0 or t <= clock_ms + ahead_ms):
                believed = True
        if believed:
            ahead = 0
            newest = max(newest, t)
        else:
            future += 1
            t = reference if newest == UNKNOWN else newest
        tick = t // tick_ms
        if tick < closed:
            late += 1
            tick = closed
        ticks[i] = tick
        if newest != UNKNOWN:
            closed = max(closed, (newest - lateness_ms) // tick_ms)
    state[0], state[1], state[2] = newest, closed, ahead
    return late, future


class TickAssigner:
    """Assigns the events of one partition to ticks, in offset order."""

    def __init__(self, rule: TickRule, state: bytes = b"") -> None:
        self.rule = rule
        restored = msgspec.msgpack.decode(state, type=TickState) if state else TickState()
        self._state = np.array([restored.newest_ms, restored.closed_before, restored.ahead], np.int64)

    @property
    def closed_before(self) -> int | None:
        """Ticks below this are closed; None before anything is known."""
        closed = int(self._state[_CLOSED])
        return None if closed == UNKNOWN else closed

    @property
    def newest_ms(self) -> int | None:
        """The partition's time."""
        newest = int(self._state[_NEWEST])
        return None if newest == UNKNOWN else newest

    def state(self) -> bytes:
        """What :class:`TickAssigner` needs to go on exactly."""
        newest, closed, ahead = (int(x) for x in self._state)
        return msgspec.msgpack.encode(TickState(newest, closed, ahead))

    def assign(
        self,
        time_ms: NDArray[np.int64],
        record_ms: NDArray[np.int64],
        use: NDArray[np.bool_],
        *,
        clock_ms: int | None,
    ) -> tuple[NDArray[np.int64], int, int]:
        """The tick of each event, and how many were late and how many not believed.

        Args:
            time_ms: int64 (n,), event times.
            record_ms: int64 (n,), record timestamps; -1 where there is none.
            use: bool (n,), events to assign; the others (duplicates) get tick 0 and leave no trace.
            clock_ms: the reader's clock before these records were read; None without one.
        """
        ticks = np.zeros(len(time_ms), np.int64)
        late, future = _assign(
            time_ms,
            record_ms,
            use,
            -1 if clock_ms is None else clock_ms,
            self.rule.tick_ms,
            self.rule.lateness_ms,
            self.rule.ahead_ms,
            self._state,
            ticks,
        )
        return ticks, late, future

    def idle(self, clock_ms: int) -> None:
        """Every record up to ``clock_ms`` has been seen: time moves on without records."""
        self._state[_NEWEST] = max(int(self._state[_NEWEST]), clock_ms)
        closed = (clock_ms - self.rule.lateness_ms) // self.rule.tick_ms
        self._state[_CLOSED] = max(int(self._state[_CLOSED]), closed)

    def end(self) -> None:
        """No record will ever follow: the newest tick closes too. Without any record nothing is open."""
        newest = int(self._state[_NEWEST])
        closed = 0 if newest == UNKNOWN else newest // self.rule.tick_ms + 1
        self._state[_CLOSED] = max(int(self._state[_CLOSED]), closed)
