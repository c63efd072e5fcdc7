"""A trial of a log: what is in it, which settings to begin with, and which pages these would have produced.

The replay is the one of ``driftline backtest``; other budgets judge the same counts again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from monitor.backtest.learn_thresholds import LearnedLine, learned_lines
from monitor.backtest.proposal import Proposal, baseline_events, propose
from monitor.backtest.rejudge import RejudgeResult, rejudged
from monitor.backtest.replay import Replay, replayed
from monitor.backtest.survey import FormatSeen, Stream, Survey
from monitor.clock import DAY_MS
from monitor.counting.ports import Tally
from monitor.counts.model import Slice
from monitor.counts.units import family_of, is_scoreless
from monitor.events.formats.explain import UNREADABLE, explain
from monitor.events.formats.format import ThresholdFrom
from monitor.events.formats.mapping import NAME as MAPPING
from monitor.events.formats.reader import CANONICAL, Reader
from monitor.events.formats.registry import BY_NAME
from monitor.events.formats.thresholds import Thresholds
from monitor.events.inference.propose import propose as propose_mapping
from monitor.events.inference.propose import strangers
from monitor.findings.model import Finding, Kind
from monitor.incidents.model import Incident
from monitor.ingestion.source import Source
from monitor.judging.baselines import BaselineView, views, weight_of
from monitor.judging.curves import Picture, picture
from monitor.judging.judge import Judge
from monitor.judging.ports import BaselineState, JudgeStore
from monitor.settings.formats import Mapping as SourceMapping
from monitor.settings.model import Settings
from monitor.wiring import translate
from monitor.wiring.decoding import AUTO, reader_of

FACTORS: Final = (0.5, 1.0, 2.0)
MAX_PICTURES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What a stream lacks for a baseline: the reason, and the figures behind it."""

    events: int
    ticks: int
    days: float | None
    """At the log's traffic until it would be enough; None where that is unknown."""
    unsettled: bool
    """There were enough, but their halves did not agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTrial:
    """One stream: what was seen, and what it would be held to."""

    stream: Stream
    per_day: float | None
    threshold_from: str
    """event, settings, learned, vendor or none."""
    counted_with: bool
    """Events without a score, counted with the scored stream of the same name."""
    baseline: BaselineView | None
    missing: Missing | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingWithCurve:
    """One finding with its picture."""

    finding: Finding
    picture: Picture | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetTrial:
    """The findings of another budget on the same log."""

    factor: float
    pages_allowed: float
    notices_allowed: float
    pages: Sequence[Finding]
    notices: int
    incidents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Everything that ``driftline try`` reports."""

    formats: Mapping[str, FormatSeen]
    streams: Sequence[StreamTrial]
    pooled: bool
    learned: Sequence[LearnedLine]
    proposal: Proposal
    from_ms: int | None
    to_ms: int | None
    replay: Replay
    shown: Sequence[FindingWithCurve]
    incidents: Sequence[Incident]
    budgets: Sequence[BudgetTrial]

    @property
    def days(self) -> float:
        """Length of the log."""
        return 0.0 if self.from_ms is None or self.to_ms is None else (self.to_ms - self.from_ms) / DAY_MS

    @property
    def pages(self) -> Sequence[FindingWithCurve]:
        """Findings that these settings would have paged for."""
        return [one for one in self.shown if one.finding.kind is Kind.page]


