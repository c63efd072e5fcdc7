"""From an alarm to a finding: when it began, how large it is, what carries it.

An alarm is rare, so here the counts of the excursion are read back from storage and looked at closely.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from detectors.alternatives import Bank, Unavailable, material
from detectors.attribution import Part, decompose
from detectors.onset import effect, onset
from detectors.recoupling import declared
from monitor.counts.model import Slice
from monitor.findings.model import ANY_CHANGE, Direction, Effect, Evidence, Finding, Kind, Promise, Share
from monitor.judging.findings.promises import promise_of
from monitor.judging.judge_settings import OURS, JudgeSettings
from monitor.judging.state import AnyChangeTest, Epoch, PageTest
from monitor.judging.watching.alternatives import notice_bank
from monitor.judging.watching.from_baseline import Window
from monitor.signals.registry import SIGNALS

DRIFTED: Final = 0.99
"""Weight of what was learned: an event that it never saw costs a factor 100, not everything."""
TOP: Final = 5
"""Strata and bins named in an attribution."""


def finding_id(unit: Slice, signal: str, question: str, tick: int) -> str:
    """Derived from what was found, so that a replay finds the same id."""
    name = json.dumps([*astuple(unit), signal, question, tick])
    return hashlib.sha256(name.encode()).hexdigest()[:16]


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
    """Where a dense bet raised it, the shares of the bins that the drift has gone to, in the one chosen stratum."""


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
    return Finding(
        id=finding_id(alarm.unit, signal.name, question.name, alarm.tick),
        guardrail=alarm.unit.guardrail,
        guardrail_version=alarm.unit.guardrail_version,
        category=alarm.unit.category,
        stage=alarm.unit.stage,
        signal=signal.name,
        question=question.name,
        stratum=_leading_stratum(alarm),
        kind=Kind.page,
        direction=question.direction,
        promise=promise_of(signal.name, question.name),
        onset_low_ms=int(ticks[start[0]]) * rule.tick_ms,
        onset_high_ms=(int(ticks[start[2]]) + 1) * rule.tick_ms,
        detected_at_ms=(alarm.tick + 1) * rule.tick_ms,
        paged_at_ms=(alarm.tick + 1) * rule.tick_ms,
        effect=_effect(after[chosen].sum(axis=0), values, before, start=since),
        evidence=Evidence(
            log_evidence=alarm.log_evidence,
            events=int(after[chosen].sum()),
            level=limit,
            detail=(
                f"{question.phrase}: {now:.4g} on average since the onset, "
                f"where at {'most' if way == 'rise' else 'least'} {limit:.4g} is approved"
            ),
        ),
        attribution=attribution(baseline, after, values, alarm.epoch.strata, signal.bins),
    )


def notice(alarm: Alarm, watch: AnyChangeTest, rule: JudgeSettings) -> Finding:
    """The finding of an any-change test. Its onset and effect are those of the bin that moved most."""
    signal = SIGNALS[watch.signal]
    baseline = np.asarray(alarm.epoch.baseline[watch.signal], np.int64)
    laws = [declared(row if row.sum() else baseline.sum(axis=0)) for row in baseline]
    banks = [notice_bank(signal, q) if alarm.drifted is None else _towards(alarm.drifted, q) for q in laws]
    chosen = alarm.chosen
    table = alarm.excursion.signal(signal)
    start = _onset(table, banks, chosen)
    after = table[start[1] :].sum(axis=0)
    old, new = baseline[chosen].sum(axis=0), after[chosen].sum(axis=0)
    moved = int(np.argmax(np.abs(new / max(new.sum(), 1) - old / max(old.sum(), 1))))
    # What carries the change is told by the signal's first question, or by the bin itself where it asks none.
    values = np.asarray(signal.questions[0].values) if signal.questions else np.eye(len(signal.bins))[moved]
    x, before = np.eye(len(signal.bins))[moved], float(old[moved] / max(old.sum(), 1))
    ticks = alarm.excursion.ticks
    since = int(ticks[start[1]]) - watch.armed_tick + 1
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
        promise=promise_of(signal.name, ANY_CHANGE, bursts=watch.bursts)
        if alarm.detector == OURS
        else Promise.uncalibrated,
        onset_low_ms=int(ticks[start[0]]) * rule.tick_ms,
        onset_high_ms=(int(ticks[start[2]]) + 1) * rule.tick_ms,
        detected_at_ms=(alarm.tick + 1) * rule.tick_ms,
        effect=_effect(new, x, before, start=since, choices=len(signal.bins)),
        evidence=Evidence(
            log_evidence=alarm.log_evidence,
            events=int(new.sum()),
            level=None,
            detail=f"{_claim(alarm)}; the share of {signal.bins[moved]!r} moved most",
        ),
        attribution=attribution(baseline, after, values, alarm.epoch.strata, signal.bins),
    )


def _limit(limits: list[float], chosen: list[int], after: NDArray[np.int64]) -> float:
    """What the mean is held to: the strata's bounds in today's mix, so that the mix alone is not a change."""
    bounds, events = np.asarray(limits)[chosen], after[chosen].sum(axis=1)
    return float(bounds @ events / events.sum()) if events.sum() else float(bounds.mean())


def end_level(finding: Finding, limit: float) -> float:
    """The drifted level that a test for the end must reject: halfway, on a log scale, from the bound to the drift."""
    if finding.direction is Direction.fall:
        return float(1.0 - np.sqrt((1.0 - limit) * (1.0 - min(limit, finding.effect.current))))
    return float(np.sqrt(limit * max(limit, finding.effect.current)))


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
        return f"river.{alarm.detector} says drift, at a rate of false alarms that nobody promises"
    return f"not exchangeable with its own history{'' if alarm.drifted is None else ' (a diffuse change)'}"


def _towards(drifted: NDArray[np.float64], q: NDArray[np.float64]) -> Bank:
    """The one bet on the law that a dense bet has learned; a little of q keeps every e-value positive."""
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
        raise AssertionError("an alarm of a test without bets")
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
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    values: NDArray[np.float64],
    strata: list[str],
    bins: tuple[str, ...],
) -> tuple[Share, ...]:
    """Mix and behaviour, then the strata and the bins that carry the change, each kind by its share."""
    if before.sum() == 0 or after.sum() == 0:
        return ()
    parts = decompose(before, after, values)
    whole = abs(parts.mix) + abs(parts.behaviour)
    shares = []
    if whole > 0:
        shares = [
            Share(what="mix", name="who asks", share=abs(parts.mix) / whole),
            Share(what="behaviour", name="how it is judged", share=abs(parts.behaviour) / whole),
        ]
    if len(strata) > 1:
        shares += _named("stratum", parts.strata_behaviour, strata)
    return (*shares, *_named("bin", parts.bins, bins))


def _named(what: str, parts: tuple[Part, ...], names: list[str] | tuple[str, ...]) -> list[Share]:
    return [Share(what=what, name=names[part.index], share=part.share) for part in parts[:TOP] if part.share > 0]


def coverage_finding(
    *,
    name: str,
    question: str,
    tick: int,
    kind: Kind,
    direction: Direction,
    onset_ms: tuple[int, int],
    at_ms: int,
    effect: Effect,
    events: int,
    detail: str,
) -> Finding:
    """What a rule says of a guardrail's events as such, whatever they carry."""
    unit = Slice.of_guardrail(name)
    return Finding(
        id=finding_id(unit, "coverage", question, tick),
        guardrail=name,
        guardrail_version="",
        category="",
        signal="coverage",
        question=question,
        stratum="",
        kind=kind,
        direction=direction,
        promise=promise_of("coverage", question),
        onset_low_ms=onset_ms[0],
        onset_high_ms=onset_ms[1],
        detected_at_ms=at_ms,
        paged_at_ms=at_ms if kind is Kind.page else None,
        effect=effect,
        evidence=Evidence(log_evidence=0.0, events=events, level=None, detail=detail),
    )
