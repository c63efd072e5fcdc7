"""Shares of the budgets: streams by weight, those that appeared lately from a reserve, stopped ones none.

A *stream* is guardrail x category x stage. What is its own is shared by its units (versions, thresholds, kinds of
score), evenly, then by their signals, by weight, then by their questions. So neither a build number for a version nor
a category that nobody announced takes from what other streams may spend:

- A stream is *known* once a person has approved a baseline of it, once it has been watched for a day, or when it
  began within a day of the first one. Streams that are not share a tenth of the budget, however many they are.
- A unit that brings no event for a day while others do *retires*: its share goes to the others. What it spent stays
  spent, and its evidence stays as it is. Its next event brings it back, from the tick after on.

All of that looks only at what was counted before the tick whose spend it decides, as the guarantee demands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.budget import Budget
from monitor.clock import DAY_MS, NEVER
from monitor.counts.model import Slice
from monitor.judging.judge_settings import UNITS_SHARE, JudgeSettings
from monitor.judging.state import Epoch, JudgeState, UnitState
from monitor.judging.watching.rivers import RiverId
from monitor.signals.registry import SIGNALS

REVIEW_TICKS: Final = 360
"""Known and stopped units are updated once in so many ticks (an hour of 10 s ticks) ..."""
REVIEW_MS: Final = DAY_MS // 4
"""... and at least as often as this, where ticks are long."""

Stream = tuple[str, str, str]


def stream_of(unit: Slice) -> Stream:
    """Guardrail, category and stage: what shares alike."""
    return unit.guardrail, unit.category, unit.stage


class Shares:
    """Splits both budgets over what is armed. Everything it remembers is in the state."""

    def __init__(self, rule: JudgeSettings, state: JudgeState) -> None:
        self._rule = rule
        self._state = state
        self._review = max(1, min(REVIEW_TICKS, REVIEW_MS // rule.tick_ms))
        self._day = max(1, DAY_MS // rule.tick_ms)

    def next_review(self, tick: int) -> int:
        """The first tick after ``tick`` that belongs to another stretch."""
        return (tick // self._review + 1) * self._review

    def is_due(self, tick: int) -> bool:
        """Whether ``tick`` is the first one with events of its stretch."""
        return tick // self._review > self._state.reviewed

    def review(self, tick: int) -> list[int]:
        """At the first tick with events of each stretch, independent of steps: the units that have stopped."""
        state = self._state
        state.reviewed = tick // self._review
        stopped = []
        for number, unit in enumerate(state.units):
            if unit.epoch is not None and state.last_tick is not None:
                before, unit.retired = unit.retired, self._quiet_for_a_day(unit, since=unit.epoch.effective_tick)
                if unit.retired and not before:
                    stopped.append(number)
        return stopped

    def has_stopped(self, guardrail: str) -> bool:
        """Whether none of its units has had an event for a day, while others have."""
        units = [unit for unit in self._state.units if unit.unit.guardrail == guardrail]
        return all(self._quiet_for_a_day(unit, since=-1) for unit in units)

    def _quiet_for_a_day(self, unit: UnitState, *, since: int) -> bool:
        """Whether it had no event for a day, by the newest tick of any unit: a source outage stops no unit."""
        newest = -1 if self._state.last_tick is None else self._state.last_tick
        return newest - max(unit.last_event_tick, since) >= self._day

    def hear(self, ticks: NDArray[np.int64], units: NDArray[np.int64]) -> bool:
        """Record events by tick (rising) and unit; returns whether one of them brought a unit back."""
        newest = dict(zip(units.tolist(), ticks.tolist(), strict=True))  # of several, the last
        back = False
        for number, tick in newest.items():
            if number >= 0:
                unit = self._state.units[number]
                back |= unit.retired
                unit.last_event_tick, unit.retired = tick, False
        return back

    def anybody_away(self) -> bool:
        """Whether some unit has retired."""
        return any(unit.retired for unit in self._state.units)

    def ends(self, ticks: NDArray[np.int64], units: NDArray[np.int64]) -> int:
        """The tick after the first in which a retired unit has an event; :data:`NEVER` if none has."""
        away = [number for number, unit in enumerate(self._state.units) if unit.retired]
        found = np.flatnonzero(np.isin(units, away))
        return int(ticks[found[0]]) + 1 if len(found) else NEVER

    def pages(self) -> dict[int, float]:
        """Test id -> spend of a full tick of each armed material test."""
        weight = _weights(self._rule)

        def of_unit(epoch: Epoch) -> dict[int, float]:
            asked = np.bincount([watch.signal for watch in epoch.page_tests] or [0], minlength=len(SIGNALS))
            whole = float(weight[asked > 0].sum())
            return {
                watch.test: float(weight[watch.signal] / (whole * float(asked[watch.signal])))
                for watch in epoch.page_tests
                if watch.case.open is None
            }

        rule = self._rule
        return self._allot(of_unit, Budget(rule.pages * UNITS_SHARE, rule.page_period_ms / 1000))

    def notices(self, paging: Callable[[Epoch, int], bool]) -> dict[int, float]:
        """Test id -> spend of a full tick of each armed any-change test, its dense tests included.

        River's detectors promise nothing, so they spend nothing.

        Args:
            paging: whether a page of a signal is open; nothing else is asked of that signal then.
        """
        weight = _weights(self._rule)

        def of_unit(epoch: Epoch) -> dict[int, float]:
            ours = {one.test: one.signal for one in epoch.any_change_tests if not isinstance(one.test, RiverId)}
            whole = sum(weight[signal] for signal in ours.values())
            return {test: float(weight[signal] / whole) for test, signal in ours.items() if not paging(epoch, signal)}

        rule = self._rule
        return self._allot(of_unit, Budget(rule.notices * UNITS_SHARE, rule.notice_period_ms / 1000))

    def _allot(self, of_unit: Callable[[Epoch], dict[int, float]], budget: Budget) -> dict[int, float]:
        """Spend by test; 0 for the tests of retired units."""
        spends: dict[int, float] = {}
        share: dict[int, dict[int, float]] = {}
        at_work: dict[Stream, list[int]] = {}
        watched = [(number, unit, unit.epoch) for number, unit in enumerate(self._state.units) if unit.epoch]
        for number, unit, epoch in watched:
            share[number] = of_unit(epoch)
            if unit.retired:
                spends |= dict.fromkeys(share[number], 0.0)
            elif share[number]:
                at_work.setdefault(stream_of(unit.unit), []).append(number)
        known = self._known([(unit, epoch) for _, unit, epoch in watched])
        groups: tuple[dict[int, float], dict[int, float]] = ({}, {})
        weights = dict(self._rule.weights)
        for stream, numbers in at_work.items():
            each = weights.get(stream[0], 1.0) / len(numbers)
            for number in numbers:
                group = groups[0 if stream in known else 1]
                group |= {test: each * weight for test, weight in share[number].items()}
        return spends | budget.allot(self._rule.tick_ms / 1000, known=groups[0], newcomers=groups[1])

    def _known(self, watched: list[tuple[UnitState, Epoch]]) -> set[Stream]:
        now = self._state.reviewed * self._review
        first = min((epoch.watched_from for _, epoch in watched), default=0)
        settled = max(first + self._day, now - self._day)
        return {stream_of(unit.unit) for unit, epoch in watched if epoch.by_person or epoch.watched_from <= settled}


def _weights(rule: JudgeSettings) -> NDArray[np.float64]:
    return np.array([rule.signal(signal.name).weight for signal in SIGNALS])
