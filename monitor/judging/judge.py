"""The judge: one lease holder that turns closed ticks into findings, in one fenced transaction at a time.

A step reads what is closed, lets the :class:`~monitor.judging.assess.Assessor` work it out in memory, and commits
findings, incidents, outbox rows and the judged position together under the fencing token. If the commit fails, the
memory is thrown away and rebuilt from the newest snapshot and the counts since: nothing is ever half done.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from monitor.alerting.ports import AlertStore
from monitor.counts.model import LoadedCounts
from monitor.errors import Fenced
from monitor.findings.model import Finding
from monitor.judging import snapshot
from monitor.judging.assess import Assessment, Assessor
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.ports import Baseline, BaselineState, JudgeStore
from monitor.judging.state import JudgeState
from monitor.signals.registry import LAYOUT

LEASE_MS: Final = 10_000
CELLS: Final = 1_000_000
"""Counts judged in one step when catching up: a second or so, well within the lease, and 24 MB."""
FEW_TICKS: Final = 60
MAX_TICKS: Final = 8_640
"""A day of 10 s ticks, however thin it is."""

Respond = Callable[[AlertStore, Finding, int], Finding]
"""Saves a finding's new version and opens, extends or ends its incident; (store, finding, now_ms)."""


@dataclass(frozen=True, slots=True)
class PresentPolicy:
    """What is done when judging reaches the present: an outage of ours must not hide what began during it.

    Attributes:
        within_ms: ticks that ended no longer ago than this are the present.
        tell: called for every open page, in the judge's transaction; (store, finding, now_ms). Must be idempotent.
    """

    within_ms: int
    tell: Callable[[AlertStore, Finding, int], None]


class Step(StrEnum):
    """What a step came to."""

    judged = "judged"
    """Ticks were judged; call again at once, there may be more."""
    waiting = "no closed tick to judge"
    standby = "another judge holds the lease"


@dataclass(frozen=True, slots=True)
class JudgeReport:
    """One step, for metrics and the terminal."""

    step: Step
    judged_before: int | None = None
    assessment: Assessment | None = None


