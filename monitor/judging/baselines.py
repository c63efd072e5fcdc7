"""Baselines by hand: propose a window, look at the levels it would give, approve it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from detectors.level import Level, LevelReason
from monitor.clock import DAY_MS, HOUR_MS
from monitor.counts.cuts import of_slices
from monitor.counts.model import LoadedCounts, Slice
from monitor.counts.units import family_of, is_scoreless, is_whole, slices_counted_with, unit_of
from monitor.errors import NotFound, Refused
from monitor.incidents.words import duration
from monitor.judging.findings.promises import promise_of
from monitor.judging.history import kept_counts
from monitor.judging.judge_settings import UNITS_SHARE, JudgeSettings
from monitor.judging.ports import Baseline, BaselineState, JudgeStore
from monitor.judging.power import Power, power
from monitor.judging.watching.budget_split import stream_of
from monitor.judging.watching.from_baseline import (
    MaterialTest,
    NotTested,
    Window,
    agrees_with_itself,
    material_test,
    window_of,
)
from monitor.signals.registry import COLUMNS, LAYOUT, SIGNALS
from monitor.signals.signal import ALL

PRESENT_MS = HOUR_MS
"""The present traffic is measured over the last hour: of 1,000 streams that is some 60 MB of counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelView:
    """Level and limit of one question."""

    signal: str
    question: str
    direction: str
    rate: float | None
    """Mean in the window."""
    level: float | None
    """Its confidence limit."""
    limit: float | None
    """The limit that the mean must leave for a page: level x (1 + margin) + floor."""
    minimum_detectable: float | None
    """Nearest mean that would be found within a day at the present traffic and with its share of the budget."""
    reason: str
    margin: float | None = None
    """Relative distance from the level that a drift must exceed; as wide as the baseline's own wander, if that is
    wider than the usual one."""
    wander: float | None = None
    """Scatter of the ticks' own means around the rate beyond chance, relative to it."""
    bursts: float | None = None
    """Size of bursts: conversations judged alike, batches. Evidence counts only one of so many events."""
    too_small: bool = False
    """The baseline has too few events, or too few of the rare ones, for this question."""
    events: int = 0
    """Events of the baseline that the question applies to."""
    because: str = ""
    """The derivation of the limit from the window, in one line."""
    power: Power | None = None
    """What an hour, a day and a week would show at the present traffic, and what would show more."""
    promise: str = ""
    """What backs the rate of its false pages on this stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineView:
    """One baseline with what follows from it."""

    baseline: Baseline
    events: int
    strata: Sequence[str]
    homogeneous: bool
    levels: Sequence[LevelView]
    missing: str = ""
    """What it lacks to be more than provisional; empty where nothing."""


def matching_units(store: JudgeStore, *, guardrail: str, category: str | None, version: str | None) -> list[Slice]:
    """Units of a guardrail that have counts.

    Raises:
        NotFound: none has; the message names those that exist.
    """
    every = {unit_of(piece) for piece in store.slices().values()}
    scored = {family_of(unit) for unit in every if not is_scoreless(unit)}
    units = sorted(unit for unit in every if not is_scoreless(unit) or family_of(unit) not in scored)
    found = [
        unit
        for unit in units
        if unit.guardrail == guardrail
        and category in (None, unit.category)
        and version in (None, unit.guardrail_version)
    ]
    if not found:
        known = ", ".join(sorted({unit.guardrail for unit in units})[:20]) or "none"
        raise NotFound(f"no counts of guardrail {guardrail!r} with that category and version; known: {known}")
    return found


def approved_slices(store: JudgeStore) -> list[Slice]:
    """The slices that approved baselines hold counts of, in the order of their ids."""
    approved = store.baselines(state=BaselineState.approved)
    ids = {cell // COLUMNS for baseline in approved for cell in baseline.counts}
    slices = store.slices()
    return [slices[i] for i in sorted(ids & slices.keys())]


def propose(
    store: JudgeStore,
    rule: JudgeSettings,
    units: Sequence[Slice],
    *,
    ticks: tuple[int, int],
    without: Sequence[tuple[int, int]],
    actor: str,
    reason: str,
    now_ms: int,
) -> list[Baseline]:
    """Store a proposal for each unit: the counts of the window without the excluded stretches.

    Raises:
        Refused: the window holds too few events of a unit, or ticks that are not judged yet.
    """
    judged = store.judged_before()
    if judged is None or ticks[1] > judged:
        raise Refused(
            f"the window ends at {moment_of(ticks[1], rule)}, but only the time before "
            f"{moment_of(judged or 0, rule)} is judged; what is to be judged must not be in its own baseline"
        )
    counts = _without(store.counts(*ticks), without)
    slices = store.slices()
    proposals = []
    for unit in units:
        own = slices_counted_with(unit, slices)
        part = of_slices(counts, own)
        window = window_of(part, own, rule)
        if window.events < rule.baseline_events:
            if unit.category == ALL and len(units) > 1:
                continue  # what a guardrail denies is rarer than what it judges: its mix of categories can wait
            raise Refused(
                f"{unit.guardrail} {unit.category}: the window holds {window.events} events, a baseline needs "
                f"{rule.baseline_events} (baseline.events); choose a longer one"
            )
        cells, at = np.unique(part.cell, return_inverse=True)
        sums = np.zeros(len(cells), np.int64)
        np.add.at(sums, at, part.count)
        proposals.append(
            Baseline(
                id=0,
                unit=unit,
                state=BaselineState.proposed,
                from_tick=ticks[0],
                to_tick=ticks[1],
                effective_tick=None,
                counts=dict(zip(cells.tolist(), sums.tolist(), strict=True)),
                layout=LAYOUT.without(store.uncounted(*ticks)),
                approved_by=actor,
                reason=reason,
                created_at_ms=now_ms,
            )
        )
    with store.approval() as transaction:
        return [transaction.save_baseline(proposal) for proposal in proposals]


def approve(store: JudgeStore, baseline_id: int, *, actor: str, reason: str) -> Baseline:
    """Approve a proposal; the judge holds the unit to it from its next tick on.

    Raises:
        NotFound: there is no such baseline.
        Refused: it is no proposal, or of a release whose counts cannot be read any more.
    """
    baseline = _known(store, baseline_id)
    if baseline.state is not BaselineState.proposed:
        raise Refused(f"baseline {baseline_id} is {baseline.state.value}; only a proposed one can be approved")
    if not LAYOUT.shared(baseline.layout):
        raise Refused(
            f"baseline {baseline_id} holds no signal that this version of Driftline counts; propose the window anew"
        )
    approved = dataclasses.replace(
        baseline, state=BaselineState.approved, approved_by=actor, reason=reason or baseline.reason
    )
    with store.approval() as transaction:
        return transaction.save_baseline(approved)


def roll_back(store: JudgeStore, baseline_id: int, *, actor: str, reason: str, now_ms: int) -> Baseline:
    """Approve the counts of a replaced baseline again, as a new epoch from the judge's next tick on.

    Raises:
        NotFound: there is no such baseline.
        Refused: it was not replaced, no reason is given, or its counts cannot be read any more.
    """
    earlier = _known(store, baseline_id)
    if earlier.state is not BaselineState.replaced:
        raise Refused(f"baseline {baseline_id} is {earlier.state.value}; only a replaced one can be rolled back to")
    if not reason.strip():
        raise Refused("rolling a baseline back needs a reason")
    if not LAYOUT.shared(earlier.layout):
        raise Refused(f"baseline {baseline_id} holds no signal that this version counts; propose a window anew")
    again = dataclasses.replace(
        earlier,
        id=0,
        state=BaselineState.approved,
        effective_tick=None,
        approved_by=actor,
        reason=f"back to baseline {baseline_id}: {reason.strip()}",
        created_at_ms=now_ms,
    )
    with store.approval() as transaction:
        return transaction.save_baseline(again)


def _known(store: JudgeStore, baseline_id: int) -> Baseline:
    found = store.baseline(baseline_id)
    if found is None:
        raise NotFound(f"there is no baseline {baseline_id}; `driftline baseline show` lists them")
    return found


def views(
    store: JudgeStore, rule: JudgeSettings, baselines: Sequence[Baseline], *, streams: float | None = None
) -> Iterator[BaselineView]:
    """Each baseline with its levels, read off the counts of its window (or those kept with it).

    Args:
        store: holds the counts.
        rule: how they are judged.
        baselines: which.
        streams: the weight of all that share the budget; None: of those that have an approved baseline. Versions of
            one stream count once: those without events leave their share to the newest.
    """
    slices = store.slices()
    if streams is None:
        streams = weight_of((one.unit for one in store.baselines(state=BaselineState.approved)), rule)
    present = _present(store, rule)
    for baseline in baselines:
        own = slices_counted_with(baseline.unit, slices)
        window = window_of(of_slices(kept_counts(baseline), own), own, rule)
        span = (baseline.from_tick, baseline.to_tick)
        by_tick = window_of(of_slices(store.counts(*span), own), own, rule, span=span)
        if by_tick.events == window.events:
            window = by_tick  # tick by tick shows how much the level wanders
        now = window_of(of_slices(present[0], own), own, rule)
        weight = rule.weight(baseline.unit.guardrail)
        ticks = baseline.to_tick - baseline.from_tick
        traffic = Traffic(now, present[1]) if now.events else Traffic(window, ticks)
        yield BaselineView(
            baseline=baseline,
            events=window.events,
            strata=window.strata,
            homogeneous=agrees_with_itself(window),
            levels=list(
                _levels(
                    window,
                    rule,
                    traffic,
                    share=weight / max(streams, weight),
                    signals=LAYOUT.shared(baseline.layout),
                )
            ),
            missing=_missing(window, rule),
        )


def weight_of(units: Iterable[Slice], rule: JudgeSettings) -> float:
    """Total weight of the streams of these units in the budgets; guardrails as a whole have one of their own."""
    return sum(
        rule.weight(guardrail) for guardrail, _, _ in {stream_of(unit) for unit in units if not is_whole(unit)}
    )


def _present(store: JudgeStore, rule: JudgeSettings) -> tuple[LoadedCounts, int]:
    """Counts of the newest judged ticks, an hour of them, and how many ticks that is."""
    end = store.judged_before() or 0
    start = max(store.first_tick() or 0, end - max(1, PRESENT_MS // rule.tick_ms), 0)
    return store.counts(start, max(start, end)), max(1, end - start)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Amount of traffic: the counts of so many ticks."""

    counts: Window
    ticks: int

    def per_day(self, signal: int, rule: JudgeSettings) -> float:
        """Events a day to which the signal applies."""
        return float(self.counts.signal(SIGNALS[signal]).sum()) / max(1, self.ticks) * DAY_MS / rule.tick_ms


