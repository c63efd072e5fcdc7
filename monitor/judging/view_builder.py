"""From the judge's memory to its view: the one place that knows every engine and what each of its tests is.

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
from numpy.typing import NDArray

from detectors.level import LEARNING_MASS
from monitor.counts.model import Slice
from monitor.counts.units import family_of, is_scoreless
from monitor.findings.model import ANY_CHANGE
from monitor.judging.release.findings import SIGNAL as RELEASE_SIGNAL
from monitor.judging.release.state import Comparing
from monitor.judging.state import AnyChangeTest, Epoch, PageTest, UnitState
from monitor.judging.traffic.findings import SIGNAL as TRAFFIC_SIGNAL
from monitor.judging.view import ALL_TRAFFIC, JoinView, JudgeView, StreamState, StreamView, TestKind, TestView
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.rivers import RiverId
from monitor.signals.registry import OFFSETS, SIGNALS

NONE = -math.inf


@dataclass(frozen=True, slots=True)
class _Kept:
    """Of one epoch of a stream."""

    effective_tick: int
    unavailable: tuple[tuple[str, str], ...]
    scarce: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class _Engines:
    """Where every test of every engine stands; arrays by id, dense bets as id -> (log M, spent, spend)."""

    log_evidence: NDArray[np.float64]
    spent: NDArray[np.float64]
    spend: NDArray[np.float64]
    dense: dict[int, tuple[float, float, float]]


class ViewBuilder:
    """Builds the view of one fleet, whenever it is asked."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._epochs: dict[int, _Kept] = {}
        self._levels: dict[str, tuple[int | None, list[tuple[float, float]]]] = {}
        """Comparison -> its first tick, and per question the old side's mean and where its margin ends."""

    def view(self) -> JudgeView:
        """What is known now. It shares nothing with what changes later."""
        fleet = self._fleet
        panel, state = fleet.panel, fleet.state
        engines = _Engines(
            panel.evidence.log_evidence(),
            panel.evidence.total_spend(),
            panel.evidence.spends(),
            panel.dense.standing(),
        )
        homes = {family_of(one.unit) for one in state.units if one.epoch is not None and not is_scoreless(one.unit)}
        tests: list[TestView] = []
        for number, unit in enumerate(state.units):
            if unit.epoch is not None:
                tests += self._tests_of(number, unit, unit.epoch, engines)
        tests += self._traffic(engines)
        tests += self._releases()
        return JudgeView(
            judged_before=state.judged_before,
            tick_ms=fleet.rule.tick_ms,
            guardrails=tuple(fleet.guardrails),
            streams=tuple(self._stream(number, unit, homes) for number, unit in enumerate(state.units)),
            tests=tuple(tests),
        )

    def _stream(self, number: int, unit: UnitState, homes: set[Slice]) -> StreamView:
        rule, epoch = self._fleet.rule, unit.epoch
        if epoch is None:
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
        kept = self._epochs.get(number)
        if kept is None or kept.effective_tick != epoch.effective_tick:
            kept = _Kept(epoch.effective_tick, tuple(sorted(epoch.unavailable.items())), tuple(_scarce(epoch)))
            self._epochs[number] = kept
        return StreamView(
            unit=unit.unit,
            state=StreamState.retired if unit.retired else StreamState.watched,
            wanted_events=rule.baseline_events,
            wanted_ticks=rule.baseline_ticks,
            events=epoch.events,
            learning_from=epoch.window[0],
            restarts=unit.restarts,
            watched_from=epoch.effective_tick,
            window=epoch.window,
            by_person=epoch.by_person,
            last_tick=unit.last_event_tick if unit.last_event_tick >= 0 else None,
            unavailable=kept.unavailable,
            scarce=kept.scarce,
            joins=tuple(
                JoinView(signal=SIGNALS[one.signal].name, missed=one.share, paused=one.case.open is not None)
                for one in epoch.joins
            ),
        )

    def _tests_of(self, number: int, unit: UnitState, epoch: Epoch, engines: _Engines) -> Iterator[TestView]:
        for watch in epoch.page_tests:
            yield from _page_tests(number, unit.unit, epoch, watch, engines)
        for notice in epoch.any_change_tests:
            yield from _any_change_tests(number, unit.unit, epoch, notice, engines)

    def _traffic(self, engines: _Engines) -> Iterator[TestView]:
        mix = self._fleet.state.traffic.mix
        if mix is None:
            return
        surge, since = mix.surge, mix.effective_tick
        yield _test(ALL_TRAFFIC, TRAFFIC_SIGNAL, "mix_change", TestKind.traffic_mix, (since,), engines, mix.test)
        yield _dense(ALL_TRAFFIC, TRAFFIC_SIGNAL, "mix_change", (since,), engines, mix.dense)
        open_id = None if surge.case.open is None else surge.case.open.id
        yield _test(
            ALL_TRAFFIC,
            TRAFFIC_SIGNAL,
            "new_slices_surge",
            TestKind.surge,
            (since,),
            engines,
            surge.test,
            level=surge.expected,
            limit=surge.limit,
            finding=open_id,
        )
        if surge.end_test >= 0:
            key = (since, surge.armed_tick)
            asked = (ALL_TRAFFIC, TRAFFIC_SIGNAL, "new_slices_surge", TestKind.end)
            yield _test(*asked, key, engines, surge.end_test, limit=surge.limit, finding=open_id)

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
                question = f"{signal.name}/{signal.questions[verdict.question].name}"
                yield TestView(
                    unit=units[one.unit].unit,
                    signal=RELEASE_SIGNAL,
                    question=question,
                    kind=TestKind.release,
                    key=(name, one.start_tick, question),
                    log_evidence=verdict.log_evidence,
                    log_threshold=-math.log(alpha) if alpha > 0 else math.inf,
                    level=level,
                    limit=limit,
                    # A comparison begins once and is asked at all times together: it spends its alpha at the start.
                    spent=alpha,
                    finding=None if one.case.open is None else one.case.open.id,
                )


