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
from numpy.typing import ArrayLike, NDArray

from detectors.alternatives import Bank, probabilities
from detectors.dense import DenseEvidence
from detectors.evidence import Evidence
from detectors.recoupling import Recoupler

THRESHOLD = 0.0  # of log M


class State(StrEnum):
    """The promise of a test at this moment."""

    ARMED = "armed"  # within its budget of false alarms
    ALARMED = "alarmed"  # nothing, until it is re-armed


@dataclass(frozen=True)
class Reading:
    """State of a test after a tick: `evidence` is log M, an alarm comes at `threshold`."""

    evidence: float
    threshold: float
    state: State
    reason: str


class Watch:
    """A single test; see `evidence.Evidence.add` for the parameters."""

    def __init__(
        self,
        bank: Bank | Sequence[Bank],
        *,
        spend: float,
        n_ref: float,
        history: Sequence[float] | None = None,
    ) -> None:
        self.banks = [bank] if isinstance(bank, Bank) else list(bank)
        self._engine = Evidence()
        self._test = self._engine.add(self.banks, spend=spend, n_ref=n_ref, history=history)

    def update(self, counts: ArrayLike) -> Reading:
        """Feeds one tick: (B,) counts, or (S, B) with one row per stratum (padded with zeros)."""
        table = np.atleast_2d(np.asarray(counts))
        shape = (len(self.banks), max(bank.log_e.shape[0] for bank in self.banks))
        if table.dtype.kind not in "iu" or table.shape != shape:
            raise ValueError(f"counts must be integers of shape {shape}, got {table.dtype} {table.shape}")
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

    def copy(self) -> Watch:
        """An independent test that continues exactly from here."""
        out = Watch(self.banks, spend=1.0, n_ref=1.0)
        out._engine = Evidence.restore(self._engine.snapshot())
        return out


class RecoupledWatch(Watch):
    """A single test against its own history instead of a known law: notices of any change.

    Parameters
    ----------
    bank : alternatives over the declared law q. q, reference, seed : see `recoupling.Recoupler.add`.
    """

    def __init__(
        self, bank: Bank, *, q: ArrayLike, reference: ArrayLike | None, seed: int, spend: float, n_ref: float
    ) -> None:
        history = 0.0 if reference is None else float(np.sum(reference))
        super().__init__(bank, spend=spend, n_ref=n_ref, history=[history])
        self._recoupler = Recoupler()
        self._law = probabilities(q)
        self._recoupler.add(self._law, seed=seed, reference=reference)
        self._tick = 0

    def update(self, counts: ArrayLike) -> Reading:
        """Feeds one tick of (B,) counts; while alarmed they join no history."""
        number = _counted(counts, len(self._law))
        if self._engine.armed()[self._test]:
            self._tick += 1
            super().update(self._recoupler.surrogates(0, number, self._tick))
        return self.reading()

    def reset(self) -> None:
        """M = 0 and armed; the history starts again, from here."""
        super().reset()
        self._recoupler.reset_reference(0)
        self._engine.set_history(self._test, [0.0])

    def dismiss(self) -> None:
        """M = 0 and armed; nothing had changed, so the history is kept whole."""
        super().reset()

    def copy(self) -> RecoupledWatch:
        """An independent test that continues exactly from here."""
        out = RecoupledWatch(self.banks[0], q=self._law, reference=None, seed=0, spend=1.0, n_ref=1.0)
        out._engine = Evidence.restore(self._engine.snapshot())
        out._recoupler = Recoupler.restore(self._recoupler.snapshot())
        out._tick, out._law = self._tick, self._law
        return out


class DenseWatch:
    """A single test for diffuse drifts against its own history; parameters as `RecoupledWatch`."""

    def __init__(self, *, q: ArrayLike, reference: ArrayLike | None, seed: int, spend: float, n_ref: float) -> None:
        self._law = probabilities(q)
        self._engine = DenseEvidence(len(self._law))
        self._engine.add(self._law, spend=spend, n_ref=n_ref)
        self._recoupler = Recoupler()
        self._recoupler.add(self._law, seed=seed, reference=reference)
        self._tick = 0

    def update(self, counts: ArrayLike) -> Reading:
        """Feeds one tick of (B,) counts; while alarmed they join no history."""
        number = _counted(counts, len(self._law))
        if self._engine.armed()[0]:
            self._tick += 1
            made = self._recoupler.surrogates(0, number, self._tick)
            self._engine.advance([0, len(made)], np.zeros(len(made), np.int64), np.arange(len(made)), made)
        return self.reading()

    def reading(self) -> Reading:
        """The present reading: names the bin that moved most."""
        state = State.ARMED if self._engine.armed()[0] else State.ALARMED
        evidence = float(self._engine.log_evidence()[0])
        if evidence == -np.inf:
            return Reading(evidence, THRESHOLD, state, "no evidence yet")
        moved = self._engine.drifted(0) - self._law
        most = int(np.abs(moved).argmax())
        return Reading(evidence, THRESHOLD, state, f"most of all bin {most}, by {moved[most]:+.3g}")

    def reset(self) -> None:
        """M = 0 and armed; the history starts again, from here."""
        self._engine.reset(0)
        self._recoupler.reset_reference(0)

    def copy(self) -> DenseWatch:
        """An independent test that continues exactly from here."""
        out = DenseWatch(q=self._law, reference=None, seed=0, spend=1.0, n_ref=1.0)
        out._engine = DenseEvidence.restore(self._engine.snapshot())
        out._recoupler = Recoupler.restore(self._recoupler.snapshot())
        out._tick, out._law = self._tick, self._law
        return out


def _counted(counts: ArrayLike, bins: int) -> NDArray[np.int64]:
    number = np.asarray(counts)
    if number.shape != (bins,) or number.dtype.kind not in "iu" or number.min() < 0:
        raise ValueError(f"counts must be {bins} integers >= 0, got {number.dtype} {number.shape}")
    return number.astype(np.int64)