def _levels(
    window: Window, rule: JudgeSettings, traffic: Traffic, *, share: float, signals: Collection[str]
) -> Iterator[LevelView]:
    answers = {
        (s, q): _asked(window, rule, s, q)
        for s, kind in enumerate(SIGNALS)
        for q in range(len(kind.questions))
        if kind.name in signals
    }
    tested = [s for (s, _), answer in answers.items() if not isinstance(answer, str)]
    weights = {s: rule.signal(SIGNALS[s].name).weight for s in tested}
    per_day = rule.pages * UNITS_SHARE * DAY_MS / rule.page_period_ms * share
    for (s, q), answer in answers.items():
        question = SIGNALS[s].questions[q]
        names: dict[str, Any] = {
            "signal": SIGNALS[s].name,
            "question": question.name,
            "direction": question.direction.value,
        }
        if isinstance(answer, str):
            yield LevelView(**names, rate=None, level=None, limit=None, minimum_detectable=None, reason=answer)
            continue
        spend = per_day * weights[s] / sum(weights.values()) / tested.count(s)
        shows = power(answer.whole, answer.limit, events_per_day=traffic.per_day(s, rule), spend_per_day=spend)
        yield LevelView(
            **names,
            rate=answer.whole.rate,
            level=answer.whole.level,
            limit=answer.limit,
            minimum_detectable=shows.day,
            power=shows,
            promise=promise_of(
                SIGNALS[s].name, question.name, bursts=answer.whole.bursts, provisional=window.provisional
            ).value,
            reason=answer.whole.reason.value,
            margin=answer.whole.margin,
            wander=answer.whole.wander,
            bursts=answer.whole.bursts,
            events=answer.whole.events,
            too_small=answer.whole.reason is LevelReason.LEARNING,
            because=_because(answer.whole),
        )


