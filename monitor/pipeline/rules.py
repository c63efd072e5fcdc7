"""Silence and volume: plain rules about events that are missing or too many. They promise no false-alarm rate.

- A guardrail is *silent* when its siblings' traffic says that it should have judged far more than it did. The passage
  of time alone never says so, so a thin or sleeping product pages nobody.
- The *source* is silent when no guardrail says anything for long; that is a notice, for it looks like a quiet night.
- The *volume* of a guardrail in one window is compared with its own past windows; notices only.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.rate import RateReason, expected_events, silence, volume
from monitor.incidents.model import Direction, Effect, Evidence, Finding, Kind, Promise
from monitor.pipeline.describe import finding_id
from monitor.pipeline.ports import Slice
from monitor.pipeline.rule import JudgeRule
from monitor.pipeline.state import GuardrailState, JudgeState

BURST: Final = 5.0
"""Events that come together: a conversation's turns, a batch. 100 expected events then still leave exp(-20)."""
WINDOWS: Final = 288
"""A day of windows of five minutes."""
VOLUME_TAIL: Final = 1e-6
VOLUME_RATIO: Final = 3.0
"""Daily seasons move traffic by less than three from one day's windows to the next."""
SOURCE: Final = "(all guardrails)"


def advance_rules(
    state: JudgeState,
    rule: JudgeRule,
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
    total = events.sum(axis=1)
    for column, name in enumerate(guardrails):
        memory = state.guardrails.setdefault(name, GuardrailState())
        if rule.silence != "off":
            found += _silence(memory, rule, name, ticks, events[:, column], total)
        if rule.volume != "off":
            found += _volume(memory, rule, name, ticks, events[:, column])
    found += _source(state, rule, ticks, to_tick)
    return found


def _silence(
    memory: GuardrailState,
    rule: JudgeRule,
    name: str,
    ticks: NDArray[np.int64],
    own: NDArray[np.int64],
    total: NDArray[np.int64],
) -> list[Finding]:
    found: list[Finding] = []
    heard = np.flatnonzero(own)
    edges = np.r_[heard, len(ticks)]
    start = 0
    for edge in edges.tolist():
        quiet = slice(start, edge)
        if memory.silent is None and memory.share > 0 and edge > start:
            siblings = memory.siblings + total[quiet].cumsum()
            long_enough = (ticks[quiet] + 1 - memory.last_tick) * rule.tick_ms >= rule.silent_ms
            for at in np.flatnonzero(long_enough).tolist():
                expected = expected_events(share=memory.share, siblings=float(siblings[at]))
                if silence(seen=0, expected=expected, burst=BURST).fires:
                    memory.silent = _silent_finding(memory, rule, name, int(ticks[quiet][at]), expected)
                    found.append(memory.silent)
                    break
        memory.siblings += int(total[quiet].sum())
        if edge < len(ticks):
            memory.siblings, memory.last_tick = 0, int(ticks[edge])
            if memory.silent is not None:
                ended_at_ms = (memory.last_tick + 1) * rule.tick_ms
                ended = msgspec.structs.replace(memory.silent, ended_at_ms=ended_at_ms)
                memory.silent = None
                found.append(ended)
        start = edge + 1
    return found


def _silent_finding(memory: GuardrailState, rule: JudgeRule, name: str, tick: int, expected: float) -> Finding:
    at_ms = (tick + 1) * rule.tick_ms
    return _finding(
        name=name,
        question="silence",
        tick=tick,
        kind=Kind.page if rule.silence == "page" else Kind.notice,
        direction=Direction.fall,
        onset_ms=((memory.last_tick + 1) * rule.tick_ms, at_ms),
        at_ms=at_ms,
        effect=Effect(baseline=expected, current=0.0, ratio=0.0),
        events=0,
        detail=f"{expected:.0f} events were due while its siblings judged {memory.siblings} and more; none came",
    )


def _volume(
    memory: GuardrailState, rule: JudgeRule, name: str, ticks: NDArray[np.int64], own: NDArray[np.int64]
) -> list[Finding]:
    found: list[Finding] = []
    per_window = max(1, rule.volume_window_ms // rule.tick_ms)
    numbers, at = np.unique(ticks // per_window, return_inverse=True)
    sums = np.bincount(at, weights=own, minlength=len(numbers)).astype(np.int64)
    for number, n in zip(numbers.tolist(), sums.tolist(), strict=True):
        if memory.window is not None and number != memory.window:
            done = _close_window(memory, rule, name, per_window)
            if done is not None:
                found.append(done)
            # Windows without any event at all are a silent source, which is not this rule's question.
            memory.in_window = 0
        memory.window = number
        memory.in_window += n
    return found


def _close_window(memory: GuardrailState, rule: JudgeRule, name: str, per_window: int) -> Finding | None:
    if memory.window is None:
        raise AssertionError("a window that never began cannot end")
    verdict = volume(memory.in_window, memory.windows, tail=VOLUME_TAIL, minimum_ratio=VOLUME_RATIO)
    first = not memory.unusual
    memory.unusual = verdict.fires
    memory.windows = [*memory.windows, memory.in_window][-WINDOWS:]
    if not (verdict.fires and first):
        return None
    last_tick = (memory.window + 1) * per_window - 1
    at_ms = (last_tick + 1) * rule.tick_ms
    seconds = rule.volume_window_ms / 1000
    surge = verdict.reason is RateReason.SURGE
    return _finding(
        name=name,
        question="volume_rise" if surge else "volume_fall",
        tick=last_tick,
        kind=Kind.notice,
        direction=Direction.rise if surge else Direction.fall,
        onset_ms=(at_ms - rule.volume_window_ms, at_ms),
        at_ms=at_ms,
        effect=Effect(
            baseline=verdict.expected / seconds,
            current=verdict.observed / seconds,
            ratio=verdict.observed / verdict.expected if verdict.expected else None,
        ),
        events=memory.in_window,
        detail=f"{verdict.observed:.0f} events in a window where about {verdict.expected:.0f} are usual",
    )


def _source(state: JudgeState, rule: JudgeRule, ticks: NDArray[np.int64], to_tick: int) -> list[Finding]:
    limit = max(1, rule.source_silent_ms // rule.tick_ms)
    found: list[Finding] = []
    before = state.last_tick
    for tick in [*ticks.tolist(), None]:
        until = to_tick if tick is None else tick
        if before is not None and until - before > limit and not state.source_silent and rule.silence != "off":
            at = before + limit
            found.append(_source_finding(rule, before, at))
            state.source_silent = True
        if tick is not None:
            before, state.source_silent = tick, False
    state.last_tick = before
    return found


def _source_finding(rule: JudgeRule, before: int, at: int) -> Finding:
    at_ms = (at + 1) * rule.tick_ms
    return _finding(
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


def _finding(
    *,
    name: str,
    question: str,
    tick: int,
    kind: Kind,
    direction: Direction,
    onset_ms: tuple[int, int],
    at_ms: int,
    effect: Effect,
    events: int,
    detail: str,
) -> Finding:
    unit = Slice(name, "", "", "", "", "", -1, "", "", "", "", "")
    return Finding(
        id=finding_id(unit, "coverage", question, tick),
        guardrail=name,
        guardrail_version="",
        category="",
        signal="coverage",
        question=question,
        stratum="",
        kind=kind,
        direction=direction,
        promise=Promise.rule,
        onset_low_ms=onset_ms[0],
        onset_high_ms=onset_ms[1],
        detected_at_ms=at_ms,
        paged_at_ms=at_ms if kind is Kind.page else None,
        effect=effect,
        evidence=Evidence(log_evidence=0.0, events=events, level=None, detail=detail),
    )
