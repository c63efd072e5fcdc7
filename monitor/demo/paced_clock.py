"""Simulated time that does not run away from the judge.

On a loaded machine judging falls behind a clock that simply runs a hundred times as fast: the attack would be over
before anybody sees the page. So this clock slows down while the judge is too far behind it, and the demo takes longer
instead of showing less.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

LEAD_MS: Final = 60_000
"""Simulated time that the clock may be ahead of what is judged: a tick of 10 s, 10 s of lateness, 10 s until the
counts are committed, a tenth of a second until the judge looks (10 s at a hundred times real time), and half as much
again."""
CREEP: Final = 20.0
"""Speed while the judge is behind. Not 0: ticks close and counts are committed as time goes on, so a clock that stood
still would wait indefinitely."""


class PacedClock:
    """Starts at ``start_ms`` and stands still until it is started; then runs ``speed`` times as fast as real time.

    Any thread may read it; time never goes back.
    """

    def __init__(
        self, *, start_ms: int, speed: float, monotonic: Callable[[], float] = time.monotonic, lead_ms: int = LEAD_MS
    ) -> None:
        self._monotonic = monotonic
        self._speed = speed
        self._lead_ms = lead_ms
        self._lock = threading.Lock()
        self._now_ms = float(start_ms)
        self._judged_ms = start_ms
        self._read_at: float | None = None

    def start(self) -> None:
        """Let time run."""
        with self._lock:
            self._read_at = self._monotonic()

    def stand_still(self) -> None:
        """Stop at this moment, for good."""
        self.now_ms()
        with self._lock:
            self._read_at = None

    def judged_to(self, at_ms: int) -> None:
        """Everything before this moment of simulated time is judged."""
        self.now_ms()  # what has passed until now passed under the old mark
        with self._lock:
            self._judged_ms = max(self._judged_ms, at_ms)

    def now_ms(self) -> int:
        """Epoch milliseconds of simulated time."""
        with self._lock:
            if self._read_at is not None:
                read_at = self._monotonic()
                self._run((read_at - self._read_at) * 1000.0)
                self._read_at = read_at
            return round(self._now_ms)

    def _run(self, real_ms: float) -> None:
        """At full speed up to the lead, slowly beyond it."""
        room_ms = max(0.0, self._judged_ms + self._lead_ms - self._now_ms)
        fast_ms = min(real_ms, room_ms / self._speed)
        self._now_ms += fast_ms * self._speed + (real_ms - fast_ms) * min(CREEP, self._speed)
