"""From a signal's declared alternatives to those of its any-change test, under a declared law q of its bins."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.alternatives import (
    BAND,
    BANDS,
    BUMP,
    BUMPS,
    CROWDING_WEIGHT,
    DENSE_SHARE,
    Bank,
    Likely,
    Unavailable,
    boundary,
    crowding,
    growth,
    mixture,
    sparse,
)
from monitor.findings.model import Direction
from monitor.signals.signal import Alternative, Signal

WEIGHTS: Final = {Alternative.crowding: CROWDING_WEIGHT}
PEAKS: Final[dict[Alternative, tuple[float, Likely]]] = {
    Alternative.bumps: (BUMP, BUMPS),
    Alternative.bands: (BAND, BANDS),
}
"""Half a width, in bins, and shares: with those of scores, lengths were found later in tests/real_stream."""


def notice_bank(signal: Signal, q: NDArray[np.float64]) -> Bank:
    """One bank of the signal's alternatives but ``dense``, which is none, in even shares but for :data:`WEIGHTS`.

    Raises:
        ValueError: the signal has none of the alternatives that it declares.
    """
    parts = [
        (WEIGHTS.get(one, 1.0), bank) for one in signal.alternatives if (bank := _bank(one, signal, q)) is not None
    ]
    if not parts:
        raise ValueError(
            f"signal {signal.name} declares no alternative but dense, or only some of questions that it does not ask"
        )
    return mixture(parts)


def dense_share(signal: Signal) -> float:
    """Share of the any-change test's spend that its dense tests have; 0 where it has none."""
    return DENSE_SHARE if Alternative.dense in signal.alternatives else 0.0


def _bank(one: Alternative, signal: Signal, q: NDArray[np.float64]) -> Bank | None:
    if one is Alternative.dense:
        return None
    if one is Alternative.sparse:
        return growth(q)
    if one in PEAKS:
        width, shares = PEAKS[one]
        return sparse(q, bump=width, contaminations=shares)
    if not signal.questions:
        return None
    asked = signal.questions[0]
    values = np.asarray(asked.values)
    bad = 1 - values if asked.direction is Direction.fall else values
    try:
        return boundary(q, bad) if one is Alternative.boundary else crowding(q, bad)
    except Unavailable:
        return None  # the question's values leave no room: the same for every law, as all have the same bins
