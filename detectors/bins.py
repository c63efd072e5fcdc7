"""Event columns to bin codes.

    KernelBins(bandwidth=.1, levels=6)    .codes(score - threshold) -> int16 (n,)   boundary proximity
    HistogramBins(edges)                  .codes(x) -> int16 (n,)                   score histogram, lengths
    CodedBins(names)                      .codes(small integers) -> int16 (n,)      verdict, action, status

Every rule has `.names` (one per bin) and `.values` ((B,) float64 in [0, 1], what the material test averages).
A code of -1 means that the event has no value for the signal: it joins no count, and is never a zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.compiled import njit

MISSING = -1
MAX_BINS = 4096  # codes are int16; a signal with more bins than this is a campaign table, not a histogram


def _frozen(values: ArrayLike) -> NDArray[np.float64]:
    out = np.array(values, dtype=np.float64)
    out.setflags(write=False)
    return out


@dataclass(frozen=True)
class KernelBins:
    """Signed levels of a triangular kernel around the decision threshold.

    The kernel weight of an event is `max(0, 1 - |score - threshold| / bandwidth)`: 1 on the threshold,
    0 from one bandwidth away. Each side is cut into `levels` steps, whose value is the weight at mid-step.

    Parameters
    ----------
    bandwidth : distance, in units of the score, at which an event stops counting as near; > 0.
    levels : steps on each side of the threshold, 1 to 1000.

    Bins run from far below the threshold to far above it: `2 * levels + 2` of them. A score that equals
    the threshold is above it, as `score >= threshold` is how guardrails decide.

    >>> rule = KernelBins(bandwidth=.1, levels=2)
    >>> rule.names
    ('far below', 'below 2', 'below 1', 'above 1', 'above 2', 'far above')
    >>> rule.codes(np.array([-.3, -.07, -.01, 0., .06, .1, np.nan])).tolist()
    [0, 1, 2, 3, 4, 5, -1]
    >>> rule.values.tolist()
    [0.0, 0.25, 0.75, 0.75, 0.25, 0.0]
    """

    bandwidth: float
    levels: int = 6
    values: NDArray[np.float64] = field(init=False, compare=False, repr=False)
    names: tuple[str, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.bandwidth) and self.bandwidth > 0):
            raise ValueError(f"bandwidth must be a positive distance in units of the score, got {self.bandwidth}")
        if not 1 <= self.levels <= 1000:
            raise ValueError(f"levels must be between 1 and 1000, got {self.levels}")
        near = 1 - (np.arange(self.levels) + 0.5) / self.levels
        steps = range(1, self.levels + 1)
        below = tuple(f"below {i}" for i in reversed(steps))
        above = tuple(f"above {i}" for i in steps)
        object.__setattr__(self, "values", _frozen(np.concatenate(([0.0], near[::-1], near, [0.0]))))
        object.__setattr__(self, "names", ("far below", *below, *above, "far above"))

    def codes(self, distance: NDArray[np.float64]) -> NDArray[np.int16]:
        """Bin codes of signed distances (score - threshold); NaN gives -1, an infinity is far."""
        values = np.asarray(distance, dtype=np.float64)
        codes: NDArray[np.int16] = _kernel_codes(values.ravel(), self.bandwidth, self.levels)
        return codes.reshape(values.shape)


@njit(cache=True, nogil=True)
def _kernel_codes(distance: NDArray[np.float64], bandwidth: float, levels: int) -> NDArray[np.int16]:
    out = np.empty(len(distance), dtype=np.int16)
    per_unit, far = levels / bandwidth, 2 * bandwidth
    for i in range(len(distance)):
        step = np.floor(min(max(distance[i], -far), far) * per_unit)
        code = min(max(step, -levels - 1.0), float(levels)) + levels + 1
        unknown = np.isnan(distance[i]) | np.isnan(step)  # without branches, so that the loop is vectorised
        out[i] = MISSING if unknown else np.int16(code)
    return out


@dataclass(frozen=True)
class HistogramBins:
    """Half-open intervals `[edge, next edge)`; values outside the edges fall into the first or the last bin.

    >>> HistogramBins(edges=(0, .25, .5, 1)).codes(np.array([-1, .25, .3, 7, np.nan])).tolist()
    [0, 1, 1, 2, -1]
    """

    edges: tuple[float, ...]
    values: NDArray[np.float64] = field(init=False, compare=False, repr=False)
    names: tuple[str, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        edges = _frozen(self.edges)
        if not 2 <= len(edges) <= MAX_BINS + 1:
            raise ValueError(f"a histogram needs 2 to {MAX_BINS + 1} edges, got {len(edges)}")
        if not (np.isfinite(edges).all() and (np.diff(edges) > 0).all()):
            raise ValueError(f"histogram edges must be finite and rising, got {self.edges}")
        middle = (edges[:-1] + edges[1:]) / 2
        object.__setattr__(self, "edges", tuple(float(e) for e in edges))
        object.__setattr__(self, "values", _frozen((middle - edges[0]) / (edges[-1] - edges[0])))
        object.__setattr__(self, "names", tuple(f"{a:g} to {b:g}" for a, b in pairwise(self.edges)))

    @classmethod
    def equal(cls, low: float, high: float, bins: int) -> HistogramBins:
        """`bins` intervals of equal width between `low` and `high`."""
        return cls(edges=tuple(np.linspace(low, high, bins + 1).tolist()))

    def codes(self, values: NDArray[np.float64]) -> NDArray[np.int16]:
        """Bin codes; NaN gives -1."""
        values = np.asarray(values, dtype=np.float64)
        code = np.searchsorted(np.asarray(self.edges[1:-1]), values, side="right")
        return np.where(np.isnan(values), MISSING, code).astype(np.int16)


@dataclass(frozen=True)
class CodedBins:
    """Categories that are small integers already; a code outside the list goes to `other`, a negative one to -1.

    Parameters
    ----------
    names : one name per bin.
    values : what the material test averages, in [0, 1], one per bin; default 0 everywhere but 1 in the last.
    other : the bin that pools unknown codes; default the last.

    >>> CodedBins(names=("ok", "error", "other")).codes(np.array([0, 1, 9, -1])).tolist()
    [0, 1, 2, -1]
    """

    names: tuple[str, ...]
    values: NDArray[np.float64] = field(default_factory=lambda: np.empty(0), compare=False, repr=False)
    other: int = -1

    def __post_init__(self) -> None:
        size = len(self.names)
        if not 1 <= size <= MAX_BINS:
            raise ValueError(f"a coded signal needs 1 to {MAX_BINS} names, got {size}")
        if len(set(self.names)) != size:
            raise ValueError(f"names of bins must differ, got {self.names}")
        if not -size <= self.other < size:
            raise ValueError(f"other must be the index of one of {size} bins, got {self.other}")
        default = np.eye(size)[-1] if not len(self.values) else self.values
        object.__setattr__(self, "values", unit_values(default, size))
        object.__setattr__(self, "other", self.other % size)

    def codes(self, codes: NDArray[np.integer]) -> NDArray[np.int16]:
        """Bin codes of category codes."""
        codes = np.asarray(codes)
        known = np.where(codes < len(self.names), codes, self.other)
        return np.where(codes < 0, MISSING, known).astype(np.int16)


def unit_values(values: ArrayLike | Sequence[float], size: int | None = None) -> NDArray[np.float64]:
    """A read-only copy of a bin rule's values. Raises ValueError unless they are finite and in [0, 1]."""
    out = _frozen(values)
    if out.ndim != 1 or not len(out) or (size is not None and len(out) != size):
        raise ValueError(f"values must hold one number per bin ({size or 'at least 1'}), got shape {out.shape}")
    if not ((out >= 0) & (out <= 1)).all():  # NaN fails this too
        raise ValueError(f"values of bins must lie in [0, 1], got {out.tolist()}")
    return out
