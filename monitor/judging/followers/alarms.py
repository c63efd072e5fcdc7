"""State transitions triggered by an alarm: armed -> alarmed -> ended -> armed; a notice becomes a page."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from monitor.findings.model import Discriminator, Finding
from monitor.judging.findings import describe
from monitor.judging.findings.same_requests import same_change
from monitor.judging.findings.telling_fields import discriminators_of
from monitor.judging.follower import Approval, Follower, Stretch
from monitor.judging.judge_settings import OURS
from monitor.judging.state import AnyChangeTest, Epoch, PageTest
from monitor.judging.watching.battery import TestId
from monitor.judging.watching.from_baseline import arrange
from monitor.judging.watching.pages import ALL_STRATA
from monitor.judging.watching.rivers import RiverId
from monitor.signals.registry import SIGNALS

NEAR_TICKS: Final = 360
"""An hour of 10 s ticks; the onset of most alarms is nearer."""


class Alarms(Follower):
    """Turns tests over their threshold into findings and moves the tests on."""

    of_epochs = True

    def follow(self, stretch: Stretch) -> list[Finding]:
        """Reports the tests that alarmed in the last tick."""
        alarmed = sorted(stretch.alarmed, key=self._fleet.order_of)
        return [found for test in alarmed for found in self._handle(test, stretch.to_tick - 1)]

    def approve(self, approval: Approval, tick: int) -> list[Finding]:
        """The tests of the old epoch end, and what they have found with them."""
        epoch = self._fleet.state.units[approval.number].epoch
        tests = () if epoch is None else epoch.page_tests
        return [found for test in tests for found in test.case.end(tick * self._rule.tick_ms)]

    def retire(self, number: int, tick: int) -> list[Finding]:
        """Ends the open pages: without events their tests for the end would wait indefinitely."""
        epoch = self._fleet.state.units[number].epoch
        if epoch is None:
            return []
        tests = [test for test in epoch.page_tests if test.case.open is not None]
        return [found for test in tests for found in self._ended(number, epoch, test, tick - 1)]

    def open(self) -> Iterator[Finding]:
        """Pages whose end has not been found."""
        for unit in self._fleet.state.units:
            for test in unit.epoch.page_tests if unit.epoch is not None else ():
                if test.case.open is not None:
                    yield test.case.open

    def _handle(self, test: TestId, tick: int) -> list[Finding]:
        """One test's alarm in ``tick``; nothing where an open page of the signal covers it."""
        number, watch = self._fleet.test(test)
        epoch = self._fleet.state.units[number].epoch
        if epoch is None:
            raise AssertionError(f"test {test} belongs to a unit without an epoch")
        if isinstance(watch, AnyChangeTest):
            return self._notice(number, epoch, watch, tick)
        if test == watch.end_test:
            return self._ended(number, epoch, watch, tick)
        return [self._page(number, epoch, watch, tick)]

    def _described(
        self,
        number: int,
        epoch: Epoch,
        watch: PageTest | AnyChangeTest,
        tick: int,
        describe_: Callable[[describe.Alarm], Finding],
    ) -> Finding:
        """Looks back as far as it takes: until the onset lies in the newer half of what was read."""
        first, span = max(watch.armed_tick, tick + 1 - self._rule.lookback_ticks), NEAR_TICKS
        while True:
            start = max(first, tick + 1 - span)
            found = describe_(self._alarm(number, epoch, watch, start, tick))
            if start == first or found.onset_low_ms // self._rule.tick_ms > tick - span // 2:
                return found
            span *= 4

    def _alarm(
        self, number: int, epoch: Epoch, watch: PageTest | AnyChangeTest, start: int, tick: int
    ) -> describe.Alarm:
        counts = self._fleet.counts_of(number, start, tick + 1)
        river, log_evidence = isinstance(watch.test, RiverId), 0.0
        if not isinstance(watch.test, RiverId):
            log_evidence = self._fleet.panel.evidence.log_evidence_of(watch.test)
        return describe.Alarm(
            unit=self._fleet.state.units[number].unit,
            epoch=epoch,
            tick=tick,
            log_evidence=log_evidence,
            chosen=self._chosen(watch, epoch),
            excursion=arrange(counts, self._fleet.slices_of(number), epoch.strata),
            detector=self._rule.signal(SIGNALS[watch.signal].name).detector if river else OURS,
        )

    def _diffuse(self, watch: AnyChangeTest, alarm: describe.Alarm) -> describe.Alarm:
        """The same alarm where a dense test raised it: its evidence, its slice, the estimated bins since."""
        diffuse = self._fleet.panel.dense
        raised = {
            diffuse.log_evidence_of(test): stratum
            for stratum, test in enumerate(watch.dense)
            if not diffuse.armed(test)
        }
        log_evidence = max(raised, default=-math.inf)
        if log_evidence <= alarm.log_evidence:
            return alarm
        stratum = raised[log_evidence]
        drifted = diffuse.drifted(watch.dense[stratum])
        return dataclasses.replace(alarm, log_evidence=log_evidence, chosen=[stratum], drifted=drifted)

    def _notice(self, number: int, epoch: Epoch, watch: AnyChangeTest, tick: int) -> list[Finding]:
        if self._fleet.paging(epoch, watch.signal):
            return []
        found = self._described(
            number, epoch, watch, tick, lambda alarm: describe.notice(self._diffuse(watch, alarm), watch, self._rule)
        )
        if describe.unchanged(found):
            self._fleet.notices.ignore(watch)
            return []
        found = self._again(watch, found, tick) or same_change(self._fleet, number, watch, found, tick) or found
        watch.finding = found
        self._fleet.notices.rearm(watch, tick, held_back=True)
        return [found]

    def _again(self, watch: AnyChangeTest, found: Finding, tick: int) -> Finding | None:
        """What changes back and forth is one notice, which began with the first of its alarms; None if it is new."""
        before = watch.finding
        if before is None or (tick + 1 - watch.armed_tick) * self._rule.tick_ms > self._rule.reopen_ms:
            return None
        return msgspec.structs.replace(
            found,
            id=before.id,
            detected_at_ms=before.detected_at_ms,
            onset_low_ms=before.onset_low_ms,
            onset_high_ms=before.onset_high_ms,
        )

    def _page(self, number: int, epoch: Epoch, watch: PageTest, tick: int) -> Finding:
        chosen = self._chosen(watch, epoch)
        found = self._described(number, epoch, watch, tick, lambda alarm: describe.page(alarm, watch, self._rule))
        found = msgspec.structs.replace(found, tells=self._tells(number, epoch, found, tick))
        notices = [notice for notice in epoch.any_change_tests if notice.signal == watch.signal]
        seen = next((notice.finding for notice in notices if notice.finding is not None), None)
        found = watch.case.raise_(found, reopen_ms=self._rule.reopen_ms, notice=seen)
        slice_leads = len(chosen) == 1 < len(epoch.strata)
        self._fleet.pages.look_for_end(number, watch, found, chosen[0] if slice_leads else ALL_STRATA)
        for notice in notices:
            if notice.finding is not None and notice.finding.id == found.id:
                notice.finding = None
            # The drifted period is kept out of the reference, and only "ended" is reported while the page is open.
            self._fleet.notices.mute(number, notice)
        self._fleet.respend()
        return found

    def _tells(self, number: int, epoch: Epoch, found: Finding, tick: int) -> tuple[Discriminator, ...]:
        return discriminators_of(
            lambda start, end: self._fleet.counts_of(number, start, end),
            self._fleet.slices_of(number),
            since=epoch.window[0],
            onset=found.onset_low_ms // self._rule.tick_ms,
            tick=tick,
        )

    def _chosen(self, watch: PageTest | AnyChangeTest, epoch: Epoch) -> list[int]:
        """The strata that the leading component looks at: one slice, or all that the test looks at."""
        tested = watch.strata if isinstance(watch, PageTest) else list(range(len(epoch.strata)))
        if isinstance(watch.test, RiverId):
            return tested
        component, _ = self._fleet.panel.evidence.leading(watch.test)
        return tested if len(tested) == 1 or component == len(tested) else [tested[component]]

    def _ended(self, number: int, epoch: Epoch, watch: PageTest, tick: int) -> list[Finding]:
        """It is over with ``tick``: the test is armed again, and so is the signal's any-change test."""
        ended = watch.case.end((tick + 1) * self._rule.tick_ms)
        self._fleet.state.units[number].learning_from = tick + 1  # no baseline is made of what was wrong
        self._fleet.pages.end(number, watch, tick + 1)
        if not self._fleet.paging(epoch, watch.signal):
            for notice in epoch.any_change_tests:
                if notice.signal == watch.signal:
                    self._fleet.notices.rearm(notice, tick)
                    self._fleet.notices.place(number, notice)
        self._fleet.respend()
        return ended