def try_log(
    open_source: Callable[[], Source | None],
    settings: Settings,
    *,
    name: str = "guardrail",
    on_progress: Callable[[Tally], None] | None = None,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Trial:
    """Read a log to its end, propose settings, and judge it by them.

    Args:
        open_source: a source of the same records each time; None where they cannot be had a second time.
        settings: the source's format, mapping and thresholds, the budget, and whatever else is not proposed.
        name: of the guardrail, where no field of the records is it and a mapping has to be inferred.
        on_progress: called with what each step counted.
        on_stage: called with what is being done, for people.
    """
    source = open_source()
    if source is None:
        raise ValueError("the source can be opened at least once")
    on_stage("reading")
    survey = Survey(settings)
    with replayed(source, settings, on_progress=on_progress, decoder_of=survey.decoder) as first:
        mapped = _mapped(survey, settings, first, name)
        source = open_source() if mapped is not None else None
        if mapped is None or source is None:
            return _tried(first, survey, settings, open_source, on_progress, on_stage)
    on_stage("reading again, by the proposed mapping")
    again = Survey(mapped, proposed=f"proposed from the fields of {len(survey.unread.records):,} of its records")
    with replayed(source, mapped, on_progress=on_progress, decoder_of=again.decoder) as second:
        return _tried(second, again, mapped, open_source, on_progress, on_stage)


def _mapped(survey: Survey, settings: Settings, replay: Replay, name: str) -> Settings | None:
    """The settings with a mapping for records that are nearly canonical, where most could not be read otherwise."""
    rejected = sum(replay.summary.rejected.values())
    if settings.source.mapping is not None or settings.source.format != AUTO or rejected <= replay.summary.events:
        return None
    reader = reader_of(settings.source, max_depth=settings.limits.depth)
    unread = [value for value in survey.unread.records if _is_of_no_format(reader, value)]
    records, objects = strangers(reader, unread)[0], _objects(unread)
    if 2 * len(records) < len(objects):
        records = objects
    found = propose_mapping(records, name=name)
    if found is None or not found.read:
        return None
    mapping = SourceMapping.model_validate(dict(found.mapping))
    return _with(settings, source={"format": MAPPING, "mapping": mapping})


def _is_of_no_format(reader: Reader, value: bytes) -> bool:
    """Whether a mapping may help: what is of a format lacks no more than a time, or has no verdict at all."""
    return any(one.reason and one.format in (CANONICAL, UNREADABLE) for one in explain(reader, value))


def _objects(values: Sequence[bytes]) -> list[dict[str, Any]]:
    """The values that are JSON objects: nearly canonical ones are no strangers."""
    found = []
    for value in values:
        with suppress(msgspec.DecodeError):
            record = msgspec.json.decode(value)
            if isinstance(record, dict) and record:
                found.append(record)
    return found


def _tried(
    first: Replay,
    survey: Survey,
    settings: Settings,
    open_source: Callable[[], Source | None],
    on_progress: Callable[[Tally], None] | None,
    on_stage: Callable[[str], None],
) -> Trial:
    """The trial of a log that was read, a second time if thresholds can be learned."""
    mapping = settings.source.mapping
    learned = learned_lines(
        survey.unjudged(),
        given=settings.source.thresholds or (),
        highest=1.0 if mapping is None else mapping.highest,
    )
    lines = [one.line for one in learned if one.line is not None]
    source = open_source() if lines else None
    if source is None:
        return _evaluated(first, survey, learned, settings, on_stage=on_stage)
    on_stage("reading again, with the learned thresholds")
    with_lines = _with(settings, source={"thresholds": (*(settings.source.thresholds or ()), *lines)})
    again = Survey(with_lines, proposed=survey.proposed)
    with replayed(source, with_lines, on_progress=on_progress, decoder_of=again.decoder) as second:
        return _evaluated(second, again, learned, with_lines, on_stage=on_stage)


def _evaluated(
    replay: Replay,
    survey: Survey,
    learned: Sequence[LearnedLine],
    settings: Settings,
    *,
    on_stage: Callable[[str], None],
) -> Trial:
    rule = translate.judge_rule(settings)
    first, last = replay.stores.judge.first_tick(), replay.stores.judge.judged_before()
    span = None if first is None or last is None else (first * rule.tick_ms, last * rule.tick_ms)
    on_stage("working out levels")
    events = baseline_events(settings, _views(replay.judge, replay.stores.judge, settings), survey.streams())
    final = _with(settings, baseline={"events": events})
    with ExitStack() as opened:
        judged = RejudgeResult(replay.findings, replay.incidents, replay.judge, replay.stores.judge)
        if events != settings.baseline.events:
            judged = opened.enter_context(rejudged(replay.stores, final))
        streams = list(_streams(survey, final, learned, judged, span))
        proposal = propose(
            final, streams, learned=learned, formats=survey.formats, span=span, proposed=survey.proposed
        )
        on_stage("drawing")
        shown = [
            FindingWithCurve(
                finding=finding,
                picture=picture(finding, judged.store, tick_ms=rule.tick_ms) if place < MAX_PICTURES else None,
            )
            for place, finding in enumerate(sorted(judged.findings, key=lambda f: f.kind is not Kind.page))
        ]
        on_stage("judging by half and double the budget")
        budgets = [
            _trial_of(1.0, final, judged.findings, judged.incidents)
            if factor == 1.0
            else _budget(replay, final, factor)
            for factor in FACTORS
        ]
    return Trial(
        formats=survey.formats,
        streams=streams,
        pooled=survey.pooled,
        learned=learned,
        proposal=proposal,
        from_ms=None if span is None else span[0],
        to_ms=None if span is None else span[1],
        replay=replay,
        shown=sorted(shown, key=lambda one: (one.finding.detected_at_ms, one.finding.id)),
        incidents=judged.incidents,
        budgets=budgets,
    )


def _budget(replay: Replay, settings: Settings, factor: float) -> BudgetTrial:
    budget = settings.budget
    other = _with(settings, budget={"pages": budget.pages * factor, "notices": budget.notices * factor})
    with rejudged(replay.stores, other) as again:
        return _trial_of(factor, other, again.findings, again.incidents)


def _trial_of(
    factor: float, settings: Settings, findings: Sequence[Finding], incidents: Sequence[Incident]
) -> BudgetTrial:
    pages = [finding for finding in findings if finding.kind is Kind.page]
    return BudgetTrial(
        factor=factor,
        pages_allowed=settings.budget.pages,
        notices_allowed=settings.budget.notices,
        pages=pages,
        notices=len(findings) - len(pages),
        incidents=len(incidents),
    )


def _views(judge: Judge, store: JudgeStore, settings: Settings) -> dict[Slice, BaselineView]:
    """Baselines in force, by unit."""
    approved = store.baselines(state=BaselineState.approved)
    baselines = [baseline for baseline in approved if baseline.effective_tick is not None]
    watched = () if judge.view is None else judge.view.watched
    rule = translate.judge_rule(settings)
    streams = weight_of((unit.unit for unit in watched), rule)
    return {one.baseline.unit: one for one in views(store, rule, baselines, streams=streams)}


def _streams(
    survey: Survey,
    settings: Settings,
    learned: Sequence[LearnedLine],
    judged: RejudgeResult,
    span: tuple[int, int] | None,
) -> Iterator[StreamTrial]:
    seen = survey.streams()
    known = _views(judged.judge, judged.store, settings)
    scored = {family_of(stream.unit) for stream in seen if not is_scoreless(stream.unit)}
    days = 0.0 if span is None else (span[1] - span[0]) / DAY_MS
    for stream in seen:
        baseline = known.get(stream.unit)
        per_day = stream.events / days if days > 0 else None
        counted_with = is_scoreless(stream.unit) and family_of(stream.unit) in scored
        yield StreamTrial(
            stream=stream,
            per_day=per_day,
            threshold_from=_threshold_from(stream, settings, learned),
            counted_with=counted_with,
            baseline=baseline,
            missing=_missing(stream, judged.judge, settings, per_day)
            if baseline is None and not counted_with
            else None,
        )


def _missing(stream: Stream, judge: Judge, settings: Settings, per_day: float | None) -> Missing:
    rule = translate.judge_rule(settings)
    known = None if judge.view is None else judge.view.stream(stream.unit)
    learned, ticks = (0, 0) if known is None else (known.events, known.ticks)
    events, short = max(0, rule.baseline_events - learned), max(0, rule.baseline_ticks - ticks)
    days = None
    if per_day:
        days = max(events / per_day, short * rule.tick_ms / DAY_MS)
    return Missing(events=events, ticks=short, days=days, unsettled=known is not None and known.restarts > 0)


def _threshold_from(stream: Stream, settings: Settings, learned: Sequence[LearnedLine]) -> str:
    unit = stream.unit
    if unit.threshold_milli < 0:
        return "none"
    thresholds = Thresholds.parse(settings.source.thresholds or ())
    line = thresholds.of(unit.guardrail, unit.category)
    if line is not None:
        names = {one.name for one in learned if one.line is not None}
        return "learned" if names & {unit.guardrail, f"{unit.guardrail}/{unit.category}"} else "settings"
    if stream.format in (CANONICAL, MAPPING, UNREADABLE) or stream.format not in BY_NAME:
        return "event"
    sources = {score.threshold for score in BY_NAME[stream.format].scores}
    return "event" if ThresholdFrom.event in sources else "vendor"


def _with(settings: Settings, **sections: Mapping[str, Any]) -> Settings:
    """The settings with some values changed."""
    update = {name: getattr(settings, name).model_copy(update=dict(values)) for name, values in sections.items()}
    return settings.model_copy(update=update)
