"""From a signal's declared bets to those of its any-change test, under a declared law q of its bins."""

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
from monitor.signals.signal import Bet, Signal

WEIGHTS: Final = {Bet.crowding: CROWDING_WEIGHT}
PEAKS: Final[dict[Bet, tuple[float, Likely]]] = {
    Bet.bumps: (BUMP, BUMPS),
    Bet.bands: (BAND, BANDS),
}
"""Half a width, in bins, and shares: with those of scores, lengths were found later in tests/real_stream."""


def notice_bank(signal: Signal, q: NDArray[np.float64]) -> Bank:
    """One bank of the signal's bets but ``dense``, which is none, in even shares but for :data:`WEIGHTS`.

    Raises:
        ValueError: the signal bets on nothing that this signal has.
    """
    parts = [(WEIGHTS.get(bet, 1.0), bank) for bet in signal.bets if (bank := _bank(bet, signal, q)) is not None]
    if not parts:
        raise ValueError(f"signal {signal.name} bets on nothing but dense, or on questions that it does not ask")
    return mixture(parts)


def dense_share(signal: Signal) -> float:
    """Share of the any-change test's spend that its dense bets have; 0 where it has no such bet."""
    return DENSE_SHARE if Bet.dense in signal.bets else 0.0


def _bank(bet: Bet, signal: Signal, q: NDArray[np.float64]) -> Bank | None:
    if bet is Bet.dense:
        return None
    if bet is Bet.sparse:
        return growth(q)
    if bet in PEAKS:
        width, shares = PEAKS[bet]
        return sparse(q, bump=width, contaminations=shares)
    if not signal.questions:
        return None
    asked = signal.questions[0]
    values = np.asarray(asked.values)
    bad = 1 - values if asked.direction is Direction.fall else values
    try:
        return boundary(q, bad) if bet is Bet.boundary else crowding(q, bad)
    except Unavailable:
        return None  # the question's values leave no room: the same for every law, as all have the same bins
