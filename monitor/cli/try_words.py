"""Sentences and figures that the terminal and the report of ``driftline try`` share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from detectors.level import LEARNING_EVENTS, LEARNING_MASS
from monitor.backtest.learn_thresholds import LearnedLine
from monitor.backtest.survey import Stream
from monitor.backtest.trial import BudgetTrial, Missing, StreamTrial, Trial
from monitor.events.formats.mapping import NAME as MAPPING
from monitor.findings.model import Finding, Unit
from monitor.incidents.words import amount, moment, number, plain, sentence, subject
from monitor.judging.baselines import LevelView
from monitor.signals.registry import SIGNALS

QUESTIONS = {(signal.name, question.name): question for signal in SIGNALS for question in signal.questions}
PHRASES = {name: question.phrase for name, question in QUESTIONS.items()}
NOT_ALLOWED = ("flag", "deny", "modify")


def answer(trial: Trial) -> str:
    """This would have paged you N times."""
    if trial.from_ms is None:
        return "No record of this log could be read, so there was no page."
    watched = sum(1 for one in trial.streams if one.baseline is not None)
    pages, notices = len(trial.pages), len(trial.shown) - len(trial.pages)
    if not watched:
        lacking = [one.missing for one in trial.streams if one.missing is not None]
        if all(missing.events or missing.ticks for missing in lacking):
            return (
                f"{length(trial.days)} are too short to judge anything: no stream has enough events for a baseline."
            )
        return f"In {length(trial.days)} no stream has a baseline, so there could be no page; see below why."
    would = "never have paged you" if pages == 0 else f"have paged you {_times(pages)}"
    incidents = f", in {_count(len(trial.incidents), 'incident')}" if pages else ""
    return f"In {length(trial.days)} this would {would}{incidents}, with {_count(notices, 'notice')} on the side."


def length(days: float) -> str:
    """``3.5 days``, ``4 hours``, ``12 minutes``."""
    for size, name in ((1.0, "day"), (1 / 24, "hour"), (1 / 1440, "minute")):
        if days >= 2 * size or (days >= size and name == "minute"):
            return f"{days / size:.3g} {name}s"
    return f"{days * 86_400:.0f} seconds"


def span(trial: Trial) -> str:
    """From when to when."""
    if trial.from_ms is None or trial.to_ms is None:
        return "no event with a time"
    return f"{moment(trial.from_ms)} to {moment(trial.to_ms)}, {length(trial.days)}"


def name_of(one: StreamTrial) -> str:
    """``prompt-injection (jailbreak) 2.3.1, input``."""
    unit = one.stream.unit
    category = f" ({plain(unit.category)})" if unit.category else ""
    version = f" {plain(unit.guardrail_version)}" if unit.guardrail_version else ""
    stage = f", {plain(unit.stage)}" if unit.stage else ""
    return f"{plain(unit.guardrail) or '(no name)'}{category}{version}{stage}"


def share(part: int, whole: int) -> str:
    """``1.2 %``."""
    return "" if not whole else "0" if not part else f"{number(100 * part / whole)} %"


def not_allowed(one: StreamTrial) -> str:
    """Share of verdicts other than allow."""
    verdicts = one.stream.verdicts
    known = sum(count for name, count in verdicts.items() if name != "none")
    return share(sum(verdicts.get(name, 0) for name in NOT_ALLOWED), known) if known else "no verdicts"


def not_run(one: StreamTrial) -> str:
    """Share of events in which the guardrail did not judge."""
    statuses = one.stream.statuses
    return share(one.stream.events - statuses.get("ok", 0), one.stream.events)


def score(one: StreamTrial) -> str:
    """Kind and semantics."""
    unit = one.stream.unit
    if not one.stream.scored:
        return "no score"
    return f"{unit.score_kind}, {unit.semantics}" if unit.semantics != "p_unsafe" else unit.score_kind


def threshold(one: StreamTrial) -> str:
    """Value and where it comes from."""
    if one.stream.unit.threshold_milli < 0:
        return "none" if one.stream.scored else ""
    return f"{one.stream.unit.threshold_milli / 1000:g}, {one.threshold_from}"


def contradictions(one: StreamTrial) -> str:
    """Verdicts that score and threshold do not bear out."""
    parts = [
        f"{count:,} {what}"
        for count, what in ((one.stream.allowed_above, "allowed above"), (one.stream.stopped_below, "stopped below"))
        if count
    ]
    return ", ".join(parts) + " the threshold" if parts else ""


def short_of(missing: Missing) -> str:
    """The events that a stream lacks for a baseline, and when it will have them."""
    lacks = []
    if missing.events:
        lacks.append(f"{missing.events:,} more events")
    if missing.ticks:
        lacks.append(f"events in {missing.ticks:,} more ticks")
    if not lacks:
        return "enough events, but no stretch of them whose halves agree: is there an incident in it?"
    when = "" if missing.days is None else f", {length(missing.days)} more at this traffic"
    unsettled = "; the events before it disagree among themselves" if missing.unsettled else ""
    return f"needs {' and '.join(lacks)}{when}{unsettled}"


@dataclass(frozen=True, slots=True)
class LevelRow:
    """One question of one stream, for a table."""

    question: str
    normal: str
    pages: str
    within_an_hour: str
    within_a_day: str
    within_a_week: str
    why: str


def level_rows(one: StreamTrial) -> Iterator[LevelRow]:
    """The levels and limits of a stream."""
    if one.baseline is None:
        return
    for level in one.baseline.levels:
        if level.limit is None or level.rate is None:
            continue
        asked = QUESTIONS[level.signal, level.question]
        unit = Unit.share if asked.is_share else Unit.weight
        sign = ">" if level.direction == "rise" else "<"
        shows = level.power

        def found(value: float | None, sign: str = sign, unit: Unit = unit) -> str:
            return "nothing" if value is None else f"{sign} {amount(value, unit)}"

        margin = "" if level.margin is None else f"margin {level.margin:.0%}"
        yield LevelRow(
            question=f"{level.signal}/{level.question}",
            normal=amount(level.rate, unit),
            pages=f"{sign} {amount(level.limit, unit)}",
            within_an_hour=found(None if shows is None else shows.hour),
            within_a_day=found(level.minimum_detectable),
            within_a_week=found(None if shows is None else shows.week),
            why="; ".join(filter(None, (margin, _rare(level) or level.reason))),
        )


def _rare(level: LevelView) -> str:
    """The events that the baseline has too few of, where that widens the level."""
    if not level.too_small or level.rate is None:
        return ""
    if level.events < LEARNING_EVENTS:
        return f"a wide guess: {level.events:,} events in the baseline, {LEARNING_EVENTS:,} are needed"
    rare = min(level.rate, 1 - level.rate) * level.events
    return f"a wide guess: {number(rare)} such events in the baseline, {LEARNING_MASS:g} are needed"


def not_tested(one: StreamTrial) -> Sequence[str]:
    """Questions without a test on a stream, by reason; those of the other stage are left out."""
    by_reason: dict[str, list[str]] = {}
    for level in () if one.baseline is None else one.baseline.levels:
        if level.limit is None or level.rate is None:
            reason = _lacks(level, one.stream)
            if reason is not None:
                by_reason.setdefault(reason, []).append(f"{level.signal}/{level.question}")
    return [f"{', '.join(questions)}: {reason}" for reason, questions in by_reason.items()]


def _lacks(level: LevelView, stream: Stream) -> str | None:
    """Why this stream has no test of a question; None where it is for guardrails of another stage.

    The signal's own reason lists everything that may be missing; the log shows which of it is.
    """
    given = level.reason.partition(": level ")[0]
    output, has = stream.unit.stage == "output", stream.carried
    joins, every = ("layer_bypass", "spec_gaming"), has.get("request_id") == stream.events
    boolean = stream.unit.score_kind == "boolean"
    causes: tuple[tuple[tuple[str, ...], bool, str | None], ...] = (
        ((level.signal,), "switched off" in given, given),
        ((*joins, "output_refusal"), not output, None),
        (("repetition",), output, None),
        (("boundary_proximity",), not stream.scored and boolean, "the scores are boolean"),
        (("boundary_proximity",), not stream.scored, "the events carry no score"),
        (("boundary_proximity",), stream.unit.threshold_milli < 0, "the scores have no threshold"),
        (
            ("output_refusal",),
            not has.get("refusal"),
            _unmapped(stream, "refusal", "the events do not record whether the answer refuses"),
        ),
        (
            (*joins, "repetition"),
            not has.get("request_id"),
            _unmapped(stream, "request_id", "the events carry no request_id"),
        ),
        (("repetition",), not has.get("text"), _unmapped(stream, "text", "the events carry no text")),
        (("repetition",), True, "another guardrail logs these prompts first, or they have fewer than 16 characters"),
        (joins, every, given.replace(", log the request id with every event,", "")),
    )
    return next((cause for signals, holds, cause in causes if level.signal in signals and holds), given)


def _unmapped(stream: Stream, name: str, lacks: str) -> str:
    """What the events lack; those of a mapping have what it maps, whatever the records hold."""
    return f"source.mapping finds no {name} in the records" if stream.format == MAPPING else lacks


def learned_sentence(one: LearnedLine) -> str:
    """A threshold that was learned, or why not."""
    name = plain(one.name, longest=120)
    if one.line is None or one.learned is None:
        return f"{name}: none learned: {one.reason}"
    found = one.learned
    return (
        f"{plain(one.line, longest=160)} ({found.confidence:.0%} interval {one.low:.4g} to {one.high:.4g}, from "
        f"{found.allowed:,} allowed and {found.adverse:,} adverse verdicts, {found.contradicting:,} against it)"
    )


def finding_title(finding: Finding) -> str:
    """Type, where and what: ``probing: prompt-injection (jailbreak), input: share of ...``."""
    kind = "" if finding.trouble is None else f"{finding.trouble.words}: "
    stage = f", {plain(finding.stage)}" if finding.stage else ""
    return f"{kind}{subject(finding)}{stage}: {sentence(finding, PHRASES)}"


def budget_words(one: BudgetTrial, trial: Trial) -> str:
    """The effect of this budget."""
    base = next(other for other in trial.budgets if other.factor == 1.0)
    if one is base:
        return "proposed"
    gone = [page for page in base.pages if not any(_same(page, other) for other in one.pages)]
    new = [page for page in one.pages if not any(_same(page, other) for other in base.pages)]
    moved = [
        ((_paged(other) - _paged(page)) / 1000)
        for page in base.pages
        for other in one.pages
        if _same(page, other) and _paged(other) != _paged(page)
    ]
    parts = [f"{_count(len(new), 'page')} more" if new else "", f"{_count(len(gone), 'page')} fewer" if gone else ""]
    if moved:
        way = "later" if sum(moved) > 0 else "earlier"
        parts.append(f"{_count(len(moved), 'page')} up to {max(map(abs, moved)):,.0f} s {way}")
    return ", ".join(part for part in parts if part) or "the same pages at the same time"


def dropped(trial: Trial) -> Sequence[str]:
    """Fields that are taken away at the border, by format."""
    return [
        f"{name}: {', '.join(plain(path) for path, _ in seen.dropped.most_common(12))}"
        + (f" and {len(seen.dropped) - 12} more" if len(seen.dropped) > 12 else "")
        for name, seen in trial.formats.items()
        if seen.dropped
    ]


def unreadable(trial: Trial) -> Iterator[str]:
    """Records that could not be read, and those that the log does not hold any more, by reason."""
    letters, rejected = trial.replay.dead_letters, trial.replay.summary.rejected
    for reason in sorted(letters.first):
        first = letters.first[reason][0]
        count = f"{rejected[reason]:,}" if reason in rejected else "gaps in the topic"
        where = f"{plain(first.partition)}:{first.offset}"
        yield f"{reason}: {count}; the first at {where}: {plain(first.detail, longest=200)}"


def _same(one: Finding, other: Finding) -> bool:
    """The same question of the same stream, at the same time."""
    if (one.guardrail, one.guardrail_version, one.category, one.signal, one.question) != (
        other.guardrail,
        other.guardrail_version,
        other.category,
        other.signal,
        other.question,
    ):
        return False
    ever = 2**62
    return one.onset_low_ms <= (other.ended_at_ms or ever) and other.onset_low_ms <= (one.ended_at_ms or ever)


def _paged(finding: Finding) -> int:
    return finding.paged_at_ms or finding.detected_at_ms


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
