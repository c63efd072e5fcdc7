"""The demo's knowledge of its own stream: the truth beside which Driftline's findings are shown."""

from __future__ import annotations

import bisect
import threading
from collections import deque
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np

from monitor.demo.state import HISTOGRAM_BINS, Histogram
from monitor.demo.wire import Record

RECENT = 200
"""Events of the recent histogram: the length in which a campaign should be noticed."""
NEAR = 0.1


class _Seen(msgspec.Struct):
    guardrail: str
    score: float
    threshold: float


class Witness:
    """Looks at every record on its way into the topic; read from another thread."""

    def __init__(self, *, guardrail: str, quiet_phases: frozenset[str]) -> None:
        self._guardrail = guardrail
        self._quiet_phases = quiet_phases
        self._decode = msgspec.json.Decoder(_Seen).decode
        self._lock = threading.Lock()
        self._threshold = 0.5
        self._quiet = np.zeros(HISTOGRAM_BINS)
        self._quiet_near = 0
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._times: dict[str, list[int]] = {}

    def watch(self, records: Iterable[Record]) -> Iterator[Record]:
        """The same records, seen."""
        for record in records:
            self._see(record)
            yield record

    def _see(self, record: Record) -> None:
        event = self._decode(record.value)
        if event.guardrail != self._guardrail:
            return
        with self._lock:
            self._threshold = event.threshold
            self._times.setdefault(record.phase, []).append(record.time_ms)
            self._recent.append(event.score)
            if record.phase in self._quiet_phases:
                self._quiet[_bin(event.score)] += 1
                self._quiet_near += abs(event.score - event.threshold) < NEAR

    def requests(self, phase: str, *, before_ms: int | None = None) -> int:
        """Requests of a phase so far, or those before a moment of simulated time."""
        with self._lock:
            times = self._times.get(phase, [])
            return len(times) if before_ms is None else bisect.bisect_left(times, before_ms)

    def first_ms(self, phase: str) -> int | None:
        """Simulated time of a phase's first request; None before it."""
        with self._lock:
            return next(iter(self._times.get(phase, [])), None)

    @property
    def last_ms(self) -> int:
        """Simulated time of the newest request; 0 before the first."""
        with self._lock:
            return max((times[-1] for times in self._times.values()), default=0)

    def histogram(self, *, learned: bool) -> Histogram | None:
        """Scores of the guardrail: quiet phases against the most recent; None before the first event."""
        with self._lock:
            if not self._recent:
                return None
            recent = np.bincount([_bin(score) for score in self._recent], minlength=HISTOGRAM_BINS)
            near = sum(abs(score - self._threshold) < NEAR for score in self._recent)
            quiet = float(self._quiet.sum())
            return Histogram(
                guardrail=self._guardrail,
                threshold=self._threshold,
                near=NEAR,
                baseline=tuple((self._quiet / max(quiet, 1)).tolist()) if learned else (),
                recent=tuple((recent / len(self._recent)).tolist()),
                recent_events=len(self._recent),
                baseline_near=self._quiet_near / quiet if learned and quiet else None,
                recent_near=near / len(self._recent),
            )


def _bin(score: float) -> int:
    return min(int(score * HISTOGRAM_BINS), HISTOGRAM_BINS - 1)
