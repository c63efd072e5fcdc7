"""The report of ``driftline try``: one HTML page that loads nothing, with drawings in SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from monitor.backtest.survey import BINS
from monitor.backtest.trial import FindingWithCurve, StreamTrial, Trial
from monitor.cli import try_words as words
from monitor.events.formats.explain import UNREADABLE
from monitor.incidents.words import moment, number, plain
from monitor.judging.curves import Picture

WIDTH: Final = 680
HEIGHT: Final = 190
LEFT, RIGHT, TOP, BOTTOM = 56, 10, 12, 28
BAR_WIDTH, BARS_HEIGHT = 7, 34
SMALLEST: Final = 3.5
"""Decades of the logarithmic histogram: .03 % of the scores are still seen."""
MOST: Final = 200
"""Findings with drawings; streams in tables."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line at an event time."""

    x: float
    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A picture in the coordinates of its drawing."""

    what: str
    lines: Sequence[str]
    dots: Sequence[tuple[float, float]]
    level_y: float | None
    level: str
    normal_y: float | None
    band: tuple[float, float] | None
    marks: Sequence[Mark]
    ticks_y: Sequence[tuple[float, str]]
    ticks_x: Sequence[tuple[float, str]]
    said: str


def page(trial: Trial, name: str) -> str:
    """The page. Every value is escaped by the template engine; names are made one safe line before."""
    environment = Environment(
        loader=PackageLoader("monitor.cli", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    return environment.get_template("try_report.html").render(
        name=plain(name, longest=200),
        trial=trial,
        answer=words.answer(trial),
        span=words.span(trial),
        formats=[(one, seen) for one, seen in trial.formats.items() if one != UNREADABLE and seen.records],
        unreadable=list(words.unreadable(trial)),
        dropped=words.dropped(trial),
        streams=[_stream(one) for one in trial.streams[:MOST]],
        more_streams=max(0, len(trial.streams) - MOST),
        learned=[(one.line is not None, words.learned_sentence(one)) for one in trial.learned],
        pages=[_finding(one) for one in trial.pages[:MOST]],
        notices=[words.finding_title(one.finding) for one in trial.shown if one not in trial.pages][:MOST],
        budgets=[(one, words.budget_words(one, trial)) for one in trial.budgets],
        period=trial.proposal.settings["budget"]["per"],
        watched=any(one.baseline is not None for one in trial.streams),
        settings=trial.proposal.text(),
        size={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "bottom": HEIGHT - BOTTOM},
        top=TOP,
    )


def _stream(one: StreamTrial) -> dict[str, Any]:
    return {
        "name": words.name_of(one),
        "stage": one.stream.unit.stage,
        "format": one.stream.format,
        "events": one.stream.events,
        "per_day": one.per_day,
        "not_allowed": words.not_allowed(one),
        "not_run": words.not_run(one),
        "score": words.score(one),
        "threshold": words.threshold(one),
        "threshold_x": None
        if one.stream.unit.threshold_milli < 0
        else one.stream.unit.threshold_milli / 1000 * BINS * BAR_WIDTH,
        "bars": _bars(one.stream.scores),
        "contradictions": words.contradictions(one),
        "levels": list(words.level_rows(one)),
        "not_tested": words.not_tested(one),
        "baseline": "" if one.baseline is None else one.baseline.baseline.reason,
        "missing": "" if one.missing is None else words.short_of(one.missing),
        "strata": [
            (
                field,
                ", ".join(
                    f"{plain(value)} {words.share(count, one.stream.events)}" for value, count in found.items()
                ),
            )
            for field, found in one.stream.strata.items()
        ],
    }


def _bars(counts: Sequence[int]) -> list[tuple[float, float, float, str]]:
    """(x, y, height, title) of a histogram's bars, heights on a logarithmic scale."""
    total = sum(counts)
    bars: list[tuple[float, float, float, str]] = []
    for place, count in enumerate(counts):
        if not count:
            continue
        height = max(0.06, 1 + log10(count / total) / SMALLEST) * BARS_HEIGHT
        title = f"{place / BINS:.2f} to {(place + 1) / BINS:.2f}: {count:,}"
        bars.append((place * BAR_WIDTH, round(BARS_HEIGHT - height, 1), round(height, 1), title))
    return bars


def _finding(one: FindingWithCurve) -> dict[str, Any]:
    finding = one.finding
    return {
        "title": words.finding_title(finding),
        "paged": moment(finding.paged_at_ms or finding.detected_at_ms),
        "detail": plain(finding.evidence.detail, longest=300),
        "events": finding.evidence.events,
        "promise": finding.promise.value,
        "shares": [f"{plain(part.name)} ({part.what}) {part.share:.0%}" for part in finding.attribution[:6]],
        "curve": None if one.picture is None else curve(one.picture),
    }


def curve(picture: Picture) -> Curve:
    """Coordinates of a picture."""
    top = max([*(value for value in picture.values if value is not None), picture.level or 0.0, 1e-12]) * 1.05
    span = max(1, len(picture.values)) * picture.step_ms
    inside_w, inside_h = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def at_x(ms: float) -> float:
        return round(LEFT + inside_w * min(max((ms - picture.start_ms) / span, 0.0), 1.0), 1)

    def at_y(value: float) -> float:
        return round(TOP + inside_h * (1 - min(max(value / top, 0.0), 1.0)), 1)

    runs: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(picture.values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((at_x(picture.start_ms + (place + 0.5) * picture.step_ms), at_y(value)))
    end_ms = picture.start_ms + span
    marks = [
        Mark(at_x(ms), name, f"{name} {moment(ms)}")
        for ms, name in ((picture.detected_ms, "told"), (picture.ended_ms, "over"))
        if ms is not None and picture.start_ms <= ms <= end_ms
    ]
    band = (at_x(picture.onset_low_ms), max(2.0, at_x(picture.onset_high_ms) - at_x(picture.onset_low_ms)))
    ended = "" if picture.ended_ms is None else f", over {moment(picture.ended_ms)}"
    return Curve(
        what=picture.what,
        lines=[" ".join(f"{x},{y}" for x, y in run) for run in runs if len(run) > 1],
        dots=[run[0] for run in runs if len(run) == 1],
        level_y=None if picture.level is None else at_y(picture.level),
        level="" if picture.level is None else f"held to {number(picture.level)}",
        normal_y=None if picture.baseline is None else at_y(picture.baseline),
        band=band,
        marks=marks,
        ticks_y=[(at_y(value), number(value)) for value in (0.0, top / 2.1, top / 1.05)],
        ticks_x=[(at_x(ms), moment(ms, day_of_ms=picture.start_ms)) for ms in _moments(picture.start_ms, end_ms)],
        said=f"began {moment(picture.onset_low_ms)}, told {moment(picture.detected_ms)}{ended}",
    )


def _moments(start_ms: int, end_ms: int) -> list[int]:
    """Three times to write below the curve: near the ends, and the middle."""
    return [start_ms + (end_ms - start_ms) * part // 12 for part in (1, 6, 11)]
