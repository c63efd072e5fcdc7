"""``driftline backtest``: what would have been found, and when."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from monitor.cli.options import config_option, errors_to_exit_codes, json_option
from monitor.cli.wrapping import print_table, wrapped

if TYPE_CHECKING:
    from rich.table import Table

    from monitor.backtest.comparison import Row
    from monitor.backtest.replay import Replay
    from monitor.backtest.truth import Stretch
    from monitor.counting.ports import Tally
    from monitor.findings.model import Finding
    from monitor.ingestion.files import FileSource
    from monitor.judging.progress import Progress
    from monitor.settings import Settings

PIPE_COLUMNS: Final = 80
"""Width in a pipe or a file, where the width of a screen is unknown."""


@click.command(epilog="Example: driftline backtest --config driftline.yaml january.jsonl.gz february.jsonl.gz --json")
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True), metavar="LOG...")
@config_option
@click.option("--pages", type=click.FloatRange(min=0, min_open=True), help="False pages a month, without a file.")
@click.option(
    "--truth",
    type=click.Path(dir_okay=False, path_type=Path),
    help='When something was wrong: JSON lines of {"from", "to", "what", "guardrail"}.',
)
@click.option("--comparison/--no-comparison", default=True, help="Other detectors on the same counts.  [default: on]")
@json_option
@errors_to_exit_codes
def backtest(
    logs: tuple[Path, ...],
    config: Path | None,
    pages: float | None,
    truth: Path | None,
    comparison: bool,
    as_json: bool,
) -> None:
    """Replay recorded logs through the live pipeline at full speed; the live database is not touched.

    LOG is a file of JSON lines, also .gz or .zst, or - for standard input. Several files are read side by side in
    the order of their event times. With --json there is one JSON object per finding and a last one with the sums.

    Beside ours: a detector that always fires, one that never does, and river's ADWIN. Where it is known when
    something was wrong, from --truth or from events with "labels": {"segment": "probing"}, true findings are
    counted apart from false ones.
    """
    from monitor.backtest.comparison import compared
    from monitor.backtest.replay import replayed
    from monitor.backtest.truth import Labels, read_truth
    from monitor.ingestion.files import FileSource
    from monitor.judging.progress import progress_of
    from monitor.wiring.decoding import block_decoder
    from monitor.wiring.logs import set_up_logs

    set_up_logs(level="warning", form="console", stream=sys.stderr)
    settings = _settings(config, [str(log) for log in logs], pages)
    known = None if truth is None else read_truth(truth)
    source = FileSource(logs, max_line_bytes=settings.limits.record_bytes)
    labels = Labels()
    rows: list[Row] = []
    with ExitStack() as opened:
        result = opened.enter_context(
            replayed(
                source,
                settings,
                on_progress=_progress(opened, source, as_json=as_json),
                decoder_of=lambda *given: labels.watching(block_decoder(*given)),
            )
        )
        stretches = labels.stretches() if known is None else known
        if comparison:
            rows = compared(
                result.findings, result.judge.view, result.stores.judge, stretches, tick_ms=settings.ticks.length.ms
            )
        view, tick_ms = result.judge.view, settings.ticks.length.ms
        streams = progress_of(() if view is None else view.streams, result.stores.judge)
    (_print_json if as_json else _print_text)(result, rows, stretches, streams, tick_ms=tick_ms)


def _settings(config: Path | None, logs: list[str], pages: float | None) -> Settings:
    """The file's settings; without a file, defaults and a budget of ``--pages`` (1) a month."""
    from monitor.settings import DEFAULT_FILE, Settings, load_settings

    if config is not None or Path(DEFAULT_FILE).exists():
        settings = load_settings(config)
        if pages is None:
            return settings
        return settings.model_copy(
            update={"budget": settings.budget.model_copy(update={"pages": pages, "per": "month"})}
        )
    return Settings.model_validate({"source": {"files": {"paths": logs}}, "budget": {"pages": pages or 1}})


def _progress(opened: ExitStack, source: FileSource, *, as_json: bool) -> Any:
    """A bar on standard error while reading, if a person is looking."""
    if as_json or not sys.stderr.isatty():
        return None
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[events]:,} events"))
    bar = opened.enter_context(
        Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
    )
    task = bar.add_task("replaying", total=None, events=0)
    events = 0

    def on_progress(tally: Tally) -> None:
        nonlocal events
        events += tally.events
        known = [p for p in source.progress.values() if p.total_bytes is not None]
        total = sum(p.total_bytes or 0 for p in known) or None
        bar.update(task, total=total, completed=sum(p.read_bytes for p in known), events=events)

    return on_progress


def finding_json(finding: Finding) -> dict[str, Any]:
    """One finding as scripts read it: the keys of ``driftline incidents findings --json``; times end in ``_ms``."""
    plain: dict[str, Any] = msgspec.to_builtins(finding)
    return {"type": "finding", **plain}


