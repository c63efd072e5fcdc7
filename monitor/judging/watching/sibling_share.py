"""A guardrail's events per event of the others while a baseline was taken: what its silence is measured against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.judging.history import Past
from monitor.judging.watching.from_baseline import Window


class SiblingShares:
    """Shares of guardrails. The sums of the window asked for last are kept: many units learn in the same one."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._sums: tuple[tuple[int, int, int], NDArray[np.int64]] | None = None

    def of(
        self, guardrail: str, window: Window, guardrails: Sequence[str], guardrail_of: NDArray[np.int64], slices: int
    ) -> float:
        """Its events in the window over those of all other guardrails; 0 where these had none.

        Args:
            guardrail: its name.
            window: of the baseline, not empty.
            guardrails: all names, in the order of their places.
            guardrail_of: int64, the place by slice id.
            slices: how many slices are known.
        """
        span = int(window.ticks[0]), int(window.ticks[-1]) + 1
        if self._sums is None or self._sums[0] != (*span, slices):
            self._sums = (*span, slices), self._past.events(guardrail_of, len(guardrails), *span)
        sums = self._sums[1]
        own = int(sums[guardrails.index(guardrail)])
        others = int(sums.sum()) - own
        return own / others if others else 0.0
