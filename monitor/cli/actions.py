"""``driftline actions``: what is to be done otherwise after incidents, by whom, until when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.handling import changed, number_of
from monitor.cli.incidents import actor_option, existing_store
from monitor.cli.incidents_arguments import incident_number
from monitor.cli.measures import with_times
from monitor.cli.options import database_options, errors_to_exit_codes, json_option, moment_ms, print_json
from monitor.clock import SystemClock
from monitor.incidents.words import incident_name, moment

if TYPE_CHECKING:
    from monitor.incidents.actions import ActionItem


@click.group(epilog="Example: driftline actions list --overdue")
def actions() -> None:
    """Action items after incidents: owner, due date, done. Owners are reminded until they are done."""


@actions.command("list", epilog="Example: driftline actions list --overdue")
@click.option("--incident", type=incident_number, metavar="ID", help="Only of this incident.")
@click.option("--overdue", is_flag=True, help="Only those past their date; exit code 1 if there is one.")
@json_option
@database_options
@errors_to_exit_codes
def list_(config: Path | None, database: str | None, *, incident: int | None, overdue: bool, as_json: bool) -> None:
    """Action items, newest first."""
    now_ms = SystemClock().now_ms()
    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        found = [each for each in store.actions(incident) if not overdue or each.overdue(now_ms)]
    if as_json:
        print_json([_json(each, now_ms) for each in found])
    else:
        for each in found:
            click.echo(_line(each, now_ms))
        if not found:
            click.echo("No action items.")
    if overdue and found:
        raise click.exceptions.Exit(1)


@actions.command(
    epilog='Example: driftline actions add INC-1 "alarm on time-outs" --owner ann --due 2026-12-15T00:00Z'
)
@click.argument("incident", type=incident_number, metavar="INCIDENT")
@click.argument("text")
@click.option("--owner", required=True, metavar="NAME", help="Who does it.")
@click.option("--due", required=True, metavar="TIME", help="Until when, such as 2026-12-15T00:00Z.")
@actor_option
@json_option
@database_options
@errors_to_exit_codes
def add(
    config: Path | None,
    database: str | None,
    *,
    incident: int,
    text: str,
    owner: str,
    due: str,
    actor: str | None,
    as_json: bool,
) -> None:
    """Add what is to be done otherwise; possible also after closing."""
    from monitor.incidents.actions import add as add_

    due_ms = moment_ms(due, "--due")
    item = changed(add_, config, database, incident, actor=actor, text=text, owner=owner, due_ms=due_ms)
    _said(item, as_json=as_json)


@actions.command(epilog='Example: driftline actions done A-1 --reason "alarm added, seen in a drill"')
@click.argument("action", type=number_of("A"), metavar="ID")
@click.option("--reason", required=True, metavar="TEXT", help="What was done, and how it shows.")
@actor_option
@json_option
@database_options
@errors_to_exit_codes
def done(
    config: Path | None, database: str | None, *, action: int, reason: str, actor: str | None, as_json: bool
) -> None:
    """Record that an action item is done."""
    from monitor.incidents.actions import done as done_

    _said(changed(done_, config, database, action, actor=actor, text=reason), as_json=as_json)


def _said(item: ActionItem, *, as_json: bool) -> None:
    now_ms = SystemClock().now_ms()
    if as_json:
        print_json(_json(item, now_ms))
    else:
        click.echo(_line(item, now_ms))


def _line(item: ActionItem, now_ms: int) -> str:
    if item.done_ms is not None:
        state = f"done by {item.done_by} {moment(item.done_ms)}"
    else:
        state = f"{'OVERDUE since' if item.overdue(now_ms) else 'due'} {moment(item.due_ms)}"
    return f"{item.name:<6} {incident_name(item.incident_id):<8} {item.owner}, {state}: {item.text}"


def _json(item: ActionItem, now_ms: int) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(item)
    return {"name": item.name, **with_times(plain), "overdue": item.overdue(now_ms)}
