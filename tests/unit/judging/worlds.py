"""An assessor on counts made by hand, with a test of every kind in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from monitor.counts.cuts import between, joined
from monitor.counts.model import LoadedCounts, Slice
from monitor.findings.model import Finding
from monitor.judging.assess import Assessment, Assessor
from monitor.judging.judge_settings import JudgeSettings, SignalRule
from monitor.judging.state import JudgeState
from monitor.signals import verdict_mix
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS, SIGNALS

RULE = JudgeSettings(
    baseline_events=1_600,
    baseline_ticks=20,
    baseline_span_ms=0,
    silence="off",
    volume="off",
    signals=(("coverage", SignalRule(detector="PageHinkley", parameters=(("threshold", 25.0),))),),
)
ALLOW = OFFSETS["verdict_mix"] + verdict_mix.SIGNAL.bins.index("allow/allow")
DENY = OFFSETS["verdict_mix"] + verdict_mix.SIGNAL.bins.index("deny/block")
RAN = OFFSETS["coverage"]
FAR = OFFSETS["score_shift"]
SCORES = next(signal for signal in SIGNALS if signal.name == "score_shift")


def a_slice(guardrail: str = "shield", language: str = "en", model_version: str = "1", version: str = "1") -> Slice:
    return Slice(
        guardrail, version, "", "output", "continuous", "p_unsafe", 500, language, "", "bot", model_version, ""
    )


def tick_of(number: int, events: Mapping[int, tuple[int, int]]) -> LoadedCounts:
    """Slice -> (allowed, denied)."""
    cells: dict[int, int] = {}
    for slice_id, (allowed, denied) in events.items():
        n = allowed + denied
        columns = {EVENTS_COLUMN: n, ALLOW: allowed, DENY: denied, RAN: n, FAR: allowed, FAR + 15: denied}
        cells |= {slice_id * COLUMNS + column: count for column, count in columns.items() if count}
    cell = np.array(sorted(cells), np.int64)
    return LoadedCounts(np.full(len(cell), number), cell, np.array([cells[int(c)] for c in cell], np.int64))


class World:
    """An assessor, and its past."""

    def __init__(self, slices: Mapping[int, Slice], rule: JudgeSettings = RULE) -> None:
        self._past: list[LoadedCounts] = [LoadedCounts(*(np.zeros(0, np.int64),) * 3)]
        self.assessor = Assessor(rule, self.history, state=JudgeState(judged_before=0, units=[], guardrails={}))
        self.assessor.learn_slices(slices)
        self.brought = Assessment()
        """By all ticks so far."""

    def history(self, from_tick: int, to_tick: int) -> LoadedCounts:
        return joined([between(counts, from_tick, to_tick) for counts in self._past])

    def tick(self, number: int, events: Mapping[int, tuple[int, int]]) -> list[Finding]:
        self._past.append(tick_of(number, events))
        brought = self.assessor.advance(self._past[-1], number + 1)
        self.brought.add(brought)
        return brought.findings


def eventful() -> Iterator[tuple[int, World, list[Finding]]]:
    """Learns; then a release, never-seen languages, and a stream that denies half: (tick, world, findings)."""
    slices = {
        1: a_slice(),
        2: a_slice("second"),
        3: a_slice(model_version="2"),
        4: a_slice(language="xx"),
        5: a_slice("late"),
    }
    world = World(slices)
    for tick in range(60):
        events = {1: (95, 5), 2: (96, 4)}
        if tick >= 30:
            events |= {3: (95, 5)}
        if tick >= 40:
            events |= {4: (57, 3), 2: (50, 50)}
        if tick >= 50:
            events |= {5: (20, 1)}
        yield tick, world, world.tick(tick, events)
