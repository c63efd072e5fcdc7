"""The volume of a guardrail: a window of five minutes against its own past. A plain rule, and notices only.

In its first weeks a window is held to the day before it, by a factor of three, since seasons of a day move traffic by
less than that. Once an hour of the week has been heard twice, its windows are held to that hour's own level, by a
factor of two. Both ask besides that chance, with the scatter that windows have shown, explains it less than once in a
million.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.rate import HOURS, Hours, RateReason, Verdict, hour_of_week, volume
from monitor.findings.model import Direction, Effect, Finding, Kind
from monitor.judging.findings.describe import coverage_finding
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import GuardrailState

WINDOWS: Final = 288
"""A day of windows of five minutes."""
TAIL: Final = 1e-6
RATIO: Final = 3.0
"""Daily seasons move traffic by less than three from one day's windows to the next."""
SEASON_RATIO: Final = 2.0
"""The same hour of two weeks differs by less than two."""
VISITS: Final = 1.6
"""Hours' worth of windows of an hour of the week before its level is trusted: two visits, the first one not whole."""
WEEKS: Final = 8
"""Weeks remembered of each hour; then what is older counts half."""
CLIP: Final = 4.0
"""Times its hour's level that one window adds to it at most: a flood must not make floods usual at once."""


def follow_volume(
    memory: GuardrailState, rule: JudgeSettings, name: str, ticks: NDArray[np.int64], own: NDArray[np.int64]
) -> list[Finding]:
    """Findings of the ticks with events of anybody, ``own`` those of this guardrail; ``memory`` is updated."""
    found: list[Finding] = []
    if memory.window is None:  # its windows begin with its first event, whenever its name became known
        begun = np.flatnonzero(own)
        first = int(begun[0]) if len(begun) else len(ticks)
        ticks, own = ticks[first:], own[first:]
    length = ticks_per_window(rule)
    numbers, at = np.unique(ticks // length, return_inverse=True)
    sums = np.bincount(at, weights=own, minlength=len(numbers)).astype(np.int64)
    for number, n in zip(numbers.tolist(), sums.tolist(), strict=True):
        if memory.window is not None and number != memory.window:
            done = _close_window(memory, memory.window, rule, name)
            if done is not None:
                found.append(done)
            # Windows without any event at all are a silent source, which is not this rule's question.
            memory.in_window = 0
        memory.window = number
        memory.in_window += n
    return found


def ticks_per_window(rule: JudgeSettings) -> int:
    """Length of a window in ticks."""
    return max(1, rule.volume_window_ms // rule.tick_ms)


def _close_window(memory: GuardrailState, number: int, rule: JudgeSettings, name: str) -> Finding | None:
    length = ticks_per_window(rule)
    verdict = _verdict(memory, hour_of_week(number * length * rule.tick_ms / 1000), rule)
    memory.windows = [*memory.windows, memory.in_window][-WINDOWS:]
    first, memory.unusual = not memory.unusual, verdict is not None and verdict.fires
    if verdict is None or not (verdict.fires and first):
        return None
    last_tick = (number + 1) * length - 1
    at_ms = (last_tick + 1) * rule.tick_ms
    seconds = rule.volume_window_ms / 1000
    surge = verdict.reason is RateReason.SURGE
    return coverage_finding(
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


def _verdict(memory: GuardrailState, hour: int, rule: JudgeSettings) -> Verdict | None:
    """What is to be said of the window that ends; None where its size alone says that nothing is. Learns from it."""
    count, past = memory.in_window, memory.windows
    hours = Hours(np.reshape(memory.hours, (3, HOURS)) if memory.hours else None)
    an_hour = 3_600_000 / rule.volume_window_ms
    known = hours.windows(hour) >= VISITS * an_hour
    verdict, learned = None, float(count)
    if known:
        season = hours.season()
        usual = float(season.mean[hour])
        learned = min(learned, CLIP * max(usual, 1.0))
        if not count < usual * SEASON_RATIO or not usual < count * SEASON_RATIO:
            verdict = season.volume(count, hour, tail=TAIL, minimum_ratio=SEASON_RATIO)
    elif not sum(past) < count * len(past) * RATIO or not count * len(past) < sum(past) * RATIO:
        # The ratio first: fitting a law to every window would cost most of a tick.
        verdict = volume(count, past, tail=TAIL, minimum_ratio=RATIO)
    hours.add(learned, hour, most=WEEKS * an_hour)
    memory.hours = hours.table().ravel().tolist()
    return verdict
