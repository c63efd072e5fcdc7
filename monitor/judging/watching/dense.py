"""The tests for diffuse drifts of all units side by side: one engine for each number of bins, one space of ids.

    diffuse.add(q, spend=, n_ref=) -> id
    diffuse.advance(at, test, bin, count, ticks=T) -> (ticks consumed, alarmed ids)     stops after an alarm's tick
    diffuse.retreat(keep)       undoes the last advance past tick ``keep``, where somebody else alarmed earlier

Several engines go through the same ticks, and all must stop after the first alarm of any of them. So those that
went further are set back to where they began, and brought to that tick again. Alarms are rare, and a live tick comes
alone.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.dense import DenseEvidence

Ints = NDArray[np.int64]
_BINS: Final = 4096
"""Most bins of a test, by detectors.dense; an id is (number in its engine) * _BINS + bins - 1."""


class _Fed(NamedTuple):
    """The last input of one engine, and its state before."""

    ptr: Ints
    tests: Ints
    bins: Ints
    events: Ints
    mark: dict[str, NDArray[Any]] | None
    consumed: int
    alarmed: Ints


class DenseTests:
    """Dense tests; see detectors.dense for what each call means."""

    def __init__(self) -> None:
        self._engines: dict[int, DenseEvidence] = {}
        self._fed: dict[int, _Fed] = {}

    def add(self, q: NDArray[np.float64], *, spend: float, n_ref: float) -> int:
        """Starts a test; returns its id."""
        bins = len(q)
        if bins not in self._engines:
            self._engines[bins] = DenseEvidence(bins)
        return self._engines[bins].add(q, spend=spend, n_ref=n_ref) * _BINS + bins - 1

    def set_spend(self, test: int, spend: float) -> None:
        """Changes the spend of a full tick from now on."""
        self._of(test).set_spend(test // _BINS, spend)

    def reset(self, test: int) -> None:
        """M = 0 and armed."""
        self._of(test).reset(test // _BINS)

    def disarm(self, test: int) -> None:
        """Ignores the test's cells until `reset`."""
        self._of(test).disarm(test // _BINS)

    def remove(self, test: int) -> None:
        """Ends a test; its id may be handed out again."""
        self._of(test).remove(test // _BINS)

    def armed(self, test: int) -> bool:
        """Whether it may alarm."""
        return bool(self._of(test).armed()[test // _BINS])

    def spend_of(self, test: int) -> float:
        """Spend of its next full tick: 0 while it is not armed."""
        return self._of(test).spend_of(test // _BINS) if self.armed(test) else 0.0

    def spent(self, test: int) -> float:
        """Its spend so far, in alarms."""
        return float(self._of(test).total_spend()[test // _BINS])

    def total_spend(self) -> float:
        """Spend so far of all tests together."""
        return sum(float(engine.total_spend().sum()) for engine in self._engines.values())

    def log_evidence_of(self, test: int) -> float:
        """log M."""
        return self._of(test).log_evidence_of(test // _BINS)

    def standing(self) -> dict[int, tuple[float, float, float]]:
        """State of every test: id -> (log M, spend so far, spend of its next full tick)."""
        out: dict[int, tuple[float, float, float]] = {}
        for bins, engine in self._engines.items():
            logs = engine.log_evidence()
            ids = np.flatnonzero(~np.isnan(logs))
            columns = (ids * _BINS + bins - 1, logs[ids], engine.total_spend()[ids], engine.spends()[ids])
            for test, log, spent, spend in zip(*(column.tolist() for column in columns), strict=True):
                out[test] = (log, spent, spend)
        return out

    def drifted(self, test: int) -> NDArray[np.float64]:
        """(B,) shares of the bins since the start that carries most of M."""
        return self._of(test).drifted(test // _BINS)

    def advance(self, at: Ints, test: Ints, bin_: Ints, count: Ints, *, ticks: int) -> tuple[int, list[int]]:
        """Feeds cells of the ticks 0 to ``ticks``, given by ``at`` in rising order, until some test alarms."""
        self._fed.clear()
        number, bins = np.divmod(test, _BINS)
        done = ticks
        for size in np.unique(bins + 1).tolist():
            mine = bins + 1 == size
            ptr = np.searchsorted(at[mine], np.arange(ticks + 1))
            mark = self._engines[size].mark() if ticks > 1 else None
            fed = _Fed(ptr, number[mine], bin_[mine], count[mine], mark, 0, np.zeros(0, np.int64))
            self._fed[size] = self._feed(size, fed, done)
            done = self._fed[size].consumed
        self.retreat(done)
        alarmed = [int(one) * _BINS + size - 1 for size, fed in self._fed.items() for one in fed.alarmed]
        return done, sorted(alarmed)

    def retreat(self, keep: int) -> None:
        """Sets every engine that went past tick ``keep`` of the last advance back to it."""
        for size, fed in self._fed.items():
            if fed.consumed > keep and fed.mark is not None:
                self._engines[size].back_to(fed.mark)
                self._fed[size] = self._feed(size, fed, keep)

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """A copy of everything, as arrays."""
        return {
            f"{bins}.{name}": array
            for bins, engine in sorted(self._engines.items())
            for name, array in engine.snapshot().items()
        }

    @classmethod
    def restore(cls, snapshot: dict[str, NDArray[np.generic]]) -> DenseTests:
        """Goes on exactly where the snapshot was taken."""
        out = cls()
        for bins in {name.partition(".")[0] for name in snapshot}:
            first = f"{bins}."
            own = {name.removeprefix(first): array for name, array in snapshot.items() if name.startswith(first)}
            out._engines[int(bins)] = DenseEvidence.restore(own)
        return out

    def _feed(self, size: int, fed: _Fed, ticks: int) -> _Fed:
        last = int(fed.ptr[ticks])
        cells = (fed.tests[:last], fed.bins[:last], fed.events[:last])
        consumed, alarmed = self._engines[size].advance(fed.ptr[: ticks + 1], *cells)
        return fed._replace(consumed=consumed, alarmed=alarmed.astype(np.int64))

    def _of(self, test: int) -> DenseEvidence:
        return self._engines[test % _BINS + 1]
