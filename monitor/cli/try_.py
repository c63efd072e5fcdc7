"""``driftline try``: a newcomer's first ten minutes with their own log."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from monitor.cli.options import errors_to_exit_codes, json_option, print_json
from monitor.errors import SettingsError

if TYPE_CHECKING:
    from monitor.backtest.trial import Trial
    from monitor.cli.try_source import Readable
    from monitor.settings import Settings

MAX_EVENTS: Final = 1_000_000
"""Records of a topic; at 100,000 events/s some ten seconds of reading."""


@click.command("try", epilog="Example: driftline try january.jsonl.gz --report report.html --write driftline.yaml")
@click.argument("log", metavar="FILE|TOPIC")
@click.option("--servers", metavar="HOST:PORT,...", help="Kafka brokers; the log is a topic then.")
@click.option("--format", "name", metavar="NAME", help="Format of the records.  [default: recognised by their shape]")
@click.option(
    "-c",
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Settings to start from: a mapping, thresholds, a broker's TLS.",
)
@click.option("--pages", type=click.FloatRange(min=0, min_open=True), help="False pages accepted.  [default: 1]")
@click.option(
    "--per",
    type=click.Choice(["day", "week", "month", "quarter", "year"]),
    help="Period of --pages.  [default: month]",
)
@click.option(
    "--max-events",
    type=click.IntRange(min=1),
    default=MAX_EVENTS,
    show_default=True,
    help="Newest records of a topic that are read.",
)
@click.option("--since", metavar="TIME", help="Records of a topic from then on, RFC 3339.")
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write the proposed settings there.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write a self-contained HTML page.")
@click.option("--force", is_flag=True, help="Let --write and --report overwrite.")
@json_option
@errors_to_exit_codes
def try_(
    log: str,
    servers: str | None,
    name: str | None,
    config: Path | None,
    pages: float | None,
    per: str | None,
    max_events: int,
    since: str | None,
    write: Path | None,
    report: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Try Driftline on a log: its contents, the pages it would have caused, and the settings to begin with.

    FILE is JSON lines, also .gz or .zst, or - for standard input. TOPIC is read from --servers up to its present end,
    without a consumer group and without committing offsets. Nothing is stored but what --write and --report name.
    """
    from monitor.backtest.trial import try_log
    from monitor.cli.try_source import readable
    from monitor.wiring.logs import set_up_logs

    for path in (write, report):
        if path is not None and path.exists() and not force:
            raise SettingsError(f"{path} exists; name another file, or overwrite it with --force")
    set_up_logs(level="warning", form="console", stream=sys.stderr)
    with ExitStack() as opened:
        source = opened.enter_context(
            readable(log, servers=servers, config=config, max_events=max_events, since=since)
        )
        settings = _settings(source, name=name, pages=pages, per=per)
        progress = _Progress(opened, source, quiet=as_json)
        trial = try_log(
            source.open, settings, name=_stem(source.name), on_progress=progress.counted, on_stage=progress.stage
        )
    _output(trial, source.name, write=write, report=report, as_json=as_json)


def _stem(name: str) -> str:
    """What a guardrail without a name of its own is called: its log."""
    return Path(name.removeprefix("topic ")).name.split(".")[0] or "guardrail"


def _settings(source: Readable, *, name: str | None, pages: float | None, per: str | None) -> Settings:
    from pydantic import ValidationError

    from monitor.settings import Settings
    from monitor.settings.problems import sentences

    tree = dict(source.settings)
    if name is not None:
        tree["source"] = {**tree["source"], "format": name}
    budget = {"pages": 1, "per": "month"} | dict(tree.get("budget") or {})
    if pages is not None:
        budget["pages"] = pages
    if per is not None:
        budget["per"] = per
    tree["budget"] = budget
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise SettingsError("\n".join(sentences(error, file="driftline try", origin={}))) from None


def _output(trial: Trial, name: str, *, write: Path | None, report: Path | None, as_json: bool) -> None:
    if write is not None:
        _write(write, trial.proposal.text())
    if report is not None:
        from monitor.cli.try_report import page

        _write(report, page(trial, name))
    if as_json:
        from monitor.cli.try_json import plain

        print_json(plain(trial, name))
        return
    from monitor.cli.try_text import show

    show(trial, name, written=write, report=report)


def _write(path: Path, text: str) -> None:
    """A file for its owner alone: names of fields and of guardrails came from outside."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)  # one that was there before may have been open to others
        file.write(text)


class _Progress:
    """A bar on standard error, if a person is looking."""

    def __init__(self, opened: ExitStack, source: Readable, *, quiet: bool) -> None:
        self._source = source
        self._events = 0
        self._bar: Any = None
        if quiet or not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
        self._bar = opened.enter_context(
            Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
        )
        self._task = self._bar.add_task("", total=None, note="")

    def stage(self, what: str) -> None:
        """The stage in progress."""
        self._events = 0
        if self._bar is not None:
            note = "the first run on a machine compiles for a minute" if what == "reading" else ""
            self._bar.update(self._task, description=what, note=note, completed=0, total=None)

    def counted(self, tally: Any) -> None:
        """So much more was read."""
        self._events += tally.events
        if self._bar is not None:
            read, total = self._source.progress()
            note = f"{self._events:,} events"
            self._bar.update(self._task, total=total, completed=read, **({"note": note} if self._events else {}))
