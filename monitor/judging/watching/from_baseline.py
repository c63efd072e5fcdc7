"""Builds the tests of a unit from its baseline: strata, levels, banks.

Strata with enough baseline stand on their own; the rest, and whatever is never seen in the baseline, is pooled
and tested against the level of the whole unit where its own is stricter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from detectors.alternatives import Bank, Unavailable, material
from detectors.dependence import ALONE, FEWEST, SCALES, SPANS, measure, measure_bins
from detectors.level import FEWEST as FEWEST_EVENTS
from detectors.level import Level, bursts, propose
from detectors.recoupling import MAX_REFERENCE, declared, split_of
from monitor.clock import DAY_MS, HOUR_MS
from monitor.counts.cuts import observations
from monitor.counts.model import LoadedCounts, Slice
from monitor.counts.units import REST, stratum_of
from monitor.findings.model import Direction
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.watching.alternatives import dense_share, notice_bank
from monitor.signals import request_join
from monitor.signals.registry import COLUMNS, OBSERVATIONS, OFFSETS, SIGNALS, USED_COLUMNS
from monitor.signals.signal import Question, Signal

HOMOGENEITY_SD = 5.0
"""Halves of a baseline whose means differ by more than 5 standard errors (2 in 3 million) do not agree."""
BURSTS_SD = 4.0
"""Standard errors beyond chance from which a bin's events count as bursts: a signal has up to 20 bins."""
MISSES_AT_MOST = 0.2
"""Share of outputs of which a signal may learn nothing. Were all that is missed clean, the mean over everything would
be .8 of the mean of what is found: as far off as the margin of 1.25 of the proposed level allows for."""


ROWS: Final = 2_500
"""Rows of a window: ticks of longer ones are put together, four at a time, of a day of 10 s ticks once. What hangs
together within four ticks shows in longer blocks as well; a week of ticks would take gigabytes."""


class NotTested(Exception):  # noqa: N818 - an answer, not a failure
    """A signal or question cannot be tested on this unit; the message gives the reason."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A baseline's counts of one unit: int64 (ticks, strata, columns), ticks without events left out."""

    ticks: NDArray[np.int64]
    strata: tuple[str, ...]
    counts: NDArray[np.int64]
    provisional: bool = False
    """It spans too little time to show how its events hang together, or does not show it."""
    hours: NDArray[np.int64] | None = None
    """Hour of the day of each tick (UTC), where it spans a day."""

    def signal(self, signal: Signal) -> NDArray[np.int64]:
        """(ticks, strata, bins) of one signal."""
        first = OFFSETS[signal.name]
        return self.counts[:, :, first : first + len(signal.bins)]

    @property
    def events(self) -> int:
        """Observations of the window: its events or, of pooled signals, those that they apply to."""
        return int(self.counts[:, :, OBSERVATIONS[:USED_COLUMNS]].sum())


def window_of(
    loaded: LoadedCounts, slices: Mapping[int, Slice], rule: JudgeSettings, *, span: tuple[int, int] | None = None
) -> Window:
    """Arrange the counts of one unit's slices; which strata stand alone is decided here.

    Args:
        loaded: counts of the window, of this unit's slices only.
        slices: the unit's slices by id.
        rule: how they are judged.
        span: ticks of the window, half-open; by default from the first to the last that has an event.
    """
    names = {i: stratum_of(piece) for i, piece in slices.items()}
    size: dict[str, int] = {}
    seen = observations(loaded)
    for i, n in zip(seen.cell.tolist(), seen.count.tolist(), strict=True):
        size[names[i]] = size.get(names[i], 0) + n
    large = sorted((name for name, n in size.items() if n >= rule.stratum_events), key=lambda s: (-size[s], s))
    strata = (*large[: rule.strata], REST) if len(large) > 1 else ("",)
    return as_baseline(arrange(shortened(loaded, span), slices, strata), rule, span=span)


