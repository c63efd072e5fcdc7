"""One test at a time, for users of the library: counts in, a frozen reading out.

>>> import numpy as np
>>> from detectors.alternatives import material
>>> watch = Watch(material([0, 1], level=.05), spend=1e-3, n_ref=50)
>>> watch.update(np.array([48, 2])).state.value
'armed'
>>> watch.update(np.array([10, 40])).state.value
'alarmed'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from detectors.alternatives import Bank
from detectors.evidence import Evidence

THRESHOLD = 0.0  # of log M


class State(StrEnum):
    """What a test promises just now."""

    ARMED = "armed"  # within its budget of false alarms
    ALARMED = "alarmed"  # nothing, until it is re-armed


@dataclass(frozen=True)
class Reading:
    """Where a test stands after a tick: `evidence` is log M, an alarm comes at `threshold`."""

    evidence: float
    threshold: float
    state: State
    reason: str


class Watch:
    """A single test; see `evidence.Evidence.add` for the parameters."""

    def __init__(self, bank: Bank | Sequence[Bank], *, spend: float, n_ref: float) -> None:
        self.banks = [bank] if isinstance(bank, Bank) else list(bank)
        self._engine = Evidence()
        self._test = self._engine.add(self.banks, spend=spend, n_ref=n_ref)

    def update(self, counts: ArrayLike) -> Reading:
        """Feeds one tick: (B,) counts, or (S, B) with one row per stratum (padded with zeros)."""
        table = np.atleast_2d(np.asarray(counts))
        if table.dtype.kind not in "iu" or len(table) != len(self.banks):
            raise ValueError(f"counts must be integers with {len(self.banks)} rows, got {table.dtype} {table.shape}")
        stratum, bins = np.nonzero(table)
        if not self._engine.armed()[self._test]:
            return self.reading()
        size = len(bins)
        self._engine.advance([0, size], np.full(size, self._test), stratum, bins, table[stratum, bins])
        return self.reading()

    def reading(self) -> Reading:
        """The present reading, without a tick."""
        state = State.ARMED if self._engine.armed()[self._test] else State.ALARMED
        evidence = self._engine.log_evidence_of(self._test)
        if evidence == -np.inf:
            return Reading(evidence, THRESHOLD, state, "no evidence yet")
        component, alternative = self._engine.leading(self._test)
        pooled = len(self.banks) > 1 and component == len(self.banks)
        where = "all strata" if pooled or len(self.banks) == 1 else f"stratum {component}"
        names = self.banks[0 if pooled else component].names
        what = names[alternative] if names else f"alternative {alternative}"
        return Reading(evidence, THRESHOLD, state, f"{what} in {where}")

    def reset(self) -> None:
        """M = 0 and armed again."""
        self._engine.reset(self._test)
