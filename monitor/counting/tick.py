"""Event time to ticks: watermark, lateness and clocks that cannot be believed, for one partition.

A tick is a fixed length of event time; tick k covers [k * tick_ms, (k + 1) * tick_ms). The rules read the log and
recorded marks only, record by record, so the outcome does not depend on batches, restarts or the speed of reading:

- The partition's time is the newest *believed* event time, or the time of an idle mark. Ticks that end at least
  ``lateness_ms`` before it are closed.
- An event of a closed tick is late: it is counted in the oldest open tick.
- An event more than ``ahead_ms`` ahead of every reference is not believed: it is counted in the tick of the
  partition's time and closes nothing. References are the partition's time and the record's own timestamp, the
  latter held to the reader's clock. A record without a timestamp (a file's line) may also be ahead by
  :data:`GAPS` times the usual gap between records: in a thin log every record is far ahead of the one before.
- :data:`CONFIRMATIONS` such events in a row are believed after all (a night without traffic looks just like that):
  time moves on to where most of them are, so a broken clock among them still closes nothing.
- A log without timestamps and clock begins the same way: nothing closes until so many events agree.
- No event beyond the reader's clock by more than ``ahead_ms`` is ever believed, where there is a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit
from monitor.clock import DAY_MS
from monitor.errors import SettingsError

CONFIRMATIONS: Final = 20
"""One broken clock among a few producers hardly ever gets 20 records in a row: at half of the traffic, 1e-6."""

GAPS: Final = 20
"""Independent arrivals leave a gap of 20 mean gaps twice in 1e9."""
GAP_MEMORY: Final = 64
"""Records over which the mean gap is taken."""
LONGEST_MARGIN_MS: Final = DAY_MS
"""However thin a log is, nobody is believed who is a day ahead of it."""

UNKNOWN: Final = -(2**62)
NO_TICK: Final = -1
"""There is no tick yet."""
"""Time and tick before the first record."""

_NEWEST, _CLOSED, _WAITING, _GAP_SUM, _GAP_N = range(5)


class TickState(msgspec.Struct, array_like=True):
    """Everything the assignment remembers; stored with the partition's position."""

    newest_ms: int = UNKNOWN
    closed_before: int = UNKNOWN
    waiting_ms: list[int] = []
    """Times of the unbelieved events in a row so far."""
    gap_sum_ms: int = 0
    gap_n: int = 0
    tick_ms: int = 0
    """Length of the ticks that ``closed_before`` counts; 0 where nothing was stored yet."""


def tick_ms_of(state: bytes) -> int:
    """Length of the ticks that a partition's stored state was counted in; 0 where nothing was counted yet."""
    return msgspec.msgpack.decode(state, type=TickState).tick_ms if state else 0


@dataclass(frozen=True, slots=True)
class TickRule:
    """Lengths in milliseconds."""

    tick_ms: int = 10_000
    lateness_ms: int = 500
    ahead_ms: int = 60_000


