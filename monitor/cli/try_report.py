"""The report of ``driftline try``: one HTML page that loads nothing, with drawings in SVG."""

from __future__ import annotations

from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from monitor.backtest.trial import FindingWithCurve, StreamTrial, Trial
from monitor.cli import try_words as words
from monitor.events.formats.explain import UNREADABLE
from monitor.incidents.words import due_to, moment, plain
from monitor.judging.curves import Picture
from monitor.judging.drawn import of_picture
from monitor.render.bars import strip
from monitor.render.svg import Chart

MOST: Final = 200
"""Findings with drawings; streams in tables."""


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
        pages=[_finding(one, place) for place, one in enumerate(trial.pages[:MOST])],
        notices=[words.finding_title(one.finding) for one in trial.shown if one not in trial.pages][:MOST],
        budgets=[(one, words.budget_words(one, trial)) for one in trial.budgets],
        period=trial.proposal.settings["budget"]["per"],
        watched=any(one.baseline is not None for one in trial.streams),
        settings=trial.proposal.text(),
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
        "strip": strip(
            one.stream.scores,
            label="histogram of scores",
            mark=None if one.stream.unit.threshold_milli < 0 else one.stream.unit.threshold_milli / 1000,
        )
        if any(one.stream.scores)
        else "",
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


def _finding(one: FindingWithCurve, place: int) -> dict[str, Any]:
    finding = one.finding
    return {
        "title": words.finding_title(finding),
        "paged": moment(finding.paged_at_ms or finding.detected_at_ms),
        "detail": plain(finding.evidence.detail, longest=300),
        "events": finding.evidence.events,
        "promise": finding.promise.value,
        "shares": due_to(finding),
        "curve": None if one.picture is None else curve(one.picture, place),
        "what": "" if one.picture is None else one.picture.what,
    }


def curve(picture: Picture, place: int) -> tuple[Chart, str]:
    """The drawing of a picture, and its moments in words."""
    ended = "" if picture.ended_at_ms is None else f", over {moment(picture.ended_at_ms)}"
    moments = f"began {moment(picture.onset_low_ms)}, found {moment(picture.detected_at_ms)}{ended}"
    return of_picture(picture, name=f"finding-{place}", description=moments), moments
