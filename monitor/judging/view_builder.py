"""Builds the view from the judge's memory: the one place that knows every engine and each kind of test.

    builder = ViewBuilder(fleet)
    view = builder.view()        after each step

What does not change while a stream keeps its baseline is worked out once and kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.level import LEARNING_MASS
from monitor.counts.model import Slice
from monitor.counts.units import family_of, is_scoreless
from monitor.findings.model import ANY_CHANGE, Kind
from monitor.judging.release.findings import SIGNAL as RELEASE_SIGNAL
from monitor.judging.release.state import Comparing
from monitor.judging.state import Epoch, UnitState
from monitor.judging.traffic.findings import SIGNAL as TRAFFIC_SIGNAL
from monitor.judging.view import (
    ALL_TRAFFIC,
    JoinView,
    JudgeView,
    StreamState,
    StreamView,
    TestKind,
    TestView,
    alarm_of,
)
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.rivers import RiverId
from monitor.signals.registry import OFFSETS, SIGNALS


@dataclass(frozen=True, slots=True)
class _Kept:
    """The constant part of one epoch of a stream."""

    effective_tick: int
    scarce: tuple[tuple[str, float], ...]
    pages: list[tuple[Any, ...]]
    """The leading fields of each page test's view."""
    ends: list[tuple[Any, ...]]
    """The same of the test for its end; the key is completed by the finding."""
    any_changes: list[tuple[Any, ...]]
    dense: list[list[tuple[Any, ...]]]
    """Dense tests by any-change test and stratum."""

    def holds_for(self, epoch: Epoch) -> bool:
        """Whether it is this epoch, with the tests that it has now: a new release's signals join a running one."""
        counts = len(epoch.page_tests), len(epoch.any_change_tests)
        return self.effective_tick == epoch.effective_tick and counts == (len(self.pages), len(self.any_changes))


@dataclass(frozen=True, slots=True)
class _Engines:
    """State of every test of every engine; by id, dense tests as id -> (log M, spent, spend).

    Ids of the evidence engine are not negative: a list would read a negative one from its end, so rivers never come
    here.
    """

    log_evidence: list[float]
    spent: list[float]
    spend: list[float]
    dense: dict[int, tuple[float, float, float]]

    def of(self, test: int) -> tuple[float, float, float]:
        """(log M, spent, spend) of a test of the evidence engine."""
        if test < 0:
            raise AssertionError(f"the evidence engine has no test {test}")
        return self.log_evidence[test], self.spent[test], self.spend[test]


