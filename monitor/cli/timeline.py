"""``driftline timeline``: take timelines out as a file, and verify such a file without a database."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.incidents import existing_store, print_verified
from monitor.cli.incidents_arguments import anchors_of, anchors_option, head_of_timeline, incident_number
from monitor.cli.options import database_options, errors_to_exit_codes, json_option
from monitor.errors import NotFound
from monitor.incidents import timeline as chain

MOST_BYTES = 1 << 30


@click.group(epilog="Example: driftline timeline verify inc-1.jsonl")
def timeline() -> None:
    """Take timelines out as files, and prove that such a file is as it was written."""


@timeline.command(epilog="Example: driftline timeline export INC-1 > inc-1.jsonl")
@click.argument("incident", type=incident_number, metavar="ID")
@database_options
@errors_to_exit_codes
def export(config: Path | None, database: str | None, *, incident: int) -> None:
    """Print a timeline as JSON lines, one entry each, hashes included."""
    from monitor.incidents.exported import lines
    from monitor.incidents.lifecycle import locked

    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        entries = store.timeline(locked(store, incident).id)
    for line in lines(entries):
        click.echo(line)


@timeline.command(epilog="Example: driftline timeline verify inc-1.jsonl --head 7:HASH-OF-A-NOTIFICATION")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--head",
    multiple=True,
    type=head_of_timeline,
    metavar="SEQ:HASH",
    help="As a notification carried it: proves that nothing after it was cut off. Needs a file of one incident.",
)
@anchors_option
@json_option
@errors_to_exit_codes
def verify(file: Path, *, head: tuple[chain.Head, ...], anchors: Path | None, as_json: bool) -> None:
    """Check an exported file; exit code 1 if an entry was changed, removed, added or moved. Names the first one."""
    from monitor.incidents.exported import read

    try:
        with file.open("rb") as opened:
            records = read(opened)
    except OSError as error:
        raise NotFound(f"{file}: {error.strerror or error}") from None
    if head and len(records) > 1:
        raise click.UsageError("--head needs a file of one incident")
    print_verified(records, heads=head, anchored=anchors_of(anchors), as_json=as_json)
