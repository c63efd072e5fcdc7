"""The counts of a release against those of the baseline: one verdict per question, one for the release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.comparison import Outcome
from detectors.level import FLOOR, MARGIN
from detectors.slicewise import SliceJudgement, compare
from monitor.counts.model import LoadedCounts, Slice
from monitor.counts.units import REST, asker_of
from monitor.findings.model import Direction
from monitor.judging.release.appear import model_of
from monitor.judging.release.state import Comparing, Verdict
from monitor.judging.watching.fleet import Fleet
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS, SIGNALS, USED_COLUMNS
from monitor.signals.signal import Question, Signal

SLICES: Final = 8
"""Largest slices of the old side that are compared by themselves; the rest has no counterpart to be compared with."""
SLICE_EVENTS: Final = 50
"""Baseline events of such a slice."""
GROWTH: Final = 1.15
"""Looks are taken whenever the release has grown by so much: 70 looks up to a million events. The look
frequency affects cost only, not validity: the verdict holds at all times together."""
NAMES: Final = {
    Outcome.REGRESSED: "regressed",
    Outcome.IMPROVED: "improved",
    Outcome.EQUIVALENT: "equivalent",
    Outcome.UNDECIDED: "undecided",
}


def begin(fleet: Fleet, one: Comparing, *, tick: int, alpha: float) -> None:
    """Set both sides up: the baseline's counts, and what the release has brought since it was first seen."""
    one.start_tick, one.alpha = tick, alpha
    epoch = fleet.state.units[one.old_unit].epoch
    if epoch is None:
        raise AssertionError("a release is compared with an approved baseline")
    slices = fleet.slices_of(one.old_unit)
    counts = fleet.counts_of(one.old_unit, *epoch.window)
    kept = _columns(epoch.baseline)
    stored = sum(by_asker(counts, slices).values(), np.zeros(USED_COLUMNS, np.int64))
    table = by_asker(counts, _same_model(one, slices))
    if not table or stored.tolist()[EVENTS_COLUMN + 1 :] != kept[EVENTS_COLUMN + 1 :]:
        # Gone by retention, or approved without some stretches: the baseline itself holds the stream as a whole.
        one.slices, one.old = [REST], [kept]
    else:
        largest = sorted(table, key=lambda name: (-int(table[name][EVENTS_COLUMN]), name))[:SLICES]
        large = [name for name in largest if table[name][EVENTS_COLUMN] >= SLICE_EVENTS] or largest[:1]
        one.slices, one.old = large, [table[name].tolist() for name in large]
    one.new = [[0] * USED_COLUMNS for _ in one.slices]
    one.verdicts = [
        Verdict(signal=s, question=q, margin=_margin(one, signal, question))
        for s, signal in enumerate(SIGNALS)
        for q, question in enumerate(signal.questions)
        if _part(one.old, signal).sum() > 0 and signal.name not in epoch.unavailable
    ]


def add(one: Comparing, counts: LoadedCounts, slices: Mapping[int, Slice]) -> None:
    """The release has brought these counts."""
    for name, row in by_asker(counts, slices).items():
        place = one.slices.index(name) if name in one.slices else -1
        place = 0 if one.slices == [REST] else place
        if place >= 0:
            one.new[place] = (np.asarray(one.new[place]) + row).tolist()


def look(one: Comparing) -> list[tuple[Verdict, SliceJudgement]]:
    """Judge every question; a verdict once reached is kept."""
    one.next_look = int(one.events * GROWTH) + 1
    out = []
    for verdict in one.verdicts:
        judged = judge(one, verdict)
        if verdict.outcome == NAMES[Outcome.UNDECIDED]:
            verdict.outcome = NAMES[judged.outcome]
        verdict.log_evidence = judged.log_evidence
        out.append((verdict, judged))
    return out


def judge(one: Comparing, verdict: Verdict) -> SliceJudgement:
    """One question on the counts so far."""
    signal = SIGNALS[verdict.signal]
    question = signal.questions[verdict.question]
    return compare(
        _part(one.old, signal),
        _part(one.new, signal),
        question.values,
        alpha=one.alpha / len(one.verdicts),
        equivalence=verdict.margin,
        direction="fall" if question.direction is Direction.fall else "rise",
    )


def overall(one: Comparing) -> str:
    """Regressed as soon as one question has; improved or equivalent once all are decided."""
    outcomes = {verdict.outcome for verdict in one.verdicts}
    for name in ("regressed", "undecided", "improved"):
        if name in outcomes:
            return name
    return "equivalent" if outcomes else "undecided"


def by_asker(counts: LoadedCounts, slices: Mapping[int, Slice]) -> dict[str, NDArray[np.int64]]:
    """Counts (USED_COLUMNS,) by kind of request; slices that are not given are left out."""
    out: dict[str, NDArray[np.int64]] = {}
    names = {number: asker_of(piece) for number, piece in slices.items()}
    for number, column, count in zip(
        (counts.cell // COLUMNS).tolist(), (counts.cell % COLUMNS).tolist(), counts.count.tolist(), strict=True
    ):
        if number in names:
            out.setdefault(names[number], np.zeros(USED_COLUMNS, np.int64))[column] += count
    return out


def _same_model(one: Comparing, slices: Mapping[int, Slice]) -> Mapping[int, Slice]:
    """The old side of a model's new version is the same model, where the baseline has it."""
    if one.what != "model_version":
        return slices
    old = {number: piece for number, piece in slices.items() if model_of(piece) != one.release}
    same = {number: piece for number, piece in old.items() if piece.model and one.release.startswith(piece.model)}
    return same or old


def _part(table: list[list[int]], signal: Signal) -> NDArray[np.int64]:
    first = OFFSETS[signal.name]
    return np.asarray(table, np.int64)[:, first : first + len(signal.bins)]


def _margin(one: Comparing, signal: Signal, question: Question) -> float:
    """A quarter of the rate and half a point, as for approved levels."""
    counts = _part(one.old, signal).sum(axis=0)
    rate = float(counts @ np.asarray(question.values) / max(1, counts.sum()))
    return min(MARGIN * rate + FLOOR, 0.5)


def _columns(baseline: list[list[list[int]]]) -> list[int]:
    """The counts kept with an epoch (signal x stratum x bin) as one row of columns."""
    row = np.zeros(USED_COLUMNS, np.int64)
    for signal, strata in zip(SIGNALS, baseline, strict=True):
        first = OFFSETS[signal.name]
        row[first : first + len(signal.bins)] = np.asarray(strata, np.int64).sum(axis=0)
    row[EVENTS_COLUMN] = max(int(np.asarray(strata).sum()) for strata in baseline)
    return [int(n) for n in row]
