"""River's detectors in the detection benchmark: as they come, and tuned to the allowed spacing of false alarms."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from river import drift
from river.drift import kswin
from scipy import stats

from tests.benchmarks.detection_river_loops import LOOPS
from tests.benchmarks.detection_streams import NULL, SPACING, Method, Outcome, Streams, undrifted

# name: form of the events, from a setting to a detector, river's own setting, settings from eager to lazy
DELTAS = (0.9, 0.7, 0.5, 0.35, 0.25, 0.18, 0.13, 0.09, 0.06, 0.04, 0.03, 0.02, 0.013, 0.008, 0.005, 0.002)
CONFIDENCES = (0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0003, 0.0001, 0.00001)
DETECTORS: dict[str, tuple[str, Callable[[float], Any], float, tuple[float, ...]]] = {
    "ADWIN": ("raw", lambda d: drift.ADWIN(delta=d), 0.002, DELTAS),
    "ADWIN one-hot": ("one-hot", lambda d: drift.ADWIN(delta=d), 0.002, DELTAS),
    "PageHinkley": (
        "raw",
        lambda t: drift.PageHinkley(threshold=t),
        50,
        (5, 7, 9, 11, 13, 15, 18, 21, 25, 30, 35, 40, 45, 50, 60, 70),
    ),
    "DDM": (
        "boolean",
        lambda t: drift.binary.DDM(drift_threshold=t),
        3.0,
        (2.0, 2.2, 2.4, 2.6, 2.8, 3.0, 3.2, 3.4, 3.6, 3.8, 4.0, 4.5, 5.0),
    ),
    "EDDM": (
        "boolean",
        lambda b: drift.binary.EDDM(beta=b),
        0.9,
        (0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.3, 0.2),
    ),
    "HDDM_A": ("boolean", lambda c: drift.binary.HDDMA(drift_confidence=c), 0.001, CONFIDENCES),
    "HDDM_W": ("boolean", lambda c: drift.binary.HDDMW(drift_confidence=c), 0.001, CONFIDENCES),
    "KSWIN": (
        "raw",
        lambda a: drift.KSWIN(alpha=a, seed=1),
        0.005,
        (5e-3, 2e-3, 5e-4, 1e-4, 5e-5, 1e-5, 2e-6, 5e-7),  # one for each distance that two samples of 30 can have
    ),
}
KINDS = {
    "rate": ("ADWIN", "PageHinkley", "DDM", "EDDM", "HDDM_A", "HDDM_W"),
    "score": ("ADWIN", "PageHinkley", "KSWIN"),
    "label": ("ADWIN one-hot",),
}
# KSWIN looks back on 100 events, and forgets all else
WARM_UP = {"KSWIN": 200}


def by_event(name: str, setting: float | None = None) -> Method:
    """A detector event by event, warmed up on the baseline; made anew after each alarm. `setting`: None, its own."""
    form, make, default, _ = DETECTORS[name]
    used = default if setting is None else setting

    def run(streams: Streams) -> Outcome:
        delay = np.full(len(streams.events), -1, dtype=np.int64)
        false, fed, spent = 0, 0, 0.0
        warm = min(WARM_UP.get(name, streams.baseline.shape[1]), streams.baseline.shape[1])
        for i, (base, events) in enumerate(zip(streams.baseline, streams.events, strict=True)):
            x = np.concatenate((base[len(base) - warm :], events))
            stop = warm + streams.change
            start = time.process_time()
            if name in LOOPS and i > 0:
                alarms = _looped(name, used, x, stop)
            elif name == "KSWIN":
                with looked_up():
                    alarms, _ = _alarms(x, lambda: make(used), form, stop_after=stop)
            else:
                alarms, seen = _alarms(x, lambda: make(used), form, stop_after=stop)
                fed, spent = fed + seen, spent + time.process_time() - start
                if name in LOOPS and alarms != _looped(name, used, x, stop):
                    raise AssertionError(f"the loop of {name} does not alarm where river does")
            delay[i] = next((at - stop + 1 for at in alarms if at >= stop), -1)
            false += sum(warm <= at < stop for at in alarms)
        if name == "KSWIN":  # what it costs as it comes
            fed, start = 1000, time.process_time()
            _alarms(streams.baseline[0][:fed], lambda: make(used), form, stop_after=fed)
            spent = time.process_time() - start
        return Outcome(delay, false, len(streams.events) * streams.change, spent, fed)

    return run


def _looped(name: str, setting: float, x: NDArray[np.float64], stop_after: int) -> list[int]:
    """As `_alarms`, by the compiled loop."""
    alarms, start = [], 0
    while (at := LOOPS[name](x, start, setting)) >= 0:
        alarms.append(at)
        if at >= stop_after:
            break
        start = at + 1
    return alarms


def _alarms(x: NDArray[np.float64], make: Callable[[], Any], form: str, *, stop_after: int) -> tuple[list[int], int]:
    """Where it alarms, up to the first at `stop_after` or later, and the events that it read."""
    if form == "one-hot":
        labels = int(x.max()) + 1
        columns = [(x == label).astype(float).tolist() for label in range(labels)]
    else:
        columns = [(x > 0.5).tolist() if form == "boolean" else x.tolist()]
    detectors = [make() for _ in columns]
    alarms = []
    for at in range(len(x)):
        drifted = False
        for detector, column in zip(detectors, columns, strict=True):
            detector.update(column[at])
            drifted |= detector.drift_detected
        if drifted:
            alarms.append(at)
            if at >= stop_after:
                return alarms, at + 1
            detectors = [make() for _ in columns]
    return alarms, len(x)


def tune(name: str, family: Any, *, streams: int) -> float | None:
    """The most eager setting whose simulated spacing on undrifted streams keeps to what is allowed; None: none does.

    By bisection: a lazier setting alarms less often.
    """
    settings = DETECTORS[name][3]
    low, high = 0, len(settings)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _keeps(name, settings[middle], family, streams) else (middle + 1, high)
    return settings[low] if low < len(settings) else None


def _keeps(name: str, setting: float, family: Any, streams: int) -> bool:
    method, false, allowed = by_event(name, setting), 0, streams * NULL / SPACING
    for first in range(0, streams, 5):
        numbers = range(first, min(first + 5, streams))
        false += method(undrifted(family, numbers, seed=2028)).false
        if false > allowed:
            return False
    return True


@contextmanager
def looked_up() -> Iterator[None]:
    """KSWIN's test of two samples of 30 from a table of scipy's own: 250 us an event would be an hour a cell."""
    own = kswin.stats
    kswin.stats = SimpleNamespace(ks_2samp=ks_30)
    try:
        yield
    finally:
        kswin.stats = own


def ks_30(one: Any, other: Any, *, method: str = "auto") -> tuple[float, float]:
    """(statistic, p value) of `scipy.stats.ks_2samp` for two samples of 30: the p value depends on the statistic."""
    if len(one) != 30 or len(other) != 30 or method != "auto":
        raise ValueError("the table is of two samples of 30")
    steps = _steps(np.sort(np.array(one)), np.sort(np.array(other)))
    return steps / 30, P_VALUES[steps]


def _p_values() -> list[float]:
    base = np.arange(30.0)
    with warnings.catch_warnings():  # as river does: where the exact sum fails, scipy takes the limit law and says so
        warnings.simplefilter("ignore", category=RuntimeWarning)
        return [1.0, *(float(stats.ks_2samp(base, base + shift - 0.5).pvalue) for shift in range(1, 31))]


P_VALUES = _p_values()
"""Of a largest distance of 0, 1/30, ... 30/30 between the two distribution functions."""


@njit(cache=True, nogil=True)
def _steps(one: NDArray[np.float64], other: NDArray[np.float64]) -> int:
    """30 times the largest distance between the distribution functions of two sorted samples."""
    i = j = most = 0
    while i < len(one) and j < len(other):
        x = min(one[i], other[j])
        while i < len(one) and one[i] == x:
            i += 1
        while j < len(other) and other[j] == x:
            j += 1
        most = max(most, abs(i - j))
    return most
