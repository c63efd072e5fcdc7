"""A silent source: no event of any guardrail for long. A plain rule, and a notice: it looks like a quiet night."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from monitor.counts.model import Slice
from monitor.findings.model import EVERY_GUARDRAIL, Direction, Effect, Evidence, Finding, Kind, Unit
from monitor.judging.findings.build import build
from monitor.judging.follower import Follower, Stretch
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import JudgeState


class SourceSilence(Follower):
    """Follows the source as a whole."""

    def follow(self, stretch: Stretch) -> list[Finding]:
        """The source has fallen silent, or its events are back."""
        ticks, _ = stretch.by_guardrail
        return follow_source(
            self._fleet.state, self._rule, ticks=ticks, from_tick=stretch.from_tick, to_tick=stretch.to_tick
        )

    def open(self) -> Iterator[Finding]:
        """The silence, while it lasts."""
        if self._fleet.state.source.open is not None:
            yield self._fleet.state.source.open


def follow_source(
    state: JudgeState, rule: JudgeSettings, *, ticks: NDArray[np.int64], from_tick: int, to_tick: int
) -> list[Finding]:
    """Findings of the ticks from ``from_tick`` to ``to_tick``; ``state`` is updated.

    Args:
        ticks: int64 (T,), those of them that have events, rising.
    """
    limit = max(1, rule.source_silent_ms // rule.tick_ms)
    found: list[Finding] = []
    if rule.silence == "off":
        found += state.source.end(from_tick * rule.tick_ms)
    else:
        active = ticks if state.last_tick is None else np.r_[state.last_tick, ticks]
        edges = np.r_[active, to_tick]
        for k in np.flatnonzero(np.diff(edges) > limit).tolist():
            if state.source.open is None:
                seen = _source_finding(rule, int(active[k]), int(active[k]) + limit)
                found.append(state.source.raise_(seen, reopen_ms=rule.reopen_ms))
            if k + 1 < len(active):
                found += state.source.end((int(active[k + 1]) + 1) * rule.tick_ms)
    if len(ticks):
        state.last_tick = int(ticks[-1])
    return found


def _source_finding(rule: JudgeSettings, before: int, at: int) -> Finding:
    at_ms = (at + 1) * rule.tick_ms
    return build(
        Slice.of_guardrail(EVERY_GUARDRAIL),
        "coverage",
        "source_silent",
        tick=at,
        tick_ms=rule.tick_ms,
        kind=Kind.notice,
        direction=Direction.fall,
        onset_ms=((before + 1) * rule.tick_ms, at_ms),
        effect=Effect(baseline=1.0, current=0.0, ratio=0.0, unit=Unit.events),
        evidence=Evidence(
            log_evidence=0.0,
            events=0,
            level=None,
            detail=f"no event of any guardrail for {(at - before) * rule.tick_ms // 1000} s",
        ),
    )
