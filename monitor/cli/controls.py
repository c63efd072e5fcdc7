"""``driftline controls``: the control register."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.options import (
    config_option,
    database_option,
    errors_to_exit_codes,
    json_option,
    open_store,
    print_json,
)

if TYPE_CHECKING:
    from monitor.incidents.controls import Control, Entry


@click.command(epilog="Example: driftline controls --strict")
@click.option("--strict", is_flag=True, help="Exit code 1 if a control is undefined or a threshold disagrees.")
@config_option
@database_option
@json_option
@errors_to_exit_codes
def controls(*, strict: bool, config: Path | None, database: str | None, as_json: bool) -> None:
    """Show each guardrail's prohibitions, its owner, and whether the log uses the declared threshold.

    Statements come from the section `controls` of the settings, guardrails also from the counts. A guardrail that
    was counted and has no statement is an undefined control.
    """
    from monitor.judging.control_register import control_register

    declared = _declared(config)
    with open_store(config=config, database=database) as stores:
        entries = control_register(stores.judge, declared)
    if as_json:
        print_json([_plain(entry) for entry in entries])
    else:
        _show(entries)
    if strict and not all(entry.in_order for entry in entries):
        raise click.exceptions.Exit(1)


def _declared(config: Path | None) -> dict[str, Control]:
    """The statements of the settings; none where there is no settings file."""
    from monitor.settings import DEFAULT_FILE, load_settings
    from monitor.wiring.translate import controls as controls_of

    return controls_of(load_settings(config)) if config is not None or Path(DEFAULT_FILE).exists() else {}


def _plain(entry: Entry) -> dict[str, Any]:
    return {**dataclasses.asdict(entry), "defined": entry.control is not None, "in_order": entry.in_order}


def _show(entries: list[Entry]) -> None:
    from monitor.incidents.words import plain

    if not entries:
        click.echo("No guardrail was seen or declared yet.")
        return
    for entry in entries:
        where = ", ".join(plain(stage) for stage in entry.stages) or "no stage given"
        click.echo(click.style(f"{plain(entry.guardrail)} ({where if entry.seen else 'not seen yet'})", bold=True))
        if entry.control is None:
            click.echo("  UNDEFINED: it has no control statement; add it to `controls` in the settings")
        else:
            click.echo(f"  prohibits  {plain(entry.control.prohibits, longest=1000)}")
            click.echo(f"  evaluated  {plain(entry.control.evaluated, longest=1000) or '-'}")
            click.echo(f"  owner      {plain(entry.control.owner, longest=200) or '-'}")
        logged = ", ".join(f"{threshold:g}" for threshold in entry.thresholds) or "none"
        declared = entry.control.threshold if entry.control is not None else None
        click.echo(f"  threshold  {'-' if declared is None else f'{declared:g}'}; in the log {logged}")
        for one in entry.disagreements:
            of = " ".join(plain(part) for part in (one.category, one.guardrail_version) if part)
            click.echo(f"  DISAGREES  the log{f' of {of}' if of else ''} uses {one.logged:g}, not {one.declared:g}")
    undefined = sum(entry.control is None for entry in entries)
    disagreeing = sum(bool(entry.disagreements) for entry in entries)
    click.echo(f"{len(entries)} guardrails: {undefined} undefined, {disagreeing} with another threshold in the log.")
