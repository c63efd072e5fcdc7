"""``driftline findings``: pages and notices, and what people dismissed of them."""

from __future__ import annotations

import dataclasses
import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from monitor.cli.options import database_options, errors_to_exit_codes, json_option, print_json
from monitor.clock import SystemClock
from monitor.findings.model import Finding, Kind

if TYPE_CHECKING:
    from monitor.judging.ports import Dismissal

_finding = click.argument("finding", metavar="ID")


@click.group(epilog="Example: driftline findings list --kind notice")
def findings() -> None:
    """List findings, show one, dismiss false notices."""


@findings.command("list", epilog="Example: driftline findings list --kind notice --guardrail prompt-injection")
@click.option("--kind", type=click.Choice([each.value for each in Kind]), help="Only notices, or only pages.")
@click.option("--guardrail", metavar="NAME", help="Only of this guardrail.")
@click.option("--dismissed", is_flag=True, help="Dismissed ones too.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
@database_options
@errors_to_exit_codes
def list_(
    config: Path | None,
    database: str | None,
    *,
    kind: str | None,
    guardrail: str | None,
    dismissed: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Findings, newest first; without dismissed ones."""
    from monitor.cli.incidents import existing_store
    from monitor.judging.dismissals import dismissals

    with existing_store(config, database) as stores:
        dismissed_ones = dismissals(stores)
        with stores.alerts.transaction() as store:
            every = store.findings(kind=kind, limit=10_000)
    chosen = [f for f in every if guardrail in (None, f.guardrail) and (dismissed or f.id not in dismissed_ones)][
        :limit
    ]
    if as_json:
        print_json([_json(finding, dismissed_ones) for finding in chosen])
    elif chosen:
        click.echo("\n".join(_line(finding, dismissed_ones) for finding in chosen))
    else:
        click.echo("No findings." if not (kind or guardrail) else "No findings like that.")


@findings.command(epilog="Example: driftline findings show 3f9a1c")
@_finding
@json_option
@database_options
@errors_to_exit_codes
def show(config: Path | None, database: str | None, *, finding: str, as_json: bool) -> None:
    """One finding with its evidence; ID may be the beginning of it."""
    from monitor.cli.incidents import all_phrases, existing_store
    from monitor.cli.incidents_view import finding_text
    from monitor.judging.dismissals import dismissals, find

    with existing_store(config, database) as stores:
        found, dismissed = find(stores, finding), dismissals(stores)
    if as_json:
        print_json(_json(found, dismissed))
        return
    click.echo(_line(found, dismissed))
    click.echo(finding_text(found, all_phrases()))


@findings.command(epilog='Example: driftline findings dismiss 3f9a1c --reason "load test, agreed with the team"')
@_finding
@click.option(
    "--as",
    "actor",
    metavar="NAME",
    default=getpass.getuser,
    show_default="your user name",
    help="Who dismisses.",
)
@click.option("--reason", required=True, metavar="TEXT", help="Why it is false; kept with the finding.")
@json_option
@database_options
@errors_to_exit_codes
def dismiss(
    config: Path | None, database: str | None, *, finding: str, actor: str, reason: str, as_json: bool
) -> None:
    """Mark a notice as false: the stream keeps the history from before it.

    Otherwise the history begins anew after a notice, and the stream is blind to further change until it has learned
    again. Takes effect with the next tick that is judged.
    """
    from monitor.cli.incidents import existing_store
    from monitor.judging import dismissals

    with existing_store(config, database) as stores:
        found, written = dismissals.dismiss(stores, finding, by=actor, reason=reason, now_ms=SystemClock().now_ms())
    if as_json:
        print_json(_json(found, {found.id: written}))
    else:
        click.echo(f"{found.id}: dismissed by {written.by}; its history is whole again from the next tick on")


def _json(finding: Finding, dismissed: Mapping[str, Dismissal]) -> dict[str, Any]:
    one = dismissed.get(finding.id)
    return {**msgspec.to_builtins(finding), "dismissal": None if one is None else dataclasses.asdict(one)}


def _line(finding: Finding, dismissed: Mapping[str, Dismissal]) -> str:
    from monitor.cli.incidents_view import WIDTH
    from monitor.cli.wrapping import wrapped
    from monitor.incidents.words import moment, plain, subject

    one = dismissed.get(finding.id)
    state = f"  dismissed by {plain(one.by)}: {plain(one.reason)}" if one else ""
    what = f"{subject(finding)}, {finding.signal}/{finding.question}"
    first = f"{finding.id}  {moment(finding.detected_at_ms):<21} {finding.kind.value}"
    return "\n".join([first, *wrapped(f"{what}{state}", WIDTH, indent=4)])
