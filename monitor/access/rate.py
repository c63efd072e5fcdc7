"""How often somebody may do something: a bucket of tokens each, bounded in number."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

MOST_BUCKETS: Final = 10_000
"""The bucket that was longest unused makes room; an attacker with more addresses than this has other means, too."""


class RateLimit:
    """At most ``burst`` at once, and ``per_minute`` on average, for each key. May be used from any thread."""

    def __init__(self, *, burst: int, per_minute: float) -> None:
        self._burst = burst
        self._per_ms = per_minute / 60_000
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, *, now_ms: int) -> int:
        """Take one: 0 if there was one, else the milliseconds until there is."""
        with self._lock:
            left, at_ms = self._buckets.pop(key, (float(self._burst), now_ms))
            left = min(self._burst, left + max(0, now_ms - at_ms) * self._per_ms)
            allowed = left >= 1
            self._buckets[key] = (left - 1 if allowed else left, now_ms)
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
            return 0 if allowed else max(1, round((1 - left) / self._per_ms))
