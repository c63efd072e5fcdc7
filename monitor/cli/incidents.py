"""``driftline incidents``: what a person does with incidents from a terminal."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from monitor.cli.incidents_arguments import head_of_timeline, incident_number
from monitor.cli.options import database_from, database_options, errors_to_exit_codes, json_option, print_json
from monitor.clock import SystemClock
from monitor.errors import NotFound, Refused, StoreUnavailable
from monitor.findings.model import Finding, Kind
from monitor.incidents import lifecycle, timeline
from monitor.incidents.model import Entry, Incident, Status
from monitor.incidents.words import incident_name

if TYPE_CHECKING:
    from monitor.incidents.words import Phrases
    from monitor.storage.stores import Stores

TRIES: Final = 5
"""Of a change that collides with somebody else's."""
MOST: Final = 1000


_incident = click.argument("incident", type=incident_number, metavar="ID")
_actor = click.option("--as", "actor", metavar="NAME", help="Who does this.  [default: the user of this system]")


@click.group(epilog="Example: driftline incidents list --status open")
def incidents() -> None:
    """List incidents, work on them, read their record."""


@incidents.command("list", epilog="Example: driftline incidents list --status open --guardrail prompt-injection")
@click.option("--status", multiple=True, type=click.Choice([each.value for each in Status]), help="May be repeated.")
@click.option("--guardrail", metavar="NAME", help="Only of this guardrail.")
@click.option("--limit", type=click.IntRange(1, MOST), default=50, show_default=True)
@json_option
@database_options
@errors_to_exit_codes
def list_(
    config: Path | None,
    database: str | None,
    *,
    status: tuple[str, ...],
    guardrail: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Incidents, newest first."""
    from monitor.cli.incidents_view import table

    wanted = [Status(each) for each in status] or None
    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        found = store.incidents(guardrail=guardrail, status=wanted, limit=limit)
    if as_json:
        print_json([_incident_json(each) for each in found])
    elif found:
        click.echo(table(found))
    else:
        click.echo("No incidents." if not (status or guardrail) else "No incidents like that.")


@incidents.command(epilog="Example: driftline incidents show INC-1")
@_incident
@json_option
@database_options
@errors_to_exit_codes
def show(config: Path | None, database: str | None, *, incident: int, as_json: bool) -> None:
    """One incident: what, since when, how large, why, what to do next, and its timeline."""
    from monitor.cli.incidents_view import whole

    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        found = lifecycle.locked(store, incident)
        findings, entries = store.findings(incident_id=incident), store.timeline(incident)
    if as_json:
        print_json(
            {
                "incident": _incident_json(found),
                "possible": [act.value for act in lifecycle.possible(found.status)],
                "findings": msgspec.to_builtins(findings),
                "timeline": msgspec.to_builtins(entries),
            }
        )
    else:
        click.echo(whole(found, findings, entries, phrases=all_phrases()))


@incidents.command(epilog="Example: driftline incidents ack INC-1")
@_incident
@click.argument("text", required=False, default="")
@_actor
@database_options
@errors_to_exit_codes
def ack(config: Path | None, database: str | None, *, incident: int, text: str, actor: str | None) -> None:
    """Say that you have it; TEXT may say what you are going to do."""
    _change(lifecycle.acknowledge, config, database, incident=incident, actor=actor, text=text)


@incidents.command(epilog='Example: driftline incidents resolve INC-1 --reason "rolled back to 2.3"')
@_incident
@click.option("--reason", required=True, metavar="TEXT", help="What it was, and why it is over.")
@_actor
@database_options
@errors_to_exit_codes
def resolve(config: Path | None, database: str | None, *, incident: int, reason: str, actor: str | None) -> None:
    """Say that it is over. IncidentType that began before re-opens it."""
    going_on = _change(lifecycle.resolve, config, database, incident=incident, actor=actor, text=reason)
    if going_on:
        what = "finding of it has" if going_on == 1 else "findings of it have"
        click.echo(f"Note: {going_on} {what} not ended yet.")


@incidents.command(epilog='Example: driftline incidents close INC-1 --learned "test thresholds before a release"')
@_incident
@click.option("--learned", required=True, metavar="TEXT", help="What happened, and what will be done differently.")
@_actor
@database_options
@errors_to_exit_codes
def close(config: Path | None, database: str | None, *, incident: int, learned: str, actor: str | None) -> None:
    """Finish a resolved incident with what was learned; it is never re-opened."""
    _change(lifecycle.close, config, database, incident=incident, actor=actor, text=learned)


@incidents.command(epilog='Example: driftline incidents note INC-1 "the release was at 03:05"')
@_incident
@click.argument("text")
@_actor
@database_options
@errors_to_exit_codes
def note(config: Path | None, database: str | None, *, incident: int, text: str, actor: str | None) -> None:
    """Write something into the timeline."""
    _change(lifecycle.note, config, database, incident=incident, actor=actor, text=text)


@incidents.command(epilog="Example: driftline incidents verify INC-1 --head 7:HASH-OF-A-NOTIFICATION")
@click.argument("incident", type=incident_number, metavar="[ID]", required=False)
@click.option(
    "--head", multiple=True, type=head_of_timeline, metavar="SEQ:HASH", help="As a notification carried it."
)
@click.option("--lines", is_flag=True, help="Print each hash and the exact text that it is the SHA-256 of.")
@json_option
@database_options
@errors_to_exit_codes
def verify(
    config: Path | None,
    database: str | None,
    *,
    incident: int | None,
    head: tuple[timeline.Head, ...],
    lines: bool,
    as_json: bool,
) -> None:
    """Check that timelines are as they were written; exit code 1 if one is not. Without ID, all of them."""
    if incident is None and (head or lines):
        raise click.UsageError("--head and --lines need the ID of one incident")
    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        if incident is None:
            numbers = sorted(each.id for each in store.incidents(limit=2**31))
        else:
            numbers = [lifecycle.locked(store, incident).id]
        records = {each: store.timeline(each) for each in numbers}
    results = {each: timeline.verify(entries, heads=head) for each, entries in records.items()}
    if lines:
        for entry in records[numbers[0]]:
            click.echo(f"{entry.hash}  {timeline.hashed_content(entry).decode()}")
    elif as_json:
        print_json(
            [
                {
                    "incident": each,
                    "entries": len(records[each]),
                    "broken": None if flaw is None else _flaw_json(flaw),
                }
                for each, flaw in results.items()
            ]
        )
    else:
        _print_results(records, results)
    if any(results.values()):
        raise click.exceptions.Exit(1)


@incidents.command(epilog="Example: driftline incidents findings --kind notice")
@click.option("--kind", type=click.Choice([each.value for each in Kind]), help="Only notices, or only pages.")
@click.option("--incident", type=incident_number, metavar="ID", help="Only of this incident.")
@click.option("--limit", type=click.IntRange(1, MOST), default=50, show_default=True)
@json_option
@database_options
@errors_to_exit_codes
def findings(
    config: Path | None, database: str | None, *, kind: str | None, incident: int | None, limit: int, as_json: bool
) -> None:
    """All that was found, notices too, newest first."""
    from monitor.cli.incidents_view import finding_table

    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        found: Sequence[Finding] = store.findings(incident_id=incident, kind=kind, limit=limit)
    if as_json:
        print_json(msgspec.to_builtins(found))
    elif found:
        click.echo(finding_table(found, all_phrases()))
    else:
        click.echo("No findings.")


def _change(
    act: Callable[..., lifecycle.Change],
    config: Path | None,
    database: str | None,
    *,
    incident: int,
    actor: str | None,
    text: str,
) -> int:
    """Do it, tell the channels, say so; returns how many pages have not ended."""
    from monitor.alerting.announce import announce

    name = lifecycle.person(_user() if actor is None else actor)
    with existing_store(config, database) as stores:
        for left in reversed(range(TRIES)):
            try:
                with stores.alerts.transaction() as store:
                    change = act(store, incident, actor=name, now_ms=SystemClock().now_ms(), text=text)
                    told = announce(store, change)
                    pages = [each for each in store.findings(incident_id=incident) if each.kind is Kind.page]
                break
            except StoreUnavailable:
                if left == 0:
                    raise
    heard = f"; telling {', '.join(told)}" if told else ""
    click.echo(
        f"{incident_name(incident)}: {change.entry.kind} by {name}{heard}. It is {change.incident.status.value}."
    )
    return sum(page.ended_at_ms is None for page in pages)


@contextmanager
def existing_store(config: Path | None, database: str | None) -> Iterator[Stores]:
    """The stores of a database that is there: a mistyped file name must not look like a service without incidents."""
    from monitor.storage.session import open_database
    from monitor.storage.stores import open_stores

    url = database_from(config=config, database=database)
    probe = open_database(url)
    try:
        if not probe.exists:
            raise NotFound(f"there is no database {probe.name}; `driftline run` makes it, --database names another")
    finally:
        probe.close()
    with open_stores(url) as stores:
        yield stores


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise Refused("this system does not say who you are; say --as NAME") from error


def all_phrases() -> Phrases:
    from monitor.signals.registry import SIGNALS

    return {(signal.name, question.name): question.phrase for signal in SIGNALS for question in signal.questions}


def _print_results(records: dict[int, Sequence[Entry]], results: dict[int, timeline.Broken | None]) -> None:
    for number, flaw in results.items():
        name = incident_name(number)
        if flaw is not None:
            click.echo(click.style(f"{name}: BROKEN: entry {flaw.seq} {flaw.why.value}", fg="red"))
        elif records[number]:
            head = records[number][-1]
            click.echo(f"{name}: {head.seq} entries fit; the head is\n  {head.seq}:{head.hash}")
        else:
            click.echo(f"{name}: no entries")
    if not results:
        click.echo("No incidents.")


def _flaw_json(flaw: timeline.Broken) -> dict[str, object]:
    return {"seq": flaw.seq, "why": flaw.why.name, "detail": flaw.why.value}


def _incident_json(incident: Incident) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(incident)
    return {"name": incident_name(incident.id), **plain}
