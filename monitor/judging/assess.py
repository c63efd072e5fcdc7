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

import msgspec
import numpy as np

from monitor.clock import NEVER
from monitor.counts.cuts import between, by_guardrail, events_only, of_slices
from monitor.counts.model import LoadedCounts, Slice
from monitor.findings.model import Finding, Kind
from monitor.judging.followers.alarms import Alarms
from monitor.judging.followers.campaigns import Campaigns, Clusters
from monitor.judging.followers.contradictions import follow_contradictions
from monitor.judging.followers.lost_joins import Missing
from monitor.judging.followers.silence import advance_rules
from monitor.judging.history import History, kept_counts
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.ports import Baseline, Dismissal
from monitor.judging.release.follow import Releases
from monitor.judging.state import JudgeState
from monitor.judging.traffic.mix_monitor import Traffic
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.learning import POLICY, Learning
from monitor.judging.watching.panel import Panel
from monitor.signals import contradictions, labels
from monitor.signals.registry import COLUMNS, LAYOUT

PIECE: Final = 200_000
"""Cells that are worked on at once: with numpy, little dearer per cell than more at once, and 10 MB."""


@dataclass(slots=True)
class Assessment:
    """What a stretch of ticks brought."""

    findings: list[Finding] = field(default_factory=list)
    """New versions of findings, in order of event time; one finding may come several times."""
    baselines: list[Baseline] = field(default_factory=list)
    """Approved by the policy."""
    labels: dict[tuple[str, str], int] = field(default_factory=dict)
    """By guardrail and outcome (caught, missed, passed, false_positive): what people found."""
    contradictions: dict[str, int] = field(default_factory=dict)
    """By guardrail that logs score, threshold and verdict: how many verdicts contradict the other two."""


