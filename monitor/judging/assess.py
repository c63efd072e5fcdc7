"""The judge's arithmetic: closed ticks in, findings and learned baselines out. No clock and no storage of its own.

The same counts and the same approvals give the same findings, however the ticks are grouped into calls. Structure
(which unit is watched against what) changes only between ticks; inside a stretch without such a change the panel runs
at full speed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from monitor.clock import NEVER
from monitor.counts.cuts import between
from monitor.counts.model import LoadedCounts, Slice
from monitor.findings.model import Finding, Kind
from monitor.judging.follower import Approval, Stretch
from monitor.judging.history import Clusters, History, no_clusters
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.ports import Baseline, BaselineState, Dismissal
from monitor.judging.registry import FOLLOWERS
from monitor.judging.state import JudgeState
from monitor.judging.watching.approved_counts import approved_counts
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.learning import POLICY, Learning, Uncounted
from monitor.judging.watching.new_signals import NewSignals
from monitor.judging.watching.panel import Panel
from monitor.judging.watching.spending import ACCOUNTS
from monitor.signals import contradictions, labels
from monitor.signals.registry import LAYOUT

PIECE: Final = 200_000
"""Cells that are worked on at once: with numpy, little dearer per cell than more at once, and 10 MB."""


@dataclass(slots=True)
class Assessment:
    """The result of a stretch of ticks."""

    findings: list[Finding] = field(default_factory=list)
    """New versions of findings, in order of event time; one finding may come several times."""
    baselines: list[Baseline] = field(default_factory=list)
    """Approved by the policy."""
    labels: dict[tuple[str, str], int] = field(default_factory=dict)
    """People's labels by guardrail and outcome (caught, missed, passed, false_positive)."""
    contradictions: dict[str, int] = field(default_factory=dict)
    """By guardrail that logs score, threshold and verdict: how many verdicts contradict the other two."""
    spent: dict[str, float] = field(default_factory=dict)
    """False alarms that all tests have spent in these ticks: of the budget for pages and notices, and for ends."""

    def add(self, later: Assessment) -> None:
        """The result of the stretch right after this one."""
        self.findings += later.findings
        self.baselines += later.baselines
        for outcome, count in later.labels.items():
            self.labels[outcome] = self.labels.get(outcome, 0) + count
        for name, count in later.contradictions.items():
            self.contradictions[name] = self.contradictions.get(name, 0) + count
        for account, spend in later.spent.items():
            self.spent[account] = self.spent.get(account, 0.0) + spend


