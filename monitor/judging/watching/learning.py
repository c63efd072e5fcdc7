"""Baselines that the stated policy approves: as soon as a unit has enough events that agree with themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.clock import NEVER
from monitor.counts.cuts import observations, of_columns
from monitor.counts.model import LoadedCounts
from monitor.incidents.words import duration
from monitor.judging.ports import Baseline, BaselineState
from monitor.judging.state import UnitState
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.from_baseline import agrees_with_itself
from monitor.signals.registry import LAYOUT, OBSERVATIONS, USED_COLUMNS

POLICY: Final = "policy: automatic"
GROWTH: Final = 2
"""A provisional baseline gives way to one that spans so many times as much, and to one that spans enough."""
CALM: Final = -3.0
"""Log evidence of a page test from which on nothing is refined: what may be an attack is no baseline, and evidence
that has gathered is not thrown away."""
AT_ONCE: Final = 32
"""Baselines that are refined in one pass over the counts; the others follow an hour later."""
MAX_RESTARTS: Final = 4
"""Most moves of a window whose halves disagree before it is taken as it is; its level is wide then, since
wander widens the margin."""

Uncounted = Callable[[int, int], Mapping[str, int]]
"""Signals that some counts of the ticks in [from, to) lack: by name the newest such tick."""


class Learning:
    """Watches the units that have no baseline yet."""

    def __init__(self, fleet: Fleet, uncounted: Uncounted) -> None:
        self._fleet = fleet
        self._uncounted = uncounted
        self._stored: Counter[int] = Counter()
        """Unit -> stored baselines of the policy that take effect later: they are not learned once more."""

    def schedule(self, number: int) -> None:
        """The policy has approved a baseline of this unit before; it takes effect in its tick."""
        self._stored[number] += 1

    def take_effect(self, number: int, from_tick: int) -> None:
        """It has taken effect; what refines it is learned since the same tick."""
        self._stored[number] -= 1
        self._fleet.state.units[number].learning_from = from_tick

    def ends(self, counts: LoadedCounts) -> int:
        """The tick after the first in which some unit has learned enough; :data:`NEVER` if none does."""
        earliest = NEVER
        for number, ticks, events in self._learners(counts):
            unit = self._fleet.state.units[number]
            new_tick = np.diff(ticks, prepend=ticks[0] - 1) != 0
            enough = np.flatnonzero(
                (unit.learned + events.cumsum() >= self._fleet.rule.baseline_events)
                & (unit.learned_ticks + new_tick.cumsum() >= self._fleet.rule.baseline_ticks)
            )
            if len(enough):
                earliest = min(earliest, int(ticks[enough[0]]) + 1)
        return earliest

    def learn(self, counts: LoadedCounts) -> None:
        """Count the ticks just judged."""
        for number, ticks, events in self._learners(counts):
            unit = self._fleet.state.units[number]
            if unit.learning_from < 0:
                unit.learning_from = int(ticks[0])
            unit.learned += int(events.sum())
            unit.learned_ticks += len(np.unique(ticks))

    def complete(self, tick: int) -> list[Baseline]:
        """Approve what is large enough, from ``tick`` on; a window whose halves disagree moves on."""
        approved = []
        for number, unit in enumerate(self._fleet.state.units):
            if unit.epoch is not None or unit.by_hand or self._stored[number] or not self._enough(unit):
                continue
            counts = self._homogeneous(number, tick)
            if counts is None:
                continue
            span = (unit.learning_from, tick)
            lacking = self._uncounted(*span)
            counts = of_columns(counts, LAYOUT.mask(LAYOUT.without(lacking)))
            why = f"{unit.learned:,} events whose halves agree"
            if unit.restarts >= MAX_RESTARTS:
                why = f"{unit.learned:,} events; no window whose halves agree was found, the margin is widened"
            approved.append(self._baseline(number, counts, tick, lacking, why))
            self._fleet.activate(number, counts, span=span, tick=tick, by_person=False, lacking=lacking)
        return approved

    def refine(self, tick: int) -> list[Baseline]:
        """From ``tick`` on, hold units with a provisional baseline to all of their traffic since, where it is more.

        Traffic of a unit counts from its last page on. Nobody looks at whether its halves agree: days do not.
        """
        if not self._fleet.rule.automatic:
            return []
        units = self._fleet.state.units
        due = [number for number in range(len(units)) if self._outgrown(number, tick)]
        due = sorted(due, key=lambda number: (units[number].learning_from, units[number].unit))[:AT_ONCE]
        found = self._fleet.counts_of_each({number: units[number].learning_from for number in due}, tick)
        refined = []
        for number in due:
            unit = units[number]
            counts = found.get(number)
            if counts is None:
                continue
            events = int(observations(counts).count.sum())
            if events < self._fleet.rule.baseline_events:
                continue
            span = (unit.learning_from, tick)
            lacking = self._uncounted(*span)
            counts = of_columns(counts, LAYOUT.mask(LAYOUT.without(lacking)))
            why = f"{events:,} events in {duration((tick - span[0]) * self._fleet.rule.tick_ms)} without a page"
            refined.append(self._baseline(number, counts, tick, lacking, why))
            self._fleet.activate(number, counts, span=span, tick=tick, by_person=False, lacking=lacking)
        return refined

    def _outgrown(self, number: int, tick: int) -> bool:
        """Whether the unit's baseline is provisional, and there is much more by now that speaks for it."""
        unit, rule = self._fleet.state.units[number], self._fleet.rule
        epoch = unit.epoch
        if epoch is None or not epoch.provisional or unit.by_hand or self._stored[number] or unit.learning_from < 0:
            return False
        span = min(unit.last_event_tick + 1, tick) - unit.learning_from
        wanted = min(GROWTH * (epoch.window[1] - epoch.window[0]), -(-rule.baseline_span_ms // rule.tick_ms))
        if span < wanted or any(watch.case.open is not None for watch in epoch.page_tests):
            return False
        evidence = self._fleet.panel.evidence
        if any(evidence.log_evidence_of(watch.test) > CALM for watch in epoch.page_tests):
            return False
        return not any(state.case.open is not None for state in epoch.joins)

    def _homogeneous(self, number: int, tick: int) -> LoadedCounts | None:
        """The window's counts once its halves agree; it moves on, at once, as often as what is left is enough."""
        unit = self._fleet.state.units[number]
        while self._enough(unit):
            counts = self._fleet.counts_of(number, unit.learning_from, tick)
            window = self._fleet.window(number, counts)
            if unit.restarts >= MAX_RESTARTS or agrees_with_itself(window):
                return counts
            half = len(window.ticks) // 2
            unit.restarts += 1
            unit.learning_from = int(window.ticks[half])
            unit.learned = int(window.counts[half:][:, :, OBSERVATIONS[:USED_COLUMNS]].sum())
            unit.learned_ticks = len(window.ticks) - half
        return None

    def _enough(self, unit: UnitState) -> bool:
        rule = self._fleet.rule
        return unit.learned >= rule.baseline_events and unit.learned_ticks >= rule.baseline_ticks

    def _learners(self, counts: LoadedCounts) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
        """(unit, ticks, events per tick) of the units that learn and have events here."""
        units = self._fleet.state.units
        waiting = [
            n for n, unit in enumerate(units) if unit.epoch is None and not unit.by_hand and not self._stored[n]
        ]
        if not (self._fleet.rule.automatic and waiting and len(counts.tick)):
            return
        events = observations(counts)
        of_unit = self._fleet.panel.units_of(events.cell)
        active = set(np.unique(of_unit).tolist())
        for number in waiting:
            if number in active:
                mine = of_unit == number
                yield number, events.tick[mine], events.count[mine]

    def _baseline(
        self, number: int, counts: LoadedCounts, tick: int, lacking: Collection[str], reason: str
    ) -> Baseline:
        unit = self._fleet.state.units[number]
        cells, at = np.unique(counts.cell, return_inverse=True)
        sums = np.zeros(len(cells), np.int64)
        np.add.at(sums, at, counts.count)
        return Baseline(
            id=0,
            unit=unit.unit,
            state=BaselineState.approved,
            from_tick=unit.learning_from,
            to_tick=tick,
            effective_tick=tick,
            counts=dict(zip(cells.tolist(), sums.tolist(), strict=True)),
            layout=LAYOUT.without(lacking),
            approved_by=POLICY,
            reason=reason,
            created_at_ms=tick * self._fleet.rule.tick_ms,
        )
