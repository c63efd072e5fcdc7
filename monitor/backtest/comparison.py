"""Baseline detectors for comparison: one that always fires, one that never does, and river's ADWIN, on equal counts.

What they see: every question of every stream that is watched, tick by tick, from the end of its baseline on. ADWIN
learns from the baseline first; it is fed each event's value while there are at most :data:`MAX_FED` of them, else the
means of as many ticks as keep it there, and starts anew after an alarm. It promises no rate of false alarms.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.river_drift import RiverDetector, adwin
from monitor.backtest.truth import Score, Stretch
from monitor.counts.cuts import of_slices
from monitor.counts.model import LoadedCounts
from monitor.counts.units import slices_counted_with
from monitor.findings.model import Finding, Kind
from monitor.judging.ports import JudgeStore
from monitor.judging.view import JudgeView, StreamView, TestKind
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS, SIGNALS, USED_COLUMNS

MAX_FED: Final = 1_000_000
"""Values that ADWIN is fed in all: a few seconds."""
PIECE_TICKS: Final = 8_640


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The result of one detector.

    Attributes:
        fed: what it saw.
        findings: how often it fires.
        true, false: of these, alarms while something was wrong (or within a quarter of an hour after), and others.
        stretches: labelled stretches with an alarm; None, like the two above, where nothing is labelled.
        delay_s: median delay from the beginning of a stretch to its first finding.
    """

    name: str
    fed: str
    findings: int
    true: int | None = None
    false: int | None = None
    stretches: int | None = None
    delay_s: float | None = None


@dataclass(slots=True)
class _Stream:
    """One watched unit, with an ADWIN for each of its questions."""

    stream: StreamView
    first: int
    effective: int
    questions: list[tuple[int, int, RiverDetector]]
    """(first column, number of bins, detector)."""


def compared(
    findings: Sequence[Finding], view: JudgeView | None, store: JudgeStore, truth: Sequence[Stretch], *, tick_ms: int
) -> list[Row]:
    """The rows: ours, ADWIN's, always, never.

    Args:
        findings: what the judge found.
        view: what the judge knows after everything; None where it never judged.
        store: its counts.
        truth: when something was wrong; empty: nobody knows.
        tick_ms: length of a tick.
    """
    streams = list(_streams(view))
    events, cells = _sizes(streams, store)
    pooled = 0 if events <= MAX_FED else max(1, -(-cells // MAX_FED))
    theirs, always = Score(truth), Score(truth)
    for stream, ticks, table in _tables(streams, store):
        judged = ticks[ticks >= stream.effective]
        always.add((judged + 1) * tick_ms, stream.stream.unit.guardrail)
        alarms = np.array(list(_alarms(stream, ticks, table, pooled=pooled)), np.int64)
        theirs.add((alarms + 1) * tick_ms, stream.stream.unit.guardrail)
    fed = {0: "each event", 1: "the mean of each tick"}.get(pooled, f"the mean of {pooled} ticks")
    pages = [(one.paged_at_ms or one.detected_at_ms, one.guardrail) for one in findings if one.kind is Kind.page]
    every = [(one.detected_at_ms, one.guardrail) for one in findings]
    return [
        _row("driftline, pages", "all counts, by the budget", _score(pages, truth), truth),
        _row("driftline, with notices", "all counts, by the budget", _score(every, truth), truth),
        _row("river ADWIN", fed, theirs, truth),
        _row("always fires", "each tick of each stream", always, truth),
        _row("never fires", "nothing", Score(truth), truth),
    ]


def _score(alarms: Sequence[tuple[int, str]], truth: Sequence[Stretch]) -> Score:
    score = Score(truth)
    for at_ms, guardrail in sorted(alarms):
        score.add(np.array([at_ms], np.int64), guardrail)
    return score


def _row(name: str, fed: str, score: Score, truth: Sequence[Stretch]) -> Row:
    if not truth:
        return Row(name=name, fed=fed, findings=score.findings)
    delays = score.delays_ms
    return Row(
        name=name,
        fed=fed,
        findings=score.findings,
        true=score.true,
        false=score.findings - score.true,
        stretches=len(delays),
        delay_s=statistics.median(delays) / 1000 if delays else None,
    )


def _streams(view: JudgeView | None) -> Iterator[_Stream]:
    if view is None:
        return
    signals = {signal.name: signal for signal in SIGNALS}
    for stream in view.watched:
        if stream.window is None or stream.watched_from is None:
            continue
        questions = []
        for test in view.tests:
            if test.unit == stream.unit and test.kind is TestKind.page:
                signal = signals[test.signal]
                values = next(asked.values for asked in signal.questions if asked.name == test.question)
                questions.append((OFFSETS[signal.name], len(signal.bins), adwin(values)))
        yield _Stream(stream, stream.window[0], stream.watched_from, questions)


def _sizes(streams: Sequence[_Stream], store: JudgeStore) -> tuple[int, int]:
    """The most values to feed: of events, and of ticks."""
    events = 0
    for piece in _pieces(store):
        events += int(piece.count[piece.cell % COLUMNS == EVENTS_COLUMN].sum())
    ticks = (store.judged_before() or 0) - (store.first_tick() or 0)
    return (
        events * max((len(stream.questions) for stream in streams), default=0),
        ticks * sum(len(stream.questions) for stream in streams),
    )


def _tables(
    streams: Sequence[_Stream], store: JudgeStore
) -> Iterator[tuple[_Stream, NDArray[np.int64], NDArray[np.int64]]]:
    """Piece by piece, each stream's ticks with events from its baseline on, and counts: int64 (ticks, columns)."""
    slices = store.slices()
    own = [slices_counted_with(stream.stream.unit, slices) for stream in streams]
    for piece in _pieces(store):
        for stream, mine in zip(streams, own, strict=True):
            counts = of_slices(piece, mine)
            ticks, row = np.unique(counts.tick, return_inverse=True)
            table = np.zeros((len(ticks), USED_COLUMNS), np.int64)
            np.add.at(table, (row, counts.cell % COLUMNS), counts.count)
            known = ticks >= stream.first
            yield stream, ticks[known], table[known]


def _pieces(store: JudgeStore) -> Iterator[LoadedCounts]:
    first, last = store.first_tick(), store.judged_before()
    if first is None or last is None:
        return
    for start in range(first, last, PIECE_TICKS):
        yield store.counts(start, min(last, start + PIECE_TICKS))


def _alarms(stream: _Stream, ticks: NDArray[np.int64], table: NDArray[np.int64], *, pooled: int) -> Iterator[int]:
    """The ticks after the baseline in which ADWIN finds a drift, once for each question.

    Args:
        stream: whose detectors.
        ticks, table: its counts.
        pooled: ticks whose mean is fed as one value; 0: each event is.
    """
    if pooled > 1 and len(ticks):
        start = np.flatnonzero(np.diff(ticks // pooled, prepend=-1))
        table = np.add.reduceat(table, start, axis=0)
        ticks = np.r_[ticks[start[1:] - 1], ticks[-1]]
    for tick, row in zip(ticks.tolist(), table, strict=True):
        for column, bins, detector in stream.questions:
            counts = row[column : column + bins]
            if pooled:
                detector.update_mean(counts)
            else:
                detector.update(counts)
            if detector.alarmed:
                detector.reset()
                if tick >= stream.effective:
                    yield tick
