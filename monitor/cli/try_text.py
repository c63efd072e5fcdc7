"""The result of ``driftline try``, for people at a terminal."""

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
from monitor.cli.wrapping import print_table, wrapped
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


def _print(console: Console, text: str, *, indent: int = 0, bold: bool = False) -> None:
    """Names come from outside: they are text, and no markup."""
    for line in wrapped(text, console.width, indent=indent, hanging=2):
        console.print(Text(line, style="bold" if bold else ""))


def _found(console: Console, trial: Trial, name: str) -> None:
    summary = trial.replay.summary
    console.print(Text(plain(name, longest=200), style="bold"))
    for format_, seen in trial.formats.items():
        if format_ != UNREADABLE and seen.records:
            _print(console, f"{seen.records:,} records of format {format_} ({seen.why})", indent=2)
    _print(console, f"{summary.events:,} events, {words.span(trial)}", indent=2)
    counted = {"duplicates": summary.duplicates, "late": summary.late, "from the future": summary.future}
    if any(counted.values()):
        _print(console, ", ".join(f"{count:,} {what}" for what, count in counted.items() if count), indent=2)
    for line in words.unreadable(trial):
        _print(console, f"cannot be read, {line}", indent=2)
    for line in words.dropped(trial):
        _print(console, f"dropped at the border, {line}", indent=2)
    if trial.pooled:
        _print(console, "more names than the limits have room for; the rest is pooled into (other)", indent=2)


def _streams(console: Console, trial: Trial) -> None:
    if not trial.streams:
        return
    _heading(console, "Streams")
    for one in trial.streams[:MOST_STREAMS]:
        _print(console, words.name_of(one), indent=2, bold=True)
        per_day = "" if one.per_day is None else f", {one.per_day:,.0f} a day"
        not_run = words.not_run(one)
        ran = "all ran" if not_run in ("", "0") else f"{not_run} did not run"
        judged = words.not_allowed(one)
        allowed = {"no verdicts": "no verdicts", "0": "all allowed"}.get(judged, f"{judged} not allowed")
        _print(console, f"{one.stream.events:,} events{per_day}; {allowed}; {ran}", indent=4)
        if one.stream.scored:
            scores = f"scores 0 to 1 {_histogram(one)} {words.score(one)}; threshold {words.threshold(one)}"
            _print(console, scores, indent=4)
        if against := words.contradictions(one):
            _print(console, f"contradictions: {against}", indent=4)
    if len(trial.streams) > MOST_STREAMS:
        _print(
            console, f"and {len(trial.streams) - MOST_STREAMS:,} more; --json and --report have them all", indent=2
        )
    for learned in trial.learned:
        _print(console, f"threshold {words.learned_sentence(learned)}", indent=2)


def _histogram(one: StreamTrial) -> str:
    scored = one.stream.scored
    return block_rows(log_heights([n / scored for n in one.stream.scores]), rows=1)[0] if scored else ""


def _levels(console: Console, trial: Trial) -> None:
    known = [one for one in trial.streams if one.baseline is not None]
    lacking = [one for one in trial.streams if one.missing is not None]
    if known:
        _heading(console, "What each stream would be held to")
        for one in known[:MOST_STREAMS]:
            if one.baseline is not None:
                _print(console, words.name_of(one), indent=2, bold=True)
                _print(console, f"baseline: {one.baseline.baseline.reason}", indent=4)
                _table(console, list(words.level_rows(one)))
        for reason, streams in _untested(known).items():
            _print(console, f"not tested: {reason} ({streams} {'stream' if streams == 1 else 'streams'})", indent=2)
    if lacking:
        _heading(console, "Without a baseline")
        for one in lacking[:MOST_STREAMS]:
            if one.missing is not None:
                text = f"{words.name_of(one)}: {one.stream.events:,} events; {words.short_of(one.missing)}"
                _print(console, text, indent=2)


def _table(console: Console, rows: Sequence[words.LevelRow]) -> None:
    """Questions with their figures; reasons that are not those of most are footnotes below."""
    table = Table("", "normal", "pages", "in a day", box=None, pad_edge=False)
    for row in rows:
        table.add_row(f"    {row.question}", row.normal, row.pages, row.within_a_day)
    print_table(console, table)
    for why, asked in _by_reason(rows).items():
        _print(console, f"{', '.join(asked) if len(asked) < len(rows) else 'all'}: {why}", indent=4)


def _by_reason(rows: Sequence[words.LevelRow]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.why, []).append(row.question.partition("/")[2])
    return found


def _untested(known: Sequence[StreamTrial]) -> Counter[str]:
    """Questions without a test, the reasons, and the number of streams."""
    return Counter(reason for one in known for reason in words.not_tested(one))


def _pages(console: Console, trial: Trial) -> None:
    _heading(console, words.answer(trial))
    for number, one in enumerate(trial.pages[:MOST_PICTURES], 1):
        console.print()
        _print(console, f"{number}. {words.finding_title(one.finding)}")
        _picture(console, one)
    if len(trial.pages) > MOST_PICTURES:
        _print(console, f"and {len(trial.pages) - MOST_PICTURES:,} more; --json and --report have them all")
    notices = [one for one in trial.shown if one not in trial.pages]
    if notices:
        _heading(console, "Notices, which are shown and not sent")
        for one in notices[:MOST_NOTICES]:
            _print(console, f"{words.finding_title(one.finding)}", indent=2)
        if len(notices) > MOST_NOTICES:
            _print(console, f"and {len(notices) - MOST_NOTICES:,} more", indent=2)


def _picture(console: Console, one: FindingWithCurve) -> None:
    if one.picture is not None:
        for line in lines(one.picture, width=console.width):
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
    print_table(console, table)


def _proposal(console: Console, trial: Trial, *, written: Path | None, report: Path | None) -> None:
    _heading(console, "Settings to begin with")
    for line in trial.proposal.text().splitlines():
        if line.startswith("#"):
            for part in wrapped(plain(line, longest=400), console.width - 4):
                console.print(Text(f"  {'' if part.startswith('#') else '# '}{part}"))
        else:
            console.print(Text(f"  {line}"), no_wrap=True, overflow="ignore", crop=False)
    console.print()
    if written is not None:
        _print(console, f"written to {written}; check them with: driftline config check -c {written}")
    else:
        _print(console, "--write driftline.yaml writes them")
    if report is not None:
        _print(console, f"the report is in {report}")
