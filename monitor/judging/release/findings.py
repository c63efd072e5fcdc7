"""The finding of a release: a notice while it is compared, a page if it has regressed."""

from __future__ import annotations

import msgspec
import numpy as np

from detectors.slicewise import SliceJudgement
from monitor.counts.model import Slice
from monitor.findings.model import Direction, Effect, Evidence, Finding, Kind, Share
from monitor.judging.findings.describe import attribution, finding_id
from monitor.judging.findings.promises import promise_of
from monitor.judging.release.compare import judge, overall
from monitor.judging.release.state import Comparing, Verdict
from monitor.signals.registry import OFFSETS, SIGNALS

SIGNAL = "release_delta"


def opened(one: Comparing, unit: Slice, *, tick: int, tick_ms: int) -> Finding:
    """The comparison has begun: undecided yet."""
    return Finding(
        id=finding_id(unit, SIGNAL, f"{one.what} {one.release}", one.first_tick),
        guardrail=unit.guardrail,
        guardrail_version=unit.guardrail_version,
        category=unit.category,
        stage=unit.stage,
        signal=SIGNAL,
        question=one.what,
        stratum="",
        kind=Kind.notice,
        direction=Direction.change,
        promise=promise_of(SIGNAL, one.what),
        onset_low_ms=one.first_tick * tick_ms,
        onset_high_ms=(one.first_tick + 1) * tick_ms,
        detected_at_ms=(tick + 1) * tick_ms,
        effect=Effect(baseline=0.0, current=0.0, ratio=None),
        evidence=Evidence(log_evidence=0.0, events=one.events, level=None, detail=""),
        attribution=(),
    )


def judged(
    one: Comparing, finding: Finding, looks: list[tuple[Verdict, SliceJudgement]], *, tick: int, tick_ms: int
) -> Finding:
    """The same finding with what can be said now."""
    said = overall(one)
    verdict, leading = _leading(one, looks, said)
    signal, question = SIGNALS[verdict.signal], SIGNALS[verdict.signal].questions[verdict.question]
    start, values = OFFSETS[signal.name], np.asarray(question.values)
    old, new = (np.asarray(table, np.int64)[:, start : start + len(values)] for table in (one.old, one.new))
    sign = -1 if question.direction is Direction.fall else 1
    page = said == "regressed"
    at_ms = (tick + 1) * tick_ms
    before, after = (0.0 if np.isnan(x) else x for x in (leading.before, leading.after))
    slice_leads = leading.leading >= 0 and len(one.slices) > 1
    return msgspec.structs.replace(
        finding,
        kind=Kind.page if page else Kind.notice,
        direction=question.direction,
        paged_at_ms=at_ms if page else None,
        stratum=one.slices[leading.leading] if slice_leads else "",
        effect=Effect(baseline=before, current=after, ratio=after / before if before > 0 else None),
        evidence=Evidence(
            log_evidence=leading.log_evidence,
            events=leading.events,
            level=before + sign * verdict.margin,
            detail=_detail(one, question.phrase, before, after, said),
        ),
        attribution=(
            *attribution(old, new, values, one.slices, signal.bins),
            Share(what="release", name=f"{one.release}, before: {one.previous}", share=1.0),
            Share(what="question", name=f"{signal.name}/{question.name}", share=1.0),
        ),
    )


def _detail(one: Comparing, phrase: str, before: float, after: float, said: str) -> str:
    changed = "model" if one.what == "model_version" else "guardrail version"
    questions = ", ".join(
        f"{SIGNALS[v.signal].name}/{SIGNALS[v.signal].questions[v.question].name} {v.outcome}" for v in one.verdicts
    )
    return (
        f"{changed} {one.release} against the approved baseline of {one.previous}: {said}; {phrase} "
        f"{before:.4g} -> {after:.4g} in slices that both have; alpha {one.alpha:.2g} for all questions: {questions}"
    )


def _leading(
    one: Comparing, looks: list[tuple[Verdict, SliceJudgement]], said: str
) -> tuple[Verdict, SliceJudgement]:
    """The question with the most evidence among those that have the release's verdict."""
    looks = looks or [(verdict, judge(one, verdict)) for verdict in one.verdicts]
    return max(
        enumerate(looks), key=lambda item: (item[1][0].outcome == said, round(item[1][1].log_evidence, 6), -item[0])
    )[1]