def _missing(window: Window, rule: JudgeSettings) -> str:
    """Why the baseline is provisional, for people."""
    if not window.provisional:
        return ""
    if len(window.ticks) < 2:
        return "provisional: how its events scatter over time is not known, only their sums are kept"
    span = duration((int(window.ticks[-1] - window.ticks[0]) + 1) * rule.tick_ms)
    wanted = duration(rule.baseline_span_ms)
    return f"provisional: it spans {span} of at least {wanted} (baseline.span); until then limits are wider"


def _because(level: Level) -> str:
    """The way from the rate to the bound: confidence limit, margin (and why it is as wide as it is), floor."""
    most, sign = ("most", "+") if level.direction == "rise" else ("least", "-")
    wander = ""
    if level.reason is LevelReason.WIDENED:
        wander = ", as wide as the baseline itself wanders"
    elif level.wander > 0:
        wander = f" (the baseline wanders by {level.wander:.0%})"
    together = f"; {level.bursts:.2g} events come together and count as one" if level.bursts > 1 else ""
    if level.reason is LevelReason.SEASONAL:
        together += "; the level is that of the worst hours of the day"
    if level.provisional:
        together += f"; provisional: as if after {level.design:.2g} times fewer events"
    return (
        f"at {most} {level.level:.3g} with {level.confidence:.0%} confidence after {level.events:,} events, "
        f"{sign} a margin of {level.margin:.0%}{wander}, {sign} a floor of {level.floor:g}{together}"
    )


def _asked(window: Window, rule: JudgeSettings, signal: int, question: int) -> MaterialTest | str:
    """The test of a question, or why there is none."""
    if not rule.signal(SIGNALS[signal].name).enabled:
        return f"switched off (signals.{SIGNALS[signal].name}.enabled)"
    try:
        return material_test(window, signal, question)
    except NotTested as error:
        return str(error)


def moment_of(tick: int, rule: JudgeSettings) -> str:
    """The beginning of a tick, for people."""
    return f"{datetime.fromtimestamp(tick * rule.tick_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _without(counts: LoadedCounts, stretches: Sequence[tuple[int, int]]) -> LoadedCounts:
    keep = np.ones(len(counts.tick), np.bool_)
    for first, last in stretches:
        keep &= (counts.tick < first) | (counts.tick >= last)
    return counts.where(keep)
