"""What is stored of evidence over time: the same however ticks come in steps, bounded, once after a restart."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from monitor.counts.model import LoadedCounts, Slice
from monitor.counts.units import unit_of
from monitor.findings.model import Kind
from monitor.judging.evidence_points import EvidencePoint, HourLevel, Record
from monitor.judging.evidence_record import (
    POINTS_AT_MOST,
    POINTS_PER_STREAM,
    EvidenceRecorder,
    EvidenceRetention,
    _alarm_points,
)
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.view import JudgeView, StreamState, StreamView, TestKind, TestView
from monitor.judging.view_builder import ViewBuilder
from tests.unit.judging.ticks import BASE, Lab, like, verdicts
from tests.unit.judging.worlds import RULE, World, a_slice, tick_of

CALM, DRIFT = verdicts(95, 5), verdicts(60, 40)
TICKS = 760
SLICES = {1: a_slice(), 2: a_slice("second"), 3: a_slice("late")}


def events_of(tick: int) -> dict[int, tuple[int, int]]:
    """A quiet hour in the middle; at the end the second guardrail denies half."""
    if 300 <= tick < 370:
        return {}
    denied = 50 if tick >= 700 else 4
    events = {1: (95, 5), 2: (100 - denied, denied)}
    return events | ({3: (10, 1)} if tick > 600 else {})


WHOLE = [tick_of(tick, events_of(tick)) for tick in range(TICKS)]


def counts_between(start: int, end: int) -> LoadedCounts:
    columns = [np.concatenate([getattr(c, name) for c in WHOLE[start:end]]) for name in ("tick", "cell", "count")]
    return LoadedCounts(*columns)


class Recorded:
    """A world whose steps are recorded; rows by their key, as storage keeps them."""

    def __init__(self) -> None:
        self.world = World(SLICES, RULE)
        self.world._past += WHOLE  # history is only asked for what was judged
        self.builder = ViewBuilder(self.world.assessor.fleet)
        self.points: dict[tuple[object, ...], EvidencePoint] = {}
        self.levels: dict[tuple[object, ...], HourLevel] = {}
        self.streams: dict[Slice, StreamView] = {}
        self.alarms: list[tuple[int, str]] = []
        self.restart()

    def restart(self) -> None:
        """A recorder that remembers nothing."""
        self.recorder = EvidenceRecorder(RULE, EvidenceRetention())
        self.recorder.begin(self.world.assessor.fleet, self.world.history)

    def step(self, end: int) -> None:
        start = self.world.assessor.judged_before
        for part, stop in self.recorder.stretches(counts_between(start, end), start, end, newest=TICKS):
            brought = self.world.assessor.advance(part, stop)
            self.keep(self.recorder.take(part, stop, self.builder.view(), brought.findings))
            self.alarms += [
                (f.paged_at_ms // 10_000 - 1, f.question)
                for f in brought.findings
                if f.kind is Kind.page and f.paged_at_ms is not None and f.ended_at_ms is None
            ]

    def keep(self, record: Record) -> None:
        self.points |= {(p.tick, p.unit, p.signal, p.question): p for p in record.points}
        self.levels |= {(p.tick, p.unit, p.signal, p.question): p for p in record.levels}
        self.streams |= {stream.unit: stream for stream in record.streams}


def recorded(next_end: Callable[[int], int], *, restart: Callable[[], bool] = lambda: False) -> Recorded:
    out = Recorded()
    while (start := out.world.assessor.judged_before) < TICKS:
        out.step(min(TICKS, next_end(start)))
        if restart():
            out.restart()
    return out


@pytest.fixture(scope="module")
def in_one_step() -> Recorded:
    return recorded(lambda start: TICKS)


def test_points_and_levels_are_the_same_however_ticks_come_in_steps_and_whoever_restarts(in_one_step):
    chance = random.Random(3)
    live = recorded(lambda start: start + 1)
    torn = recorded(lambda start: start + chance.randrange(1, 90), restart=lambda: chance.random() < 0.5)
    for other in (live, torn):
        assert other.points.keys() == in_one_step.points.keys()
        for key, point in other.points.items():
            expected = in_one_step.points[key]
            if (point.tick + 1) % 6:  # an alarm inside a minute: what was spent is that of the minute's end
                assert point.log_evidence == expected.log_evidence
            else:
                assert point == expected
        assert other.levels == in_one_step.levels
        assert {u: msgspec.structs.replace(s, last_tick=None) for u, s in other.streams.items()} == {
            u: msgspec.structs.replace(s, last_tick=None) for u, s in in_one_step.streams.items()
        }


def test_there_is_a_point_for_each_minute_with_events_and_for_each_alarm(in_one_step):
    minutes = {(tick // 6 + 1) * 6 - 1 for tick in range(20, TICKS - TICKS % 6) if events_of(tick)}
    alarms = {tick for tick, _ in in_one_step.alarms}
    assert alarms
    assert {point.tick for point in in_one_step.points.values()} == minutes | alarms


def test_evidence_climbs_to_the_alarm_and_begins_anew_with_it(in_one_step):
    tick, question = min(in_one_step.alarms)
    climb = [p for p in in_one_step.points.values() if p.unit.guardrail == "second" and p.question == question]
    before, at_alarm = [p for p in climb if p.tick < tick][-1], next(p for p in climb if p.tick == tick)
    assert before.log_evidence < 0 <= at_alarm.log_evidence
    assert 0 < before.spent <= at_alarm.spent


def test_levels_of_an_hour_are_those_of_its_counts(in_one_step):
    rows = {(r.tick, r.unit.guardrail): r for r in in_one_step.levels.values() if r.question == "adverse_rise"}
    assert set(rows) == {(hour, name) for hour in (0, 360) for name in ("shield", "second")}
    row = rows[360, "second"]
    ticks = range(370, 720)
    denied = sum(events_of(tick)[2][1] for tick in ticks)
    assert (row.events, row.mean) == (100 * len(ticks), pytest.approx(denied / (100 * len(ticks))))
    assert row.level < row.mean < row.limit
    assert rows[0, "second"].mean == pytest.approx(0.04)


def test_when_judging_catches_up_ticks_before_the_retention_bring_levels_but_no_points():
    out = Recorded()
    out.recorder = EvidenceRecorder(RULE, EvidenceRetention(points_ms=100 * 10_000))
    out.recorder.begin(out.world.assessor.fleet, out.world.history)
    out.step(TICKS)
    old = [p for p in out.points.values() if p.tick < TICKS - 100 - 6]
    assert {p.tick for p in old} <= {359, 719}  # where hours end
    assert {row.tick for row in out.levels.values()} == {0, 360}


def a_view(tests: list[TestView], last_tick: int = 5) -> JudgeView:
    units = sorted({test.unit for test in tests})
    streams = tuple(
        StreamView(
            unit=unit, state=StreamState.watched, wanted_events=1, wanted_ticks=1, watched_from=0, last_tick=last_tick
        )
        for unit in units
    )
    placed = tuple(msgspec.structs.replace(test, stream=units.index(test.unit)) for test in tests)
    return JudgeView(judged_before=6, tick_ms=10_000, guardrails=(), streams=streams, tests=placed)


def a_test(number: int, guardrail: str, log_evidence: float) -> TestView:
    return TestView(
        unit=Slice.of_guardrail(guardrail),
        stream=0,
        signal="verdict_mix",
        question=f"q{number}",
        kind=TestKind.page,
        alarm=Kind.page,
        key=f"{guardrail} {number}",
        log_evidence=log_evidence,
    )


def taken(view: JudgeView) -> Record:
    recorder = EvidenceRecorder(JudgeSettings(), EvidenceRetention())
    world = World({})
    recorder.begin(world.assessor.fleet, world.history)
    return recorder.take(tick_of(5, {}), 6, view, [])


def test_a_minute_has_so_many_points_the_strongest_and_so_has_a_stream():
    tests = [a_test(n, f"g{n % 100}", -10.0 + n / 1_000) for n in range(5_000)]
    points = taken(a_view(tests)).points
    assert len(points) == POINTS_AT_MOST
    assert min(point.log_evidence for point in points) == pytest.approx(-10.0 + (5_000 - POINTS_AT_MOST) / 1_000)
    points = taken(a_view([a_test(n, "g", -10.0 + n / 1_000) for n in range(50)])).points
    assert len(points) == POINTS_PER_STREAM


def test_a_stream_without_events_in_the_minute_brings_no_point():
    assert taken(a_view([a_test(1, "g", -1.0)], last_tick=0)).points
    assert not taken(a_view([a_test(1, "g", -1.0)], last_tick=-1)).points


def test_a_stream_that_only_goes_on_is_written_once_an_hour():
    out, written = Recorded(), list[tuple[int, Slice]]()
    for end in range(6, TICKS, 6):
        out.step(end)
        written += [(end, unit) for unit in out.streams]
        out.streams.clear()
    after_learning = [end for end, unit in written if unit == a_unit("shield") and end > 30]
    assert after_learning == [372, 726]  # the first minutes with events of the hours that begin with 360 and 720


def a_unit(guardrail: str) -> Slice:
    return unit_of(a_slice(guardrail))


@pytest.mark.parametrize("other", [{"threshold_milli": 700}, {"score_kind": "binary"}], ids=["threshold", "score"])
@pytest.mark.parametrize("first", [True, False], ids=["alarms-first", "alarms-last"])
def test_an_alarm_is_stored_under_the_stream_that_raised_it(other, first):
    """Of streams that a finding does not tell apart: a page, a notice, and one that is over by then."""
    alarming = BASE if first else dataclasses.replace(BASE, **other)
    lab = Lab({1: BASE, 2: dataclasses.replace(BASE, **other)})
    builder = ViewBuilder(lab.assessor.fleet)
    here, there = (1, 2) if first else (2, 1)
    kinds = set()
    for tick in range(60):
        found = lab.tick({here: DRIFT if 20 <= tick < 40 else CALM, there: CALM})
        alarms = [one for one in found if one.ended_at_ms is None and one.signal == "verdict_mix"]
        view = builder.view()
        points = list(_alarm_points(view, alarms, lab.rule.tick_ms))
        assert [point.unit for point in points] == [unit_of(alarming)] * len(alarms)
        kinds |= {one.kind for one in alarms}
        over = msgspec.structs.replace(
            view, tests=tuple(msgspec.structs.replace(t, finding=None) for t in view.tests)
        )
        assert list(_alarm_points(over, alarms, lab.rule.tick_ms)) == points
    assert kinds == set(Kind)


@pytest.mark.parametrize("released", [1, 2])
def test_a_release_is_stored_under_the_stream_whose_comparison_holds_its_page(released):
    streams = {1: BASE, 2: dataclasses.replace(BASE, threshold_milli=700)}
    lab = Lab(streams | {3: dataclasses.replace(streams[released], model_version="2")})
    builder = ViewBuilder(lab.assessor.fleet)
    points = []
    for tick in range(40):
        found = lab.tick({1: CALM, 2: CALM} | ({3: DRIFT} if tick >= 20 else {}))
        pages = [one for one in found if one.kind is Kind.page and one.signal == "release_delta"]
        points += _alarm_points(builder.view(), pages, lab.rule.tick_ms)
    assert {point.unit for point in points} == {unit_of(streams[released])}


def test_ends_rules_and_strangers_bring_no_point():
    lab = Lab({1: BASE, 2: like(guardrail="other")})
    for tick in range(30):
        found = lab.tick({1: DRIFT if tick >= 20 else CALM, 2: CALM})
        if found:
            break
    view, tick_ms = ViewBuilder(lab.assessor.fleet).view(), lab.rule.tick_ms
    change = msgspec.structs.replace
    alarm = found[0]
    assert len(list(_alarm_points(view, [alarm], tick_ms))) == 1
    for one in (
        change(alarm, ended_at_ms=alarm.detected_at_ms),
        change(alarm, signal="coverage", question="silence"),
        change(alarm, guardrail="stranger"),
    ):
        assert list(_alarm_points(view, [one], tick_ms)) == []