class Judge:
    """Holds the lease, judges, rebuilds itself after trouble."""

    def __init__(
        self,
        store: JudgeStore,
        rule: JudgeSettings,
        respond: Respond,
        *,
        holder: str,
        snapshot_ticks: int = 360,
        now_ms: Callable[[], int] | None = None,
        caught_up: PresentPolicy | None = None,
    ) -> None:
        """Args:
        store: the judging side of storage.
        rule: how to judge.
        respond: what a finding sets off.
        holder: name of this process in the lease.
        snapshot_ticks: a snapshot is taken every so many ticks; a restart replays at most these.
        caught_up: what is done about pages that are open when judging reaches the present.
        now_ms: the clock of the lease, to keep it during long steps; None where nobody else could take it.
        """
        self._store = store
        self._rule = rule
        self._respond = respond
        self._holder = holder
        self._snapshot_ticks = snapshot_ticks
        self._now_ms = now_ms
        self._caught_up = caught_up
        self._at_present = False
        self._assessor: Assessor | None = None
        self._token: int | None = None
        self._renewed_ms = 0
        self._newest_slice = 0
        self._snapshot_at = 0
        self._ticks = FEW_TICKS
        """Ticks of the next step; follows the density of the counts."""

    @property
    def assessor(self) -> Assessor | None:
        """The state in memory, for gauges; None before the first step and after trouble."""
        return self._assessor

    def step(self, now_ms: int) -> JudgeReport:
        """Judge what is closed.

        Raises:
            StoreUnavailable: nothing was committed; call again later.
        """
        token = self._lease(now_ms)
        if token is None:
            return JudgeReport(Step.standby)
        try:
            return self._judge(token, now_ms)
        except Fenced:
            self._assessor = self._token = None
            return JudgeReport(Step.standby)
        except BaseException:
            # Whatever it was, the memory is ahead of what is stored; going on from it would skip what was found.
            self._assessor = self._token = None
            raise

    def _lease(self, now_ms: int) -> int | None:
        """The fencing token; renewed when a third of the lease is over, so that not every step writes."""
        if self._token is not None and 0 <= now_ms - self._renewed_ms < LEASE_MS // 3:
            return self._token
        token = self._store.acquire(holder=self._holder, now_ms=now_ms, ttl_ms=LEASE_MS)
        self._renewed_ms = now_ms
        if token is None or token != self._token:
            self._assessor = None
        self._token = token
        return token

    def _past_counts(self, from_tick: int, to_tick: int) -> LoadedCounts:
        """Reads counts back, and keeps the lease meanwhile: a long look back must not lose it to a rival.

        Raises:
            Fenced: it is lost all the same.
        """
        token = self._token
        if self._now_ms is not None and self._lease(self._now_ms()) != token:
            raise Fenced("the judge's lease was lost while reading counts back")
        return self._store.counts(from_tick, to_tick)

    def close(self) -> None:
        """Write a snapshot and give the lease back."""
        assessor, token = self._assessor, self._token
        if assessor is not None and token is not None:
            with suppress(Fenced), self._store.judgement(token) as store:
                store.save_snapshot(snapshot.dump(assessor.fleet))
        self._assessor = self._token = None
        self._store.release(holder=self._holder)

    def _judge(self, token: int, now_ms: int) -> JudgeReport:
        closed = self._store.closed_before()
        if self._assessor is None and closed is not None:
            self._assessor = self._rebuild(closed)
        assessor = self._assessor
        if assessor is None or closed is None or closed <= assessor.judged_before:
            return JudgeReport(Step.waiting, None if assessor is None else assessor.judged_before)
        counts, end = self._next_counts(assessor.judged_before, closed)
        self._learn_slices(assessor)
        approved = [assessor.approve(baseline) for baseline in self._pending()]
        waiting = [one for one in self._store.dismissals() if one.effective_tick is None]
        dismissed = [assessor.dismiss(one) for one in waiting]
        assessment = assessor.advance(counts, end)
        assessment.findings = [self._with_offsets(finding) for finding in assessment.findings]
        with self._store.judgement(token) as store:
            for baseline in [*approved, *assessment.baselines]:
                store.save_baseline(baseline)
            for dismissal in dismissed:
                store.save_dismissal(dismissal)
            for finding in assessment.findings:
                self._respond(store, finding, now_ms)
            at_present = self._reach_present(store, assessor, end, now_ms)
            store.advance(end)
            if end - self._snapshot_at >= self._snapshot_ticks:
                store.save_snapshot(snapshot.dump(assessor.fleet))
                self._snapshot_at = end
        self._at_present = at_present
        return JudgeReport(Step.judged, end, assessment)

    def _reach_present(self, store: AlertStore, assessor: Assessor, end: int, now_ms: int) -> bool:
        """Whether judging is near the present; when it gets there, what is still open is told of."""
        if self._caught_up is None:
            return False
        at_present = now_ms - end * self._rule.tick_ms <= self._caught_up.within_ms
        if at_present and not self._at_present:
            for finding in assessor.open_pages():
                self._caught_up.tell(store, finding, now_ms)
        return at_present

    def _next_counts(self, start: int, limit: int) -> tuple[LoadedCounts, int]:
        """Counts of the next ticks up to ``limit``, about :data:`CELLS` of them, and the tick after those."""
        first = self._store.first_tick(since=start)
        if first is None or first >= limit:
            return self._store.counts(start, start), limit  # a long quiet stretch costs nothing
        end = min(limit, first + self._ticks)
        counts = self._store.counts(start, end)
        wanted = self._ticks * CELLS // max(1, len(counts.tick))
        self._ticks = min(max(1, wanted), 2 * self._ticks, MAX_TICKS)
        return counts, end

    def _with_offsets(self, finding: Finding) -> Finding:
        """Ties the evidence to the log: the offsets from the onset estimate to the alarm."""
        first = finding.onset_low_ms // self._rule.tick_ms
        last = max(finding.detected_at_ms, finding.paged_at_ms or 0) // self._rule.tick_ms
        return msgspec.structs.replace(finding, offsets=dict(self._store.offsets(first, last)))

    def _pending(self) -> list[Baseline]:
        """Approvals that have not taken effect yet."""
        approved = self._store.baselines(state=BaselineState.approved)
        return [baseline for baseline in approved if baseline.effective_tick is None]

    def _learn_slices(self, assessor: Assessor) -> None:
        new = self._store.slices(after_id=self._newest_slice)
        if new:
            self._newest_slice = max(new)
            assessor.learn_slices(new)

    def _rebuild(self, closed: int) -> Assessor | None:
        """From the newest snapshot, or from the first counts, to the judged position.

        None without counts of a closed tick: while the first is open, another partition may bring an earlier one.
        """
        judged = self._store.judged_before()
        stored = self._store.snapshot(snapshot.fingerprint(self._rule))
        if stored is not None and judged is not None and stored.tick <= judged:
            state, panel = snapshot.load(stored, self._rule)
        else:
            first = self._store.first_tick()
            if first is None or first >= closed:
                return None
            state, panel = JudgeState(judged_before=first, units=[], guardrails={}), None
        start = state.judged_before
        effective = [
            baseline
            for baseline in self._store.baselines()
            if baseline.effective_tick is not None
            and baseline.layout == LAYOUT
            # One from before the oldest counts still holds: what it was learned from may be gone, it is not.
            and (baseline.effective_tick >= start or (panel is None and baseline.state is BaselineState.approved))
        ]
        dismissed = [
            one for one in self._store.dismissals() if one.effective_tick is not None and one.effective_tick >= start
        ]
        assessor = Assessor(
            self._rule,
            self._past_counts,
            state=state,
            panel=panel,
            clusters=self._store.clusters,
            approved=effective,
            dismissed=dismissed,
        )
        assessor.fleet.respend()
        self._newest_slice, self._snapshot_at = 0, start
        self._learn_slices(assessor)
        while judged is not None and assessor.judged_before < judged:
            self._past_counts(judged, judged)  # keeps the lease
            assessor.advance(*self._next_counts(assessor.judged_before, judged))  # said before: not said again
        return assessor
