"""``driftline measures``: changes outside of Driftline that contain an incident, with a named person's approval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.handling import changed, number_of
from monitor.cli.incidents import actor_option, existing_store
from monitor.cli.incidents_arguments import incident_number
from monitor.cli.options import (
    config_option,
    database_option,
    database_options,
    errors_to_exit_codes,
    json_option,
    print_json,
    settings_from,
)
from monitor.errors import NotFound
from monitor.incidents.words import incident_name, moment, rfc3339

if TYPE_CHECKING:
    from monitor.incidents.containment import Measure, MeasureRule

_measure = click.argument("measure", type=number_of("M"), metavar="ID")


@click.group(epilog="Example: driftline measures propose INC-1 tighten-jailbreak --dry-run --reason probing")
def measures() -> None:
    """Propose, approve and take back measures of containment.

    The settings offer them in `response.measures`. Nothing is sent without an approval, except a dry run.
    """


@measures.command("list", epilog="Example: driftline measures list --incident INC-1")
@click.option("--incident", type=incident_number, metavar="ID", help="Only of this incident.")
@json_option
@database_options
@errors_to_exit_codes
def list_(config: Path | None, database: str | None, *, incident: int | None, as_json: bool) -> None:
    """Measures, newest first."""
    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        found = store.measures(incident)
    if as_json:
        print_json([_json(each) for each in found])
        return
    for each in found:
        click.echo(_line(each))
        click.echo(f"     {each.action.value} {each.parameters or ''} proposed by {each.proposed_by}: {each.reason}")
        if each.error:
            click.echo(f"     {each.error}")
    if not found:
        click.echo("No measures.")


@measures.command(epilog='Example: driftline measures propose INC-1 tighten-jailbreak --reason "probing since 03:12"')
@click.argument("incident", type=incident_number, metavar="INCIDENT")
@click.argument("name")
@click.option("--reason", required=True, metavar="TEXT", help="What it is to contain.")
@click.option("--dry-run", is_flag=True, help="Ask the receiver what it would do; needs no approval.")
@actor_option
@config_option
@database_option
@json_option
@errors_to_exit_codes
def propose(
    *,
    incident: int,
    name: str,
    reason: str,
    dry_run: bool,
    actor: str | None,
    config: Path | None,
    database: str | None,
    as_json: bool,
) -> None:
    """Propose the measure NAME of the settings for an incident."""
    from monitor.incidents.containment import propose as propose_

    rules = _rules(config)
    if name not in rules:
        raise NotFound(f"the settings have no measure {name[:60]!r}; there is {', '.join(sorted(rules)) or 'none'}")
    measure = changed(
        propose_, config, database, incident, actor=actor, text=reason, rule=rules[name], dry_run=dry_run
    )
    next_ = "is tried within seconds" if dry_run else f"waits for {' or '.join(sorted(rules[name].approvers))}"
    _said(measure, f"{_line(measure)}; it {next_}", as_json=as_json)


@measures.command(epilog="Example: driftline measures approve M-1 --as ben")
@_measure
@click.option("--reason", default="", metavar="TEXT", help="The grounds for it.")
@actor_option
@config_option
@database_option
@json_option
@errors_to_exit_codes
def approve(
    *, measure: int, reason: str, actor: str | None, config: Path | None, database: str | None, as_json: bool
) -> None:
    """Approve a proposal: the service sends it within seconds."""
    from monitor.incidents.containment import approve as approve_

    done = changed(approve_, config, database, measure, actor=actor, text=reason, rules=_rules(config))
    _said(done, _line(done), as_json=as_json)


@measures.command(epilog='Example: driftline measures refuse M-1 --reason "it would block everybody"')
@_measure
@click.option("--reason", required=True, metavar="TEXT", help="Why it is not done.")
@actor_option
@json_option
@database_options
@errors_to_exit_codes
def refuse(
    config: Path | None, database: str | None, *, measure: int, reason: str, actor: str | None, as_json: bool
) -> None:
    """Refuse a proposal."""
    from monitor.incidents.containment import refuse as refuse_

    done = changed(refuse_, config, database, measure, actor=actor, text=reason)
    _said(done, _line(done), as_json=as_json)


@measures.command(epilog='Example: driftline measures undo M-1 --reason "the wave is over"')
@_measure
@click.option("--reason", required=True, metavar="TEXT", help="Why it is taken back.")
@actor_option
@json_option
@database_options
@errors_to_exit_codes
def undo(
    config: Path | None, database: str | None, *, measure: int, reason: str, actor: str | None, as_json: bool
) -> None:
    """Take a measure back: the service sends it within seconds."""
    from monitor.incidents.containment import undo as undo_

    done = changed(undo_, config, database, measure, actor=actor, text=reason)
    _said(done, _line(done), as_json=as_json)


def _rules(config: Path | None) -> dict[str, MeasureRule]:
    from monitor.wiring.handling import measure_rules

    return measure_rules(settings_from(config))


def _said(measure: Measure, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_json(measure))
    else:
        click.echo(text)


def _line(measure: Measure) -> str:
    until = "" if measure.undo_at_ms is None else f" until {moment(measure.undo_at_ms)}"
    by = f", approved by {measure.approved_by}" if measure.approved_by else ""
    dry = " (dry run)" if measure.dry_run else ""
    what = f"{measure.name} {measure.rule}{dry} for {incident_name(measure.incident_id)}"
    return f"{what}: {measure.state.value}{by}{until}"


def _json(measure: Measure) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(measure)
    return {"name": measure.name, **with_times(plain)}


def with_times(document: dict[str, Any]) -> dict[str, Any]:
    """Epoch milliseconds as ISO times, ``due_ms`` as ``due_at``."""
    return {
        (name.removesuffix("_ms").removesuffix("_at") + "_at" if name.endswith("_ms") else name): (
            rfc3339(value) if name.endswith("_ms") and isinstance(value, int) else value
        )
        for name, value in document.items()
    }
