"""Any drift detector of river as a signal's detector, on the same counts as ours.

    named("PageHinkley", {"threshold": 20}) -> Named            by river's own name, checked
    RiverDetector(lambda: river.drift.PageHinkley(), values=[0, 1])      .update(counts) -> Reading
    tuned(make, settings, law=, values=, n=, spacing=) -> Tuned           calibrated by simulation, or refused

River's detectors make no promise about false alarms: as they come they are *uncalibrated*. `tuned` picks, from
settings ordered from eager to lazy, the first whose simulated spacing on stationary traffic keeps to the
budget. That does not extend to traffic with a season, a wandering level or another size of tick.

    >>> detector = RiverDetector(lambda: drift.PageHinkley(), values=[0, 1])
    >>> [detector.update(counts).state.name for counts in ([50, 0], [50, 0], [0, 50], [0, 50])][-1]
    'ALARMED'
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from river import drift
from river.base import BinaryDriftAndWarningDetector, BinaryDriftDetector, DriftDetector

from detectors.alternatives import probabilities
from detectors.bins import unit_values
from detectors.budget import poisson_upper_limit
from detectors.reading import THRESHOLD, Reading, State

MAX_EVENTS = 100_000  # of one tick, fed one by one
BINARY = (BinaryDriftDetector, BinaryDriftAndWarningDetector)


class RiverDetector:
    """A river detector fed with the values of a tick's events.

    Parameters
    ----------
    make : builds the river detector; called again by `reset`, as some of river's own resets are incomplete.
    values : (B,) x of each bin, in [0, 1]; detectors of errors get 0 or 1, split at 1/2.
    binary : whether the detector takes booleans (river.drift.binary).
    seed : of the order of events inside a tick, which counts do not hold.

    Once it reports drift it stays alarmed until `reset`: a late reader must not miss it.
    """

    def __init__(self, make: Callable[[], Any], *, values: ArrayLike, binary: bool = False, seed: int = 0) -> None:
        self.values = unit_values(values)
        self.binary = binary
        self._make = make
        self._seed = seed
        self._alarmed = False
        self.reset()

    def update(self, counts: ArrayLike) -> Reading:
        """Feeds one tick of (B,) integer counts, event by event."""
        number = self._checked(counts)
        if number.sum() > MAX_EVENTS:
            raise ValueError(f"a tick of more than {MAX_EVENTS} events is too many to feed one by one")
        return self._feed(self._rng.permutation(np.repeat(self.values, number)))

    def update_mean(self, counts: ArrayLike) -> Reading:
        """Feeds one tick of (B,) integer counts as a single value, their mean: cheaper, and all that long logs allow.

        A tick without events feeds nothing.
        """
        number = self._checked(counts)
        total = int(number.sum())
        return self._feed(np.array([float(number @ self.values) / total]) if total else np.zeros(0))

    def _checked(self, counts: ArrayLike) -> NDArray[np.int64]:
        number = np.asarray(counts)
        if number.shape != self.values.shape or number.dtype.kind not in "iu" or number.min() < 0:
            raise ValueError(f"counts must be {len(self.values)} integers >= 0, got {number.dtype} {number.shape}")
        return number

    def _feed(self, x: NDArray[np.float64]) -> Reading:
        if self._alarmed:
            return self.reading()
        for value in (x >= 0.5 if self.binary else x).tolist():
            self._detector.update(value)
            if self._detector.drift_detected:
                self._alarmed = True
                break
        return self.reading()

    @property
    def alarmed(self) -> bool:
        """Whether it has reported drift since the last `reset`."""
        return self._alarmed

    def reading(self) -> Reading:
        """The present reading: evidence is all or nothing."""
        if self._alarmed:
            return Reading(0.0, THRESHOLD, State.ALARMED, f"{type(self._detector).__name__} reports drift")
        return Reading(-np.inf, THRESHOLD, State.ARMED, f"{type(self._detector).__name__} reports no drift")

    def reset(self) -> None:
        """A new detector that knows nothing."""
        self._detector = self._make()
        self._rng = np.random.default_rng(self._seed)
        self._alarmed = False

    def copy(self) -> RiverDetector:
        """An independent detector that continues exactly from here."""
        return copy.deepcopy(self)


def adwin(values: ArrayLike) -> RiverDetector:
    """River's ADWIN as it comes (delta .002), fed with bins of these values."""
    return RiverDetector(drift.ADWIN, values=values)


@dataclass(frozen=True)
class Named:
    """Construction of a river detector, and whether it takes booleans."""

    make: Callable[[], Any]
    binary: bool


def named(name: str, parameters: Mapping[str, Any] | None = None) -> Named:
    """A detector of `river.drift` or `river.drift.binary` by the name of its class; those with a seed get one.

    Raises ValueError, naming what there is, on names, parameters or values that river does not take.
    """
    classes: dict[str, Any] = {
        key: kind
        for module in (drift, drift.binary)
        for key, kind in vars(module).items()
        if inspect.isclass(kind)
        and issubclass(kind, (DriftDetector, *BINARY))
        and "Dummy" not in key
        and key != "NoDrift"
    }
    if name not in classes:
        raise ValueError(f"no detector {name!r} in river.drift; there are {', '.join(sorted(classes))}")
    kind, given = classes[name], dict(parameters or {})
    takes = list(inspect.signature(kind).parameters)
    unknown = sorted(given.keys() - set(takes))
    if unknown:
        raise ValueError(f"{name} takes {', '.join(takes)}; not {', '.join(unknown)}")
    if "seed" in takes:
        given.setdefault("seed", 1)
    binary = issubclass(kind, BINARY)
    try:
        trial = kind(**given)
        for value in (0, 1, 0):
            trial.update(bool(value) if binary else float(value))
    except Exception as error:
        raise ValueError(f"{name} refuses its parameters: {error}") from error
    return Named(lambda: kind(**given), binary)


@dataclass(frozen=True)
class Tuned:
    """A setting that keeps to a spacing of at least `lower` events with 99 % confidence, on stationary traffic."""

    setting: float
    spacing: float
    lower: float


def tuned(
    make: Callable[[float], Any],
    settings: Sequence[float],
    *,
    law: ArrayLike,
    values: ArrayLike,
    spacing: float,
    binary: bool = False,
    events: int = 1_000_000,
    seed: int = 0,
) -> Tuned | None:
    """The first of the settings, ordered from eager to lazy, whose simulated spacing reaches `spacing` events.

    Parameters
    ----------
    make : from a setting to a river detector. law, values : (B,) the traffic it is simulated on.
    events : simulated per setting; at least ten spacings, or the limit has no meaning.

    Returns None where no setting keeps the budget.
    """
    q, x = probabilities(law), unit_values(values)
    if events < 10 * spacing:
        raise ValueError(f"{events} events are too few to simulate a spacing of {spacing}: use at least 10 times it")
    rng = np.random.default_rng(seed)
    stream: NDArray[np.float64] = rng.choice(x, size=events, p=q)
    fed = (stream >= 0.5 if binary else stream).tolist()
    for setting in settings:
        alarms = 0
        detector = make(setting)
        enough = events / spacing * 1.5 + 30  # more alarms than this cannot pass
        for value in fed:
            detector.update(value)
            if detector.drift_detected:
                alarms += 1
                detector = make(setting)
                if alarms > enough:
                    break
        lower = events / poisson_upper_limit(alarms, 0.99)
        if lower >= spacing and alarms <= enough:
            return Tuned(setting, events / max(alarms, 1), lower)
    return None