def _page_tests(number: int, unit: Slice, epoch: Epoch, watch: PageTest, engines: _Engines) -> Iterator[TestView]:
    signal = SIGNALS[watch.signal]
    question = signal.questions[watch.question].name
    key, found = (number, epoch.effective_tick), None if watch.case.open is None else watch.case.open.id
    asked = (unit, signal.name, question)
    of_level: dict[str, Any] = {"level": watch.level, "limit": watch.limit}
    yield _test(*asked, TestKind.page, key, engines, watch.test, finding=found, **of_level)
    if watch.end_test >= 0:
        began = (*key, watch.armed_tick, found or "")
        yield _test(*asked, TestKind.end, began, engines, watch.end_test, finding=found, **of_level)


def _any_change_tests(
    number: int, unit: Slice, epoch: Epoch, notice: AnyChangeTest, engines: _Engines
) -> Iterator[TestView]:
    signal = SIGNALS[notice.signal].name
    key = (number, epoch.effective_tick)
    if isinstance(notice.test, RiverId):
        yield TestView(
            unit=unit,
            signal=signal,
            question=ANY_CHANGE,
            kind=TestKind.river,
            key=(*key, signal, TestKind.river),
            log_evidence=NONE,
        )
        return
    yield _test(unit, signal, ANY_CHANGE, TestKind.any_change, key, engines, notice.test)
    for stratum, bet in enumerate(notice.dense):
        yield _dense(unit, signal, ANY_CHANGE, (*key, stratum), engines, bet)


def _test(
    unit: Slice,
    signal: str,
    question: str,
    kind: TestKind,
    key: tuple[int | str, ...],
    engines: _Engines,
    test: int,
    *,
    level: float | None = None,
    limit: float | None = None,
    finding: str | None = None,
) -> TestView:
    """A test of the evidence engine, whose ids are not negative; arrays would read a negative one from their end."""
    if test < 0:
        raise AssertionError(f"{kind} of {signal}/{question} has no test in the evidence engine: {test}")
    return TestView(
        unit=unit,
        signal=signal,
        question=question,
        kind=kind,
        key=(*key, signal, question, kind),
        log_evidence=float(engines.log_evidence[test]),
        level=level,
        limit=limit,
        spent=float(engines.spent[test]),
        spend=float(engines.spend[test]),
        finding=finding,
    )


def _dense(
    unit: Slice, signal: str, question: str, key: tuple[int | str, ...], engines: _Engines, bet: int
) -> TestView:
    log_evidence, spent, spend = engines.dense[bet]
    return TestView(
        unit=unit,
        signal=signal,
        question=question,
        kind=TestKind.dense,
        key=(*key, signal, question, TestKind.dense),
        log_evidence=log_evidence,
        spent=spent,
        spend=spend,
    )


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