@njit(cache=True, nogil=True)
def _margin(gap_sum: int, gap_n: int, ahead_ms: int) -> int:
    """The most that a record without a timestamp may be ahead."""
    return max(ahead_ms, min(GAPS * (gap_sum // gap_n), LONGEST_MARGIN_MS))


@njit(cache=True, nogil=True)
def _agreed(times: NDArray[np.int64], ahead_ms: int) -> tuple[int, int, int]:
    """The newest time that most of these events support, and their mean gap as (sum, number).

    Everything hangs on the median and the quarter of events below it: up to half of the clocks may be ahead and
    up to a quarter behind.
    """
    order = np.sort(times)
    n = len(order)
    quarter, middle = n // 4, n // 2
    if quarter == 0:
        return order[-1], 0, 0
    gap_sum, gap_n = order[middle - 1] - order[quarter - 1], middle - quarter
    limit = order[middle - 1] + _margin(gap_sum, gap_n, ahead_ms)
    newest = order[middle - 1]
    for t in order:
        if t <= limit:
            newest = t
    return newest, gap_sum, gap_n


@njit(cache=True, nogil=True)
def _assign(  # noqa: PLR0912, PLR0915 - one state machine, one pass
    time_ms: NDArray[np.int64],
    record_ms: NDArray[np.int64],
    use: NDArray[np.bool_],
    clock_ms: int,
    tick_ms: int,
    lateness_ms: int,
    ahead_ms: int,
    state: NDArray[np.int64],
    waiting: NDArray[np.int64],
    ticks: NDArray[np.int64],
    now: NDArray[np.int64],
) -> tuple[int, int]:
    late = 0
    future = 0
    newest, closed, wait, gap_sum, gap_n = state[0], state[1], state[2], state[3], state[4]
    for i in range(len(time_ms)):
        now[i] = NO_TICK if newest == UNKNOWN else max(newest // tick_ms, closed)
        if not use[i]:
            continue
        t = time_ms[i]
        reference, margin = newest, ahead_ms
        if record_ms[i] >= 0:
            reference = max(reference, record_ms[i] if clock_ms < 0 else min(record_ms[i], clock_ms))
        elif newest == UNKNOWN:
            reference = UNKNOWN if clock_ms < 0 else clock_ms
        elif gap_n > 0:
            margin = _margin(gap_sum, gap_n, ahead_ms)
        believed = t <= reference + margin
        possible = clock_ms < 0 or t <= clock_ms + ahead_ms
        if believed and possible:
            wait = 0
            if newest != UNKNOWN:
                if gap_n == GAP_MEMORY:
                    gap_sum -= gap_sum // gap_n
                    gap_n -= 1
                gap_sum += min(max(0, t - newest), margin)
                gap_n += 1
            newest = max(newest, t)
        elif possible:
            waiting[wait] = t
            wait += 1
            if wait == CONFIRMATIONS:
                agreed, agreed_sum, agreed_n = _agreed(waiting, ahead_ms)
                wait = 0
                if newest == UNKNOWN:
                    gap_sum, gap_n = agreed_sum, agreed_n
                newest = max(newest, agreed)
                believed = t <= newest
        if not believed or not possible:
            future += 1
            if newest != UNKNOWN:
                t = newest
            elif reference != UNKNOWN:
                t = reference
            else:
                future -= 1  # there is no time yet that it could be ahead of
        tick = t // tick_ms
        if tick < closed:
            late += 1
            tick = closed
        ticks[i] = tick
        if newest != UNKNOWN:
            closed = max(closed, (newest - lateness_ms) // tick_ms)
            now[i] = max(newest // tick_ms, closed)
    state[0], state[1], state[2], state[3], state[4] = newest, closed, wait, gap_sum, gap_n
    return late, future


class TickAssigner:
    """Assigns the events of one partition to ticks, in offset order."""

    def __init__(self, rule: TickRule, state: bytes = b"") -> None:
        """
        Raises:
            SettingsError: the state was kept under ticks of another length.
        """
        self.rule = rule
        restored = msgspec.msgpack.decode(state, type=TickState) if state else TickState()
        if restored.tick_ms not in (0, rule.tick_ms):
            raise SettingsError(
                f"ticks.length: is {rule.tick_ms} ms, but this database was counted in ticks of "
                f"{restored.tick_ms} ms; "
                "set it back, or begin with another database"
            )
        self._waiting = np.zeros(CONFIRMATIONS, np.int64)
        self._waiting[: len(restored.waiting_ms)] = restored.waiting_ms
        self._state = np.array(
            [
                restored.newest_ms,
                restored.closed_before,
                len(restored.waiting_ms),
                restored.gap_sum_ms,
                restored.gap_n,
            ],
            np.int64,
        )

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

    @property
    def open_tick(self) -> int:
        """The tick of the partition's time; :data:`NO_TICK` before it has any."""
        newest, closed = int(self._state[_NEWEST]), int(self._state[_CLOSED])
        return NO_TICK if newest == UNKNOWN else max(newest // self.rule.tick_ms, closed)

    def state(self) -> bytes:
        """The state from which :class:`TickAssigner` goes on exactly."""
        newest, closed, wait, gap_sum, gap_n = (int(x) for x in self._state)
        waiting = self._waiting[:wait].tolist()
        return msgspec.msgpack.encode(TickState(newest, closed, waiting, gap_sum, gap_n, self.rule.tick_ms))

    def assign(
        self,
        time_ms: NDArray[np.int64],
        record_ms: NDArray[np.int64],
        use: NDArray[np.bool_],
        *,
        clock_ms: int | None,
    ) -> tuple[NDArray[np.int64], int, int, NDArray[np.int64]]:
        """The tick of each event, how many were late and how many not believed, and the open tick after each.

        Args:
            time_ms: int64 (n,), event times.
            record_ms: int64 (n,), record timestamps; -1 where there is none.
            use: bool (n,), events to assign; the others (duplicates) get tick 0 and leave no trace.
            clock_ms: the reader's clock before these records were read; None without one.
        """
        ticks, now = np.zeros(len(time_ms), np.int64), np.empty(len(time_ms), np.int64)
        late, future = _assign(
            time_ms,
            record_ms,
            use,
            -1 if clock_ms is None else clock_ms,
            self.rule.tick_ms,
            self.rule.lateness_ms,
            self.rule.ahead_ms,
            self._state,
            self._waiting,
            ticks,
            now,
        )
        return ticks, late, future, now

    def idle(self, clock_ms: int) -> None:
        """Every record up to ``clock_ms`` has been seen: time moves on without records."""
        self._state[_NEWEST] = max(int(self._state[_NEWEST]), clock_ms)
        self._close((clock_ms - self.rule.lateness_ms) // self.rule.tick_ms)

    def end(self) -> None:
        """No record will ever follow: the newest tick closes too. Without any record nothing is open."""
        waiting = self._waiting[: int(self._state[_WAITING])]
        if self._state[_NEWEST] == UNKNOWN and len(waiting):
            self._state[_NEWEST] = _agreed(waiting, self.rule.ahead_ms)[0]
        newest = int(self._state[_NEWEST])
        self._close(0 if newest == UNKNOWN else newest // self.rule.tick_ms + 1)

    def _close(self, before: int) -> None:
        self._state[_CLOSED] = max(int(self._state[_CLOSED]), before)
