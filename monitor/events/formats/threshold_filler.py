"""Thresholds of the settings for canonical events that carry none.

Readers of other formats place a threshold themselves, on their vendor's scale; what comes with a threshold is left as
it is. A canonical score is between 0 and 1. Where it is inverted, so is its threshold, and the line in the settings
reads ``relevance <= 0.7``.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from monitor.events.batch import MISSING, EventBatch, ScoreSemantics
from monitor.events.decode import Decoded, Scanned
from monitor.events.formats.decoder import CanonicalDecoder
from monitor.events.formats.thresholds import Thresholds
from monitor.events.records import RecordBlock

_WIDTH: Final = 1 << 20  # more than a vocabulary holds


class ThresholdFiller:
    """A decoder of canonical events that fills in thresholds by guardrail and category.

    Args:
        canonical: the decoder behind it.
        thresholds: those of the settings.
    """

    def __init__(self, canonical: CanonicalDecoder, thresholds: Thresholds) -> None:
        self._canonical = canonical
        self._thresholds = thresholds

    def decode(self, block: RecordBlock, scanned: Scanned | None = None) -> Decoded:
        """The batch of the decoder behind it, with the missing thresholds."""
        decoded = self._canonical.decode(block, scanned)
        return Decoded(self._filled(decoded.batch), decoded.rejected)

    def _filled(self, batch: EventBatch) -> EventBatch:
        open_ = np.flatnonzero(np.isnan(batch.threshold) & ~np.isnan(batch.score) & (batch.guardrail != MISSING))
        if not len(open_):
            return batch
        threshold = batch.threshold.copy()
        names = batch.guardrail[open_].astype(np.int64) * _WIDTH + batch.category[open_]
        inverted = batch.semantics[open_] == ScoreSemantics.inverted
        for key in np.unique(names).tolist():
            guardrail, category = divmod(key + 1, _WIDTH)  # a missing category is -1
            known = self._thresholds.of(
                batch.vocabulary.guardrail.text(guardrail), batch.vocabulary.category.text(category - 1)
            )
            if known is None or not 0.0 <= known.value <= 1.0:
                continue
            rows = (names == key) & (inverted == known.low_is_unsafe)
            threshold[open_[rows]] = 1.0 - known.value if known.low_is_unsafe else known.value
        return dataclasses.replace(batch, threshold=threshold)
