"""What an alarm sets off: armed -> alarmed -> ended -> re-armed, a notice upgraded in place, a finding continued."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Final

import msgspec

from detectors.alternatives import Unavailable, material
from monitor.clock import DAY_MS
from monitor.findings.model import Direction, Discriminator, Finding
from monitor.judging.findings import describe
from monitor.judging.findings.telling_fields import discriminators_of
from monitor.judging.judge_settings import OURS
from monitor.judging.state import AnyChangeTest, Epoch, PageTest
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.from_baseline import arrange
from monitor.judging.watching.panel import NONE
from monitor.signals.registry import SIGNALS

NEAR_TICKS: Final = 360
"""An hour of 10 s ticks; the onset of most alarms is nearer."""


class Alarms:
    """Turns tests over their threshold into findings and moves the watches on."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._rule = fleet.rule

    def handle(self, test: int, tick: int) -> Finding | None:
        """One test's alarm in ``tick``; None where an open page of the signal says it all."""
        number, watch = self._fleet.tests[test]
        epoch = self._fleet.state.units[number].epoch
        if epoch is None:
            raise AssertionError(f"test {test} belongs to a unit without an epoch")
        if isinstance(watch, AnyChangeTest):
            return self._notice(number, epoch, watch, tick)
        if test == watch.end_test:
            return self._ended(number, epoch, watch, tick)
        return self._page(number, epoch, watch, tick)

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
        river = watch.test < NONE
        return describe.Alarm(
            unit=self._fleet.state.units[number].unit,
            epoch=epoch,
            tick=tick,
            log_evidence=0.0 if river else self._fleet.panel.evidence.log_evidence_of(watch.test),
            chosen=self._chosen(watch, epoch),
            excursion=arrange(counts, self._fleet.slices_of(number), epoch.strata),
            detector=self._rule.signal(SIGNALS[watch.signal].name).detector if river else OURS,
        )

    def _diffuse(self, watch: AnyChangeTest, alarm: describe.Alarm) -> describe.Alarm:
        """The same alarm where a dense bet raised it: its evidence, its slice, and where the drift has gone to."""
        diffuse = self._fleet.panel.dense
        raised = {
            diffuse.log_evidence_of(bet): stratum for stratum, bet in enumerate(watch.dense) if not diffuse.armed(bet)
        }
        log_evidence = max(raised, default=-math.inf)
        if log_evidence <= alarm.log_evidence:
            return alarm
        stratum = raised[log_evidence]
        drifted = diffuse.drifted(watch.dense[stratum])
        return dataclasses.replace(alarm, log_evidence=log_evidence, chosen=[stratum], drifted=drifted)

    def _notice(self, number: int, epoch: Epoch, watch: AnyChangeTest, tick: int) -> Finding | None:
        if self._fleet.paging(epoch, watch.signal):
            return None
        found = self._described(
            number, epoch, watch, tick, lambda alarm: describe.notice(self._diffuse(watch, alarm), watch, self._rule)
        )
        watch.finding = found
        self._fleet.notices.rearm(watch, tick, held_back=True)
        return found

    def _page(self, number: int, epoch: Epoch, watch: PageTest, tick: int) -> Finding:
        chosen = self._chosen(watch, epoch)
        found = self._described(number, epoch, watch, tick, lambda alarm: describe.page(alarm, watch, self._rule))
        found = msgspec.structs.replace(found, tells=self._tells(number, epoch, found, tick))
        found = self._continued(watch, found) or self._upgraded(epoch, watch, found) or found
        watch.finding = found
        self._look_for_end(number, watch, found, chosen)
        for notice in epoch.any_change_tests:
            if notice.signal == watch.signal:
                # The drifted period is kept out of the reference, and only "ended" is said while the page is open.
                self._fleet.notices.mute(number, notice)
        self._fleet.respend()
        return found

    def _continued(self, watch: PageTest, found: Finding) -> Finding | None:
        """A re-opening soon after the end continues the finding: lulls would split one attack into many."""
        last = watch.last
        if last is None or last.ended_at_ms is None or found.detected_at_ms - last.ended_at_ms > self._rule.reopen_ms:
            return None
        return msgspec.structs.replace(
            last,
            ended_at_ms=None,
            stratum=found.stratum,
            effect=found.effect,
            evidence=found.evidence,
            attribution=found.attribution,
            tells=found.tells,
        )

    def _tells(self, number: int, epoch: Epoch, found: Finding, tick: int) -> tuple[Discriminator, ...]:
        return discriminators_of(
            lambda start, end: self._fleet.counts_of(number, start, end),
            self._fleet.slices_of(number),
            since=epoch.window[0],
            onset=found.onset_low_ms // self._rule.tick_ms,
            tick=tick,
        )

    def _upgraded(self, epoch: Epoch, watch: PageTest, found: Finding) -> Finding | None:
        """A notice of the same change becomes the page, under its own id."""
        for notice in epoch.any_change_tests:
            seen = notice.finding
            if notice.signal == watch.signal and seen is not None:
                recent = found.detected_at_ms - seen.detected_at_ms <= self._rule.reopen_ms
                if recent or seen.detected_at_ms > found.onset_low_ms:
                    notice.finding = None
                    return upgraded(seen, found)
        return None

    def _chosen(self, watch: PageTest | AnyChangeTest, epoch: Epoch) -> list[int]:
        """The strata that the leading component looks at: one slice, or all that the test looks at."""
        tested = watch.strata if isinstance(watch, PageTest) else list(range(len(epoch.strata)))
        if watch.test < NONE:
            return tested
        component, _ = self._fleet.panel.evidence.leading(watch.test)
        return tested if len(tested) == 1 or component == len(tested) else [tested[component]]

    def _look_for_end(self, number: int, watch: PageTest, found: Finding, chosen: list[int]) -> None:
        question = SIGNALS[watch.signal].questions[watch.question]
        epoch = self._fleet.state.units[number].epoch
        slice_leads = epoch is not None and len(chosen) == 1 < len(epoch.strata)
        limit = watch.limit if found.evidence.level is None else found.evidence.level
        level = min(max(describe.end_level(found, limit), 1e-6), 1 - 1e-6)
        try:
            bank = material(
                question.values,
                level=level,
                direction="rise" if question.direction is Direction.fall else "fall",
                bursts=watch.bursts,
            )
        except Unavailable:
            return  # the drifted level leaves no room for a test; a person ends it with a new baseline
        spend = self._rule.ends_per_day * self._rule.tick_ms / DAY_MS
        watch.end_test = self._fleet.panel.evidence.add([bank], spend=spend, n_ref=watch.n_ref)
        watch.end_stratum = chosen[0] if slice_leads else NONE
        self._fleet.tests[watch.end_test] = (number, watch)
        self._fleet.panel.place_end(number, watch.signal, watch.question, watch.end_test, watch.end_stratum)

    def _ended(self, number: int, epoch: Epoch, watch: PageTest, tick: int) -> Finding:
        if watch.finding is None:
            raise AssertionError("an end without a finding")
        ended = msgspec.structs.replace(watch.finding, ended_at_ms=(tick + 1) * self._rule.tick_ms)
        self._fleet.panel.place_end(number, watch.signal, watch.question, NONE, NONE)
        self._fleet.drop(watch.end_test)
        watch.end_test, watch.end_stratum = NONE, NONE
        watch.finding, watch.last, watch.armed_tick = None, ended, tick + 1
        self._fleet.panel.evidence.reset(watch.test)
        if not self._fleet.paging(epoch, watch.signal):
            for notice in epoch.any_change_tests:
                if notice.signal == watch.signal:
                    self._fleet.notices.rearm(notice, tick)
                    self._fleet.notices.place(number, notice)
        self._fleet.respend()
        return ended


def upgraded(notice: Finding, page: Finding) -> Finding:
    """The page under the notice's id and moment; it did not begin after that, whatever its own excursion shows."""
    onset = notice if page.onset_low_ms >= notice.detected_at_ms else page
    return msgspec.structs.replace(
        page,
        id=notice.id,
        detected_at_ms=notice.detected_at_ms,
        onset_low_ms=onset.onset_low_ms,
        onset_high_ms=min(onset.onset_high_ms, notice.detected_at_ms),
    )
