"""A stream as its page shows it: level against the approved one, evidence against its threshold, before and since."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.clock import DAY_MS, HOUR_MS
from monitor.findings.model import Finding, Kind
from monitor.incidents.words import duration, moment, number, percent, plain
from monitor.judging.baselines import BaselineView, LevelView, views
from monitor.judging.evidence_points import EvidencePoint, HourLevel
from monitor.judging.histograms import Compared, Histogram, compared, means
from monitor.judging.ports import KnownStream
from monitor.judging.progress import Progress, sentence
from monitor.judging.view import StreamState
from monitor.render.bars import before_and_after
from monitor.render.over_time import Held, Line, Mark, Stretch, Wording, chart_over_time
from monitor.render.svg import Chart
from monitor.signals.registry import SIGNALS
from monitor.signals.signal import Question
from monitor.web.backend import Backend

RANGES: Final = {"1h": HOUR_MS, "6h": 6 * HOUR_MS, "1d": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS}
MOST_HISTOGRAMS: Final = 4
MOST_STRATA: Final = 12
MOST_MARKS: Final = 12
LOWEST: Final = -20.0
"""Log evidence below which the drawing does not tell one from another: one in 500 million."""
HIGHEST: Final = 5.0
NEAR: Final = -2.0
FEWEST_HOURS: Final = 12
"""Stored hours that make a line; of fewer the level is read from the counts."""
POINTS: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSection:
    """One question of the stream: its evidence, and its level where levels are stored."""

    signal: str
    question: str
    phrase: str
    log_evidence: float | None
    evidence: Chart | None
    level: Chart | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPage:
    """Everything on the page.

    Attributes:
        asked: every question with its newest evidence, the strongest first.
        shown: the chosen one.
        sections: histograms, those that moved most first.
    """

    known: KnownStream
    state: str
    span_ms: tuple[int, int]
    asked: Sequence[tuple[str, float]]
    shown: StreamSection | None
    histograms: Sequence[tuple[Histogram, Chart]]
    compared: Compared
    baseline: BaselineView | None
    strata: Sequence[tuple[str, int, int]]
    findings: Sequence[Finding]


def stream_page(backend: Backend, known: KnownStream, *, question: str, range_: str, now_ms: int) -> StreamPage:
    """Read and draw one stream.

    Args:
        backend: the stored state.
        known: the stream.
        question: ``signal/question``; empty: the one with the strongest evidence.
        range_: of :data:`RANGES`, up to the newest evidence.
        now_ms: where there is no evidence yet, the span ends now.
    """
    tick_ms = backend.rule.tick_ms
    judged = backend.judge.judged_before()
    end = judged * tick_ms if judged is not None else now_ms
    span = (end - RANGES[range_], end)
    unit = known.stream.unit
    points = backend.evidence.points(unit=unit, from_tick=span[0] // tick_ms, limit=POINTS)
    levels = backend.evidence.levels(unit=unit, from_tick=span[0] // tick_ms, limit=POINTS)
    newest = {f"{one.signal}/{one.question}": one.log_evidence for one in points}
    asked = sorted(newest.items(), key=lambda item: -item[1])
    chosen = question if question in newest else _telling(asked, levels)
    findings = _findings(backend, known, span)
    since = max(0, (end - min(RANGES[range_], DAY_MS)) // tick_ms)
    against = compared(backend.judge, unit, ticks=(since, max(since, end // tick_ms)))
    baseline = _baseline(backend, against)
    return StreamPage(
        known=known,
        state=sentence(Progress(stream=known.stream, rare={}), tick_ms=tick_ms),
        span_ms=span,
        asked=asked,
        shown=_section(chosen, points, levels, findings, against, baseline, tick_ms=tick_ms, span=span)
        if chosen
        else None,
        histograms=[
            (one, _bars(one, place)) for place, one in enumerate(against.histograms[:MOST_HISTOGRAMS]) if one.bins
        ],
        compared=against,
        baseline=baseline,
        strata=[
            (plain(name) or "all", before, after)
            for name, (before, after) in list(against.strata.items())[:MOST_STRATA]
        ],
        findings=findings,
    )


def _telling(asked: Sequence[tuple[str, float]], levels: Sequence[HourLevel]) -> str:
    """What is shown first: the strongest evidence once it is near an alarm, else the strongest with a level."""
    if not asked:
        return ""
    with_level = {f"{one.signal}/{one.question}" for one in levels}
    strongest, log_evidence = asked[0]
    return next((name for name, _ in asked if name in with_level and log_evidence < NEAR), strongest)


def _findings(backend: Backend, known: KnownStream, span: tuple[int, int]) -> list[Finding]:
    unit = known.stream.unit
    with backend.alerts.reading() as store:
        found = store.findings_around([unit.guardrail], from_ms=span[0], to_ms=span[1], limit=200)
    of = (unit.guardrail_version, unit.category)
    return [one for one in found if (one.guardrail_version, one.category) == of]


def _baseline(backend: Backend, against: Compared) -> BaselineView | None:
    if against.baseline is None:
        return None
    watched = backend.evidence.count_streams().get(StreamState.watched, 1)
    return next(iter(views(backend.judge, backend.rule, [against.baseline], streams=float(max(1, watched)))), None)


def _section(
    chosen: str,
    points: Sequence[EvidencePoint],
    levels: Sequence[HourLevel],
    findings: Sequence[Finding],
    against: Compared,
    baseline: BaselineView | None,
    *,
    tick_ms: int,
    span: tuple[int, int],
) -> StreamSection:
    signal, _, question = chosen.partition("/")
    mine = [one for one in points if (one.signal, one.question) == (signal, question)]
    hours = [one for one in levels if (one.signal, one.question) == (signal, question)]
    asked = next((q for s in SIGNALS if s.name == signal for q in s.questions if q.name == question), None)
    return StreamSection(
        signal=signal,
        question=question,
        phrase=asked.phrase if asked is not None else f"{signal} ({question})".replace("_", " "),
        log_evidence=mine[-1].log_evidence if mine else None,
        evidence=_evidence(chosen, mine, findings, tick_ms=tick_ms, span=span) if mine else None,
        level=_level(chosen, hours, findings, tick_ms=tick_ms, span=span, share=asked is not None and asked.is_share)
        if len(hours) >= FEWEST_HOURS
        else _present(signal, asked, findings, against, baseline, tick_ms=tick_ms, span=span),
    )


def _present(
    signal: str,
    asked: Question | None,
    findings: Sequence[Finding],
    against: Compared,
    baseline: BaselineView | None,
    *,
    tick_ms: int,
    span: tuple[int, int],
) -> Chart | None:
    """The level out of the counts, where the hours stored are too few for a line."""
    kind = next((one for one in SIGNALS if one.name == signal), None)
    held = None if baseline is None or asked is None else _held(baseline, signal, asked.name)
    if kind is None or asked is None or held is None or held.level is None or held.limit is None:
        return None
    course = means(against.counts, kind, asked.values, ticks=against.ticks)
    known = [(place, value) for place, value in enumerate(course.values) if value is not None]
    if not known:
        return None
    write = percent if asked.is_share else number
    minutes = duration(course.step * tick_ms)
    words = (
        f"By {minutes}. The newest is {write(known[-1][1])} of {course.events[known[-1][0]]:,} events; approved is "
        f"{write(held.level)}, and a page needs it beyond {write(held.limit)}."
    )
    points = [
        ((course.from_tick + (i + 0.5) * course.step) * tick_ms, value) for i, value in enumerate(course.values)
    ]
    return chart_over_time(
        [Line(name="mean", points=points)],
        name="level",
        title=f"Level of {signal} {asked.name} against what was approved".replace("_", " "),
        description=words,
        wording=_wording(write, span[0]),
        held=_bounds(held.level, held.limit, write),
        stretches=_onsets(findings),
        marks=_marks(findings),
        span_ms=span,
    )


def _held(baseline: BaselineView, signal: str, question: str) -> LevelView | None:
    return next((one for one in baseline.levels if (one.signal, one.question) == (signal, question)), None)


def _bounds(level: float, limit: float, write: Callable[[float], str]) -> list[Held]:
    return [
        Held(value=limit, label=f"pages beyond {write(limit)}"),
        Held(value=level, label=f"approved {write(level)}", kind="normal"),
    ]


def _evidence(
    chosen: str, points: Sequence[EvidencePoint], findings: Sequence[Finding], *, tick_ms: int, span: tuple[int, int]
) -> Chart:
    line = [((one.tick + 1) * tick_ms, min(HIGHEST, max(LOWEST, one.log_evidence))) for one in points]
    peak = max(points, key=lambda one: one.log_evidence)
    words = (
        f"Natural logarithm of the evidence, less its threshold: at 0 it is an alarm. The highest is "
        f"{peak.log_evidence:.1f}, {moment((peak.tick + 1) * tick_ms)}; what is below {LOWEST:.0f} is drawn there."
    )
    return chart_over_time(
        [Line(name="log evidence", points=line)],
        name="evidence",
        title=f"Evidence of {chosen.replace('_', ' ')} against its threshold",
        description=words,
        wording=_wording(lambda value: f"{value:.1f}", span[0]),
        held=[Held(value=0.0, label="alarm")],
        stretches=_onsets(findings),
        marks=_marks(findings),
        span_ms=span,
        lowest=LOWEST,
    )


def _level(
    chosen: str,
    hours: Sequence[HourLevel],
    findings: Sequence[Finding],
    *,
    tick_ms: int,
    span: tuple[int, int],
    share: bool,
) -> Chart:
    last = hours[-1]
    write = percent if share else number
    words = (
        f"By the hour. The newest is {write(last.mean)} of {last.events:,} events; approved is {write(last.level)}, "
        f"and a page needs it beyond {write(last.limit)}."
    )
    return chart_over_time(
        [Line(name="mean", points=[(one.tick * tick_ms + HOUR_MS / 2, one.mean) for one in hours])],
        name="level",
        title=f"Level of {chosen.replace('_', ' ')} against what was approved",
        description=words,
        wording=_wording(write, span[0]),
        held=_bounds(last.level, last.limit, write),
        stretches=_onsets(findings),
        marks=_marks(findings),
        span_ms=span,
    )


def _wording(write: Callable[[float], str], day_ms: int) -> Wording:
    return Wording(value=write, moment=moment, short_moment=lambda at: moment(at, day_of_ms=day_ms))


def _onsets(findings: Sequence[Finding]) -> list[Stretch]:
    pages = [one for one in findings if one.kind is Kind.page][:MOST_MARKS]
    return [Stretch(from_ms=one.onset_low_ms, to_ms=one.onset_high_ms, label="when it began") for one in pages]


def _marks(findings: Sequence[Finding]) -> list[Mark]:
    return [
        Mark(
            at_ms=one.paged_at_ms or one.detected_at_ms,
            word=f"INC-{one.incident_id}" if one.incident_id is not None else "page",
            label=f"found {moment(one.paged_at_ms or one.detected_at_ms)}",
        )
        for one in findings
        if one.kind is Kind.page
    ][:1]


def _bars(one: Histogram, place: int) -> Chart:
    words = (
        f"{sum(one.before):,} events of the baseline, {sum(one.since):,} since. {one.moved:.1%} of the events would "
        "have to change their bin to make the two alike."
    )
    return before_and_after(
        [plain(each).replace("_", " ") for each in one.bins],
        one.before,
        one.since,
        name=f"bins-{place}",
        title=f"{one.signal.replace('_', ' ')}: before and since",
        description=words,
    )
