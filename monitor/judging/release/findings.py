"""The finding about a release: a notice while it is compared, a page if it has regressed."""

from __future__ import annotations

import msgspec
import numpy as np

from detectors.slicewise import SliceJudgement
from monitor.counts.model import Slice
from monitor.findings.model import Contribution, Direction, Effect, Evidence, Finding, Kind, Unit
from monitor.incidents.words import amount, change
from monitor.judging.findings.build import build, finding_id
from monitor.judging.findings.describe import Table, attribution, near_shares, near_summary
from monitor.judging.release.compare import judge, overall
from monitor.judging.release.state import Comparing, Verdict
from monitor.signals.registry import OFFSETS, SIGNALS
from monitor.signals.signal import Question

SIGNAL = "release_delta"


def opened(one: Comparing, unit: Slice, *, tick: int, tick_ms: int) -> Finding:
    """The comparison has begun: undecided yet."""
    found = build(
        unit,
        SIGNAL,
        one.what,
        tick=tick,
        tick_ms=tick_ms,
        kind=Kind.notice,
        direction=Direction.change,
        onset_ms=(one.first_tick * tick_ms, (one.first_tick + 1) * tick_ms),
        effect=Effect(
            baseline=0.0, current=0.0, ratio=None, summary=f"{_release(one)}: too few requests to compare yet"
        ),
        evidence=Evidence(log_evidence=0.0, events=one.events, level=None, detail=""),
        stage=unit.stage,
    )
    first_seen = finding_id(unit, SIGNAL, f"{one.what} {one.release}", one.first_tick)
    return msgspec.structs.replace(found, id=first_seen)


def judged(
    one: Comparing, finding: Finding, looks: list[tuple[Verdict, SliceJudgement]], *, tick: int, tick_ms: int
) -> Finding:
    """The same finding with the present result."""
    outcome = overall(one)
    verdict, leading = _leading(one, looks, outcome)
    signal, question = SIGNALS[verdict.signal], SIGNALS[verdict.signal].questions[verdict.question]
    start, values = OFFSETS[signal.name], np.asarray(question.values)
    old, new = (np.asarray(table, np.int64)[:, start : start + len(values)] for table in (one.old, one.new))
    sign = -1 if question.direction is Direction.fall else 1
    page, undecided = outcome == "regressed", outcome == "undecided"
    at_ms = (tick + 1) * tick_ms
    before, after = (0.0 if np.isnan(x) else x for x in (leading.before, leading.after))
    slice_leads = leading.leading >= 0 and len(one.slices) > 1
    return msgspec.structs.replace(
        finding,
        kind=Kind.page if page else Kind.notice,
        direction=question.direction if page else Direction.change,
        paged_at_ms=at_ms if page else None,
        stratum=one.slices[leading.leading] if slice_leads and not undecided else "",
        effect=_effect(one, question, old, new, before, after, undecided=undecided),
        evidence=Evidence(
            log_evidence=leading.log_evidence,
            events=leading.events,
            level=before + sign * verdict.margin if page else None,
            detail=_detail(one, question, before, after, outcome),
        ),
        attribution=(
            *attribution(old, new, values, one.slices, signal.bins, direction=question.direction),
            Contribution(what="release", name=f"{one.release}, before: {one.previous}", share=1.0),
            Contribution(what="question", name=f"{signal.name}/{question.name}", share=1.0),
        ),
    )


def _effect(
    one: Comparing, question: Question, old: Table, new: Table, before: float, after: float, *, undecided: bool
) -> Effect:
    """While it is undecided, the summary claims no change: the levels differ by chance as likely as not."""
    unit = Unit.share if question.is_share else Unit.weight
    effect = Effect(
        baseline=before, current=after, ratio=after / before if before > 0 else None, unit=unit, what=question.phrase
    )
    if undecided:
        summary = f"{_what(one)} {one.release} compared with {one.previous}, undecided"
        return msgspec.structs.replace(effect, summary=summary)
    near = near_shares(question, old, new, rises=after >= before)
    levels = near_summary(near, int(new.sum())) or f"{question.phrase} {change(effect)}"
    return msgspec.structs.replace(effect, near=near, summary=f"{levels} with {_release(one)}")


def _what(one: Comparing) -> str:
    return "model" if one.what == "model_version" else "version"


def _release(one: Comparing) -> str:
    """``model 2 instead of 1``."""
    return f"{_what(one)} {one.release} instead of {one.previous}"


def _detail(one: Comparing, question: Question, before: float, after: float, outcome: str) -> str:
    unit = Unit.share if question.is_share else Unit.weight
    questions = ", ".join(
        f"{SIGNALS[v.signal].name}/{SIGNALS[v.signal].questions[v.question].name} {v.outcome}" for v in one.verdicts
    )
    levels = f"{amount(before, unit)} -> {amount(after, unit)} in the slices that both have"
    return (
        f"{_what(one)} {one.release} against the approved baseline of {one.previous}: {outcome}; {question.phrase} "
        f"{levels}; alpha {one.alpha:.2g} for all questions together: {questions}"
    )


def _leading(
    one: Comparing, looks: list[tuple[Verdict, SliceJudgement]], outcome: str
) -> tuple[Verdict, SliceJudgement]:
    """The question with the most evidence among those that have the release's verdict."""
    looks = looks or [(verdict, judge(one, verdict)) for verdict in one.verdicts]
    return max(
        enumerate(looks),
        key=lambda item: (item[1][0].outcome == outcome, round(item[1][1].log_evidence, 6), -item[0]),
    )[1]
