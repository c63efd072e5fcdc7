"""``driftline streams``: which streams are watched, and why the others are not."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.options import (
    config_option,
    database_option,
    errors_to_exit_codes,
    json_option,
    open_store,
    print_json,
)


@click.command(epilog="Example: driftline streams --guardrail prompt-injection --all")
@click.option("--guardrail", metavar="NAME", help="Only of this guardrail.")
@click.option("--unwatched", is_flag=True, help="Only those that have no baseline yet.")
@click.option("--all", "reasons", is_flag=True, help="Every signal that is not tested, and why.")
@config_option
@database_option
@json_option
@errors_to_exit_codes
def streams(
    guardrail: str | None,
    *,
    unwatched: bool,
    reasons: bool,
    config: Path | None,
    database: str | None,
    as_json: bool,
) -> None:
    """Streams: watched since when, or how far they have learned. At most a minute of event time old."""
    from monitor.cli.baseline import settings_rule
    from monitor.cli.streams_text import lines
    from monitor.judging.progress import plain, progress_of

    tick_ms = settings_rule(config).tick_ms
    with open_store(config=config, database=database) as stores:
        every = progress_of(stores.evidence.streams(), stores.judge)
    chosen = [
        one
        for one in every
        if guardrail in (None, one.stream.unit.guardrail) and not (unwatched and one.stream.watched_from is not None)
    ]
    if as_json:
        print_json([plain(one, tick_ms=tick_ms) for one in chosen])
    elif chosen:
        click.echo("\n".join(line for one in chosen for line in lines(one, tick_ms=tick_ms, reasons=reasons)))
    elif every:
        click.echo("No streams like that." if guardrail or unwatched else "No streams.")
    else:
        click.echo("No streams yet: the judge writes them a minute after its start or an upgrade (`driftline run`).")
