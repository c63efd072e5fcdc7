"""Signals that are newer than the baseline of a unit: each learns by itself, while the others go on as they were.

A release may bring a signal, or another version of one. Approved baselines then hold nothing of it, and neither do
the counts of workers that are not upgraded yet. From the first tick that every worker has counted it in, the signal
learns as a whole unit would: from as many events and ticks, of two halves that agree, and never while a page of the
unit is open. What it has learned is stored beside the unit's baseline, as one that was *added*.

Whether enough is learned is looked at where the shares of the budgets are: at the first tick with events of each
stretch, whoever steps when.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.counts.cuts import observations, of_columns
from monitor.counts.model import LoadedCounts
from monitor.judging.ports import Baseline, BaselineState
from monitor.judging.state import Epoch, NewSignal
from monitor.judging.watching.approved_counts import approved_counts
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.from_baseline import agrees_with_itself
from monitor.judging.watching.learning import MAX_RESTARTS, POLICY, Uncounted
from monitor.signals import request_join
from monitor.signals.layout import Layout
from monitor.signals.registry import LAYOUT, OFFSETS, SIGNALS


class NewSignals:
    """Learns what the baselines in force lack."""

    def __init__(self, fleet: Fleet, uncounted: Uncounted) -> None:
        self._fleet = fleet
        self._uncounted = uncounted
        self._stored: set[tuple[int, str]] = set()
        """(unit, signal) of what was learned before and takes effect in its tick."""

    def schedule(self, number: int, baseline: Baseline) -> None:
        """This was learned before: it is not learned once more."""
        self._stored.add((number, _added(baseline)))

    def take_effect(self, number: int, baseline: Baseline, tick: int) -> None:
        """Watch the signal against what was learned; nothing happens if it is watched."""
        name = _added(baseline)
        self._stored.discard((number, name))
        epoch = self._fleet.state.units[number].epoch
        signal = next((s for s, kind in enumerate(SIGNALS) if kind.name == name), None)
        if epoch is not None and signal in [one.signal for one in epoch.new_signals]:
            counts = approved_counts(self._fleet, number, baseline)
            self._fleet.activate_signal(number, signal, counts, tick=tick)

    def learn(self, counts: LoadedCounts) -> None:
        """Count the ticks just judged."""
        if not (self._fleet.with_new_signals and len(counts.tick)):
            return
        events = observations(counts)
        for of_unit in self._fleet.units_and_wholes(events):
            for number in sorted(self._fleet.with_new_signals & set(np.unique(of_unit).tolist())):
                mine = of_unit == number
                for new in self._epoch(number).new_signals:
                    new.learned += int(events.count[mine].sum())
                    new.learned_ticks += len(np.unique(events.tick[mine]))

    def complete(self, tick: int) -> list[Baseline]:
        """From ``tick`` on, watch the signals that have learned enough."""
        ready = [
            (number, new)
            for number in sorted(self._fleet.with_new_signals)
            for new in self._epoch(number).new_signals
            if self._enough(new) and (number, SIGNALS[new.signal].name) not in self._stored
        ]
        if not (ready and self._fleet.rule.automatic):
            return []
        uncounted = self._uncounted(min(new.from_tick for _, new in ready), tick)
        learned = []
        for number, new in ready:
            counts = self._learned(number, new, tick, uncounted.get(SIGNALS[new.signal].name, -1))
            if counts is not None:
                learned.append(self._baseline(number, new, counts, tick))
                self._fleet.activate_signal(number, new.signal, counts, tick=tick)
        return learned

    def _learned(self, number: int, new: NewSignal, tick: int, uncounted: int) -> LoadedCounts | None:
        """The counts of the signal's window; None, and a later window, where they will not do."""
        if any(test.case.open is not None for test in self._epoch(number).page_tests):
            self._begin(number, new, tick, tick)
        elif uncounted >= new.from_tick:
            self._begin(number, new, uncounted + 1, tick)
        while self._enough(new):
            counts = of_columns(self._fleet.counts_of(number, new.from_tick, tick), _columns_of(new.signal))
            window = self._fleet.window(number, counts)
            if new.restarts >= MAX_RESTARTS or agrees_with_itself(window):
                return counts
            new.restarts += 1
            self._begin(number, new, int(window.ticks[len(window.ticks) // 2]), tick)
        return None

    def _begin(self, number: int, new: NewSignal, from_tick: int, tick: int) -> None:
        """Learn from ``from_tick`` on, which may be past; ticks below ``tick`` are judged."""
        events = observations(self._fleet.counts_of(number, from_tick, tick))
        new.from_tick = from_tick
        new.learned, new.learned_ticks = int(events.count.sum()), len(np.unique(events.tick))

    def _enough(self, new: NewSignal) -> bool:
        rule = self._fleet.rule
        return new.learned >= rule.baseline_events and new.learned_ticks >= rule.baseline_ticks

    def _epoch(self, number: int) -> Epoch:
        epoch = self._fleet.state.units[number].epoch
        if epoch is None:
            raise LookupError(f"unit {number} has no epoch")
        return epoch

    def _baseline(self, number: int, new: NewSignal, counts: LoadedCounts, tick: int) -> Baseline:
        cells, at = np.unique(counts.cell, return_inverse=True)
        sums = np.zeros(len(cells), np.int64)
        np.add.at(sums, at, counts.count)
        kind = SIGNALS[new.signal]
        return Baseline(
            id=0,
            unit=self._fleet.state.units[number].unit,
            state=BaselineState.added,
            from_tick=new.from_tick,
            to_tick=tick,
            effective_tick=tick,
            counts=dict(zip(cells.tolist(), sums.tolist(), strict=True)),
            layout=_layout_of(kind.name),
            approved_by=POLICY,
            reason=f"{kind.name} version {kind.version} is newer than the approved baseline: {new.learned} events",
            created_at_ms=tick * self._fleet.rule.tick_ms,
        )


def _layout_of(name: str) -> Layout:
    """The columns of the signal, first, and of the joins, which determine whether it can be tested."""
    own = LAYOUT.only({name})
    return Layout(own.columns + LAYOUT.only({request_join.SIGNAL.name} - {name}).columns, LAYOUT.width)


def _columns_of(signal: int) -> NDArray[np.bool_]:
    return LAYOUT.mask(_layout_of(SIGNALS[signal].name))


def _added(baseline: Baseline) -> str:
    """The signal that an added baseline is about; one that has another version today is about nothing."""
    first = baseline.layout.columns[0] if baseline.layout.columns else None
    return first.signal if first in LAYOUT.columns and first.first == OFFSETS[first.signal] else ""
