"""The volume of a guardrail: a window of five minutes against its own past. A plain rule, and notices only.

In its first weeks a window is held to the day before it, by a factor of three, since seasons of a day move traffic by
less than that. Once an hour of the week has been seen twice, its windows are held to that hour's own level, by a
factor of two. Both also require p < 1e-6 under the scatter that windows have shown. The first unusual window is
reported; the first usual one after it is the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.rate import HOURS, Hours, RateReason, Verdict, hour_of_week, volume
from monitor.clock import HOUR_MS
from monitor.counts.model import Slice
from monitor.findings.model import Direction, Effect, Evidence, Finding, Kind, Unit
from monitor.judging.findings.build import build
from monitor.judging.follower import Follower, Stretch
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import GuardrailState, JudgeState

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

Ints = NDArray[np.int64]


class Volume(Follower):
    """Follows the windows of every guardrail."""

    def follow(self, stretch: Stretch) -> list[Finding]:
        """Guardrails whose windows have become unusual, and those whose windows are usual again."""
        if self._rule.volume == "off":
            at_ms = stretch.from_tick * self._rule.tick_ms
            memories = self._fleet.state.guardrails.values()
            return [found for memory in memories for found in memory.volume.end(at_ms)]
        ticks, events = stretch.by_guardrail
        names = self._fleet.guardrails
        return follow_volume(self._fleet.state, self._rule, ticks=ticks, guardrails=names, events=events)

    def retire(self, number: int, tick: int) -> list[Finding]:
        """Ends what was found of a guardrail that has stopped; its windows begin anew with its next event."""
        guardrail = self._fleet.state.units[number].unit.guardrail
        memory = self._fleet.state.guardrails.get(guardrail)
        if memory is None or not self._fleet.has_stopped(guardrail):
            return []
        memory.window, memory.in_window = None, 0
        return memory.volume.end(tick * self._rule.tick_ms)

    def open(self) -> Iterator[Finding]:
        """Guardrails whose windows are unusual now."""
        for memory in self._fleet.state.guardrails.values():
            if memory.volume.open is not None:
                yield memory.volume.open


def follow_volume(
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
    first, last = (ticks[[0, -1]] // ticks_per_window(rule)).tolist()
    sums = events.sum(axis=0).tolist()
    for column, name in enumerate(guardrails):
        memory = state.guardrails.setdefault(name, GuardrailState())
        if memory.window == first == last:  # nearly always: no window ends or begins
            memory.in_window += sums[column]
        elif memory.window is not None or sums[column]:
            found += _follow(memory, rule, name, ticks, events[:, column])
    return found


def ticks_per_window(rule: JudgeSettings) -> int:
    """Length of a window in ticks."""
    return max(1, rule.volume_window_ms // rule.tick_ms)


def _follow(memory: GuardrailState, rule: JudgeSettings, name: str, ticks: Ints, own: Ints) -> list[Finding]:
    found: list[Finding] = []
    if memory.window is None:  # its windows begin with its first event, whenever its name became known
        first = int(np.flatnonzero(own)[0])
        ticks, own = ticks[first:], own[first:]
    numbers, at = np.unique(ticks // ticks_per_window(rule), return_inverse=True)
    sums = np.bincount(at, weights=own, minlength=len(numbers)).astype(np.int64)
    for number, n in zip(numbers.tolist(), sums.tolist(), strict=True):
        if memory.window is not None and number != memory.window:
            found += _close_window(memory, memory.window, rule, name)
            # Windows without any event at all are a silent source, which is not this rule's question.
            memory.in_window = 0
        memory.window = number
        memory.in_window += n
    return found


def _close_window(memory: GuardrailState, number: int, rule: JudgeSettings, name: str) -> list[Finding]:
    length = ticks_per_window(rule)
    verdict = _verdict(memory, hour_of_week(number * length * rule.tick_ms / 1000), rule)
    memory.windows = [*memory.windows, memory.in_window][-WINDOWS:]
    at_ms = (number + 1) * length * rule.tick_ms
    if verdict is None or not verdict.fires:
        return memory.volume.end(at_ms)
    if memory.volume.open is not None:
        return []
    seen = _finding(rule, name, verdict, tick=(number + 1) * length - 1, events=memory.in_window)
    return [memory.volume.raise_(seen, reopen_ms=rule.reopen_ms)]


def _finding(rule: JudgeSettings, name: str, verdict: Verdict, *, tick: int, events: int) -> Finding:
    at_ms = (tick + 1) * rule.tick_ms
    seconds = rule.volume_window_ms / 1000
    surge = verdict.reason is RateReason.SURGE
    return build(
        Slice.of_guardrail(name),
        "coverage",
        "volume_rise" if surge else "volume_fall",
        tick=tick,
        tick_ms=rule.tick_ms,
        kind=Kind.notice,
        direction=Direction.rise if surge else Direction.fall,
        onset_ms=(at_ms - rule.volume_window_ms, at_ms),
        effect=Effect(
            baseline=verdict.expected / seconds,
            current=verdict.observed / seconds,
            ratio=verdict.observed / verdict.expected if verdict.expected else None,
            unit=Unit.per_second,
        ),
        evidence=Evidence(
            log_evidence=0.0,
            events=events,
            level=None,
            detail=f"{verdict.observed:.0f} events in a window where about {verdict.expected:.0f} are usual",
        ),
    )


def _verdict(memory: GuardrailState, hour: int, rule: JudgeSettings) -> Verdict | None:
    """The finding about the window that ends; None where its size alone rules one out. Learns from the window."""
    count, past = memory.in_window, memory.windows
    hours = Hours(np.reshape(memory.hours, (3, HOURS)) if memory.hours else None)
    an_hour = HOUR_MS / rule.volume_window_ms
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
