"""``driftline formats``: which wire formats are read, and how the records of a file would be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from monitor.cli.options import errors_to_exit_codes, json_option, print_json

if TYPE_CHECKING:
    from monitor.events.formats.explain import Explained

RECORDS: Final = 20
"""Records of a file that are shown."""


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

    table = Table("format", "what it is", "scores", "unsafe", "threshold", box=None, pad_edge=False)
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
@json_option
@errors_to_exit_codes
def test(file: Path, name: str, config: Path | None, records: int, as_json: bool) -> None:
    """Show how the first records of FILE are read: as which format and why, each field, and what is dropped.

    FILE holds one record per line, also .gz or .zst; - is standard input. Values of dropped fields are not shown.
    """
    from monitor.events.formats.explain import explain
    from monitor.wiring.decoding import first_records, reader_for

    reader = reader_for(name, config)
    explained = [explain(reader, value) for value in first_records(file, records)]
    if as_json:
        print_json({"formats": _shares(explained), "records": [one.plain() for one in explained]})
        return
    for place, one in enumerate(explained, 1):
        _show(place, one)
    contradictions = sum(len(one.contradictions) for one in explained)
    if contradictions:
        events = sum(len(one.events) for one in explained)
        click.echo(f"{contradictions} of {events} events contradict themselves: verdict against score and threshold")
    for share in _shares(explained):
        click.echo(f"{share['share']:.0%} {share['format']}: {share['why']}")


def _shares(explained: list[Explained]) -> list[dict[str, Any]]:
    """Formats by how many of the records are of each, with why the first one of them is."""
    found = Counter(one.format for one in explained)
    why = {one.format: one.why for one in reversed(explained)}
    return [
        {"format": name, "share": count / len(explained), "records": count, "why": why[name]}
        for name, count in found.most_common()
    ]


def _show(place: int, one: Explained) -> None:
    click.echo(f"record {place}: {one.format} ({one.why})")
    if one.reason:
        click.echo(f"  rejected, {one.reason}: {one.sentence}")
    for event in one.events:
        click.echo("  event")
        for field, value in event.items():
            click.echo(f"    {field}: {value}")
    for contradiction in one.contradictions:
        click.echo(f"  contradiction: {contradiction}")
    if one.dropped:
        click.echo(f"  dropped: {', '.join(one.dropped)}")
        click.echo(f"    because {one.because}")
