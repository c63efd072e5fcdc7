"""Describes an alarm as a finding: its onset, its size, and the parts that carry it.

An alarm is rare, so here the counts of the excursion are read back from storage and looked at closely.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import Final, Literal

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from detectors.alternatives import Bank, Unavailable, material
from detectors.attribution import Part, decompose
from detectors.onset import effect, onset
from detectors.recoupling import declared
from monitor.counts.model import Slice
from monitor.findings.model import (
    ANY_CHANGE,
    Contribution,
    Direction,
    Effect,
    Evidence,
    Finding,
    Kind,
    Near,
    Promise,
    Unit,
)
from monitor.incidents.words import amount, change
from monitor.judging.findings.build import finding_id
from monitor.judging.findings.moved import moved
from monitor.judging.findings.promises import promise_of
from monitor.judging.judge_settings import OURS, JudgeSettings
from monitor.judging.state import AnyChangeTest, Epoch, PageTest
from monitor.judging.watching.alternatives import notice_bank
from monitor.judging.watching.from_baseline import Window
from monitor.signals.registry import SIGNALS
from monitor.signals.signal import Question, Signal

DRIFTED: Final = 0.99
"""Weight of what was learned: an event that it never saw costs a factor 100, not everything."""
TOP: Final = 5
"""Strata and bins named in an attribution."""
Table = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Alarm:
    """A test over its threshold, with the counts of its excursion (ticks up to and including the alarm's)."""

    unit: Slice
    epoch: Epoch
    tick: int
    log_evidence: float
    chosen: list[int]
    """Strata whose evidence it is: one slice, or all that the test looks at."""
    excursion: Window
    detector: str = OURS
    """Or the river detector that raised it."""
    drifted: NDArray[np.float64] | None = None
    """Where a dense test raised it: the estimated bin distribution after the change, in the one chosen stratum."""


def page(alarm: Alarm, watch: PageTest, rule: JudgeSettings) -> Finding:
    """The finding of a material test."""
    signal = SIGNALS[watch.signal]
    question = signal.questions[watch.question]
    values = np.asarray(question.values)
    way: Literal["rise", "fall"] = "fall" if question.direction is Direction.fall else "rise"
    banks = [_material(question.values, m, way, watch.bursts) for m in watch.limits]
    chosen = alarm.chosen
    table, baseline = alarm.excursion.signal(signal), np.asarray(alarm.epoch.baseline[watch.signal], np.int64)
    start = _onset(table, banks, chosen)
    after = table[start[1] :].sum(axis=0)
    before, now = _mean(baseline[chosen], values), _mean(after[chosen], values)
    limit = _limit(watch.limits, chosen, after)
    ticks = alarm.excursion.ticks
    since = int(ticks[start[1]]) - watch.armed_tick + 1
    effect_ = _effect(after[chosen].sum(axis=0), values, before, start=since)
    unit = Unit.share if question.is_share else Unit.weight
    near = near_shares(question, baseline[chosen], after[chosen], rises=now >= before)
    most = "most" if way == "rise" else "least"
    return Finding(
        id=finding_id(alarm.unit, signal.name, question.name, alarm.tick),
        guardrail=alarm.unit.guardrail,
        guardrail_version=alarm.unit.guardrail_version,
        category=alarm.unit.category,
        stage=alarm.unit.stage,
        signal=signal.name,
        question=question.name,
        stratum=_leading_stratum(alarm),
        kind=Kind.page if question.pages else Kind.notice,
        direction=question.direction,
        promise=promise_of(signal.name, question.name, bursts=watch.bursts, provisional=alarm.epoch.provisional),
        onset_low_ms=int(ticks[start[0]]) * rule.tick_ms,
        onset_high_ms=(int(ticks[start[2]]) + 1) * rule.tick_ms,
        detected_at_ms=(alarm.tick + 1) * rule.tick_ms,
        paged_at_ms=(alarm.tick + 1) * rule.tick_ms if question.pages else None,
        effect=replace(effect_, unit=unit, near=near, summary=near_summary(near, int(after[chosen].sum()))),
        evidence=Evidence(
            log_evidence=alarm.log_evidence,
            events=int(after[chosen].sum()),
            level=limit,
            detail=(
                f"{question.phrase}: {amount(now, unit)} since the onset, at {most} {amount(limit, unit)} is approved"
            ),
        ),
        attribution=attribution(
            baseline, after, values, alarm.epoch.strata, signal.bins, direction=question.direction
        ),
    )


def near_shares(question: Question, before: Table, after: Table, *, rises: bool) -> Near | None:
    """Both shares of the events that weigh anything at all.

    None where the mean is a share itself, or where the mean moved the other way (``rises``): two levels of which one
    rises and one falls only confuse.
    """
    if question.is_share or not before.any() or not after.any():
        return None
    near = np.asarray(question.values) > 0
    old, new = before.sum(axis=0), after.sum(axis=0)
    old_share, new_share = float(old[near].sum() / old.sum()), float(new[near].sum() / new.sum())
    if (new_share >= old_share) != rises:
        return None
    return Near(what=question.near, baseline=old_share, current=new_share)


def near_summary(near: Near | None, events: int = 0) -> str:
    """``share of scores within 0.1 of the decision threshold 1.1 % -> 10.3 % (21 of 204)``; empty without shares."""
    if near is None:
        return ""
    return f"{near.what} {change(Effect(baseline=near.baseline, current=near.current, ratio=None), events=events)}"


def notice(alarm: Alarm, watch: AnyChangeTest, rule: JudgeSettings) -> Finding:
    """The finding of an any-change test. Its effect is that of the part that shows the change best (``moved``)."""
    signal = SIGNALS[watch.signal]
    baseline = np.asarray(alarm.epoch.baseline[watch.signal], np.int64)
    table, chosen = alarm.excursion.signal(signal), alarm.chosen
    if watch.armed_tick > alarm.epoch.effective_tick:  # begun anew since: held against what came after that
        start = _onset(table, _banks(signal, table.sum(axis=0), alarm.drifted), chosen)
        history = table[: start[1]].sum(axis=0)
        baseline = history if history[chosen].any() else baseline
    else:
        start = _onset(table, _banks(signal, baseline, alarm.drifted), chosen)
    after = table[start[1] :].sum(axis=0)
    old, new = baseline[chosen].sum(axis=0), after[chosen].sum(axis=0)
    old = old if old.any() else baseline.sum(axis=0)  # a slice that was never seen is held to all of them
    part = moved(signal, old, new)
    x = part.values
    before = float(old @ x / max(old.sum(), 1))
    ticks = alarm.excursion.ticks
    since = int(ticks[start[1]]) - watch.armed_tick + 1
    effect_ = replace(
        _effect(new, x, before, start=since, choices=part.choices),
        what=part.what,
        bins=tuple(name for name, inside in zip(signal.bins, x.tolist(), strict=True) if inside),
    )
    way = Direction.rise if effect_.current >= before else Direction.fall
    return Finding(
        id=finding_id(alarm.unit, signal.name, ANY_CHANGE, alarm.tick),
        guardrail=alarm.unit.guardrail,
        guardrail_version=alarm.unit.guardrail_version,
        category=alarm.unit.category,
        stage=alarm.unit.stage,
        signal=signal.name,
        question=ANY_CHANGE,
        stratum=_leading_stratum(alarm),
        kind=Kind.notice,
        direction=Direction.change,
        promise=promise_of(signal.name, ANY_CHANGE, bursts=watch.bursts, provisional=alarm.epoch.provisional)
        if alarm.detector == OURS
        else Promise.uncalibrated,
        onset_low_ms=int(ticks[start[0]]) * rule.tick_ms,
        onset_high_ms=(int(ticks[start[2]]) + 1) * rule.tick_ms,
        detected_at_ms=(alarm.tick + 1) * rule.tick_ms,
        effect=effect_,
        evidence=Evidence(
            log_evidence=alarm.log_evidence,
            events=int(new.sum()),
            level=None,
            detail=_claim(alarm),
        ),
        attribution=attribution(baseline, after, x, alarm.epoch.strata, signal.bins, direction=way),
    )


def _banks(signal: Signal, history: Table, drifted: NDArray[np.float64] | None) -> list[Bank]:
    """The alternatives of the test where this (strata, bins) is normal; of a stratum that it lacks, the rest is."""
    laws = [declared(row if row.sum() else history.sum(axis=0)) for row in history]
    return [notice_bank(signal, q) if drifted is None else _towards(drifted, q) for q in laws]


def unchanged(finding: Finding) -> bool:
    """Whether every bin has the same share since the onset as before it, as where all events lie in one bin.

    The test compares with a history at random where this leaves a choice, so that it is exact; by that chance it may
    alarm although nothing has happened. ``moved`` has looked at all bins: if its part has not moved, none has.
    """
    return finding.effect.current == finding.effect.baseline


def _limit(limits: list[float], chosen: list[int], after: NDArray[np.int64]) -> float:
    """The bound of the mean: the strata's bounds in today's mix, so that the mix alone is not a change."""
    bounds, events = np.asarray(limits)[chosen], after[chosen].sum(axis=1)
    return float(bounds @ events / events.sum()) if events.sum() else float(bounds.mean())


def _leading_stratum(alarm: Alarm) -> str:
    """The slice, if it is one of several that carries the evidence."""
    return alarm.epoch.strata[alarm.chosen[0]] if len(alarm.chosen) == 1 < len(alarm.epoch.strata) else ""


def _material(values: tuple[float, ...], limit: float, way: Literal["rise", "fall"], bursts: float) -> Bank | None:
    try:
        return material(values, level=limit, direction=way, bursts=bursts)
    except Unavailable:
        return None


def _claim(alarm: Alarm) -> str:
    if alarm.detector != OURS:
        return f"river.{alarm.detector} found a drift, without a promised rate of false alarms"
    spread = "" if alarm.drifted is None else ", by a change that is spread over many bins"
    return f"the events since the onset are not exchangeable with those before{spread}"


def _towards(drifted: NDArray[np.float64], q: NDArray[np.float64]) -> Bank:
    """The one alternative, the law that a dense test has learned; a little of q keeps every e-value positive."""
    return Bank(np.log(DRIFTED * drifted / q + (1 - DRIFTED))[:, None], np.zeros(1))


def _onset(
    table: NDArray[np.int64], banks: list[Bank | None] | list[Bank], chosen: list[int]
) -> tuple[int, int, int]:
    """(first, best, last) index into the excursion's ticks."""
    log_e: NDArray[np.float64] | None = None
    for stratum in chosen:
        bank = banks[stratum]
        if bank is not None:
            part = table[:, stratum] @ bank.log_e
            log_e = part if log_e is None else log_e + part
    if log_e is None:
        raise AssertionError("an alarm of a test without alternatives")
    found = onset(log_e)
    return found.first, found.best, found.last


def _mean(table: NDArray[np.int64], values: NDArray[np.float64]) -> float:
    total = int(table.sum())
    return float(table.sum(axis=0) @ values / total) if total else 0.0


def _effect(
    after: NDArray[np.int64], values: NDArray[np.float64], before: float, *, start: int, choices: int = 1
) -> Effect:
    if not after.any():
        return Effect(baseline=before, current=0.0, ratio=0.0 if before > 0 else None)
    size = effect(after, values, baseline=before, start=max(1, start), choices=choices)
    ratio = size.current / before if before > 0 else None
    return Effect(baseline=before, current=size.current, ratio=ratio, low=size.low, high=size.high)


def attribution(
    before: Table,
    after: Table,
    values: NDArray[np.float64],
    strata: list[str],
    bins: tuple[str, ...],
    *,
    direction: Direction,
) -> tuple[Contribution, ...]:
    """Mix and behaviour, then the strata and the bins that carry the change, each kind by its share.

    What could not be otherwise is left out: mix and behaviour where there is one stratum, the bins where one alone
    has a value, and those that only make room for the others.
    """
    if before.sum() == 0 or after.sum() == 0:
        return ()
    parts = decompose(before, after, values)
    whole = abs(parts.mix) + abs(parts.behaviour)
    shares: list[Contribution] = []
    if len(strata) > 1:
        if whole > 0:
            shares = [
                Contribution(what="mix", name="who asks", share=abs(parts.mix) / whole),
                Contribution(what="behaviour", name="how it is judged", share=abs(parts.behaviour) / whole),
            ]
        shares += _named("stratum", parts.strata_behaviour, strata)
    valued = np.flatnonzero(values > 0)
    if len(valued) < 2:
        return tuple(shares)
    sign = -1 if direction is Direction.fall else 1
    grown = [part for part in parts.bins if part.index in valued and part.amount * sign > 0]
    total = sum(abs(part.amount) for part in grown)
    return (*shares, *_named("bin", tuple(replaced(part, share=abs(part.amount) / total) for part in grown), bins))


def _named(what: str, parts: tuple[Part, ...], names: list[str] | tuple[str, ...]) -> list[Contribution]:
    return [
        Contribution(what=what, name=names[part.index], share=part.share) for part in parts[:TOP] if part.share > 0
    ]
