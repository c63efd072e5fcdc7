"""Every detector by name, behind one small interface; the conformance suite runs over this list.

    for entry in REGISTRY: detector = entry.build(Setting(...)); detector.update(counts) -> Reading

To add one: write its file, add a line here, and `tests/unit/detectors/test_conformance.py` enrols it.

Here is whatever looks at the counts of one stream tick by tick and alarms. What answers another question has another
shape and tests of its own: `rate` (a window against windows like it, or a guardrail against its siblings), `near` and
`repetition` (fingerprints, not counts), `comparison` and `slicewise` (two sides, one decision).

    >>> entry("material").promise.name, entry("adwin").promise.name
    ('PROVED', 'UNCALIBRATED')
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from river import drift

from detectors.alternatives import BUMP, BUMPS, boundary, crowding, growth, material, mixture, sparse, swings
from detectors.reading import DenseWatch, Reading, RecoupledWatch, Watch
from detectors.river_drift import RiverDetector


class Promise(StrEnum):
    """What stands behind a detector's alarms."""

    PROVED = "proved: expected false alarms never exceed the spend"
    UNCALIBRATED = "none: its rate of false alarms is whatever it is"


class Detector(Protocol):
    """Counts of one tick in, a reading out. Deterministic; refuses what is not a count."""

    def update(self, counts: ArrayLike) -> Reading:
        """Feeds a tick of (B,) integer counts. Raises ValueError on anything else."""

    def reading(self) -> Reading:
        """The present reading."""

    def reset(self) -> None:
        """Arms it again, knowing nothing."""

    def copy(self) -> Self:
        """An independent detector that continues exactly from here."""


@dataclass(frozen=True)
class Setting:
    """What a detector may need to know; each uses what it wants.

    Parameters
    ----------
    q : (B,) declared law. values : (B,) x of each bin. level : m of the material test.
    reference : (B,) counts of the history behind the recoupler, without the split that q comes from.
    spend, n_ref : see `evidence.Evidence.add`. seed : of all randomisation.
    """

    q: NDArray[np.float64]
    values: NDArray[np.float64]
    level: float
    reference: NDArray[np.int64]
    spend: float
    n_ref: float
    seed: int


@dataclass(frozen=True)
class Entry:
    """A detector's name, promise and how it is built."""

    name: str
    promise: Promise
    build: Callable[[Setting], Detector]


def _material(s: Setting) -> Detector:
    return Watch(material(s.values, level=s.level), spend=s.spend, n_ref=s.n_ref)


def _boundary(s: Setting) -> Detector:
    bank = boundary(s.q, s.values)
    return RecoupledWatch(bank, q=s.q, reference=s.reference, seed=s.seed, spend=s.spend, n_ref=s.n_ref)


def _crowding(s: Setting) -> Detector:
    bank = crowding(s.q, s.values)
    return RecoupledWatch(bank, q=s.q, reference=s.reference, seed=s.seed, spend=s.spend, n_ref=s.n_ref)


def _sparse(s: Setting) -> Detector:
    return RecoupledWatch(sparse(s.q), q=s.q, reference=s.reference, seed=s.seed, spend=s.spend, n_ref=s.n_ref)


def _bumps(s: Setting) -> Detector:
    bank = sparse(s.q, bump=BUMP, contaminations=BUMPS)
    return RecoupledWatch(bank, q=s.q, reference=s.reference, seed=s.seed, spend=s.spend, n_ref=s.n_ref)


def _growth(s: Setting) -> Detector:
    return RecoupledWatch(growth(s.q), q=s.q, reference=s.reference, seed=s.seed, spend=s.spend, n_ref=s.n_ref)


def _swings(s: Setting) -> Detector:
    return RecoupledWatch(swings(s.q), q=s.q, reference=s.reference, seed=s.seed, spend=s.spend, n_ref=s.n_ref)


def _mixture(s: Setting) -> Detector:
    bank = mixture([(1.0, boundary(s.q, s.values)), (1.0, growth(s.q))])
    return RecoupledWatch(bank, q=s.q, reference=s.reference, seed=s.seed, spend=s.spend, n_ref=s.n_ref)


def _dense(s: Setting) -> Detector:
    return DenseWatch(q=s.q, reference=s.reference, seed=s.seed, spend=s.spend, n_ref=s.n_ref)


def _river(make: Callable[[], Any], *, binary: bool = False) -> Callable[[Setting], Detector]:
    return lambda s: RiverDetector(make, values=s.values, binary=binary, seed=s.seed)


REGISTRY = (
    Entry("material", Promise.PROVED, _material),
    Entry("boundary", Promise.PROVED, _boundary),
    Entry("crowding", Promise.PROVED, _crowding),
    Entry("sparse", Promise.PROVED, _sparse),
    Entry("bumps", Promise.PROVED, _bumps),
    Entry("growth", Promise.PROVED, _growth),
    Entry("swings", Promise.PROVED, _swings),
    Entry("mixture", Promise.PROVED, _mixture),
    Entry("dense", Promise.PROVED, _dense),
    Entry("adwin", Promise.UNCALIBRATED, _river(drift.ADWIN)),
    Entry("page_hinkley", Promise.UNCALIBRATED, _river(drift.PageHinkley)),
    Entry("kswin", Promise.UNCALIBRATED, _river(lambda: drift.KSWIN(seed=1))),
    Entry("ddm", Promise.UNCALIBRATED, _river(drift.binary.DDM, binary=True)),
    Entry("eddm", Promise.UNCALIBRATED, _river(drift.binary.EDDM, binary=True)),
    Entry("hddm_a", Promise.UNCALIBRATED, _river(drift.binary.HDDMA, binary=True)),
    Entry("hddm_w", Promise.UNCALIBRATED, _river(drift.binary.HDDMW, binary=True)),
)


def entry(name: str) -> Entry:
    """The registered detector of that name. Raises KeyError with the names there are."""
    for found in REGISTRY:
        if found.name == name:
            return found
    raise KeyError(f"no detector {name!r}; there are {', '.join(e.name for e in REGISTRY)}")
