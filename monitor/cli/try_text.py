"""What ``driftline try`` found, for people at a terminal."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.backtest.trial import FindingWithCurve, StreamTrial, Trial
from monitor.cli import try_words as words
from monitor.cli.backtest import PIPE_COLUMNS
from monitor.cli.try_picture import lines
from monitor.demo.chart import block_rows, log_heights
from monitor.events.formats.explain import UNREADABLE
from monitor.incidents.words import plain

MOST_STREAMS: Final = 40
MOST_PICTURES: Final = 20
MOST_NOTICES: Final = 20


def show(trial: Trial, name: str, *, written: Path | None, report: Path | None) -> None:
    """Print everything."""
    console = Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS, highlight=False)
    _found(console, trial, name)
    _streams(console, trial)
    _levels(console, trial)
    _pages(console, trial)
    _budgets(console, trial)
    _proposal(console, trial, written=written, report=report)


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _say(console: Console, text: str) -> None:
    console.print(Text(text))


def _found(console: Console, trial: Trial, name: str) -> None:
    summary = trial.replay.summary
    console.print(Text(plain(name, longest=200), style="bold"))
    for format_, seen in trial.formats.items():
        if format_ != UNREADABLE and seen.records:
            _say(console, f"  {seen.records:,} records of format {format_} ({seen.why})")
    _say(console, f"  {summary.events:,} events, {words.span(trial)}")
    counted = {"duplicates": summary.duplicates, "late": summary.late, "from the future": summary.future}
    if any(counted.values()):
        _say(console, "  " + ", ".join(f"{count:,} {what}" for what, count in counted.items() if count))
    for line in words.unreadable(trial):
        _say(console, f"  cannot be read, {line}")
    for line in words.dropped(trial):
        _say(console, f"  dropped at the border, {line}")
    if trial.pooled:
        _say(console, "  more names than the limits have room for; the rest is pooled into (other)")


def _streams(console: Console, trial: Trial) -> None:
    if not trial.streams:
        return
    _heading(console, "Streams")
    table = Table(box=None, pad_edge=False)
    for column in (
        "stream",
        "stage",
        "events",
        "a day",
        "not allowed",
        "did not run",
        "scores 0 to 1",
        "",
        "threshold",
    ):
        table.add_column(column, no_wrap=column in ("scores 0 to 1", "events", "a day"))
    for one in trial.streams[:MOST_STREAMS]:
        table.add_row(
            Text(words.name_of(one)),
            one.stream.unit.stage,
            f"{one.stream.events:,}",
            "" if one.per_day is None else f"{one.per_day:,.0f}",
            words.not_allowed(one),
            words.not_run(one),
            _histogram(one),
            words.score(one),
            words.threshold(one),
        )
    console.print(table)
    if len(trial.streams) > MOST_STREAMS:
        _say(console, f"  and {len(trial.streams) - MOST_STREAMS:,} more; --json and --report have them all")
    for one in trial.streams:
        if said := words.contradictions(one):
            _say(console, f"  {words.name_of(one)}: {said}")
    for learned in trial.learned:
        _say(console, f"  threshold {words.learned_sentence(learned)}")


def _histogram(one: StreamTrial) -> str:
    scored = one.stream.scored
    return block_rows(log_heights([n / scored for n in one.stream.scores]), rows=1)[0] if scored else ""


def _levels(console: Console, trial: Trial) -> None:
    known = [one for one in trial.streams if one.baseline is not None]
    short = [one for one in trial.streams if one.missing is not None]
    if known:
        _heading(console, "What each stream would be held to")
        table = Table("", "normal", "pages", "found within a day", "why", box=None, pad_edge=False)
        for one in known[:MOST_STREAMS]:
            view = one.baseline
            if view is None:
                continue
            table.add_row(
                Text(words.name_of(one), style="bold"), "", "", "", Text(f"baseline: {view.baseline.reason}")
            )
            for row in words.level_rows(one):
                table.add_row(f"  {row.question}", row.normal, row.pages, row.within_a_day, Text(row.why))
        console.print(table)
        for reason, streams in _untested(known).items():
            _say(console, f"  not tested, {reason} ({streams} {'stream' if streams == 1 else 'streams'})")
    if short:
        _heading(console, "Too little for a baseline")
        for one in short[:MOST_STREAMS]:
            if one.missing is not None:
                _say(console, f"  {words.name_of(one)}: {one.stream.events:,} events; {words.short_of(one.missing)}")


def _untested(known: Sequence[StreamTrial]) -> Counter[str]:
    """What cannot be asked, why, and of how many streams."""
    return Counter(said for one in known for said in words.not_tested(one))


def _pages(console: Console, trial: Trial) -> None:
    _heading(console, words.answer(trial))
    for number, one in enumerate(trial.pages[:MOST_PICTURES], 1):
        console.print()
        _say(console, f"{number}. {words.finding_title(one.finding)}")
        _picture(console, one)
    if len(trial.pages) > MOST_PICTURES:
        _say(console, f"and {len(trial.pages) - MOST_PICTURES:,} more; --json and --report have them all")
    notices = [one for one in trial.shown if one not in trial.pages]
    if notices:
        _heading(console, "Notices, which are shown and not sent")
        for one in notices[:MOST_NOTICES]:
            _say(console, f"  {words.finding_title(one.finding)}")
        if len(notices) > MOST_NOTICES:
            _say(console, f"  and {len(notices) - MOST_NOTICES:,} more")


def _picture(console: Console, one: FindingWithCurve) -> None:
    if one.picture is not None:
        for line in lines(one.picture):
            console.print(Text(line), no_wrap=True, crop=True)


def _budgets(console: Console, trial: Trial) -> None:
    if not any(one.baseline is not None for one in trial.streams):
        return
    _heading(console, "With another budget")
    period = trial.proposal.settings["budget"]["per"]
    table = Table(f"false pages a {period}", "pages", "notices", "incidents", "", box=None, pad_edge=False)
    for one in trial.budgets:
        table.add_row(
            f"{one.pages_allowed:g}",
            f"{len(one.pages):,}",
            f"{one.notices:,}",
            f"{one.incidents:,}",
            words.budget_words(one, trial),
        )
    console.print(table)


def _proposal(console: Console, trial: Trial, *, written: Path | None, report: Path | None) -> None:
    _heading(console, "Settings to begin with")
    for line in trial.proposal.text().splitlines():
        _say(console, f"  {plain(line, longest=300) if line.startswith('#') else line}")
    console.print()
    if written is not None:
        _say(console, f"written to {written}; check them with: driftline config check -c {written}")
    else:
        _say(console, "--write driftline.yaml writes them")
    if report is not None:
        _say(console, f"the report is in {report}")
