"""Every unit with its tests: who is watched against what, and what each test may spend.

The structure (units, epochs, tests) lives here as plain structs beside the panel's arrays; it changes only between
ticks. Counts of the past come through ``history``, which reads them back from storage.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.clock import NEVER
from monitor.counts.cuts import observations
from monitor.counts.model import LoadedCounts, Slice
from monitor.counts.units import family_of, is_scoreless, unit_of
from monitor.judging.history import Clusters, History, Past, no_clusters
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import (
    AnyChangeTest,
    Epoch,
    GuardrailState,
    JoinState,
    JudgeState,
    NewSignal,
    PageTest,
    UnitState,
)
from monitor.judging.watching.any_change import Notices
from monitor.judging.watching.battery import TestId
from monitor.judging.watching.budget_split import Shares
from monitor.judging.watching.epoch_tests import add_tests, kept
from monitor.judging.watching.from_baseline import (
    Window,
    arrange,
    as_baseline,
    miss_share,
    place_of,
    shortened,
    stretch_of,
    window_of,
)
from monitor.judging.watching.pages import Pages, Tests
from monitor.judging.watching.panel import Panel
from monitor.judging.watching.rivers import RiverId
from monitor.signals import request_join
from monitor.signals.registry import EVENTS_COLUMN, SIGNALS

NEWER: Final = "newer than the baseline: it learns from what has been counted since"


class Fleet:
    """Units, their epochs and tests."""

    def __init__(
        self,
        rule: JudgeSettings,
        history: History,
        state: JudgeState,
        panel: Panel,
        clusters: Clusters = no_clusters,
    ) -> None:
        self.rule = rule
        self.clusters = clusters
        self._past = Past(history)
        self.state = state
        self.panel = panel
        self.slices: dict[int, Slice] = {}
        self.tests: Tests = {}
        """Id in the evidence engine -> unit number and what it serves, as its test or as its test for the end."""
        self.rivers: dict[RiverId, tuple[int, AnyChangeTest]] = {}
        """River detector -> unit number and the any-change test that it is."""
        self._index = {unit.unit: number for number, unit in enumerate(state.units)}
        self.guardrails: list[str] = []
        """Names, sorted."""
        self._guardrail_of = np.zeros(64, np.int64)
        self._slices_of: dict[int, dict[int, Slice]] = {}
        self._scoreless: dict[Slice, list[int]] = {}
        """Family -> its units without scores."""
        self._home: dict[Slice, int] = {}
        """Family -> the unit with scores that was activated last: events without a score count there."""
        self._traffic: tuple[tuple[int, int, int], NDArray[np.int64]] | None = None
        """Events per guardrail of the window asked for last: many units learn in the same one."""
        self.with_new_signals: set[int] = set()
        """Units of whose signals some are newer than the baseline."""
        self._unsplit = True
        self.shares = Shares(rule, state)
        self.pages = Pages(self.panel, rule, self.tests)
        self.notices = Notices(self.panel, rule)
        self._add_tests = partial(add_tests, self.pages, self.notices)
        noted = [
            (n, unit, w) for n, unit in enumerate(state.units) if unit.epoch for w in unit.epoch.any_change_tests
        ]
        self.notices.put_back([(unit.unit, watch) for _, unit, watch in noted])
        self._to_rebuild = [(number, w.test, w) for number, _, w in noted if isinstance(w.test, RiverId)]
        for number, unit in enumerate(state.units):
            self._note_family(number)
            if unit.epoch is not None:
                self._place_tests(number, unit.epoch)
                self._note_new_signals(number, unit.epoch)
        watched = [(unit.epoch.effective_tick, unit.unit) for unit in state.units if unit.epoch is not None]
        for _, unit_name in sorted(watched):
            if not is_scoreless(unit_name):
                self._home[family_of(unit_name)] = self._index[unit_name]

    def learn_slices(self, slices: Mapping[int, Slice]) -> None:
        """Make slices known that the counts refer to."""
        for slice_id, piece in sorted(slices.items()):
            self.slices[slice_id] = piece
            number = self.number_of(unit_of(piece))
            self._slices_of.setdefault(number, {})[slice_id] = piece
            self.state.guardrails.setdefault(piece.guardrail, GuardrailState())
            self._place_slice(slice_id, number)
        self.guardrails = sorted(self.state.guardrails)
        place = {name: i for i, name in enumerate(self.guardrails)}
        self._guardrail_of = np.zeros(max(self.slices, default=0) + 1, np.int64)
        for slice_id, piece in self.slices.items():
            self._guardrail_of[slice_id] = place[piece.guardrail]

    def guardrails_of(self, slice_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (n,) places in :attr:`guardrails`."""
        return self._guardrail_of[slice_ids]

    def number_of(self, unit: Slice) -> int:
        """The unit's number; a new unit gets the next."""
        if unit not in self._index:
            self._index[unit] = len(self.state.units)
            self.state.units.append(UnitState(unit=unit, learning_from=-1))
            self._note_family(self._index[unit])
        return self._index[unit]

    def _note_family(self, number: int) -> None:
        unit = self.state.units[number].unit
        if is_scoreless(unit):
            self._scoreless.setdefault(family_of(unit), []).append(number)

    def slices_of(self, number: int) -> dict[int, Slice]:
        """The slices by id whose events are the unit's: its own, and those of its family without a score.

        Unless those are watched as a stream of their own already.
        """
        unit = self.state.units[number].unit
        found = dict(self._slices_of.get(number, {}))
        if not is_scoreless(unit):
            for other in self._scoreless.get(family_of(unit), []):
                if self.state.units[other].epoch is None:
                    found |= self._slices_of.get(other, {})
        return found

    def counts_of(self, number: int, from_tick: int, to_tick: int) -> LoadedCounts:
        """The unit's counts of ticks in [from_tick, to_tick)."""
        return self._past.counts(self.slices_of(number), from_tick, to_tick)

    def counts_of_each(self, since: Mapping[int, int], to_tick: int) -> dict[int, LoadedCounts]:
        """Counts of several units, each since its own tick, in one pass; ticks put together as in their windows."""
        return self._past.counts_of_each(
            {
                number: (self.slices_of(number), from_tick, stretch_of(to_tick - from_tick))
                for number, from_tick in since.items()
            },
            to_tick,
        )

    def events_by_slice(self, from_tick: int, to_tick: int, *, column: int = EVENTS_COLUMN) -> NDArray[np.int64]:
        """Events of ticks in [from_tick, to_tick), or those of a column, by slice id."""
        size = len(self._guardrail_of)
        return self._past.events(np.arange(size), size, from_tick, to_tick, column=column)

    def window(self, number: int, counts: LoadedCounts, span: tuple[int, int] | None = None) -> Window:
        """The unit's counts as the window of a baseline, of the ticks in ``span`` if that is known."""
        return window_of(counts, self.slices_of(number), self.rule, span=span)

    def activate(
        self,
        number: int,
        counts: LoadedCounts,
        *,
        span: tuple[int, int],
        tick: int,
        by_person: bool,
        lacking: Collection[str] = (),
    ) -> None:
        """From ``tick`` on the unit is watched against these counts of the ticks in ``span``: a new epoch.

        One that the policy puts in the place of an earlier one *refines* it: what was said before is known still.
        Signals that are ``lacking`` were not counted in them, or not all of the time; they learn for themselves.
        """
        window = self.window(number, counts, span)
        unit = self.state.units[number]
        before = None if by_person else unit.epoch
        if unit.epoch is not None:
            self._retire(number, unit.epoch)
        epoch = Epoch(
            effective_tick=tick,
            window=span,
            events=window.events,
            by_person=by_person,
            provisional=window.provisional,
            since=-1 if before is None else before.watched_from,
            strata=list(window.strata),
            baseline=[kept(window.signal(signal)) for signal in SIGNALS],
            page_tests=[],
            any_change_tests=[],
            unavailable={},
        )
        unit.epoch = epoch
        if not is_scoreless(unit.unit):
            self._home[family_of(unit.unit)] = number
        for slice_id, piece in self.slices_of(number).items():
            self._place_slice(slice_id, self.number_of(unit_of(piece)))
        for signal in range(len(SIGNALS)):
            if not self.rule.signal(SIGNALS[signal].name).enabled:
                epoch.unavailable[SIGNALS[signal].name] = f"switched off (signals.{SIGNALS[signal].name}.enabled)"
                continue
            if SIGNALS[signal].name in lacking:
                epoch.unavailable[SIGNALS[signal].name] = NEWER
                epoch.new_signals.append(NewSignal(signal=signal, from_tick=tick))
            else:
                self._add_tests(unit.unit, epoch, window, signal, tick, before=before)
        self._note_new_signals(number, epoch)
        tested = {watch.signal for watch in epoch.page_tests} | {notice.signal for notice in epoch.any_change_tests}
        epoch.joins = [
            JoinState(signal=s, from_tick=tick, tested=s in tested, share=miss_share(window, signal))
            for s, signal in enumerate(SIGNALS)
            if signal.misses and signal.name not in lacking and window.signal(request_join.SIGNAL).any()
        ]
        self._place_tests(number, epoch)
        self._share_of_traffic(number, window)
        self.respend()

    def activate_signal(self, number: int, signal: int, counts: LoadedCounts, *, tick: int) -> None:
        """From ``tick`` on this signal is watched too, against these counts; the epoch's other tests go on."""
        epoch = self.state.units[number].epoch
        if epoch is None:
            raise LookupError(f"unit {number} has no epoch that a signal could be added to")
        kind = SIGNALS[signal]
        window = as_baseline(arrange(shortened(counts), self.slices_of(number), epoch.strata), self.rule)
        epoch.new_signals = [new for new in epoch.new_signals if new.signal != signal]
        self._note_new_signals(number, epoch)
        epoch.unavailable.pop(kind.name, None)
        epoch.baseline[signal] = kept(window.signal(kind))
        self._add_tests(self.state.units[number].unit, epoch, window, signal, tick)
        if kind.misses and window.signal(request_join.SIGNAL).any():
            asked = {page.signal for page in epoch.page_tests} | {notice.signal for notice in epoch.any_change_tests}
            tested = signal in asked
            epoch.joins.append(
                JoinState(signal=signal, from_tick=tick, tested=tested, share=miss_share(window, kind))
            )
        self._place_tests(number, epoch)
        self.respend()

    def pause(self, number: int, epoch: Epoch, signal: int) -> None:
        """Feed the signal's tests nothing: what would be fed is not what the baseline was taken of."""
        for watch in epoch.page_tests:
            if watch.signal == signal:
                self.pages.mute(number, watch)
        for notice in epoch.any_change_tests:
            if notice.signal == signal:
                self.notices.mute(number, notice)

    def resume(self, number: int, epoch: Epoch, signal: int, tick: int) -> None:
        """Feed them again from ``tick`` on: those that are armed begin with evidence 0, the any-change test with a
        fresh reference; a page that was open goes on looking for its end.
        """
        for watch in epoch.page_tests:
            if watch.signal == signal and watch.case.open is None:
                self.pages.rearm(watch, tick)
        for notice in epoch.any_change_tests:
            if notice.signal == signal and not self.paging(epoch, signal):
                self.notices.rearm(notice, tick - 1)
        self._place_tests(number, epoch)

    def test(self, test: TestId) -> tuple[int, PageTest | AnyChangeTest]:
        """Unit number and what a test serves."""
        return self.rivers[test] if isinstance(test, RiverId) else self.tests[test]

    def order_of(self, test: TestId) -> tuple[Slice, int, int]:
        """By stream, signal and question, a notice before the pages: the same whoever registered a slice first."""
        number, watch = self.test(test)
        question = -1 if isinstance(watch, AnyChangeTest) else watch.question
        return self.state.units[number].unit, watch.signal, question

    def dismiss(self, finding_id: str) -> None:
        """The notice was about nothing. Nothing happens if something else has been said of the signal since."""
        for unit in self.state.units:
            for notice in unit.epoch.any_change_tests if unit.epoch else ():
                if notice.finding is not None and notice.finding.id == finding_id:
                    self.notices.dismiss(notice)

    def paging(self, epoch: Epoch, signal: int) -> bool:
        """Whether a page of this signal is open: nothing else is said about it then."""
        return any(watch.case.open is not None for watch in epoch.page_tests if watch.signal == signal)

    def respend(self) -> None:
        """What is armed, or who is there, has changed: both budgets are split anew before the next tick."""
        self._unsplit = True

    def split_budgets(self) -> None:
        """Split both budgets over what is armed now, if that has changed."""
        if not self._unsplit:
            return
        self._unsplit = False
        for test, share in self.shares.pages().items():
            self.panel.evidence.set_spend(test, share)
        for test, share in self.shares.notices(self.paging).items():
            notice = self.tests[test][1]
            if isinstance(notice, AnyChangeTest):
                self.notices.set_spend(notice, share)

    def comes_back(self, counts: LoadedCounts) -> int:
        """The tick after the first in which a unit that had stopped has an event; :data:`NEVER` if none has."""
        if not self.shares.anybody_away():
            return NEVER
        events = observations(counts)
        return self.shares.ends(events.tick, self.panel.units_of(events.cell))

    def record_activity(self, counts: LoadedCounts) -> None:
        """Take note of who has events in the ticks just judged."""
        events = observations(counts)
        if self.shares.hear(events.tick, self.panel.units_of(events.cell)):
            self.respend()

    def has_stopped(self, guardrail: str) -> bool:
        """Whether nothing of this guardrail has had an event for a day, while others have."""
        return self.shares.has_stopped(guardrail)

    def rebuild_rivers(self) -> None:
        """Feed the river detectors of a snapshot the counts that they have forgotten; once, before the next tick."""
        before = self.state.judged_before
        for number, river, watch in self._to_rebuild:
            first = self.panel.rivers.first_tick(river.number, before=before)
            counts = self.counts_of(number, first, before)
            table = arrange(counts, self.slices_of(number), ("",)).signal(SIGNALS[watch.signal])[:, 0]
            self.panel.rivers.rebuild(river.number, np.unique(counts.tick), table)
        self._to_rebuild = []

    def _place_slice(self, slice_id: int, number: int) -> None:
        unit = self.state.units[number]
        if is_scoreless(unit.unit) and unit.epoch is None:
            number = self._home.get(family_of(unit.unit), number)
        epoch = self.state.units[number].epoch
        stratum = 0 if epoch is None else place_of(self.slices[slice_id], epoch.strata)
        self.panel.place_slice(slice_id, unit=number, stratum=stratum)

    def _place_tests(self, number: int, epoch: Epoch) -> None:
        """Wire the panel to the epoch's tests, as built or as restored."""
        paused = {state.signal for state in epoch.joins if state.case.open is not None}
        for watch in epoch.page_tests:
            self.pages.register(number, watch)
            if watch.signal not in paused:
                self.pages.place(number, watch)
        for notice in epoch.any_change_tests:
            if isinstance(notice.test, RiverId):
                self.rivers[notice.test] = (number, notice)
            else:
                self.tests[notice.test] = (number, notice)
            if notice.signal not in paused and not self.paging(epoch, notice.signal):
                self.notices.place(number, notice)

    def _note_new_signals(self, number: int, epoch: Epoch) -> None:
        if epoch.new_signals:
            self.with_new_signals.add(number)
        else:
            self.with_new_signals.discard(number)

    def _retire(self, number: int, epoch: Epoch) -> None:
        """A new baseline is a new epoch: the tests of the old one end with it."""
        for watch in epoch.page_tests:
            self.pages.remove(number, watch)
        for notice in epoch.any_change_tests:
            self.notices.remove(number, notice)
            if isinstance(notice.test, RiverId):
                del self.rivers[notice.test]
            else:
                del self.tests[notice.test]

    def _share_of_traffic(self, number: int, window: Window) -> None:
        """The guardrail's events per sibling event during the window: what silence is measured against."""
        name = self.state.units[number].unit.guardrail
        if not len(window.ticks):
            return
        span = int(window.ticks[0]), int(window.ticks[-1]) + 1
        if self._traffic is None or self._traffic[0] != (*span, len(self.slices)):
            sums = self._past.events(self._guardrail_of, len(self.guardrails), *span)
            self._traffic = (*span, len(self.slices)), sums
        sums = self._traffic[1]
        own = int(sums[self.guardrails.index(name)])
        others = int(sums.sum()) - own
        self.state.guardrails[name].share = own / others if others else 0.0