def found_table(findings: Sequence[Finding], *, width: int) -> str:
    """One line per finding, with the moments when it was first seen and when it paged; below it, what happened."""
    from monitor.cli.incidents import all_phrases
    from monitor.incidents.words import moment, sentence, subject

    lines = [f"{'FIRST SEEN':<21} {'PAGED':<21} {'KIND':<7} TYPE"]
    for f in findings:
        paged = "-" if f.paged_at_ms is None else moment(f.paged_at_ms, day_of_ms=f.detected_at_ms)
        trouble = "-" if f.trouble is None else f.trouble.words
        lines.append(f"{moment(f.detected_at_ms):<21} {paged:<21} {f.kind.value:<7} {trouble}")
        text = f"{subject(f)}: {sentence(f, all_phrases())}"
        lines += wrapped(text, width, indent=4)
    return "\n".join(lines)


def _types(findings: list[Finding]) -> list[str]:
    """Which types were found, by which rules, the most frequent first."""
    found = Counter((f.trouble.words, f.trouble_rule) for f in findings if f.trouble is not None)
    return [f"{count:,} x {words}: {rule}" for (words, rule), count in found.most_common()]


def _wrong(found: dict[str, int]) -> str:
    """Both error rates of a guardrail over the whole log."""
    rates = []
    for wrong, right, what in (("missed", "caught", "harmful"), ("false_positive", "passed", "benign")):
        n = found.get(wrong, 0) + found.get(right, 0)
        if n:
            rates.append(f"{wrong.replace('_', ' ')} {found.get(wrong, 0) / n:.1%} of {n:,} {what}")
    return ", ".join(rates)


def _print_json(
    result: Replay, rows: list[Row], stretches: list[Stretch], streams: list[Progress], *, tick_ms: int
) -> None:
    from monitor.judging.progress import plain

    for finding in result.findings:
        click.echo(json.dumps(finding_json(finding), ensure_ascii=False))
    comparison = [dataclasses.asdict(row) for row in rows]
    truth = [dataclasses.asdict(stretch) for stretch in stretches]
    summary = dataclasses.asdict(result.summary) | {"streams": [plain(one, tick_ms=tick_ms) for one in streams]}
    click.echo(json.dumps({"type": "summary", **summary, "comparison": comparison, "truth": truth}))


def _print_text(
    result: Replay, rows: list[Row], stretches: list[Stretch], streams: list[Progress], *, tick_ms: int
) -> None:
    from rich.console import Console

    from monitor.cli.streams_text import unwatched

    # Without markup: names come from outside, and [red] in one is no colour.
    console = Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS, markup=False, highlight=False)
    summary = result.summary

    def say(text: str) -> None:
        for line in wrapped(text.lstrip(), console.width, indent=len(text) - len(text.lstrip()), hanging=2):
            click.echo(line)

    if result.findings:
        click.echo(found_table(result.findings, width=console.width))
        click.echo()
    for line in _types(result.findings):
        say(line)
    if rows:
        print_table(console, _comparison(rows, stretches))
    say(
        f"{summary.events:,} events in {summary.ticks:,} ticks: {summary.pages:,} pages, "
        f"{summary.findings - summary.pages:,} notices, {summary.incidents:,} incidents. "
        f"{summary.dead_lettered:,} dead-lettered, {summary.late:,} late, {summary.duplicates:,} duplicates. "
        f"{summary.seconds:.1f} s."
    )
    for line in unwatched(streams, tick_ms=tick_ms):
        say(line)
    for guardrail, found in sorted(summary.labels.items()):
        say(f"  {guardrail}, by its labels: {_wrong(found)}")
    for guardrail, count in sorted(summary.contradictions.items()):
        if count:
            say(f"  {guardrail}: {count:,} verdicts contradict their own score and threshold")
    for reason, count in sorted(summary.rejected.items()):
        letters = result.dead_letters.first.get(reason)
        where = f"; the first at {letters[0].partition}:{letters[0].offset}: {letters[0].detail}" if letters else ""
        say(f"  {reason}: {count:,}{where}")


def _comparison(rows: list[Row], stretches: list[Stretch]) -> Table:
    from rich.table import Table

    judged = ("true", "false", f"of {len(stretches)} labelled", "median delay") if stretches else ()
    table = Table("detector", "fed", "findings", *judged, box=None)
    for row in rows:
        cells = [row.name, row.fed, f"{row.findings:,}"]
        if stretches:
            cells += [f"{row.true:,}", f"{row.false:,}", f"{row.stretches:,}"]
            cells.append("" if row.delay_s is None else f"{row.delay_s:,.0f} s")
        table.add_row(*cells)
    return table