class Assessor:
    """Judges every unit, tick by tick."""

    def __init__(
        self,
        rule: JudgeSettings,
        history: History,
        *,
        state: JudgeState,
        panel: Panel | None = None,
        clusters: Clusters = no_clusters,
        uncounted: Uncounted = lambda *_: {},
        approved: Sequence[Baseline] = (),
        dismissed: Sequence[Dismissal] = (),
    ) -> None:
        """Args:
        rule: how to judge.
        history: reads counts back.
        state, panel: where to go on from; without a panel, the state must be empty.
        clusters: reads clusters of prompts back.
        uncounted: which signals some counts lack, because another version of Driftline made them.
        approved: baselines with an effective tick from ``state.judged_before`` on, to be applied when it comes.
        dismissed: dismissals with an effective tick from then on, to be applied when it comes.
        """
        self.fleet = Fleet(rule, history, state, panel or Panel(strata=rule.strata + 1), clusters)
        self._learning = Learning(self.fleet, uncounted)
        self._new_signals = NewSignals(self.fleet, uncounted)
        self._followers = [follower(self.fleet) for follower in FOLLOWERS]
        self._approved: list[Baseline] = []
        for baseline in approved:
            self._schedule(baseline)
        self._dismissed = sorted(dismissed, key=_by_tick)

    @property
    def judged_before(self) -> int:
        """Ticks below this are judged."""
        return self.fleet.state.judged_before

    def open_pages(self) -> list[Finding]:
        """Open pages, sorted by id."""
        found = [finding for follower in self._followers for finding in follower.open()]
        return sorted((finding for finding in found if finding.kind is Kind.page), key=lambda finding: finding.id)

    def learn_slices(self, slices: Mapping[int, Slice]) -> None:
        """Make slices known that the counts refer to."""
        self.fleet.learn_slices(slices)

    def approve(self, baseline: Baseline) -> Baseline:
        """An approval takes effect with the next tick to be judged."""
        effective = dataclasses.replace(baseline, effective_tick=self.judged_before)
        self._schedule(effective)
        return effective

    def dismiss(self, dismissal: Dismissal) -> Dismissal:
        """A dismissal takes effect with the next tick to be judged."""
        effective = dataclasses.replace(dismissal, effective_tick=self.judged_before)
        self._dismissed = sorted([*self._dismissed, effective], key=_by_tick)
        return effective

    def _schedule(self, baseline: Baseline) -> None:
        number = self.fleet.number_of(baseline.unit)
        if baseline.state is BaselineState.added:
            self._new_signals.schedule(number, baseline)
        elif baseline.approved_by == POLICY:
            self._learning.schedule(number)
        else:
            self.fleet.state.units[number].by_hand = True
        self._approved.append(baseline)
        self._approved.sort(key=lambda b: (b.effective_tick or 0, b.id))

    def advance(self, counts: LoadedCounts, to_tick: int) -> Assessment:
        """Judge the ticks from :attr:`judged_before` to ``to_tick``; ``counts`` holds exactly theirs."""
        outcome = Assessment()
        before = self.fleet.panel.spending.sums()
        self.fleet.rebuild_rivers()
        position = self.judged_before
        while position < to_tick:
            outcome.findings += self._take_effect(position)
            rest = _piece(counts, position, to_tick)
            if len(rest.tick):
                self._review(int(rest.tick[0]), outcome)
                rest = between(rest, position, self.fleet.shares.next_review(int(rest.tick[0])))
            self.fleet.split_budgets()
            piece_end = int(rest.tick[-1]) + 1 if len(rest.tick) and rest.tick[-1] < counts.tick[-1] else to_tick
            stop = min(
                piece_end,
                self._next_approval(),
                self._learning.ends(rest),
                self.fleet.comes_back(rest),
                *(follower.ends(rest) for follower in self._followers),
            )
            alarm_tick, alarmed = self.fleet.panel.advance(between(rest, position, stop))
            done = stop if alarm_tick is None else alarm_tick + 1
            consumed = between(rest, position, done)
            self._learning.learn(consumed)
            self._new_signals.learn(consumed)
            self.fleet.record_activity(consumed)
            stretch = Stretch(self.fleet, consumed, position, done, alarmed)
            self._add_up(stretch, outcome)
            for follower in self._followers:
                outcome.findings += follower.follow(stretch)
            outcome.baselines += self._learning.complete(done)
            position = self.fleet.state.judged_before = done
        spent = self.fleet.panel.spending.sums() - before
        outcome.spent = dict(zip(ACCOUNTS, spent.tolist(), strict=True))
        return outcome

    def _review(self, tick: int, outcome: Assessment) -> None:
        """At the first tick with events of each stretch, independent of steps: ends with units that stopped, and
        which new signals have learned enough."""
        if not self.fleet.shares.is_due(tick):
            return
        stopped = self.fleet.shares.review(tick)
        self.fleet.respend()
        tests = [test for unit in self.fleet.state.units if unit.epoch for test in unit.epoch.any_change_tests]
        self.fleet.notices.reset_full(tests)
        for follower in self._followers:
            for number in stopped:
                outcome.findings += follower.retire(number, tick)
        outcome.baselines += self._new_signals.complete(tick)
        outcome.baselines += self._learning.refine(tick)

    def _next_approval(self) -> int:
        said: tuple[Baseline | Dismissal, ...] = (*self._approved, *self._dismissed)
        return min((one.effective_tick for one in said if one.effective_tick is not None), default=NEVER)

    def _take_effect(self, position: int) -> list[Finding]:
        """Approvals and dismissals whose tick has come; what was found against an old baseline ends with it."""
        while self._dismissed and (self._dismissed[0].effective_tick or 0) <= position:
            self.fleet.dismiss(self._dismissed.pop(0).finding_id)
        ended: list[Finding] = []
        while self._approved and (self._approved[0].effective_tick or 0) <= position:
            baseline = self._approved.pop(0)
            number = self.fleet.number_of(baseline.unit)
            if baseline.state is BaselineState.added:
                self._new_signals.take_effect(number, baseline, position)
                continue
            if baseline.approved_by == POLICY:
                self._learning.take_effect(number, baseline.from_tick)
            epoch = self.fleet.state.units[number].epoch
            span = (baseline.from_tick, baseline.to_tick)
            if epoch is not None and (epoch.effective_tick, epoch.window) == (baseline.effective_tick, span):
                continue  # the snapshot that we go on from has it
            counts = approved_counts(self.fleet, number, baseline)
            if len(counts.tick):
                approval = Approval(number, span, counts, by_person=baseline.approved_by != POLICY)
                ended += self._approved_by(approval, position, of_epochs=True)
                lacking = LAYOUT.lacking(baseline.layout)
                by_person = approval.by_person
                self.fleet.activate(number, counts, span=span, tick=position, by_person=by_person, lacking=lacking)
                ended += self._approved_by(approval, position, of_epochs=False)
        return ended

    def _approved_by(self, approval: Approval, tick: int, *, of_epochs: bool) -> list[Finding]:
        followers = [follower for follower in self._followers if follower.of_epochs is of_epochs]
        return [found for follower in followers for found in follower.approve(approval, tick)]

    def _add_up(self, stretch: Stretch, outcome: Assessment) -> None:
        """Labels and contradictions, for the metrics."""
        names = self.fleet.guardrails
        _, table = stretch.of_signal(contradictions.SIGNAL)
        sums = table.sum(axis=0)
        for guardrail in np.flatnonzero(sums.any(axis=1)).tolist():  # most log too little to contradict themselves
            name, against = names[guardrail], int(sums[guardrail, 1:].sum())
            outcome.contradictions[name] = outcome.contradictions.get(name, 0) + against
        for signal in (labels.HARMFUL, labels.BENIGN):
            _, table = stretch.of_signal(signal)
            sums = table.sum(axis=0)
            for guardrail, bin_ in np.argwhere(sums).tolist():  # most have no labels
                counted = (names[guardrail], signal.bins[bin_])
                outcome.labels[counted] = outcome.labels.get(counted, 0) + int(sums[guardrail, bin_])


def _by_tick(dismissal: Dismissal) -> tuple[int, str]:
    return dismissal.effective_tick or 0, dismissal.finding_id


def _piece(counts: LoadedCounts, from_tick: int, to_tick: int) -> LoadedCounts:
    """Whole ticks from ``from_tick`` on, not many more than :data:`PIECE` cells: a stop throws away little work."""
    first, last = np.searchsorted(counts.tick, (from_tick, to_tick))
    if last - first > PIECE:
        last = np.searchsorted(counts.tick, counts.tick[first + PIECE], side="right")
    return counts.where(slice(first, last))
