"""Time as an argument: the only place that reads the wall clock."""

from __future__ import annotations

import time
from typing import Final, Protocol

DAY_MS: Final = 86_400_000
NEVER: Final = 2**62
"""A tick that never comes."""


class Clock(Protocol):
    """A source of the time, in epoch milliseconds."""

    def now_ms(self) -> int:
        """Epoch milliseconds, UTC."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Epoch milliseconds, UTC."""
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that moves only when it is set; for replays and tests."""

    def __init__(self, now_ms: int = 0) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Epoch milliseconds as last set."""
        return self._now_ms

    def advance(self, milliseconds: int) -> None:
        """Move forward; time never goes back."""
        if milliseconds < 0:
            raise ValueError(f"time does not go back, got {milliseconds} ms")
        self._now_ms += milliseconds
