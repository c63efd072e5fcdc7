"""The same counts judged again under another rule: another budget, another size of baseline.

Counting does not know the budget, so what a replay with another budget would find is what the judge finds in the same
counts; the judge is the very one, with findings, incidents and baselines in a database of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from monitor.backtest.replay import IN_MEMORY, found_in, judge_of
from monitor.counts.model import Cluster, LoadedCounts, Slice
from monitor.findings.model import Finding
from monitor.incidents.model import Incident
from monitor.judging.judge import Judge, Step
from monitor.judging.ports import (
    Baseline,
    BaselineState,
    BaselineStore,
    Dismissal,
    JudgementStore,
    JudgeStore,
    Snapshot,
)
from monitor.settings.model import Settings
from monitor.signals.registry import LAYOUT
from monitor.storage.stores import Stores, open_stores


@dataclass(frozen=True, slots=True)
class RejudgeResult:
    """Result of a re-judged run; ``store`` is closed once :func:`rejudged` is left."""

    findings: Sequence[Finding]
    incidents: Sequence[Incident]
    judge: Judge
    store: JudgeStore


@contextmanager
def rejudged(stores: Stores, settings: Settings) -> Iterator[RejudgeResult]:
    """Judge all closed ticks of ``stores`` from the first one on, without a trace in them."""
    with open_stores(IN_MEMORY, layout=LAYOUT) as own:
        store = _CountsElsewhere(counts=stores.judge, own=own.judge)
        judge = judge_of(store, settings)
        while judge.step(0).step is Step.judged:
            pass
        findings, incidents = found_in(own)
        yield RejudgeResult(findings, incidents, judge, store)


class _CountsElsewhere(JudgeStore):
    """Counts of one database, everything that the judge writes in another."""

    def __init__(self, *, counts: JudgeStore, own: JudgeStore) -> None:
        self._counts = counts
        self._own = own

    def acquire(self, *, holder: str, now_ms: int, ttl_ms: int) -> int | None:
        """Own."""
        return self._own.acquire(holder=holder, now_ms=now_ms, ttl_ms=ttl_ms)

    def release(self, *, holder: str) -> None:
        """Own."""
        self._own.release(holder=holder)

    def closed_before(self) -> int | None:
        """The same method of the stored counts."""
        return self._counts.closed_before()

    def judged_before(self) -> int | None:
        """Own."""
        return self._own.judged_before()

    def first_tick(self, *, since: int | None = None) -> int | None:
        """The same method of the stored counts."""
        return self._counts.first_tick(since=since)

    def counts(self, from_tick: int, to_tick: int) -> LoadedCounts:
        """The same method of the stored counts."""
        return self._counts.counts(from_tick, to_tick)

    def uncounted(self, from_tick: int, to_tick: int) -> Mapping[str, int]:
        """The same method of the stored counts."""
        return self._counts.uncounted(from_tick, to_tick)

    def clusters(self, from_tick: int, to_tick: int) -> Sequence[Cluster]:
        """The same method of the stored counts."""
        return self._counts.clusters(from_tick, to_tick)

    def slices(self, after_id: int = 0) -> Mapping[int, Slice]:
        """The same method of the stored counts."""
        return self._counts.slices(after_id)

    def offsets(self, from_tick: int, to_tick: int) -> Mapping[str, tuple[int, int]]:
        """The same method of the stored counts."""
        return self._counts.offsets(from_tick, to_tick)

    def baselines(self, *, state: BaselineState | None = None) -> Sequence[Baseline]:
        """Own."""
        return self._own.baselines(state=state)

    def some_baselines(
        self,
        *,
        unit: Slice | None = None,
        states: Sequence[BaselineState] | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[Baseline]:
        """Own."""
        return self._own.some_baselines(unit=unit, states=states, before=before, limit=limit)

    def baseline(self, baseline_id: int) -> Baseline | None:
        """Own."""
        return self._own.baseline(baseline_id)

    def pending_baselines(self) -> Sequence[Baseline]:
        """Own."""
        return self._own.pending_baselines()

    def effective_baselines(self, since: int, *, before_too: bool) -> Sequence[Baseline]:
        """Own."""
        return self._own.effective_baselines(since, before_too=before_too)

    def dismissals(self, *, since: int | None = None) -> Sequence[Dismissal]:
        """Own."""
        return self._own.dismissals(since=since)

    def pending_dismissals(self) -> Sequence[Dismissal]:
        """Own."""
        return self._own.pending_dismissals()

    def dismissal(self, finding_id: str) -> Dismissal | None:
        """Own."""
        return self._own.dismissal(finding_id)

    def snapshot(self, fingerprint: str) -> Snapshot | None:
        """Own."""
        return self._own.snapshot(fingerprint)

    def judgement(self, token: int) -> AbstractContextManager[JudgementStore]:
        """Own."""
        return self._own.judgement(token)

    def approval(self) -> AbstractContextManager[BaselineStore]:
        """Own."""
        return self._own.approval()
