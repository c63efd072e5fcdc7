"""The families of drifts of detectors/README.md: how traffic looks before and after, event by event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from detectors.bins import CodedBins, HistogramBins, KernelBins

LABELS = np.array([0.55, 0.15, 0.10, 0.07, 0.05, 0.04, 0.03, 0.01])
THRESHOLD = 0.5
NORM = betaln(0.5, 3) - betaln(50, 50)  # of Beta(50, 50) over Beta(.5, 3)


@dataclass(frozen=True)
class Binary:
    """A share of events near the threshold that grows."""

    before: float
    after: float
    kind: str = "rate"
    rule: Any = field(default_factory=lambda: CodedBins(names=("far", "near")))

    @property
    def name(self) -> str:
        return f"rate {self.before:g} to {self.after:g}"

    def draw(self, rng: np.random.Generator, size: int | tuple[int, int], *, drifted: bool) -> NDArray[np.float64]:
        return (rng.random(size) < (self.after if drifted else self.before)).astype(np.float64)

    def log_ratio(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        up, down = np.log(self.after / self.before), np.log((1 - self.after) / (1 - self.before))
        return np.where(x > 0, up, down)

    def codes(self, x: NDArray[np.float64]) -> NDArray[np.int16]:
        return x.astype(np.int16)


@dataclass(frozen=True)
class Scores:
    """Scores of Beta(.5, 3), of which a share moves to Beta(50, 50) around the threshold .5."""

    share: float
    histogram: bool = False
    kind: str = "score"

    @property
    def name(self) -> str:
        return f"scores {self.share:.0%} to the threshold" + (", 20 bins" if self.histogram else "")

    @property
    def rule(self) -> Any:
        return HistogramBins.equal(0, 1, 20) if self.histogram else KernelBins(bandwidth=0.15, levels=6)

    def draw(self, rng: np.random.Generator, size: int | tuple[int, int], *, drifted: bool) -> NDArray[np.float64]:
        x = rng.beta(0.5, 3, size)
        if drifted:
            x = np.where(rng.random(size) < self.share, rng.beta(50, 50, size), x)
        return x

    def log_ratio(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        x = np.clip(x, 1e-12, 1 - 1e-12)
        ratio = np.exp(NORM + 49.5 * np.log(x) + 47 * np.log1p(-x))  # of the densities: 3 times faster than scipy's
        return np.log1p(self.share * (ratio - 1))

    def codes(self, x: NDArray[np.float64]) -> NDArray[np.int16]:
        return self.rule.codes(x if self.histogram else x - THRESHOLD)


@dataclass(frozen=True)
class Labels:
    """Eight categories, of which one grows or all tilt."""

    name: str
    after: tuple[float, ...]
    kind: str = "label"
    rule: Any = field(default_factory=lambda: CodedBins(names=tuple("abcdefgh")))

    def draw(self, rng: np.random.Generator, size: int | tuple[int, int], *, drifted: bool) -> NDArray[np.float64]:
        law = np.array(self.after) if drifted else LABELS
        return np.searchsorted(law.cumsum() / law.sum(), rng.random(size), side="right").astype(np.float64)

    def log_ratio(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.log(np.array(self.after) / LABELS)[x.astype(int)]

    def codes(self, x: NDArray[np.float64]) -> NDArray[np.int16]:
        return x.astype(np.int16)


def _moved(bin_: int, points: float) -> tuple[float, ...]:
    law = LABELS * (1 - points / (1 - LABELS[bin_]))
    law[bin_] = LABELS[bin_] + points
    return tuple(law)


_TILTED = LABELS * np.exp(0.15 * np.array([1, -1, 1, -1, 1, -1, 1, -1]))

FAMILIES = (
    Binary(0.05, 0.06),
    Binary(0.05, 0.075),
    Binary(0.05, 0.10),
    Scores(0.05),
    Scores(0.10),
    Scores(0.20),
    Scores(0.10, histogram=True),
    Labels("labels rare 1 to 2 %", _moved(7, 0.01)),
    Labels("labels 4 to 5.5 %", _moved(5, 0.015)),
    Labels("labels tilted by .15", tuple(_TILTED / _TILTED.sum())),
)
