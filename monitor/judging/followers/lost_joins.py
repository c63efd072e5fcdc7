"""Joins that go wrong later: a signal that needs them is not tested until they are found again; a notice reports it.

The baseline is checked when it is taken (``from_baseline.MISSES_AT_MOST``). After that the outputs of each unit are
looked at in blocks: whole ticks, at least :data:`OUTPUTS` outputs and :data:`SPAN_MS` of event time. A block in which
more are missed than may be takes the signal out: its tests are fed nothing, so they neither report nor spend. A block
in which fewer are missed puts it back with evidence 0 and a fresh reference. A page that was open stays open.

The tests are stopped rather than left running with a warning, for what is missed is seldom missed at random: half a
topic's partitions, one app that lost its request ids, an attacker who leaves them out. What is left of the traffic
then is another population than the baseline's, and the promise of the test is about that one.

A rule: it promises no rate. By chance alone, 200 outputs of which 5 % are missed show 20 % in one of 10^12 blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.clock import NEVER
from monitor.counts.model import LoadedCounts
from monitor.findings.model import Direction, Effect, Evidence, Finding, Kind
from monitor.judging.findings.build import build
from monitor.judging.follower import Approval, Follower, Stretch
from monitor.judging.state import Epoch, JoinState
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.from_baseline import MISSES_AT_MOST, miss_reason, missed_of
from monitor.signals import request_join
from monitor.signals.registry import COLUMNS, OFFSETS, SIGNALS

OUTPUTS: Final = 200
SPAN_MS: Final = 5 * 60_000
_FIRST: Final = OFFSETS[request_join.SIGNAL.name]
_BINS: Final = len(request_join.BINS)


@dataclass(frozen=True, slots=True, eq=False)
class _Joins:
    """Outputs of one unit by what was found of their request: int64 (ticks, bins)."""

    ticks: NDArray[np.int64]
    table: NDArray[np.int64]


class LostJoins(Follower):
    """Follows the joins of every watched unit."""

    of_epochs = True

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(fleet)
        self._span = max(1, SPAN_MS // fleet.rule.tick_ms)

    def ends(self, counts: LoadedCounts) -> int:
        """The tick after the first in which some signal is taken out or put back; ``NEVER`` if none is."""
        earliest = NEVER
        for _, epoch, joins in self._units(counts):
            for state in epoch.joins:
                at = self._follow(msgspec.structs.replace(state), joins)
                if at is not None:
                    earliest = min(earliest, at + 1)
        return earliest

    def follow(self, stretch: Stretch) -> list[Finding]:
        """Signals that are taken out or put back with the last of these ticks."""
        found: list[Finding] = []
        for number, epoch, joins in self._units(stretch.counts):
            for state in epoch.joins:
                at = self._follow(state, joins)
                if at is not None:
                    found += self._turn(number, epoch, state, at)
        return found

    def approve(self, approval: Approval, tick: int) -> list[Finding]:
        """The new epoch has joins of its own."""
        epoch = self._fleet.state.units[approval.number].epoch
        at_ms = tick * self._rule.tick_ms
        states = () if epoch is None else epoch.joins
        return [found for state in states for found in state.case.end(at_ms)]

    def retire(self, number: int, tick: int) -> list[Finding]:
        """There is no output left whose request could be missed."""
        epoch = self._fleet.state.units[number].epoch
        if epoch is None:
            return []
        states = [state for state in epoch.joins if state.case.open is not None]
        return [found for state in states for found in self._put_back(number, epoch, state, tick)]

    def open(self) -> Iterator[Finding]:
        """Signals that are not tested because their joins are lost."""
        for unit in self._fleet.state.units:
            for state in unit.epoch.joins if unit.epoch is not None else ():
                if state.case.open is not None:
                    yield state.case.open

    def _follow(self, state: JoinState, joins: _Joins) -> int | None:
        """Add the ticks up; the tick whose block changes whether the signal is tested, and nothing beyond it."""
        outputs = joins.table.sum(axis=1)
        missed = joins.table[:, missed_of(SIGNALS[state.signal])].sum(axis=1)
        at = 0
        while at < len(outputs):
            if state.outputs == 0:
                state.from_tick = int(joins.ticks[at])
            enough = state.outputs + outputs[at:].cumsum() >= OUTPUTS
            enough &= joins.ticks[at:] - state.from_tick + 1 >= self._span
            whole = bool(enough.any())
            stop = at + int(enough.argmax()) + 1 if whole else len(outputs)
            state.outputs += int(outputs[at:stop].sum())
            state.missed += int(missed[at:stop].sum())
            at = stop
            if whole:
                state.judged, state.share = state.outputs, state.missed / state.outputs
                state.outputs = state.missed = 0
                if state.tested and (state.share > MISSES_AT_MOST) != (state.case.open is not None):
                    return int(joins.ticks[at - 1])
        return None

    def _turn(self, number: int, epoch: Epoch, state: JoinState, tick: int) -> list[Finding]:
        if state.case.open is not None:
            return self._put_back(number, epoch, state, tick + 1)
        seen = self._finding(number, epoch, state, tick)
        epoch.unavailable[SIGNALS[state.signal].name] = seen.evidence.detail
        self._fleet.pause(number, epoch, state.signal)
        return [state.case.raise_(seen, reopen_ms=self._rule.reopen_ms)]

    def _put_back(self, number: int, epoch: Epoch, state: JoinState, tick: int) -> list[Finding]:
        """Test the signal again from ``tick`` on."""
        ended = state.case.end(tick * self._rule.tick_ms)
        epoch.unavailable.pop(SIGNALS[state.signal].name, None)
        self._fleet.resume(number, epoch, state.signal, tick)
        return ended

    def _finding(self, number: int, epoch: Epoch, state: JoinState, tick: int) -> Finding:
        unit, signal, tick_ms = self._fleet.state.units[number].unit, SIGNALS[state.signal], self._rule.tick_ms
        kept = np.asarray(epoch.baseline[SIGNALS.index(request_join.SIGNAL)], np.int64)
        baseline = kept.reshape(-1, len(request_join.BINS)).sum(axis=0)
        before = float(baseline[missed_of(signal)].sum() / max(baseline.sum(), 1))
        return build(
            unit,
            signal.name,
            "join_misses",
            tick=tick,
            tick_ms=tick_ms,
            kind=Kind.notice,
            direction=Direction.rise,
            onset_ms=(state.from_tick * tick_ms, (tick + 1) * tick_ms),
            effect=Effect(baseline=before, current=state.share, ratio=state.share / before if before else None),
            evidence=Evidence(
                log_evidence=0.0,
                events=state.judged,
                level=MISSES_AT_MOST,
                detail=f"{signal.name} is unavailable: {miss_reason(signal, state.share)}",
            ),
        )

    def _units(self, counts: LoadedCounts) -> list[tuple[int, Epoch, _Joins]]:
        column = counts.cell % COLUMNS - _FIRST
        joins = (column >= 0) & (column < _BINS)
        if not joins.any():
            return []
        tick, bin_, count = counts.tick[joins], column[joins], counts.count[joins]
        of_unit = self._fleet.panel.units_of(counts.cell[joins] // COLUMNS)
        found = []
        for number in np.unique(of_unit[of_unit >= 0]).tolist():
            epoch = self._fleet.state.units[number].epoch
            if epoch is None or not epoch.joins:
                continue
            mine = of_unit == number
            ticks, row = np.unique(tick[mine], return_inverse=True)
            table = np.zeros((len(ticks), _BINS), np.int64)
            np.add.at(table, (row, bin_[mine]), count[mine])
            found.append((number, epoch, _Joins(ticks, table)))
        return found