def shortened(counts: LoadedCounts, span: tuple[int, int] | None = None) -> LoadedCounts:
    """The counts in no more than :data:`ROWS` stretches of time, each under the number of its first tick."""
    if not len(counts.tick):
        return counts
    first, end = span or (int(counts.tick[0]), int(counts.tick[-1]) + 1)
    together = stretch_of(end - first)
    return LoadedCounts(counts.tick // together * together, counts.cell, counts.count)


def stretch_of(span: int) -> int:
    """Ticks that one row of a window of so many ticks holds."""
    together = 1
    while span > ROWS * together:
        together *= SCALES[1]
    return together


def as_baseline(window: Window, rule: JudgeSettings, *, span: tuple[int, int] | None = None) -> Window:
    """The window with what its length allows to say of it."""
    if not len(window.ticks):
        return window
    ticks = _span(window) if span is None else span[1] - span[0]
    short = len(window.ticks) < 2 or ticks * rule.tick_ms < rule.baseline_span_ms
    if not short and rule.baseline_span_ms and ticks < SPANS * SCALES[-1]:
        short = ticks < SPANS * _longest(window)
    day = not short and ticks * rule.tick_ms >= DAY_MS
    return replace(
        window,
        provisional=short and rule.baseline_span_ms > 0,
        hours=window.ticks * rule.tick_ms // HOUR_MS % 24 if day else None,
    )


def _longest(window: Window) -> int:
    """The longest scale of dependence, in ticks, that any question shows."""
    return max(
        (
            measure(window.signal(kind).sum(axis=1), question.values, ticks=window.ticks).scale
            for kind in SIGNALS
            for question in kind.questions
            if window.signal(kind).any()
        ),
        default=1,
    )


def place_of(piece: Slice, strata: Sequence[str]) -> int:
    """Which of the tested strata a slice counts in."""
    name = stratum_of(piece)
    return strata.index(name) if name in strata else len(strata) - 1


def arrange(loaded: LoadedCounts, slices: Mapping[int, Slice], strata: Sequence[str]) -> Window:
    """Counts of one unit's slices by tick, tested stratum and column."""
    place = {i: place_of(piece, strata) for i, piece in slices.items()}
    ticks, row = np.unique(loaded.tick, return_inverse=True)
    table = np.zeros((len(ticks), len(strata), USED_COLUMNS), np.int64)
    stratum = np.array([place[i] for i in (loaded.cell // COLUMNS).tolist()], np.int64)
    np.add.at(table, (row, stratum, loaded.cell % COLUMNS), loaded.count)
    return Window(ticks, tuple(strata), table)


def agrees_with_itself(window: Window) -> bool:
    """Whether the two halves of the window show the same means in every question (homogeneity check)."""
    half = len(window.ticks) // 2
    if half < 1:
        return True
    for signal in SIGNALS:
        table = window.signal(signal).sum(axis=1)
        for question in signal.questions:
            x = np.asarray(question.values)
            first, second = table[:half].sum(axis=0), table[half:].sum(axis=0)
            n1, n2 = first.sum(), second.sum()
            if n1 == 0 or n2 == 0:
                continue
            pooled = (first + second) / (n1 + n2)
            variance = float(pooled @ x**2 - (pooled @ x) ** 2) * (1 / n1 + 1 / n2)
            # Plus one event's worth of variance, so that the first rare events of a half are no contradiction.
            variance += float((1 / n1 + 1 / n2) ** 2)
            if abs(first @ x / n1 - second @ x / n2) > HOMOGENEITY_SD * np.sqrt(variance):
                return False
    return True


@dataclass(frozen=True, slots=True, eq=False)
class MaterialTest:
    """One question, ready for the evidence engine."""

    signal: int
    question: int
    banks: Sequence[Bank]
    """One for each of ``strata``."""
    strata: list[int]
    """The strata that can be tested. One without alternatives would gather spend and no evidence."""
    limits: list[float]
    """Per stratum of the window; NaN where it cannot be tested."""
    whole: Level
    limit: float
    n_ref: float


@dataclass(frozen=True, slots=True, eq=False)
class NoticeTest:
    """The any-change test of one signal: per stratum a bank, the declared law q, and the first reference."""

    signal: int
    banks: Sequence[Bank]
    laws: Sequence[NDArray[np.float64]]
    references: Sequence[NDArray[np.int64]]
    n_ref: float
    bursts: float
    """Size of bursts in the baseline, in the bin with the largest; 1 where events come alone."""
    dense_n_ref: Sequence[float]
    """Events of a full tick of each stratum, whose dense test goes by them alone; empty without dense tests."""


def material_test(window: Window, signal: int, question: int) -> MaterialTest:
    """The test of one question against the baseline.

    Raises:
        NotTested: when the baseline holds nothing of the signal, or leaves the level no room.
    """
    kind, asked = SIGNALS[signal], SIGNALS[signal].questions[question]
    _found_enough(window, kind)
    table = window.signal(kind)
    events = int(table.sum())
    if events == 0:
        raise NotTested(kind.unavailable)
    whole = _proposed(window, table.sum(axis=1), asked)
    try:
        limit = whole.limit
    except Unavailable as error:
        raise NotTested(str(error)) from error
    banks: list[Bank | None] = []
    limits: list[float] = []
    for stratum in range(len(window.strata)):
        bound = limit
        if len(window.strata) > 1:
            rest = stratum == len(window.strata) - 1
            bound = _stratum_limit(window, table[:, stratum], asked, limit=limit, rest=rest)
        try:
            bank = material(asked.values, level=bound, direction=_way(asked), bursts=whole.bursts)
        except Unavailable:
            bank, bound = None, float("nan")
        banks.append(bank)
        limits.append(bound)
    tested = [stratum for stratum, bank in enumerate(banks) if bank is not None]
    if not tested:
        raise NotTested("no stratum's level leaves room for the test")
    return MaterialTest(
        signal=signal,
        question=question,
        banks=[bank for bank in banks if bank is not None],
        strata=tested,
        limits=limits,
        whole=whole,
        limit=limit,
        n_ref=max(1.0, float(table[:, tested].sum()) / _span(window)),
    )


def notice_test(window: Window, signal: int) -> NoticeTest:
    """The any-change test of one signal.

    Raises:
        NotTested: when the baseline holds nothing of the signal, or it is counted only.
    """
    kind = SIGNALS[signal]
    _found_enough(window, kind)
    table = window.signal(kind)
    if table.sum() == 0 or not kind.alternatives:
        raise NotTested(kind.unavailable)
    running = table.sum(axis=(1, 2)).cumsum()
    cut = int(np.searchsorted(running, split_of(int(running[-1]), table[0].size))) + 1  # stays out of the references
    laws = []
    for stratum in range(len(window.strata)):
        split = table[:cut, stratum].sum(axis=0)
        laws.append(declared(split if split.sum() else table[:cut].sum(axis=(0, 1))))
    return NoticeTest(
        signal=signal,
        banks=[notice_bank(kind, q) for q in laws],
        laws=laws,
        references=[_reference(table[cut:, stratum].sum(axis=0)) for stratum in range(len(window.strata))],
        n_ref=max(1.0, float(table.sum()) / _span(window)),
        bursts=_bursts(table.sum(axis=1).astype(np.float64), window.ticks),
        dense_n_ref=[max(1.0, float(events) / _span(window)) for events in table.sum(axis=(0, 2))]
        if dense_share(kind)
        else [],
    )


def _bursts(table: NDArray[np.float64], ticks: NDArray[np.int64]) -> float:
    """How many events come together in the bin where most do; a season, which is no more exchangeable, counts too."""
    if len(table) < FEWEST:
        return ALONE.design
    mass = table.sum(axis=0)
    # with fewer events there are too few stretches of them
    each = np.eye(table.shape[1])[np.minimum(mass, mass.sum() - mass) >= FEWEST_EVENTS]
    short = max((bursts(table, one, sd=BURSTS_SD) for one in each), default=1.0)
    return max(short, measure_bins(table, ticks=ticks, sd=BURSTS_SD).design)


def missed_of(signal: Signal) -> NDArray[np.bool_]:
    """bool (bins of request_join,): in which of them the signal learns nothing of an output."""
    return np.isin(request_join.BINS, signal.misses)


def miss_reason(signal: Signal, share: float) -> str:
    """Why a signal is unavailable of whose outputs that share was missed; for people."""
    what = "input verdict" if "no input" in signal.misses else "refusal surface"
    return (
        f"of {share:.0%} of the outputs no {what} of their request was found in the partition; at most "
        f"{MISSES_AT_MOST:.0%} may be missed: key the topic by conversation, log the request id with every event, "
        "or raise limits.join_window"
    )


def miss_share(window: Window, signal: Signal) -> float:
    """Share of the window's outputs of which the signal learns nothing."""
    joins = window.signal(request_join.SIGNAL).sum(axis=(0, 1))
    return float(joins[missed_of(signal)].sum() / max(joins.sum(), 1))


def _found_enough(window: Window, signal: Signal) -> None:
    """Raises NotTested where too many of the baseline's joins found nothing."""
    share = miss_share(window, signal)
    if share > MISSES_AT_MOST:
        raise NotTested(miss_reason(signal, share))


def _reference(history: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first reference; scaled down where it is larger than one may be, which costs no power worth naming."""
    return (
        history if history.sum() <= MAX_REFERENCE // 2 else history // -(-int(history.sum()) // (MAX_REFERENCE // 2))
    )


def _span(window: Window) -> int:
    """Ticks from the first to the last event of the window."""
    return int(window.ticks[-1] - window.ticks[0]) + 1


def _stratum_limit(
    window: Window, per_tick: NDArray[np.int64], question: Question, *, limit: float, rest: bool
) -> float:
    """m of one stratum; the pooled rest is held to the whole unit's where its own is stricter."""
    if per_tick.sum() == 0:
        return limit
    try:
        own = _proposed(window, per_tick, question).limit
    except Unavailable:
        return float("nan")
    if not rest:
        return own
    return max(own, limit) if question.direction is Direction.rise else min(own, limit)


def _proposed(window: Window, per_tick: NDArray[np.int64], question: Question) -> Level:
    return propose(
        per_tick,
        question.values,
        direction=_way(question),
        ticks=window.ticks,
        hours=window.hours,
        provisional=window.provisional,
    )


def _way(question: Question) -> Literal["rise", "fall"]:
    return "fall" if question.direction is Direction.fall else "rise"
