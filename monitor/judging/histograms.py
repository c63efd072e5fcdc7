"""Signals of one stream before and since: the bins of its baseline beside those of a stretch of ticks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.counts.cuts import of_slices
from monitor.counts.model import LoadedCounts, Slice
from monitor.counts.units import slices_counted_with, stratum_of
from monitor.judging.history import kept_counts
from monitor.judging.ports import Baseline, BaselineState, JudgeStore
from monitor.judging.some_counts import counts_of
from monitor.signals.registry import COLUMNS, OFFSETS, SIGNALS
from monitor.signals.signal import Signal

POINTS: Final = 60
FEWEST: Final = 20
"""Events of a point: fewer show chance rather than the level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """One signal.

    Attributes:
        before: events of each bin in the baseline.
        since: in the stretch.
    """

    signal: str
    bins: Sequence[str]
    before: Sequence[int]
    since: Sequence[int]

    @property
    def moved(self) -> float:
        """Total variation between the two, from 0 (the same) to 1; 0 where one of them is empty."""
        old, new = np.asarray(self.before, float), np.asarray(self.since, float)
        if not old.sum() or not new.sum():
            return 0.0
        return float(np.abs(old / old.sum() - new / new.sum()).sum() / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The course of a mean: None where there are no events."""

    from_tick: int
    step: int
    values: Sequence[float | None]
    events: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A stream against its baseline.

    Attributes:
        baseline: None where it has none.
        histograms: of the signals that hold events on either side, the one that moved most first.
        strata: name -> events in the baseline, events in the stretch; the largest first.
        ticks: [from, to) of the stretch, as far as it was read.
        counts: of the stretch.
    """

    baseline: Baseline | None
    histograms: Sequence[Histogram]
    strata: Mapping[str, tuple[int, int]]
    ticks: tuple[int, int]
    counts: LoadedCounts


def compared(store: JudgeStore, unit: Slice, *, ticks: tuple[int, int]) -> Compared:
    """The stream's baseline in force beside the counts of [from, to); of many streams only the newest are read."""
    own = slices_counted_with(unit, store.slices())
    newest = store.some_baselines(unit=unit, states=[BaselineState.approved], limit=1)
    baseline = newest[0] if newest else None
    since, first = counts_of(store, own, ticks)
    nothing = since.where(np.zeros(len(since.tick), np.bool_))
    before = nothing if baseline is None else of_slices(kept_counts(baseline), own)
    found = [
        Histogram(signal=one.name, bins=one.bins, before=_bins(before, one), since=_bins(since, one))
        for one in SIGNALS
    ]
    return Compared(
        baseline=baseline,
        histograms=sorted((one for one in found if sum(one.before) or sum(one.since)), key=lambda one: -one.moved),
        strata=_strata(own, before, since),
        ticks=(first, ticks[1]),
        counts=since,
    )


def means(counts: LoadedCounts, signal: Signal, values: Sequence[float], *, ticks: tuple[int, int]) -> Means:
    """The mean of a question over a stretch, in at most :data:`POINTS` steps of at least :data:`FEWEST` events."""
    column = counts.cell % COLUMNS - OFFSETS[signal.name]
    mine = (column >= 0) & (column < len(signal.bins))
    events, length = int(counts.count[mine].sum()), max(1, ticks[1] - ticks[0])
    steps = max(1, min(POINTS, length, events // FEWEST))
    step = -(-length // steps)
    at = (counts.tick[mine] - ticks[0]) // step
    number = np.bincount(at, counts.count[mine], steps)
    sums = np.bincount(at, counts.count[mine] * np.asarray(values, float)[column[mine]], steps)
    return Means(
        from_tick=ticks[0],
        step=step,
        values=[float(total / n) if n else None for total, n in zip(sums, number, strict=True)],
        events=[int(n) for n in number],
    )


def _bins(counts: LoadedCounts, signal: Signal) -> list[int]:
    column = counts.cell % COLUMNS - OFFSETS[signal.name]
    mine = (column >= 0) & (column < len(signal.bins))
    return [int(n) for n in np.bincount(column[mine], counts.count[mine], len(signal.bins))]


def _strata(own: Mapping[int, Slice], before: LoadedCounts, since: LoadedCounts) -> dict[str, tuple[int, int]]:
    """By name, from the signal that every event is counted in: what the guardrail judged."""
    verdicts = next(one for one in SIGNALS if one.name == "verdict_mix")
    sums: dict[str, list[int]] = {}
    for place, counts in enumerate((before, since)):
        column = counts.cell % COLUMNS - OFFSETS[verdicts.name]
        mine = (column >= 0) & (column < len(verdicts.bins))
        ids, at = np.unique(counts.cell[mine] // COLUMNS, return_inverse=True)
        for number, events in zip(ids.tolist(), np.bincount(at, counts.count[mine], len(ids)), strict=True):
            sums.setdefault(stratum_of(own[number]), [0, 0])[place] += int(events)
    ranked = sorted(sums.items(), key=lambda item: (-sum(item[1]), item[0]))
    return {name: (old, new) for name, (old, new) in ranked}
