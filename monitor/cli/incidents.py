"""``driftline incidents``: what a person does with incidents from a terminal."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from monitor.cli.incidents_arguments import anchors_of, anchors_option, head_of_timeline, incident_number
from monitor.cli.options import (
    database_from,
    database_options,
    errors_to_exit_codes,
    json_of_change_option,
    json_option,
    moment_ms,
    print_json,
    wants_json,
)
from monitor.clock import SystemClock
from monitor.errors import NotFound, Refused
from monitor.findings.model import Finding, Kind
from monitor.incidents import lifecycle, timeline
from monitor.incidents.model import Entry, Incident, Status
from monitor.incidents.words import incident_name, rfc3339

if TYPE_CHECKING:
    from monitor.incidents.words import Phrases
    from monitor.storage.stores import Stores

MOST: Final = 1000


incident_argument = click.argument("incident", type=incident_number, metavar="ID")
actor_option = click.option("--as", "actor", metavar="NAME", help="Who does this.  [default: your user name]")


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
@incident_argument
@click.option("--all", "everything", is_flag=True, help="Each finding with its evidence, and the timeline.")
@json_option
@database_options
@errors_to_exit_codes
def show(config: Path | None, database: str | None, *, incident: int, everything: bool, as_json: bool) -> None:
    """One incident on one screen: what, since when, how sure, how large, where, and what to do next."""
    from monitor.cli.incidents_screen import first_screen
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
        text = whole if everything else first_screen
        click.echo(text(found, findings, entries, phrases=all_phrases()))


@incidents.command(epilog="Example: driftline incidents ack INC-1")
@incident_argument
@click.argument("text", required=False, default="")
@actor_option
@json_of_change_option
@database_options
@errors_to_exit_codes
def ack(config: Path | None, database: str | None, *, incident: int, text: str, actor: str | None) -> None:
    """Take an incident; TEXT may state what you are going to do."""
    change_incident(lifecycle.acknowledge, config, database, incident=incident, actor=actor, text=text)


@incidents.command(epilog='Example: driftline incidents snooze INC-1 --until 2026-12-01T09:00Z --reason "vendor"')
@incident_argument
@click.option("--until", required=True, metavar="TIME", help="When to page again, at most 7 days from now.")
@click.option("--reason", required=True, metavar="TEXT", help="Why it can wait.")
@actor_option
@json_of_change_option
@database_options
@errors_to_exit_codes
def snooze(
    config: Path | None, database: str | None, *, incident: int, until: str, reason: str, actor: str | None
) -> None:
    """Leave an acknowledged incident until a time; then its owner is paged again."""
    until_ms = moment_ms(until, "--until")
    change_incident(
        lifecycle.snooze, config, database, incident=incident, actor=actor, text=reason, until_ms=until_ms
    )


@incidents.command(epilog='Example: driftline incidents escalate INC-1 --reason "needs the model team"')
@incident_argument
@click.option("--reason", required=True, metavar="TEXT", help="Whom you need, and what for.")
@actor_option
@json_of_change_option
@database_options
@errors_to_exit_codes
def escalate(config: Path | None, database: str | None, *, incident: int, reason: str, actor: str | None) -> None:
    """Page the next step of the escalation policy now; the incident is nobody's until one of them takes it."""
    from monitor.alerting.escalation.hand_over import escalate as call

    change_incident(call, config, database, incident=incident, actor=actor, text=reason)


@incidents.command(epilog='Example: driftline incidents resolve INC-1 --reason "rolled back to 2.3"')
@incident_argument
@click.option("--reason", required=True, metavar="TEXT", help="The cause, and why it is over.")
@actor_option
@json_of_change_option
@database_options
@errors_to_exit_codes
def resolve(config: Path | None, database: str | None, *, incident: int, reason: str, actor: str | None) -> None:
    """Record that an incident is over. A page that began before re-opens it."""
    going_on = change_incident(lifecycle.resolve, config, database, incident=incident, actor=actor, text=reason)
    if going_on and not wants_json():
        what = "page has" if going_on == 1 else "pages have"
        click.echo(f"Note: {going_on} {what} not ended yet.")


@incidents.command(epilog='Example: driftline incidents close INC-1 --learned "test thresholds before a release"')
@incident_argument
@click.option("--learned", required=True, metavar="TEXT", help="What happened, and what will be done differently.")
@actor_option
@json_of_change_option
@database_options
@errors_to_exit_codes
def close(config: Path | None, database: str | None, *, incident: int, learned: str, actor: str | None) -> None:
    """Close a resolved incident with lessons learned; it is never re-opened."""
    change_incident(lifecycle.close, config, database, incident=incident, actor=actor, text=learned)


@incidents.command(epilog='Example: driftline incidents note INC-1 "the release was at 03:05"')
@incident_argument
@click.argument("text")
@actor_option
@json_of_change_option
@database_options
@errors_to_exit_codes
def note(config: Path | None, database: str | None, *, incident: int, text: str, actor: str | None) -> None:
    """Add a note to the timeline."""
    change_incident(lifecycle.note, config, database, incident=incident, actor=actor, text=text)


