"""Silence: plain rules about events that are missing. They promise no false-alarm rate.

- A guardrail is *silent* when its siblings' traffic says that it should have judged far more than it did. The passage
  of time alone never says so, so a thin or sleeping product pages nobody.
- The *source* is silent when no guardrail says anything for long; that is a notice, for it looks like a quiet night.

They walk the ticks together with the rule about volume (``volume.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.rate import expected_events, silence
from monitor.findings.model import EVERY_GUARDRAIL, Direction, Effect, Finding, Kind
from monitor.judging.findings.describe import coverage_finding
from monitor.judging.followers.volume import follow_volume, ticks_per_window
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import GuardrailState, JudgeState

BURST: Final = 5.0
"""Events that come together: a conversation's turns, a batch. 100 expected events then still leave exp(-20)."""
SOURCE: Final = EVERY_GUARDRAIL


def advance_rules(
    state: JudgeState,
    rule: JudgeSettings,
    *,
    ticks: NDArray[np.int64],
    guardrails: list[str],
    events: NDArray[np.int64],
    to_tick: int,
) -> list[Finding]:
    """Findings of the ticks just judged; ``state`` is updated.

    Args:
        ticks: int64 (T,), ticks with events, rising.
        guardrails: names of the G columns of ``events``, every guardrail seen so far among them.
        events: int64 (T, G), events by tick and guardrail.
        to_tick: the tick after the last one judged; may lie far beyond the last tick with events.
    """
    found = []
    if len(ticks):
        total = events.sum(axis=1)
        summary = _summary(rule, ticks, events, total)
        for column, name in enumerate(guardrails):
            memory = state.guardrails.setdefault(name, GuardrailState())
            if rule.silence != "off" and not _still_heard(memory, rule, summary, column):
                found += _silence(memory, rule, name, ticks, events[:, column], total)
            if rule.volume != "off" and not _same_window(memory, summary, column):
                found += follow_volume(memory, rule, name, ticks, events[:, column])
    found += _source(state, rule, ticks, to_tick)
    return found


@dataclass(frozen=True, slots=True)
class _Summary:
    """The stretch of ticks in a few numbers per guardrail: nearly always they say that nothing can have happened."""

    end: int
    """The tick after the last one with events."""
    heard: list[int | None]
    """Newest tick with an event of the guardrail."""
    since: list[int]
    """Events of all guardrails after it (of the whole stretch where it was not heard)."""
    events: list[int]
    window: int | None
    """Number of the volume window that holds the whole stretch; None where it spans several."""


def _summary(
    rule: JudgeSettings, ticks: NDArray[np.int64], events: NDArray[np.int64], total: NDArray[np.int64]
) -> _Summary:
    any_heard = np.asarray(events.max(axis=0) > 0)
    newest = len(ticks) - 1 - (events[::-1] > 0).argmax(axis=0)
    running = total.cumsum()
    windows = ticks[[0, -1]] // ticks_per_window(rule)
    return _Summary(
        end=int(ticks[-1]) + 1,
        heard=[
            tick if heard else None for tick, heard in zip(ticks[newest].tolist(), any_heard.tolist(), strict=True)
        ],
        since=(running[-1] - np.where(any_heard, running[newest], 0)).tolist(),
        events=events.sum(axis=0).tolist(),
        window=int(windows[0]) if windows[0] == windows[1] else None,
    )


def _still_heard(memory: GuardrailState, rule: JudgeSettings, stretch: _Summary, column: int) -> bool:
    """Whether it cannot have been silent for long enough; takes note of what was heard then."""
    soon = (stretch.end - memory.last_tick) * rule.tick_ms < rule.silent_ms
    if memory.silent is not None or (memory.share > 0 and not soon):
        return False
    heard = stretch.heard[column]
    memory.siblings = stretch.since[column] + (memory.siblings if heard is None else 0)
    memory.last_tick = memory.last_tick if heard is None else heard
    return True


def _same_window(memory: GuardrailState, stretch: _Summary, column: int) -> bool:
    """Whether no window of the guardrail ends or begins in the stretch; adds up what was heard then."""
    if memory.window is None:
        return stretch.heard[column] is None
    if memory.window != stretch.window:
        return False
    memory.in_window += stretch.events[column]
    return True