class ViewBuilder:
    """Builds the view of one fleet, on request."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._epochs: dict[int, _Kept] = {}
        self._levels: dict[str, tuple[int | None, list[tuple[float, float]]]] = {}
        """Comparison -> its first tick, and per question the old side's mean and where its margin ends."""

    def view(self) -> JudgeView:
        """The view at this moment. It shares nothing with later states."""
        fleet = self._fleet
        state, engine = fleet.state, fleet.panel.evidence
        engines = _Engines(
            engine.log_evidence().tolist(),
            engine.total_spend().tolist(),
            engine.spends().tolist(),
            fleet.panel.dense.standing(),
        )
        homes = {family_of(one.unit) for one in state.units if one.epoch is not None and not is_scoreless(one.unit)}
        streams: list[StreamView] = []
        tests: list[TestView] = []
        for number, unit in enumerate(state.units):
            if unit.epoch is None:
                streams.append(self._unwatched(unit, homes))
                continue
            kept = self._epochs.get(number)
            if kept is None or not kept.holds_for(unit.epoch):
                kept = self._epochs[number] = _kept(number, unit.unit, unit.epoch)
            streams.append(self._watched(unit, unit.epoch, kept))
            tests += _tests_of(unit.epoch, kept, engines)
        tests += self._traffic(engines)
        tests += self._releases()
        return JudgeView(
            judged_before=state.judged_before,
            tick_ms=fleet.rule.tick_ms,
            guardrails=tuple(fleet.guardrails),
            streams=tuple(streams),
            tests=tuple(tests),
        )

    def _unwatched(self, unit: UnitState, homes: set[Slice]) -> StreamView:
        rule = self._fleet.rule
        state = StreamState.learning if rule.automatic and not unit.by_hand else StreamState.waiting
        if is_scoreless(unit.unit) and family_of(unit.unit) in homes:
            state = StreamState.pooled
        return StreamView(
            unit=unit.unit,
            state=state,
            wanted_events=rule.baseline_events,
            wanted_ticks=rule.baseline_ticks,
            events=unit.learned,
            ticks=unit.learned_ticks,
            learning_from=unit.learning_from if unit.learning_from >= 0 else None,
            restarts=unit.restarts,
        )

    def _watched(self, unit: UnitState, epoch: Epoch, kept: _Kept) -> StreamView:
        rule = self._fleet.rule
        return StreamView(
            unit=unit.unit,
            state=StreamState.retired if unit.retired else StreamState.watched,
            wanted_events=rule.baseline_events,
            wanted_ticks=rule.baseline_ticks,
            events=epoch.events,
            learning_from=epoch.window[0],
            restarts=unit.restarts,
            watched_from=epoch.watched_from,
            window=epoch.window,
            by_person=epoch.by_person,
            provisional=epoch.provisional,
            wanted_span=-(-rule.baseline_span_ms // rule.tick_ms),
            last_tick=unit.last_event_tick if unit.last_event_tick >= 0 else None,
            unavailable=tuple(sorted(epoch.unavailable.items())),
            scarce=kept.scarce,
            joins=tuple(
                JoinView(signal=SIGNALS[one.signal].name, missed=one.share, paused=one.case.open is not None)
                for one in epoch.joins
            ),
        )

    def _traffic(self, engines: _Engines) -> Iterator[TestView]:
        mix = self._fleet.state.traffic.mix
        if mix is None:
            return
        surge, since = mix.surge, mix.effective_tick
        stream = (ALL_TRAFFIC, -1, TRAFFIC_SIGNAL)
        yield _test(*stream, "mix_change", TestKind.traffic_mix, since, engines.of(mix.test))
        yield _test(*stream, "mix_change", TestKind.dense, since, engines.dense[mix.dense])
        asked = (*stream, "new_slices_surge")
        found = None if surge.case.open is None else surge.case.open.id
        held: dict[str, Any] = {"level": surge.expected, "limit": surge.limit, "finding": found}
        yield _test(*asked, TestKind.surge, since, engines.of(surge.test), **held)
        if surge.end_test >= 0:
            yield _test(*asked, TestKind.end, f"{since} {surge.armed_tick}", engines.of(surge.end_test), **held)

    def _releases(self) -> Iterator[TestView]:
        following, units = self._fleet.state.releases.following, self._fleet.state.units
        self._levels = {name: kept for name, kept in self._levels.items() if name in following}
        for name, one in following.items():
            if one.start_tick is None:
                continue
            if name not in self._levels or self._levels[name][0] != one.start_tick:
                self._levels[name] = one.start_tick, [_margin_of(one, i) for i in range(len(one.verdicts))]
            alpha = one.alpha / max(1, len(one.verdicts))
            for verdict, (level, limit) in zip(one.verdicts, self._levels[name][1], strict=True):
                signal = SIGNALS[verdict.signal]
                yield _test(
                    units[one.unit].unit,
                    one.unit,
                    RELEASE_SIGNAL,
                    f"{signal.name}/{signal.questions[verdict.question].name}",
                    TestKind.release,
                    f"{one.start_tick} {name}",
                    # A comparison begins once and is asked at all times together: it spends its alpha at the start.
                    (verdict.log_evidence, alpha, 0.0),
                    level=level,
                    limit=limit,
                    log_threshold=-math.log(alpha) if alpha > 0 else math.inf,
                    finding=None if one.case.open is None else one.case.open.id,
                )


def _kept(number: int, unit: Slice, epoch: Epoch) -> _Kept:
    since = epoch.effective_tick
    pages, ends = [], []
    for watch in epoch.page_tests:
        signal = SIGNALS[watch.signal]
        asked = (unit, number, signal.name, signal.questions[watch.question].name)
        pages.append((*_head(*asked, TestKind.page, since), watch.level, watch.limit, 0.0))
        ends.append((*_head(*asked, TestKind.end, since), watch.level, watch.limit, 0.0))
    any_changes, dense = [], []
    for notice in epoch.any_change_tests:
        asked = (unit, number, SIGNALS[notice.signal].name, ANY_CHANGE)
        kind = TestKind.river if isinstance(notice.test, RiverId) else TestKind.any_change
        any_changes.append((*_head(*asked, kind, since), None, None, 0.0))
        strata = range(len(notice.dense))
        dense.append([(*_head(*asked, TestKind.dense, f"{since} {s}"), None, None, 0.0) for s in strata])
    return _Kept(since, tuple(_scarce(epoch)), pages, ends, any_changes, dense)


def _tests_of(epoch: Epoch, kept: _Kept, engines: _Engines) -> Iterator[TestView]:
    for watch, head, end in zip(epoch.page_tests, kept.pages, kept.ends, strict=True):
        found = None if watch.case.open is None else watch.case.open.id
        yield _filled(head, engines.of(watch.test), found)
        if watch.end_test >= 0:
            *before, key, level, limit, threshold = end
            key = f"{key} {watch.armed_tick} {found}"
            yield _filled((*before, key, level, limit, threshold), engines.of(watch.end_test), found)
    for notice, head, dense in zip(epoch.any_change_tests, kept.any_changes, kept.dense, strict=True):
        yield TestView(*head) if isinstance(notice.test, RiverId) else _filled(head, engines.of(notice.test))
        for test, of_test in zip(notice.dense, dense, strict=True):
            yield _filled(of_test, engines.dense[test])


def _filled(head: tuple[Any, ...], standing: tuple[float, float, float], finding: str | None = None) -> TestView:
    """A view from its fields up to the threshold, and (log M, spent, spend)."""
    view: Any = TestView
    filled: TestView = view(*head, *standing, finding)
    return filled


def _head(
    unit: Slice, stream: int, signal: str, question: str, kind: TestKind, since: int | str
) -> tuple[Slice, int, str, str, TestKind, Kind | None, str]:
    """The leading fields of a view; ``since`` distinguishes the test from an earlier one of the same question."""
    return unit, stream, signal, question, kind, alarm_of(kind), f"{stream} {signal} {question} {kind} {since}"


def _test(
    unit: Slice,
    stream: int,
    signal: str,
    question: str,
    kind: TestKind,
    since: int | str,
    standing: tuple[float, float, float],
    *,
    level: float | None = None,
    limit: float | None = None,
    log_threshold: float = 0.0,
    finding: str | None = None,
) -> TestView:
    head = _head(unit, stream, signal, question, kind, since)
    return _filled((*head, level, limit, log_threshold), standing, finding)


def _scarce(epoch: Epoch) -> Iterator[tuple[str, float]]:
    """Questions whose baseline holds fewer events of the rarer kind than a firm level needs."""
    for watch in epoch.page_tests:
        signal = SIGNALS[watch.signal]
        asked = signal.questions[watch.question]
        bins = np.asarray(epoch.baseline[watch.signal], np.float64).sum(axis=0)
        mass = float(bins @ np.asarray(asked.values))
        rare = min(mass, float(bins.sum()) - mass)
        if rare < LEARNING_MASS:
            yield f"{signal.name}/{asked.name}", rare


def _margin_of(one: Comparing, place: int) -> tuple[float, float]:
    """The old side's mean of a question, and the mean at which a difference begins."""
    verdict = one.verdicts[place]
    signal = SIGNALS[verdict.signal]
    asked = signal.questions[verdict.question]
    first = OFFSETS[signal.name]
    bins = np.asarray(one.old, np.float64)[:, first : first + len(signal.bins)].sum(axis=0)
    mean = float(bins @ np.asarray(asked.values) / max(1.0, float(bins.sum())))
    return mean, mean + (-verdict.margin if asked.direction.value == "fall" else verdict.margin)
