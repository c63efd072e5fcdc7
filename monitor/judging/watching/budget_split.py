"""Who shares the budgets: streams by weight, those that appeared lately by a reserve, those that stopped not at all.

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
from monitor.judging.state import AnyChangeTest, Epoch, JudgeState, UnitState
from monitor.signals.registry import SIGNALS

REVIEW_TICKS: Final = 360
"""Who is known and who has stopped is looked at once in so many ticks (an hour of 10 s ticks) ..."""
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

    def review(self, tick: int) -> None:
        """At the first tick with events of each stretch, whoever steps when: who has stopped?"""
        state = self._state
        state.reviewed = tick // self._review
        if state.last_tick is None:
            return
        for unit in state.units:
            if unit.epoch is not None:
                # Against the newest tick with any event: after an outage of the whole source nobody has stopped.
                unit.retired = state.last_tick - max(unit.last_event_tick, unit.epoch.effective_tick) >= self._day

    def hear(self, ticks: NDArray[np.int64], units: NDArray[np.int64]) -> bool:
        """Take note of events by tick (rising) and unit; whether one of them brought a unit back."""
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
        heard = np.flatnonzero(np.isin(units, away))
        return int(ticks[heard[0]]) + 1 if len(heard) else NEVER

    def pages(self) -> dict[int, float]:
        """Test id -> spend of a full tick of each armed material test."""
        weight = _weights(self._rule)

        def of_unit(epoch: Epoch) -> dict[int, float]:
            asked = np.bincount([watch.signal for watch in epoch.page_tests] or [0], minlength=len(SIGNALS))
            whole = float(weight[asked > 0].sum())
            return {
                watch.test: float(weight[watch.signal] / (whole * float(asked[watch.signal])))
                for watch in epoch.page_tests
                if watch.finding is None
            }

        rule = self._rule
        return self._allot(of_unit, Budget(rule.pages * UNITS_SHARE, rule.page_period_ms / 1000))

    def notices(self, paging: Callable[[Epoch, int], bool]) -> dict[int, float]:
        """Test id -> spend of a full tick of each armed any-change test of ours, its dense bets included.

        Args:
            paging: whether a page of a signal is open; nothing else is asked of that signal then.
        """
        weight = _weights(self._rule)

        def of_unit(epoch: Epoch) -> dict[int, float]:
            ours = [notice for notice in epoch.any_change_tests if is_ours(notice)]
            whole = sum(weight[notice.signal] for notice in ours)
            return {
                notice.test: float(weight[notice.signal] / whole)
                for notice in ours
                if not paging(epoch, notice.signal)
            }

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
        first = min((epoch.effective_tick for _, epoch in watched), default=0)
        settled = max(first + self._day, now - self._day)
        return {stream_of(unit.unit) for unit, epoch in watched if epoch.by_person or epoch.effective_tick <= settled}


def is_ours(notice: AnyChangeTest) -> bool:
    """Whether it spends of the budget; river's detectors promise nothing, so they spend nothing."""
    return notice.test >= 0


def _weights(rule: JudgeSettings) -> NDArray[np.float64]:
    return np.array([rule.signal(signal.name).weight for signal in SIGNALS])