def _silence(
    memory: GuardrailState,
    rule: JudgeSettings,
    name: str,
    ticks: NDArray[np.int64],
    own: NDArray[np.int64],
    total: NDArray[np.int64],
) -> list[Finding]:
    found: list[Finding] = []
    heard = np.flatnonzero(own)
    # The quiet stretches between them, as half-open ranges of ticks with events, and when it was heard last.
    starts, edges = np.r_[0, heard + 1], np.r_[heard, len(ticks)]
    last = np.r_[memory.last_tick, ticks[heard]]
    before = np.r_[0, total.cumsum()]
    quiet = edges > starts
    until = ticks[np.maximum(edges - 1, 0)] + 1
    long_enough = quiet & ((until - last) * rule.tick_ms >= rule.silent_ms)
    for k in sorted({0, *np.flatnonzero(long_enough).tolist()}):
        start, edge = int(starts[k]), int(edges[k])
        if long_enough[k] and memory.silent is None and memory.share > 0:
            siblings = (memory.siblings if k == 0 else 0) + before[start + 1 : edge + 1] - before[start]
            at = _falls_silent(memory.share, rule, ticks[start:edge] + 1 - last[k], siblings)
            if at is not None:
                found.append(
                    _silent_finding(
                        rule,
                        name,
                        last_tick=int(last[k]),
                        tick=int(ticks[start + at]),
                        expected=expected_events(share=memory.share, siblings=float(siblings[at])),
                        siblings=int(siblings[at]),
                    )
                )
                memory.silent = found[-1]
        if edge < len(ticks) and memory.silent is not None:
            found.append(msgspec.structs.replace(memory.silent, ended_at_ms=(int(ticks[edge]) + 1) * rule.tick_ms))
            memory.silent = None
    memory.siblings = int(before[-1] - before[starts[-1]]) + (0 if len(heard) else memory.siblings)
    memory.last_tick = int(last[-1])
    return found


def _falls_silent(
    share: float, rule: JudgeSettings, since: NDArray[np.int64], siblings: NDArray[np.int64]
) -> int | None:
    """Index of the tick from which on the guardrail counts as silent; what is expected of it only grows."""

    def fires(at: int) -> bool:
        expected = expected_events(share=share, siblings=float(siblings[at]))
        return silence(seen=0, expected=expected, burst=BURST).fires

    if not fires(len(siblings) - 1):
        return None
    first = int(np.searchsorted(since * rule.tick_ms, rule.silent_ms))
    return next((at for at in range(first, len(siblings)) if fires(at)), None)


def _silent_finding(
    rule: JudgeSettings, name: str, *, last_tick: int, tick: int, expected: float, siblings: int
) -> Finding:
    at_ms = (tick + 1) * rule.tick_ms
    return coverage_finding(
        name=name,
        question="silence",
        tick=tick,
        kind=Kind.page if rule.silence == "page" else Kind.notice,
        direction=Direction.fall,
        onset_ms=((last_tick + 1) * rule.tick_ms, at_ms),
        at_ms=at_ms,
        effect=Effect(baseline=expected, current=0.0, ratio=0.0),
        events=0,
        detail=f"{expected:.0f} events were due while its siblings judged {siblings}; none came",
    )


def _source(state: JudgeState, rule: JudgeSettings, ticks: NDArray[np.int64], to_tick: int) -> list[Finding]:
    limit = max(1, rule.source_silent_ms // rule.tick_ms)
    found: list[Finding] = []
    heard = ticks if state.last_tick is None else np.r_[state.last_tick, ticks]
    for k in np.flatnonzero(np.diff(np.r_[heard, to_tick]) > limit).tolist():
        said = state.source_silent and state.last_tick is not None and k == 0
        if rule.silence != "off" and not said:
            found.append(_source_finding(rule, int(heard[k]), int(heard[k]) + limit))
    if len(heard):
        # Whatever was heard last, the flag says whether the silence since then has been reported.
        state.source_silent = rule.silence != "off" and to_tick - int(heard[-1]) > limit
        state.last_tick = int(heard[-1])
    return found


def _source_finding(rule: JudgeSettings, before: int, at: int) -> Finding:
    at_ms = (at + 1) * rule.tick_ms
    return coverage_finding(
        name=SOURCE,
        question="source_silent",
        tick=at,
        kind=Kind.notice,
        direction=Direction.fall,
        onset_ms=((before + 1) * rule.tick_ms, at_ms),
        at_ms=at_ms,
        effect=Effect(baseline=1.0, current=0.0, ratio=0.0),
        events=0,
        detail=f"no event of any guardrail for {(at - before) * rule.tick_ms // 1000} s",
    )