@incidents.command(epilog="Example: driftline incidents verify INC-1 --head 7:HASH-OF-A-NOTIFICATION")
@click.argument("incident", type=incident_number, metavar="[ID]", required=False)
@click.option(
    "--head", multiple=True, type=head_of_timeline, metavar="SEQ:HASH", help="As a notification carried it."
)
@click.option("--lines", is_flag=True, help="Print each hash and the exact text that it is the SHA-256 of.")
@anchors_option
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
    anchors: Path | None,
    as_json: bool,
) -> None:
    """Check that timelines are as they were written; exit code 1 if one is not. Without ID, all are checked."""
    if incident is None and (head or lines):
        raise click.UsageError("--head and --lines need the ID of one incident")
    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        if incident is None:
            numbers = sorted(each.id for each in store.incidents(limit=2**31))
        else:
            numbers = [lifecycle.locked(store, incident).id]
        records = {each: store.timeline(each) for each in numbers}
    if lines:
        for entry in records[numbers[0]]:
            click.echo(f"{entry.hash}  {timeline.hashed_content(entry).decode()}")
    anchored = anchors_of(anchors)
    if incident is None:
        records |= {each: () for each in anchored if each not in records}  # gone with the whole timeline
    print_verified(records, heads=head, anchored=anchored, as_json=as_json, quiet=lines)


def print_verified(
    records: Mapping[int, Sequence[Entry]],
    *,
    heads: Sequence[timeline.Head],
    anchored: Mapping[int, Sequence[timeline.Head]],
    as_json: bool,
    quiet: bool = False,
) -> None:
    """Verify timelines and print the result, unless ``quiet``.

    Raises:
        Exit: with code 1, one is not as it was written.
    """
    results = {
        each: timeline.verify(entries, heads=[*heads, *anchored.get(each, ())]) for each, entries in records.items()
    }
    if as_json and not quiet:
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
    elif not quiet:
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
    """Findings, notices too, newest first."""
    from monitor.cli.incidents_view import finding_table

    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        found: Sequence[Finding] = store.findings(incident_id=incident, kind=kind, limit=limit)
    if as_json:
        print_json(msgspec.to_builtins(found))
    elif found:
        click.echo(finding_table(found, all_phrases()))
    else:
        click.echo("No findings.")


def change_incident(
    act: Callable[..., lifecycle.Change | tuple[lifecycle.Change, ...]],
    config: Path | None,
    database: str | None,
    *,
    incident: int,
    actor: str | None,
    text: str,
    **more: object,
) -> int:
    """Make the change, notify the channels, print it; returns how many pages have not ended."""
    from monitor.alerting.people import change as changed_by

    name = user_name(actor)
    with existing_store(config, database) as stores:
        now_ms = SystemClock().now_ms()
        done = changed_by(stores.alerts, act, incident, actor=name, now_ms=now_ms, text=text, more=more)
    if wants_json():
        print_json([_change_json(change, notified=done.channels) for change in done.changes])
        return done.open_pages
    notified = f"; notifying {', '.join(done.channels)}" if done.channels else ""
    for change in done.changes:
        kind = change.entry.kind.replace("_", " ")
        status = change.incident.status.value
        click.echo(f"{incident_name(change.incident.id)}: {kind} by {name}{notified}. It is {status}.")
    return done.open_pages


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


def user_name(actor: str | None) -> str:
    """The person of ``--as``, or the user of this system.

    Raises:
        Refused: the name cannot stand in a record, or the system has no user name.
    """
    if actor is not None:
        return lifecycle.person(actor)
    try:
        return lifecycle.person(getpass.getuser())
    except (OSError, KeyError, ImportError) as error:
        raise Refused("this system has no name for your user; add --as NAME") from error


def all_phrases() -> Phrases:
    from monitor.signals.registry import SIGNALS

    return {(signal.name, question.name): question.phrase for signal in SIGNALS for question in signal.questions}


def _print_results(records: Mapping[int, Sequence[Entry]], results: dict[int, timeline.Broken | None]) -> None:
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


def _change_json(change: lifecycle.Change, *, notified: Sequence[str]) -> dict[str, object]:
    incident, entry = change.incident, change.entry
    return {
        "incident": incident_name(incident.id),
        "status": incident.status.value,
        "severity": incident.severity.value,
        "done": entry.kind,
        "by": entry.actor,
        "at": rfc3339(entry.at_ms),
        "head": f"{entry.seq}:{entry.hash}",
        "notified": list(notified),
    }


def _flaw_json(flaw: timeline.Broken) -> dict[str, object]:
    return {"seq": flaw.seq, "why": flaw.why.name, "detail": flaw.why.value}


def _incident_json(incident: Incident) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(incident)
    return {"name": incident_name(incident.id), **plain}


from monitor.cli import incidents_casework as _  # noqa: E402, F401 - adds its commands to the group
from monitor.cli import incidents_record as _record  # noqa: E402, F401 - adds its commands to the group
