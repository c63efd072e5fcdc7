"""``driftline formats``: which wire formats are read, and how the records of a file would be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from monitor.cli.options import Exit, errors_to_exit_codes, json_option, print_json
from monitor.errors import SettingsError

if TYPE_CHECKING:
    from monitor.events.formats.explain import Explained

RECORDS: Final = 20
"""Records of a file that are shown."""
SAMPLE: Final = 2_000
"""Records that a mapping is inferred from."""


@click.group(invoke_without_command=True, epilog="Example: driftline formats test events.jsonl")
@json_option
@click.pass_context
@errors_to_exit_codes
def formats(context: click.Context, as_json: bool) -> None:
    """List the wire formats that are read, or test a file against them."""
    if context.invoked_subcommand is not None:
        return
    from monitor.events.formats.explain import catalogue

    listed = catalogue()
    if as_json:
        print_json(listed)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("format", "description", "scores", "unsafe", "threshold", box=None, pad_edge=False)
    for one in listed:
        scores = one["scores"] or [{"kind": "", "orientation": "", "threshold": ""}]
        table.add_row(
            one["name"],
            one["title"],
            *("\n".join(s[key] for s in scores) for key in ("kind", "orientation", "threshold")),
        )
    Console().print(table)


@formats.command("test", epilog="Example: driftline formats test events.jsonl --format litellm --json")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE")
@click.option(
    "--format", "name", default="auto", show_default=True, metavar="NAME", help="Take records for this one."
)
@click.option(
    "-c", "--config", type=click.Path(dir_okay=False, path_type=Path), help="Take mapping and thresholds of it."
)
@click.option(
    "--records", type=click.IntRange(1, 10_000), default=RECORDS, show_default=True, help="Records to read."
)
@click.option(
    "--allow-unread",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    metavar="SHARE",
    help="Share of the records that may be unreadable, 0 to 1; above it the exit status is 1.",
)
@json_option
@errors_to_exit_codes
def test(file: Path, name: str, config: Path | None, records: int, allow_unread: float, as_json: bool) -> None:
    """Show how the first records of FILE are read: the format and the reason for it, each field, the dropped parts.

    FILE holds one record per line, also .gz or .zst; - is standard input. Values of dropped fields are not shown. The
    exit status is 1 if more records could not be read than --allow-unread allows, or if there are none.
    """
    from monitor.events.formats.explain import explain
    from monitor.wiring.decoding import first_records, reader_for

    reader = reader_for(name, config)
    explained = [explain(reader, value) for value in first_records(file, records)]
    parts = [one for record in explained for one in record]
    unread = sum(one.unread for one in parts)
    if as_json:
        print_json(
            {"formats": _shares(parts), "unread": unread, "records": [one.plain() for one in parts]},
        )
    else:
        _show_all(explained, parts)
    if not parts or unread > allow_unread * len(parts):
        raise SystemExit(Exit.failed)


@formats.command("infer", epilog="Example: driftline formats infer own-log.jsonl --write mapping.yaml")
@click.argument("log", metavar="FILE|TOPIC")
@click.option("--servers", metavar="HOST:PORT,...", help="Kafka brokers; the log is a topic then.")
@click.option(
    "-c",
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Settings with the broker's TLS.",
)
@click.option("--records", type=click.IntRange(1, 10_000), default=SAMPLE, show_default=True, help="Records to read.")
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write the lines there.")
@click.option("--force", is_flag=True, help="Let --write overwrite.")
@json_option
@errors_to_exit_codes
def infer(
    log: str, servers: str | None, config: Path | None, records: int, write: Path | None, force: bool, as_json: bool
) -> None:
    """Propose source.mapping for a log of no known format, each line with the evidence for it.

    Nothing of the log is shown but names of fields, numbers, and short words that come again and again. The exit
    status is 1 if there is nothing to map.
    """
    from monitor.cli.infer_text import lines_of, plain, show
    from monitor.cli.try_source import readable
    from monitor.events.inference.propose import propose, strangers
    from monitor.wiring.decoding import reader_for, sample

    if write is not None and write.exists() and not force:
        raise SettingsError(f"{write} exists; name another file, or overwrite it with --force")
    with readable(log, servers=servers, config=config, max_events=records, since=None) as source:
        opened = source.open()
        if opened is None:
            raise SettingsError(f"{log} cannot be read")
        found, known = strangers(reader_for("auto", None), sample(opened, records))
    proposal = propose(found, name=Path(log).name.split(".")[0] if log != "-" else "guardrail")
    if as_json:
        print_json(plain(proposal, known=known, strangers=len(found)))
    else:
        show(proposal, known=known, strangers=len(found))
    if proposal is None:
        raise SystemExit(Exit.failed)
    if write is not None:
        write.write_text(lines_of(proposal), encoding="utf-8")


def _show_all(explained: list[list[Explained]], parts: list[Explained]) -> None:
    for place, record in enumerate(explained, 1):
        for part, one in enumerate(record, 1):
            _show(f"{place}" if len(record) == 1 else f"{place}, {part} of {len(record)} in it", one)
    if not parts:
        click.echo("no records")
        return
    contradictions = sum(len(one.contradictions) for one in parts)
    if contradictions:
        events = sum(len(one.events) for one in parts)
        click.echo(
            f"{contradictions:,} of {events:,} events contradict themselves: verdict against score and threshold"
        )
    for share in _shares(parts):
        inside = f" in {' in '.join(reversed(share['envelopes']))}" if share["envelopes"] else ""
        click.echo(f"{share['share']:.0%} {share['format']}{inside}: {share['why']}")
    for reason, count in Counter(one.reason for one in parts if one.unread).most_common():
        click.echo(f"{count} of {len(parts)} could not be read: {reason}")
    for reason, count in Counter(one.reason for one in parts if one.reason and not one.unread).most_common():
        click.echo(f"{count} of {len(parts)} are skipped and counted: {reason}")


def _shares(parts: list[Explained]) -> list[dict[str, Any]]:
    """The records read, by format and envelopes, with the reason for the first one's format."""
    read = [one for one in parts if not one.reason]
    found = Counter((one.format, *one.envelopes) for one in read)
    why = {(one.format, *one.envelopes): one.why for one in reversed(read)}
    return [
        {
            "format": key[0],
            "envelopes": list(key[1:]),
            "share": count / len(parts),
            "records": count,
            "why": why[key],
        }
        for key, count in found.most_common()
    ]


def _show(place: str, one: Explained) -> None:
    around = f" in {' in '.join(reversed(one.envelopes))}" if one.envelopes else ""
    click.echo(f"record {place}: {one.format}{around} ({one.why})")
    if one.reason:
        click.echo(f"  {'rejected' if one.unread else 'skipped'}, {one.reason}: {one.sentence}")
    for event in one.events:
        click.echo("  event")
        for field, value in event.items():
            click.echo(f"    {field}: {value}")
    for contradiction in one.contradictions:
        click.echo(f"  contradiction: {contradiction}")
    if one.dropped:
        click.echo(f"  dropped: {', '.join(one.dropped)}")
        click.echo(f"    because {one.because}")
