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
from monitor.judging.evidence_points import Record
from monitor.judging.evidence_record import EvidenceRecorder
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.ports import Baseline, JudgeStore
from monitor.judging.retention import Retained, RetentionRule, retain, safe_before
from monitor.judging.state import JudgeState
from monitor.judging.unwatched import ended_with_their_rule
from monitor.judging.view import JudgeView
from monitor.judging.view_builder import ViewBuilder
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
    """The action when judging reaches the present: an outage of ours must not hide what began during it.

    Attributes:
        within_ms: ticks that ended no longer ago than this are the present.
        notify: called for every open page, in the judge's transaction; (store, finding, now_ms). Must be idempotent.
    """

    within_ms: int
    notify: Callable[[AlertStore, Finding, int], None]


class Step(StrEnum):
    """Outcome of a step."""

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
    view: JudgeView | None = None
    """The judge's view after the step; None where no tick was judged."""


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
        recorder: EvidenceRecorder | None = None,
    ) -> None:
        """Args:
        store: the judging side of storage.
        rule: how to judge.
        respond: called for every new version of a finding, in the judge's transaction.
        holder: name of this process in the lease.
        snapshot_ticks: a snapshot is taken every so many ticks; a restart replays at most these.
        caught_up: the action for pages that are open when judging reaches the present.
        now_ms: the clock of the lease, to keep it during long steps; None where nobody else could take it.
        recorder: stores the evidence over time; None: none is stored.
        """
        self._store = store
        self._rule = rule
        self._respond = respond
        self._holder = holder
        self._snapshot_ticks = snapshot_ticks
        self._now_ms = now_ms
        self._caught_up = caught_up
        self._recorder = recorder
        self._at_present = False
        self._assessor: Assessor | None = None
        self._builder: ViewBuilder | None = None
        self._view: JudgeView | None = None
        self._token: int | None = None
        self._renewed_ms = 0
        self._newest_slice = 0
        self._snapshot_at = 0
        self._safe_before: int | None = None
        """As of the last snapshot that this judge has stored; None before that."""
        self._learned: list[Baseline] = []
        """From counts that an earlier version has judged: of signals that are new to it. To be stored."""
        self._rebuilt = False
        """From counts alone, as after an upgrade, and not settled yet."""
        self._ticks = FEW_TICKS
        """Ticks of the next step; follows the density of the counts."""

    @property
    def assessor(self) -> Assessor | None:
        """The memory behind :attr:`view`, for tests; None before the first step and after trouble."""
        return self._assessor

    @property
    def view(self) -> JudgeView | None:
        """The judge's view after the last step that judged anything; None before the first."""
        return self._view

    def retain(self, rule: RetentionRule, now_ms: int) -> Retained | None:
        """Roll up and forget counts that are neither needed nor read any more; None without a lease and a snapshot.

        Raises:
            StoreUnavailable: what was not done is done by a later call.
        """
        token, safe = self._token, self._safe_before
        if token is None or safe is None:
            return None
        try:
            return retain(
                lambda: self._store.judgement(token), rule, safe=safe, judged_before=self._snapshot_at, now_ms=now_ms
            )
        except Fenced:
            return None

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
            # In-memory state may be ahead of the database; discard it: going on would skip what was found.
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
            if self._assessor is not None and self._rebuilt:
                self._settle(self._assessor, token, now_ms)
        assessor = self._assessor
        if assessor is None or closed is None or closed <= assessor.judged_before:
            return JudgeReport(Step.waiting, None if assessor is None else assessor.judged_before)
        counts, end = self._next_counts(assessor.judged_before, closed)
        self._learn_slices(assessor)
        approved = [assessor.approve(baseline) for baseline in self._store.pending_baselines()]
        dismissed = [assessor.dismiss(one) for one in self._store.pending_dismissals()]
        assessment, view, records = self._assess(assessor, counts, end, closed)
        assessment.findings = [self._with_offsets(finding) for finding in assessment.findings]
        with self._store.judgement(token) as store:
            for baseline in [*approved, *assessment.baselines]:
                store.save_baseline(baseline)
            for dismissal in dismissed:
                store.save_dismissal(dismissal)
            for finding in assessment.findings:
                self._respond(store, finding, now_ms)
            for record in records:
                store.save_record(record)
            at_present = self._reach_present(store, assessor, end, now_ms)
            store.advance(end, tick_ms=self._rule.tick_ms)
            due = end - self._snapshot_at >= self._snapshot_ticks
            if due:
                store.save_snapshot(snapshot.dump(assessor.fleet))
        if due:
            self._snapshot_at = end
            self._safe_before = safe_before(assessor.fleet.state, tick_ms=self._rule.tick_ms)
        self._at_present, self._view = at_present, view
        return JudgeReport(Step.judged, end, assessment, view)

    def _assess(
        self, assessor: Assessor, counts: LoadedCounts, end: int, closed: int
    ) -> tuple[Assessment, JudgeView, list[Record]]:
        """Judge the ticks below ``end``; with a recorder, minute by minute of event time."""
        builder = self._builder or ViewBuilder(assessor.fleet)
        if self._recorder is None:
            return assessor.advance(counts, end), builder.view(), []
        whole, records = Assessment(), []
        for part, stop in self._recorder.stretches(counts, assessor.judged_before, end, newest=closed):
            brought = assessor.advance(part, stop)
            view = builder.view()
            records.append(self._recorder.take(part, stop, view, brought.findings))
            whole.add(brought)
        return whole, view, records

    def _settle(self, assessor: Assessor, token: int, now_ms: int) -> None:
        """Once after an upgrade: store what the version before could not know of the ticks that it has judged."""
        with self._store.judgement(token) as store:
            for baseline in self._learned:
                store.save_baseline(baseline)
            at_ms = assessor.judged_before * self._rule.tick_ms
            for page in ended_with_their_rule(store.open_pages(), assessor.fleet.state, at_ms=at_ms):
                self._respond(store, page, now_ms)
            for page in assessor.open_pages():
                if store.finding(page.id) is None:  # of a question that was not asked
                    self._respond(store, page, now_ms)
        self._rebuilt, self._learned = False, []

    def _reach_present(self, store: AlertStore, assessor: Assessor, end: int, now_ms: int) -> bool:
        """Whether judging is near the present; when it gets there, the pages that are still open are reported."""
        if self._caught_up is None:
            return False
        at_present = now_ms - end * self._rule.tick_ms <= self._caught_up.within_ms
        if at_present and not self._at_present:
            for finding in assessor.open_pages():
                self._caught_up.notify(store, finding, now_ms)
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
        # One from before the oldest counts still holds: what it was learned from may be gone, it is not.
        effective = self._store.effective_baselines(start, before_too=panel is None)
        assessor = Assessor(
            self._rule,
            self._past_counts,
            state=state,
            panel=panel,
            clusters=self._store.clusters,
            uncounted=self._store.uncounted,
            approved=[baseline for baseline in effective if LAYOUT.shared(baseline.layout)],
            dismissed=self._store.dismissals(since=start),
        )
        assessor.fleet.respend()
        self._newest_slice, self._snapshot_at, self._rebuilt = 0, start, panel is None
        self._safe_before, self._learned = None, []
        self._learn_slices(assessor)
        while judged is not None and assessor.judged_before < judged:
            self._past_counts(judged, judged)  # keeps the lease
            again = assessor.advance(*self._next_counts(assessor.judged_before, judged))
            self._learned += again.baselines  # its findings are stored, and not reported again
        self._builder = ViewBuilder(assessor.fleet)
        if self._recorder is not None:
            self._recorder.begin(assessor.fleet, self._past_counts)
        return assessor
