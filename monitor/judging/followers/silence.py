"""Silence: a guardrail that judges nothing while its siblings are busy. A plain rule that promises no rate.

A guardrail is *silent* when it should have judged far more than it did, by its siblings' traffic. The passage
of time alone is no evidence, so a thin or sleeping product pages nobody. Its next event ends the silence. A guardrail
that has been reported for a day and has still no event has *stopped*: the silence ends, and it is reported again only
after another event.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.rate import expected_events, silence
from monitor.clock import DAY_MS
from monitor.counts.model import Slice
from monitor.findings.model import Direction, Effect, Evidence, Finding, Kind, Unit
from monitor.judging.findings.build import build
from monitor.judging.follower import Follower, Stretch
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import GuardrailState, JudgeState

BURST: Final = 5.0
"""Events that come together: a conversation's turns, a batch. 100 expected events then still leave exp(-20)."""
GONE_MS: Final = DAY_MS
"""As long as a stream needs to count as stopped."""

Ints = NDArray[np.int64]


class Silence(Follower):
    """Follows every guardrail that has a baseline."""

    def follow(self, stretch: Stretch) -> list[Finding]:
        """Guardrails that have fallen silent, and those whose events are back."""
        if self._rule.silence == "off":
            at_ms = stretch.from_tick * self._rule.tick_ms
            memories = self._fleet.state.guardrails.values()
            for memory in memories:
                memory.gone = False
            return [found for memory in memories for found in memory.silence.end(at_ms)]
        ticks, events = stretch.by_guardrail
        names = self._fleet.guardrails
        return follow_silence(self._fleet.state, self._rule, ticks=ticks, guardrails=names, events=events)

    def open(self) -> Iterator[Finding]:
        """Guardrails that are silent now."""
        for memory in self._fleet.state.guardrails.values():
            if memory.silence.open is not None:
                yield memory.silence.open


def follow_silence(
    state: JudgeState, rule: JudgeSettings, *, ticks: Ints, guardrails: list[str], events: Ints
) -> list[Finding]:
    """Findings of the ticks just judged; ``state`` is updated.

    Args:
        ticks: int64 (T,), ticks with events, rising.
        guardrails: names of the G columns of ``events``, every guardrail seen so far among them.
        events: int64 (T, G), events by tick and guardrail.
    """
    found: list[Finding] = []
    if not len(ticks):
        return found
    total = events.sum(axis=1)
    summary = _summary(ticks, events, total)
    for column, name in enumerate(guardrails):
        memory = state.guardrails.setdefault(name, GuardrailState())
        if not _still_heard(memory, rule, summary, column):
            found += _silence(memory, rule, name, ticks, events[:, column], total)
    return found


@dataclass(frozen=True, slots=True)
class _Summary:
    """The stretch of ticks in a few numbers per guardrail: nearly always they rule out any change."""

    end: int
    """The tick after the last one with events."""
    heard: list[int | None]
    """Newest tick with an event of the guardrail."""
    since: list[int]
    """Events of all guardrails after its last one (of the whole stretch where it had none)."""


def _summary(ticks: Ints, events: Ints, total: Ints) -> _Summary:
    any_heard = np.asarray(events.max(axis=0) > 0)
    newest = len(ticks) - 1 - (events[::-1] > 0).argmax(axis=0)
    running = total.cumsum()
    return _Summary(
        end=int(ticks[-1]) + 1,
        heard=[
            tick if heard else None for tick, heard in zip(ticks[newest].tolist(), any_heard.tolist(), strict=True)
        ],
        since=(running[-1] - np.where(any_heard, running[newest], 0)).tolist(),
    )


def _still_heard(memory: GuardrailState, rule: JudgeSettings, stretch: _Summary, column: int) -> bool:
    """Whether it cannot have been silent for long enough; records its last event."""
    heard = stretch.heard[column]
    soon = (stretch.end - memory.last_tick) * rule.tick_ms < rule.silent_ms
    still_gone = memory.gone and heard is None
    if memory.silence.open is not None or (memory.share > 0 and not soon and not still_gone):
        return False
    memory.gone = still_gone
    memory.siblings = stretch.since[column] + (memory.siblings if heard is None else 0)
    memory.last_tick = memory.last_tick if heard is None else heard
    return True


def _silence(
    memory: GuardrailState,
    rule: JudgeSettings,
    name: str,
    ticks: NDArray[np.int64],
    own: Ints,
    total: Ints,
) -> list[Finding]:
    found: list[Finding] = []
    heard = np.flatnonzero(own)
    # The quiet stretches between them, as half-open ranges of ticks with events, and its last event.
    starts, edges = np.r_[0, heard + 1], np.r_[heard, len(ticks)]
    last = np.r_[memory.last_tick, ticks[heard]]
    before = np.r_[0, total.cumsum()]
    quiet = edges > starts
    until = ticks[np.maximum(edges - 1, 0)] + 1
    long_enough = quiet & ((until - last) * rule.tick_ms >= rule.silent_ms)
    for k in sorted({0, *np.flatnonzero(long_enough).tolist()}):
        start, edge = int(starts[k]), int(edges[k])
        reported = start  # the first of these ticks in which a silence may be over
        if long_enough[k] and memory.silence.open is None and memory.share > 0 and not memory.gone:
            siblings = (memory.siblings if k == 0 else 0) + before[start + 1 : edge + 1] - before[start]
            at = _falls_silent(memory.share, rule, ticks[start:edge] + 1 - last[k], siblings)
            if at is not None:
                seen = _silent_finding(
                    rule,
                    name,
                    last_tick=int(last[k]),
                    tick=int(ticks[start + at]),
                    expected=expected_events(share=memory.share, siblings=float(siblings[at])),
                    siblings=int(siblings[at]),
                )
                found.append(memory.silence.raise_(seen, reopen_ms=rule.reopen_ms))
                reported = start + at
        found += _stopped(memory, rule, ticks[reported:edge], last_tick=int(last[k]))
        if edge < len(ticks):
            memory.gone = False
            found += memory.silence.end((int(ticks[edge]) + 1) * rule.tick_ms)
    memory.siblings = int(before[-1] - before[starts[-1]]) + (0 if len(heard) else memory.siblings)
    memory.last_tick = int(last[-1])
    return found


def _stopped(memory: GuardrailState, rule: JudgeSettings, ticks: Ints, *, last_tick: int) -> list[Finding]:
    """Ends the silence in the first of these ticks with others' events that finds it open for a day."""
    if memory.silence.open is None:
        return []
    since_ms = max(memory.silence.open.detected_at_ms, (last_tick + 1) * rule.tick_ms)
    at = int(np.searchsorted((ticks + 1) * rule.tick_ms, since_ms + GONE_MS))
    if at == len(ticks):
        return []
    memory.gone = True
    return memory.silence.end((int(ticks[at]) + 1) * rule.tick_ms)


def _falls_silent(share: float, rule: JudgeSettings, since: Ints, siblings: Ints) -> int | None:
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
    return build(
        Slice.of_guardrail(name),
        "coverage",
        "silence",
        tick=tick,
        tick_ms=rule.tick_ms,
        kind=Kind.page if rule.silence == "page" else Kind.notice,
        direction=Direction.fall,
        onset_ms=((last_tick + 1) * rule.tick_ms, at_ms),
        effect=Effect(baseline=expected, current=0.0, ratio=0.0, unit=Unit.events),
        evidence=Evidence(
            log_evidence=0.0,
            events=0,
            level=None,
            detail=f"{expected:.0f} events were due while its siblings judged {siblings}; none came",
        ),
    )
