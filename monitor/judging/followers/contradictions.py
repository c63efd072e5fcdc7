"""Guardrails whose log contradicts itself: more verdicts than a limit disagree with their own score and threshold.

Looked at in blocks: from the first tick with a contradiction on, whole ticks with at least :data:`BLOCK` verdicts
in all. A block above the limit is a finding, the next one that is not ends it; while all agree there is no block.

A rule: it promises no rate, and has no baseline, for no share of contradictions is normal. At the default limit of
5 % a log with 1 % of them (somebody overrides verdicts by hand) is spoken of in one block of 100,000.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.counts.model import Slice
from monitor.findings.model import Direction, Effect, Evidence, Finding, Kind, Share
from monitor.judging.findings.describe import finding_id
from monitor.judging.findings.promises import promise_of
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import ContradictionState, JudgeState
from monitor.signals.contradictions import BINS, SIGNAL

QUESTION: Final = "contradiction_share"
BLOCK: Final = 200
"""Verdicts of a block: 10 of them may contradict at the default limit."""
_CONSISTENT: Final = 0

Ints = NDArray[np.int64]


def follow_contradictions(
    state: JudgeState, rule: JudgeSettings, *, ticks: Ints, guardrails: list[str], table: Ints
) -> list[Finding]:
    """Findings of the ticks just judged; ``state`` is updated.

    Args:
        ticks: int64 (T,), rising.
        guardrails: names of the G guardrails.
        table: int64 (T, G, bins), verdicts by tick, guardrail and bin of the signal.
    """
    found: list[Finding] = []
    if rule.contradictions == "off" or not len(ticks):
        return found
    contradicting = table[:, :, _CONSISTENT + 1 :].sum(axis=(0, 2))
    for column, name in enumerate(guardrails):
        memory = state.contradictions.get(name)
        if contradicting[column] or memory is not None:
            memory = memory or ContradictionState()
            found += _follow(memory, rule, name, ticks, table[:, column])
            state.contradictions[name] = memory
            if memory.finding is None and memory.first_tick is None:
                del state.contradictions[name]
    return found


def _follow(memory: ContradictionState, rule: JudgeSettings, name: str, ticks: Ints, table: Ints) -> list[Finding]:
    found: list[Finding] = []
    for tick, bins in zip(ticks.tolist(), table.tolist(), strict=True):
        contradicting = sum(bins) - bins[_CONSISTENT]
        if memory.first_tick is None:
            if memory.finding is None and not contradicting:
                continue
            memory.first_tick, memory.counts = tick, [0] * len(BINS)
        memory.counts = [so_far + here for so_far, here in zip(memory.counts, bins, strict=True)]
        judged = sum(memory.counts)
        if judged < BLOCK:
            continue
        beyond = judged - memory.counts[_CONSISTENT] > rule.contradiction_share * judged
        if beyond and memory.finding is None:
            memory.finding = _finding(memory, rule, name, tick)
            found.append(memory.finding)
        elif not beyond and memory.finding is not None:
            if memory.finding.kind is Kind.page:
                found.append(msgspec.structs.replace(memory.finding, ended_at_ms=(tick + 1) * rule.tick_ms))
            memory.finding = None
        memory.first_tick = None
    return found


def _finding(memory: ContradictionState, rule: JudgeSettings, name: str, tick: int) -> Finding:
    first = tick if memory.first_tick is None else memory.first_tick
    at_ms = (tick + 1) * rule.tick_ms
    judged = sum(memory.counts)
    contradicting = judged - memory.counts[_CONSISTENT]
    page = rule.contradictions == "page"
    said = ", ".join(f"{n} {what}" for what, n in zip(BINS[1:], memory.counts[1:], strict=True) if n)
    return Finding(
        id=finding_id(Slice.of_guardrail(name), SIGNAL.name, QUESTION, tick),
        guardrail=name,
        guardrail_version="",
        category="",
        signal=SIGNAL.name,
        question=QUESTION,
        stratum="",
        kind=Kind.page if page else Kind.notice,
        direction=Direction.rise,
        promise=promise_of(SIGNAL.name, QUESTION),
        onset_low_ms=first * rule.tick_ms,
        onset_high_ms=(first + 1) * rule.tick_ms,
        detected_at_ms=at_ms,
        paged_at_ms=at_ms if page else None,
        effect=Effect(baseline=0.0, current=contradicting / judged, ratio=None),
        evidence=Evidence(
            log_evidence=0.0,
            events=judged,
            level=rule.contradiction_share,
            detail=f"of {judged} verdicts with score and threshold: {said}",
        ),
        attribution=tuple(
            Share(what="bin", name=what, share=n / contradicting)
            for what, n in zip(BINS[1:], memory.counts[1:], strict=True)
            if n
        ),
    )
