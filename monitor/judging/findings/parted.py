"""Where counts part into a before and an after, for a test that is held against its own history and no baseline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from detectors.onset import LOG_UNITS


def parted(history: NDArray[np.int64], table: NDArray[np.int64]) -> tuple[int, int, int]:
    """(first, best, last) row of ``table`` (ticks, bins) from which on what came differs most from all before it.

    Args:
        history: counts (bins,) of everything that the test has compared, of which the table is the end. What was
            reported last may have gone long ago, as too small a part of it to be an alarm of its own.
        table: counts by tick.
    """
    after = np.cumsum(table[::-1], axis=0)[::-1]
    likely = _likelihood(history - after) + _likelihood(after)
    near = np.flatnonzero(likely >= likely.max() - LOG_UNITS)
    return int(near[0]), int(likely.argmax()), int(near[-1])


def _likelihood(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(rows,) log probability of counts (rows, bins), whatever their law may be: a Dirichlet prior of 1/2 a bin."""
    half = np.full(counts.shape[1], 0.5)
    whole = half.sum()
    out: NDArray[np.float64] = gammaln(counts + half).sum(axis=1) - gammaln(counts.sum(axis=1) + whole)
    return out
