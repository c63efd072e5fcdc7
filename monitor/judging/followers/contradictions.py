"""Guardrails whose log contradicts itself: more verdicts than a limit disagree with their own score and threshold.

Looked at in blocks: from the first tick with a contradiction on, whole ticks with at least :data:`BLOCK` verdicts
in all. A block above the limit is a finding, the next one that is not ends it; while all agree there is no block.

A rule: it promises no rate, and has no baseline, for no share of contradictions is normal. At the default limit of
5 % a log with 1 % of them (somebody overrides verdicts by hand) has a false alarm in one block of 100,000.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.counts.model import Slice
from monitor.findings.model import Contribution, Direction, Effect, Evidence, Finding, Kind
from monitor.judging.findings.build import build
from monitor.judging.follower import Follower, Stretch
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import ContradictionState, JudgeState
from monitor.signals.contradictions import BINS, SIGNAL

QUESTION: Final = "contradiction_share"
BLOCK: Final = 200
"""Verdicts of a block: 10 of them may contradict at the default limit."""
_CONSISTENT: Final = 0

Ints = NDArray[np.int64]


class Contradictions(Follower):
    """Follows the verdicts of every guardrail."""

    def follow(self, stretch: Stretch) -> list[Finding]:
        """Guardrails that contradict themselves, and those that no longer do."""
        ticks, table = stretch.of_signal(SIGNAL)
        return follow_contradictions(
            self._fleet.state,
            self._rule,
            ticks=ticks,
            guardrails=self._fleet.guardrails,
            table=table,
            from_tick=stretch.from_tick,
            to_tick=stretch.to_tick,
        )

    def retire(self, number: int, tick: int) -> list[Finding]:
        """Ends what was found of a guardrail of which nothing is left: no verdict will ever agree again."""
        guardrail = self._fleet.state.units[number].unit.guardrail
        memory = self._fleet.state.contradictions.get(guardrail)
        if memory is None or not self._fleet.has_stopped(guardrail):
            return []
        memory.first_tick = None
        return memory.case.end(tick * self._rule.tick_ms)

    def open(self) -> Iterator[Finding]:
        """Guardrails that contradict themselves now."""
        for memory in self._fleet.state.contradictions.values():
            if memory.case.open is not None:
                yield memory.case.open


def follow_contradictions(
    state: JudgeState,
    rule: JudgeSettings,
    *,
    ticks: Ints,
    guardrails: list[str],
    table: Ints,
    from_tick: int,
    to_tick: int,
) -> list[Finding]:
    """Findings of the ticks from ``from_tick`` to ``to_tick``; ``state`` is updated.

    Args:
        ticks: int64 (T,), those of them that have verdicts, rising.
        guardrails: names of the G guardrails.
        table: int64 (T, G, bins), verdicts by tick, guardrail and bin of the signal.
    """
    found: list[Finding] = []
    known = state.contradictions
    if rule.contradictions == "off":
        found = [one for memory in known.values() for one in memory.case.end(from_tick * rule.tick_ms)]
        known.clear()
        return found
    contradicting = table[:, :, _CONSISTENT + 1 :].sum(axis=(0, 2))
    for column, name in enumerate(guardrails):
        if contradicting[column] or name in known:
            memory = known.setdefault(name, ContradictionState())
            found += _follow(memory, rule, name, ticks, table[:, column])
            over = memory.case.open is None and memory.first_tick is None
            if over and not memory.case.recent(to_tick * rule.tick_ms, rule.reopen_ms):
                del known[name]
    return found


def _follow(memory: ContradictionState, rule: JudgeSettings, name: str, ticks: Ints, table: Ints) -> list[Finding]:
    found: list[Finding] = []
    for tick, bins in zip(ticks.tolist(), table.tolist(), strict=True):
        contradicting = sum(bins) - bins[_CONSISTENT]
        if memory.first_tick is None:
            if memory.case.open is None and not contradicting:
                continue
            memory.first_tick, memory.counts = tick, [0] * len(BINS)
        memory.counts = [so_far + here for so_far, here in zip(memory.counts, bins, strict=True)]
        judged = sum(memory.counts)
        if judged < BLOCK:
            continue
        if judged - memory.counts[_CONSISTENT] <= rule.contradiction_share * judged:
            found += memory.case.end((tick + 1) * rule.tick_ms)
        elif memory.case.open is None:
            found.append(memory.case.raise_(_finding(memory, rule, name, tick), reopen_ms=rule.reopen_ms))
        memory.first_tick = None
    return found


def _finding(memory: ContradictionState, rule: JudgeSettings, name: str, tick: int) -> Finding:
    first = tick if memory.first_tick is None else memory.first_tick
    judged = sum(memory.counts)
    contradicting = judged - memory.counts[_CONSISTENT]
    kinds = ", ".join(f"{n} {what}" for what, n in zip(BINS[1:], memory.counts[1:], strict=True) if n)
    return build(
        Slice.of_guardrail(name),
        SIGNAL.name,
        QUESTION,
        tick=tick,
        tick_ms=rule.tick_ms,
        kind=Kind.page if rule.contradictions == "page" else Kind.notice,
        direction=Direction.rise,
        onset_ms=(first * rule.tick_ms, (first + 1) * rule.tick_ms),
        effect=Effect(baseline=0.0, current=contradicting / judged, ratio=None),
        evidence=Evidence(
            log_evidence=0.0,
            events=judged,
            level=rule.contradiction_share,
            detail=f"{kinds} of {judged} verdicts that carry score and threshold",
        ),
        attribution=tuple(
            Contribution(what="bin", name=what, share=n / contradicting)
            for what, n in zip(BINS[1:], memory.counts[1:], strict=True)
            if n
        ),
    )