class Assessor:
    """Judges every unit, tick by tick."""

    def __init__(
        self,
        rule: JudgeSettings,
        history: History,
        *,
        state: JudgeState,
        panel: Panel | None = None,
        clusters: Clusters = lambda *_: (),
        approved: Sequence[Baseline] = (),
        dismissed: Sequence[Dismissal] = (),
    ) -> None:
        """Args:
        rule: how to judge.
        history: reads counts back.
        clusters: reads clusters of prompts back.
        state, panel: where to go on from; without a panel, the state must be empty.
        approved: baselines with an effective tick from ``state.judged_before`` on, to be applied when it comes.
        dismissed: dismissals, likewise.
        """
        self.fleet = Fleet(rule, history, state, panel or Panel(strata=rule.strata + 1))
        self._learning = Learning(self.fleet)
        self._alarms = Alarms(self.fleet)
        self._missing = Missing(self.fleet)
        self._traffic = Traffic(self.fleet)
        self._releases = Releases(self.fleet)
        self._campaigns = Campaigns(self.fleet, clusters)
        self._approved: list[Baseline] = []
        for baseline in approved:
            self._schedule(baseline)
        self._dismissed = sorted(dismissed, key=_by_tick)

    @property
    def judged_before(self) -> int:
        """Ticks below this are judged."""
        return self.fleet.state.judged_before

    def open_pages(self) -> list[Finding]:
        """Pages that have not ended, by their ids."""
        watches = [watch for unit in self.fleet.state.units if unit.epoch for watch in unit.epoch.page_tests]
        found = [watch.finding for watch in watches if watch.finding is not None]
        found += [memory.silent for memory in self.fleet.state.guardrails.values() if memory.silent is not None]
        found += [memory.finding for memory in self.fleet.state.contradictions.values() if memory.finding is not None]
        found += self._traffic.open_pages() + self._releases.open_pages()
        return sorted((finding for finding in found if finding.kind is Kind.page), key=lambda finding: finding.id)

    def learn_slices(self, slices: Mapping[int, Slice]) -> None:
        """Make slices known that the counts refer to."""
        self.fleet.learn_slices(slices)
        self._traffic.learn_slices(slices)

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
        unit = self.fleet.state.units[self.fleet.number_of(baseline.unit)]
        unit.by_hand = True
        self._approved.append(baseline)
        self._approved.sort(key=lambda b: (b.effective_tick or 0, b.id))

    def advance(self, counts: LoadedCounts, to_tick: int) -> Assessment:
        """Judge the ticks from :attr:`judged_before` to ``to_tick``; ``counts`` holds exactly theirs."""
        outcome = Assessment()
        self.fleet.rebuild_rivers()
        position = self.judged_before
        while position < to_tick:
            outcome.findings += self._take_effect(position)
            rest = _piece(counts, position, to_tick)
            if len(rest.tick):
                self._review(int(rest.tick[0]))
                rest = between(rest, position, self.fleet.shares.next_review(int(rest.tick[0])))
            self.fleet.split_budgets()
            piece_end = int(rest.tick[-1]) + 1 if len(rest.tick) and rest.tick[-1] < counts.tick[-1] else to_tick
            stop = min(piece_end, self._next_approval(), self._learning.ends(rest), self._missing.ends(rest))
            stop = min(stop, self.fleet.comes_back(rest))
            alarm_tick, tests = self.fleet.panel.advance(between(rest, position, stop))
            done = stop if alarm_tick is None else alarm_tick + 1
            consumed = between(rest, position, done)
            self._learning.learn(consumed)
            self.fleet.record_activity(consumed)
            outcome.findings += self._follow_rules(consumed, done)
            outcome.findings += self._follow_contradictions(consumed, outcome)
            outcome.findings += self._traffic.follow(consumed)
            outcome.findings += self._releases.follow(consumed, done)
            found = [self._alarms.handle(test, done - 1) for test in sorted(tests, key=self.fleet.order_of)]
            outcome.findings += [finding for finding in found if finding is not None]
            outcome.findings += self._campaigns.follow(consumed, done)
            outcome.findings += self._missing.follow(consumed)
            outcome.baselines += self._learning.complete(done)
            position = self.fleet.state.judged_before = done
        return outcome

    def _review(self, tick: int) -> None:
        """At the first tick with events of each stretch, whoever steps when."""
        if self.fleet.shares.is_due(tick):
            self.fleet.shares.review(tick)
            self.fleet.respend()
            self.fleet.halve_full_references()

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
            epoch = self.fleet.state.units[number].epoch
            span = (baseline.from_tick, baseline.to_tick)
            if epoch is not None and (epoch.effective_tick, epoch.window) == (baseline.effective_tick, span):
                continue  # the snapshot that we go on from has it
            counts = self.fleet.counts_of(number, baseline.from_tick, baseline.to_tick)
            if not _are_those_of(counts, baseline):
                counts = of_slices(kept_counts(baseline), self.fleet.slices_of(number))
            if len(counts.tick):
                at_ms = position * self.fleet.rule.tick_ms
                said = (
                    [] if epoch is None else [w.finding for w in epoch.page_tests] + [j.finding for j in epoch.joins]
                )
                ended += [msgspec.structs.replace(found, ended_at_ms=at_ms) for found in said if found is not None]
                by_person = baseline.approved_by != POLICY
                self.fleet.activate(number, counts, span=span, tick=position, by_person=by_person)
                if by_person:
                    ended += self._traffic.approve(span, counts, position)
                    ended += self._releases.approve(number, position)
        return ended

    def _follow_contradictions(self, counts: LoadedCounts, outcome: Assessment) -> list[Finding]:
        names = self.fleet.guardrails
        guardrails = self.fleet.guardrails_of(counts.cell // COLUMNS)
        ticks, table = by_guardrail(counts, guardrails, contradictions.SIGNAL, most=len(names))
        for name, bins in zip(names, table.sum(axis=0).tolist(), strict=True):
            if sum(bins):
                outcome.contradictions[name] = outcome.contradictions.get(name, 0) + sum(bins[1:])
        for signal in (labels.HARMFUL, labels.BENIGN):
            _, table_of_labels = by_guardrail(counts, guardrails, signal, most=len(names))
            for name, bins in zip(names, table_of_labels.sum(axis=0).tolist(), strict=True):
                for what, n in zip(signal.bins, bins, strict=True):
                    if n:
                        outcome.labels[name, what] = outcome.labels.get((name, what), 0) + n
        return follow_contradictions(self.fleet.state, self.fleet.rule, ticks=ticks, guardrails=names, table=table)

    def _follow_rules(self, counts: LoadedCounts, to_tick: int) -> list[Finding]:
        names = self.fleet.guardrails
        events = events_only(counts)
        ticks, row = np.unique(events.tick, return_inverse=True)
        table = np.zeros((len(ticks), len(names)), np.int64)
        np.add.at(table, (row, self.fleet.guardrails_of(events.cell)), events.count)
        return advance_rules(
            self.fleet.state, self.fleet.rule, ticks=ticks, guardrails=names, events=table, to_tick=to_tick
        )


def _by_tick(dismissal: Dismissal) -> tuple[int, str]:
    return dismissal.effective_tick or 0, dismissal.finding_id


def _piece(counts: LoadedCounts, from_tick: int, to_tick: int) -> LoadedCounts:
    """Whole ticks from ``from_tick`` on, not many more than :data:`PIECE` cells: a stop throws away little work."""
    first, last = np.searchsorted(counts.tick, (from_tick, to_tick))
    if last - first > PIECE:
        last = np.searchsorted(counts.tick, counts.tick[first + PIECE], side="right")
    return counts.where(slice(first, last))


def _are_those_of(counts: LoadedCounts, baseline: Baseline) -> bool:
    """Whether the stored counts of the window are what was approved: nothing excluded, nothing gone by retention.

    Cells of another column layout cannot be compared, nor used.
    """
    if baseline.layout != LAYOUT:
        return True
    cells, at = np.unique(counts.cell, return_inverse=True)
    sums = np.zeros(len(cells), np.int64)
    np.add.at(sums, at, counts.count)
    return dict(zip(cells.tolist(), sums.tolist(), strict=True)) == dict(baseline.counts)
