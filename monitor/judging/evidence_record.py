"""Stored evidence over time: a point per test and minute, one at every alarm, levels by the hour.

    recorder = EvidenceRecorder(rule, retention)
    recorder.begin(fleet, history)                            after the judge's memory was built
    for part, stop in recorder.stretches(counts, start, end, newest=...):   cut where minutes of event time end
        recorder.take(part, stop, view, findings) -> Record   what to store of it, in the same transaction

Minutes and hours are those of event time, so what is recorded does not depend on how ticks were grouped into steps,
and a tick that is judged again brings the same rows: they replace themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.clock import DAY_MS, HOUR_MS
from monitor.counts.model import LoadedCounts, Slice
from monitor.findings.model import ANY_CHANGE, EVERY_GUARDRAIL, Finding
from monitor.judging.evidence_points import EvidencePoint, HourLevel, Record
from monitor.judging.findings.build import finding_id
from monitor.judging.history import History
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.ports import EvidenceLog
from monitor.judging.view import ALL_TRAFFIC, JudgeView, StreamView, TestKind, TestView
from monitor.judging.watching.fleet import Fleet
from monitor.signals.registry import COLUMNS, OFFSETS, SIGNALS, USED_COLUMNS

MINUTE_MS: Final = 60_000
POINTS_AT_MOST: Final = 500
"""Most points of a minute, those closest to an alarm; a week's retention is 500 x 10,080 = 5 million rows at most."""
POINTS_PER_STREAM: Final = 32
"""Most points of a stream and minute: more than it has questions, unless releases are compared."""
LEVELS_AT_MOST: Final = 1_000
"""Most levels of an hour, closest to limits first; a quarter is 1,000 x 2,160 = 2 million rows at most."""
LOWEST: Final = math.log(1e-12)
"""Evidence below it is not stored: the budget of a tick is larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRetention:
    """Retention of the evidence, in event time."""

    points_ms: int = 7 * DAY_MS
    levels_ms: int = 90 * DAY_MS


def forget(log: EvidenceLog, judged_before: int | None, retention: EvidenceRetention, *, tick_ms: int) -> int:
    """Remove what is older than the retention, seen from the newest judged tick; how many rows went."""
    if judged_before is None:
        return 0
    return log.forget(
        points_before=judged_before - retention.points_ms // tick_ms,
        levels_before=judged_before - retention.levels_ms // tick_ms,
    )


class EvidenceRecorder:
    """Decides what is stored of the judge's views; remembers the sums of the hour that is not over."""

    def __init__(self, rule: JudgeSettings, retention: EvidenceRetention) -> None:
        """Args:
        rule: for the length of a tick.
        retention: when judging catches up, ticks older than points are kept bring none.
        """
        self.minute = max(1, MINUTE_MS // rule.tick_ms)
        """Ticks of a minute."""
        self.hour = self.minute * max(1, HOUR_MS // (self.minute * rule.tick_ms))
        self._tick_ms = rule.tick_ms
        self._keep_ticks = retention.points_ms // rule.tick_ms
        self._sums: NDArray[np.int64] = np.zeros((0, USED_COLUMNS), np.int64)
        """Counts of the hour by unit and column."""
        self._hour = 0
        self._stored: dict[Slice, StreamView] = {}
        self._fleet: Fleet | None = None

    def begin(self, fleet: Fleet, history: History) -> None:
        """Go on after the fleet's judged ticks: the part of the hour that is over is read back."""
        self._fleet = fleet
        self._stored.clear()
        self._sums = np.zeros((len(fleet.state.units), USED_COLUMNS), np.int64)
        judged = fleet.state.judged_before
        if judged % self.hour:
            self._add(history(judged - judged % self.hour, judged), fleet)

    def stretches(
        self, counts: LoadedCounts, start: int, end: int, *, newest: int
    ) -> Iterator[tuple[LoadedCounts, int]]:
        """The ticks from ``start`` to ``end``, cut where a minute with events ends; a quiet stretch is one part.

        Args:
            counts: of these ticks.
            start, end: which.
            newest: the tick that judging has to reach. What is older by more than the retention is cut by the hour.
        """
        at = start
        while at < end:
            length = self.minute if at >= newest - self._keep_ticks else self.hour
            first = int(np.searchsorted(counts.tick, at))
            ahead = int(counts.tick[first]) if first < len(counts.tick) else None
            stop = min(end, (at // length + 1) * length)
            if at % length == 0 and (ahead is None or ahead >= stop):
                stop = end if ahead is None else max(at + 1, ahead // length * length)
            yield counts.where(slice(first, int(np.searchsorted(counts.tick, stop)))), stop
            at = stop

    def take(self, counts: LoadedCounts, stop: int, view: JudgeView, findings: Sequence[Finding]) -> Record:
        """The points to store after the ticks below ``stop`` were judged.

        Args:
            counts: of the stretch that ends with ``stop``.
            stop: its end.
            view: after it.
            findings: of it.
        """
        if self._fleet is None:
            raise AssertionError("a recorder begins with a fleet")
        if len(counts.tick):
            self._add(counts, self._fleet)
        over = stop // self.hour > self._hour and bool(self._sums.any())
        minute_over = stop % self.minute == 0
        points = {
            (point.unit, point.signal, point.question, point.tick): point
            for point in [
                *(_minute_points(view, stop - self.minute) if minute_over else ()),
                *_alarm_points(view, findings, self._tick_ms),  # of the same tick, the alarm is what counts
            ]
        }
        return Record(
            tick=stop - 1,
            streams=self._changed(view) if minute_over or findings else (),
            points=list(points.values()),
            levels=self._levels(view) if over else (),
        )

    def _add(self, counts: LoadedCounts, fleet: Fleet) -> None:
        """Counts of one hour."""
        slice_id, column = np.divmod(counts.cell, COLUMNS)
        size = len(fleet.state.units)
        if size > len(self._sums):
            more = np.zeros((size - len(self._sums), USED_COLUMNS), np.int64)
            self._sums = np.concatenate([self._sums, more])
        for unit in (fleet.panel.units_of(slice_id), fleet.panel.wholes_of(slice_id)):
            known = (unit >= 0) & (column < USED_COLUMNS)
            np.add.at(self._sums, (unit[known], column[known]), counts.count[known])
        if len(counts.tick):
            self._hour = int(counts.tick[-1]) // self.hour

    def _levels(self, view: JudgeView) -> list[HourLevel]:
        """The hour that is over, and begin the next."""
        rows = []
        signals = {signal.name: signal for signal in SIGNALS}
        for test in view.tests:
            if test.kind is not TestKind.page or test.level is None or test.limit is None:
                continue
            signal = signals[test.signal]
            first = OFFSETS[signal.name]
            place = test.stream
            bins = self._sums[place, first : first + len(signal.bins)] if place < len(self._sums) else np.zeros(1)
            events = int(bins.sum())
            if events:
                values = next(asked.values for asked in signal.questions if asked.name == test.question)
                mean = float(bins @ np.asarray(values)) / events
                rows.append((_nearness(mean, test.level, test.limit), (test, events, mean)))
        kept = nlargest(LEVELS_AT_MOST, rows, key=lambda row: row[0])
        self._sums[:] = 0
        return [
            HourLevel(
                tick=self._hour * self.hour,
                unit=test.unit,
                signal=test.signal,
                question=test.question,
                events=events,
                mean=mean,
                level=test.level or 0.0,
                limit=test.limit or 0.0,
            )
            for _, (test, events, mean) in kept
        ]

    def _changed(self, view: JudgeView) -> list[StreamView]:
        """Streams that differ from what was stored last; that one goes on bringing events is written once an hour."""
        changed = []
        for stream in view.streams:
            last = stream.last_tick
            plain = msgspec.structs.replace(stream, last_tick=None if last is None else last // self.hour)
            if self._stored.get(stream.unit) != plain:
                self._stored[stream.unit] = plain
                changed.append(stream)
        return changed


Asked = tuple[int, str, str]
"""A question of a stream: its place in the view (-1: all traffic), signal, question."""


def _minute_points(view: JudgeView, since: int) -> list[EvidencePoint]:
    """A point for each question of the streams that had events from ``since`` on, as many as there is room for."""
    active = {place for place, one in enumerate(view.streams) if one.last_tick is not None and one.last_tick >= since}
    # A new version is compared before it has a baseline, and its stream tells no last event until then.
    active |= {test.stream for test in view.tests if test.kind is TestKind.release}
    if not active:
        return []
    asked = _folded(test for test in view.tests if test.stream in active or test.stream < 0)
    ranked = sorted((item for item in asked.items() if item[1][0] > LOWEST), key=lambda item: -item[1][0])
    of_stream: dict[int, int] = {}
    points: list[EvidencePoint] = []
    for key, standing in ranked:
        of_stream[key[0]] = of_stream.get(key[0], 0) + 1
        if of_stream[key[0]] <= POINTS_PER_STREAM:
            points.append(_point(view, view.judged_before - 1, key, *standing))
            if len(points) == POINTS_AT_MOST:
                break
    return points


def _alarm_points(view: JudgeView, findings: Sequence[Finding], tick_ms: int) -> Iterator[EvidencePoint]:
    """The evidence that each alarm was raised by, at its own tick; rules have none."""
    if not findings:
        return
    asked = _folded(view.tests)
    thresholds = {(test.stream, test.signal, test.question): test.log_threshold for test in view.tests}
    holders = {test.finding: test.stream for test in view.tests if test.finding is not None}
    for finding in findings:
        of_traffic = finding.guardrail == EVERY_GUARDRAIL and not finding.category
        place = -1 if of_traffic else _place_of(view, finding, holders, tick_ms)
        leading = [share.name for share in finding.attribution if share.what == "question"]
        key = (place, finding.signal, leading[0] if leading else finding.question)
        if finding.ended_at_ms is None and place is not None and key in asked:
            tick = (finding.paged_at_ms or finding.detected_at_ms) // tick_ms - 1
            known = (place, *key[1:])
            yield _point(view, tick, known, finding.evidence.log_evidence - thresholds[known], asked[known][1])


def _place_of(view: JudgeView, finding: Finding, holders: Mapping[str, int], tick_ms: int) -> int | None:
    """The stream of a finding: the one whose test holds it, else one of its names.

    A finding names neither threshold nor kind of score, so that several streams may have its names.
    """
    holder = holders.get(finding.id)
    if holder is not None and view.streams[holder].unit.guardrail == finding.guardrail:
        return holder
    of = (finding.guardrail, finding.guardrail_version, finding.category, finding.stage)
    tick = finding.detected_at_ms // tick_ms - 1
    fitting = None
    for place, one in enumerate(view.streams):
        unit = one.unit
        named = (unit.guardrail, unit.guardrail_version, unit.category, unit.stage)
        if one.watched_from is not None and named == of:
            # A page may have taken the id of a notice, and may be over by the time of the view.
            derived = [finding_id(unit, finding.signal, asked, tick) for asked in (finding.question, ANY_CHANGE)]
            if finding.id in derived:
                return place
            fitting = place
    return fitting


def _folded(tests: Iterable[TestView]) -> dict[Asked, tuple[float, float]]:
    """Points by question, whose tests are taken as one: the largest evidence, and the sum of their spends."""
    found: dict[Asked, tuple[float, float]] = {}
    for test in tests:
        if test.kind is not TestKind.end and test.kind is not TestKind.river:
            key = (test.stream, test.signal, test.question)
            log_evidence, spent = found.get(key, (-math.inf, 0.0))
            found[key] = max(log_evidence, test.log_evidence - test.log_threshold), spent + test.spent
    return found


def _point(view: JudgeView, tick: int, asked: Asked, log_evidence: float, spent: float) -> EvidencePoint:
    place, signal, question = asked
    unit = ALL_TRAFFIC if place < 0 else view.streams[place].unit
    return EvidencePoint(
        tick=tick, unit=unit, signal=signal, question=question, log_evidence=log_evidence, spent=spent
    )


def _nearness(mean: float, level: float, limit: float) -> float:
    """0 at the approved level, 1 at the limit."""
    return (mean - level) / (limit - level) if limit != level else 0.0
