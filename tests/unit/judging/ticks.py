"""An assessor that is given counts made by hand, tick by tick, and that can be given the same ticks again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from monitor.counts.cuts import between, joined
from monitor.counts.model import Cluster, LoadedCounts, Slice
from monitor.findings.model import Finding
from monitor.judging.assess import Assessor
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import JudgeState
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS, SIGNALS

BASE = Slice("shield", "1", "", "output", "continuous", "p_unsafe", 500, "en", "", "", "1", "")
RULE = JudgeSettings(
    tick_ms=60_000,
    baseline_events=400,
    baseline_ticks=4,
    baseline_span_ms=0,
    silence="off",
    volume="off",
    campaign="off",
)
"""Ticks of a minute: a quarter of an hour is 15 of them. Of the rules, each test turns on what it is about."""

Cells = Mapping[int, int]
"""Column -> count, of one slice in one tick."""


def column(signal: str, bin_: str | int) -> int:
    """The column of a bin of a signal."""
    kind = next(one for one in SIGNALS if one.name == signal)
    return OFFSETS[signal] + (kind.bins.index(bin_) if isinstance(bin_, str) else bin_)


def verdicts(allow: int, deny: int = 0) -> dict[int, int]:
    """Judged events, allowed and blocked."""
    cells = {column("verdict_mix", "allow/allow"): allow, column("verdict_mix", "deny/block"): deny}
    return {EVENTS_COLUMN: allow + deny} | {key: n for key, n in cells.items() if n}


def like(**fields: str) -> Slice:
    """The usual slice but for these fields."""
    return dataclasses.replace(BASE, **fields)


class Lab:
    """Counts in, findings out."""

    def __init__(self, slices: Mapping[int, Slice], rule: JudgeSettings = RULE) -> None:
        self.slices, self.rule = slices, rule
        self.past = [LoadedCounts(*(np.zeros(0, np.int64),) * 3)]
        self.seen: list[Cluster] = []
        self.found: list[Finding] = []
        self.now = 0
        self.assessor = self.fresh()

    def fresh(self) -> Assessor:
        """Another assessor that knows nothing yet and reads the same counts back."""
        made = Assessor(
            self.rule,
            lambda start, end: joined([between(counts, start, end) for counts in self.past]),
            state=JudgeState(judged_before=0, units=[], guardrails={}),
            clusters=lambda start, end: [one for one in self.seen if start <= one.tick < end],
        )
        made.learn_slices(self.slices)
        return made

    def tick(self, events: Mapping[int, Cells], clusters: list[Cluster] | None = None) -> list[Finding]:
        """One more tick: counts by slice and column; returns its findings."""
        cells = sorted((s * COLUMNS + c, n) for s, columns in events.items() for c, n in columns.items())
        cell, count = np.array(cells, np.int64).reshape(-1, 2).T
        self.past.append(LoadedCounts(np.full(len(cell), self.now, np.int64), cell, count))
        self.seen += [
            dataclasses.replace(one, tick=self.now, since_ms=self.now * self.rule.tick_ms) for one in clusters or []
        ]
        self.now += 1
        found = self.assessor.advance(self.past[-1], self.now).findings
        self.found += found
        return found

    def again(self, step: int) -> list[Finding]:
        """The findings of all ticks so far, judged ``step`` at a time by a fresh assessor."""
        made, whole, found = self.fresh(), joined(self.past), []
        for start in range(0, self.now, step):
            end = min(start + step, self.now)
            found += made.advance(between(whole, start, end), end).findings
        return found
