"""Sub-commands of ``driftline incidents`` for what people decide: triage, phases, assignment, merging, feedback."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import click

from monitor.cli.incidents import actor_option, change_incident, existing_store, incident_argument, incidents
from monitor.cli.incidents_arguments import incident_number
from monitor.cli.options import (
    config_option,
    database_option,
    database_options,
    errors_to_exit_codes,
    json_of_change_option,
    json_option,
    moment_ms,
    print_json,
    settings_from,
    wants_json,
)
from monitor.clock import DAY_MS, SystemClock
from monitor.errors import Refused, SettingsError
from monitor.incidents import casework, regroup
from monitor.incidents.case import Functional, Information, Noise, Phase, Recoverability, Verdict
from monitor.incidents.eu_ai_act import Serious

_reason = click.option("--reason", required=True, metavar="TEXT", help="The grounds for it.")


def _choice(values: type[StrEnum]) -> click.Choice[str]:
    return click.Choice([each.value for each in values])


@incidents.command(
    epilog='Example: driftline incidents triage INC-1 --verdict true_positive --functional low --reason "in logs"'
)
@incident_argument
@click.option("--verdict", required=True, type=_choice(Verdict), help="The result of triage.")
@click.option("--functional", type=_choice(Functional), default="none", show_default=True, help="Functional impact.")
@click.option("--information", type=_choice(Information), default="none", show_default=True, help="Data impact.")
@click.option("--recoverability", type=_choice(Recoverability), default="regular", show_default=True)
@click.option("--category", default="", metavar="TEXT", help="Its type.  [default: as Driftline typed it]")
@click.option(
    "--factor", multiple=True, metavar="NAME=TEXT", help="asset_criticality, stage or threat_actor; may be repeated."
)
@click.option("--candidate", multiple=True, metavar="ID", help="ATLAS or OWASP id that it is consistent with.")
@click.option("--serious", type=_choice(Serious), help="Class by EU AI Act Art. 3(49); asked for high-risk systems.")
@_reason
@actor_option
@json_of_change_option
@database_options
@errors_to_exit_codes
def triage(
    config: Path | None,
    database: str | None,
    *,
    incident: int,
    verdict: str,
    functional: str,
    information: str,
    recoverability: str,
    category: str,
    factor: tuple[str, ...],
    candidate: tuple[str, ...],
    serious: str | None,
    reason: str,
    actor: str | None,
) -> None:
    """Record verdict and impact; the matrix of impact and severity is shown with the cell that applies."""
    from monitor.incidents.eu_ai_act import clock
    from monitor.incidents.impact import shown

    if serious is None and _is_high_risk(config) and verdict == Verdict.true_positive.value:
        classes = ", ".join(each.value for each in Serious)
        raise Refused(f"the settings declare a high-risk system: add --serious with its class, one of {classes}")
    change_incident(
        casework.triage,
        config,
        database,
        incident=incident,
        actor=actor,
        text=reason,
        verdict=Verdict(verdict),
        functional=Functional(functional),
        information=Information(information),
        recoverability=Recoverability(recoverability),
        category=category,
        factors=_factors(factor),
        candidates=candidate,
        serious=serious or "",
    )
    if wants_json():
        return
    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        case = store.case(incident)
    click.echo(f"{case.priority}{', declared' if case.declared_ms is not None else ''}\n{shown(case)}")
    running = clock(case.serious, case.aware_ms, SystemClock().now_ms())
    if running:
        click.echo(running)


def _is_high_risk(config: Path | None) -> bool:
    """Whether the settings declare a high-risk system; no where there are no settings."""
    from monitor.settings import DEFAULT_FILE

    given = config is not None or Path(DEFAULT_FILE).exists()
    return given and settings_from(config).response.high_risk is not None


@incidents.command(epilog='Example: driftline incidents phase INC-1 containment --reason "threshold tightened to .4"')
@incident_argument
@click.argument("phase", type=_choice(Phase))
@click.option("--at", metavar="TIME", help="When it was reached, such as 2026-12-01T18:00Z.  [default: now]")
@_reason
@actor_option
@json_of_change_option
@database_options
@errors_to_exit_codes
def phase(
    config: Path | None,
    database: str | None,
    *,
    incident: int,
    phase: str,
    at: str | None,
    reason: str,
    actor: str | None,
) -> None:
    """Enter the next phase of the response; its conditions are checked."""
    at_ms = None if at is None else moment_ms(at, "--at")
    change_incident(
        casework.advance,
        config,
        database,
        incident=incident,
        actor=actor,
        text=reason,
        phase=Phase(phase),
        at_ms=at_ms,
    )


@incidents.command(epilog="Example: driftline incidents assign INC-1 ann")
@incident_argument
@click.argument("to", metavar="PERSON")
@actor_option
@json_of_change_option
@database_options
@errors_to_exit_codes
def assign(config: Path | None, database: str | None, *, incident: int, to: str, actor: str | None) -> None:
    """Assign an incident to a person; a snooze ends with it."""
    change_incident(casework.assign, config, database, incident=incident, actor=actor, text="", to=to)


@incidents.command(epilog="Example: driftline incidents noise INC-1 poor_text")
@incident_argument
@click.argument("what", type=_choice(Noise))
@click.option("--reason", default="", metavar="TEXT", help="A better page in your words.")
@actor_option
@json_of_change_option
@database_options
@errors_to_exit_codes
def noise(
    config: Path | None, database: str | None, *, incident: int, what: str, reason: str, actor: str | None
) -> None:
    """Record a fault of its page; counted beside the booked false pages."""
    change_incident(
        casework.say_noise, config, database, incident=incident, actor=actor, text=reason, noise=Noise(what)
    )


@incidents.command(epilog='Example: driftline incidents merge INC-2 --into INC-1 --reason "one release caused both"')
@incident_argument
@click.option("--into", required=True, type=incident_number, metavar="ID", help="The incident that stays.")
@_reason
@actor_option
@json_of_change_option
@database_options
@errors_to_exit_codes
def merge(
    config: Path | None, database: str | None, *, incident: int, into: int, reason: str, actor: str | None
) -> None:
    """Move an incident's findings into another one; both timelines record it."""
    change_incident(regroup.merge, config, database, incident=incident, actor=actor, text=reason, into=into)


@incidents.command(
    epilog='Example: driftline incidents split INC-1 --finding 3f2a9c --reason "another guardrail, another cause"'
)
@incident_argument
@click.option("--finding", required=True, multiple=True, metavar="ID", help="A finding to take out; may be repeated.")
@_reason
@actor_option
@json_of_change_option
@database_options
@errors_to_exit_codes
def split(
    config: Path | None,
    database: str | None,
    *,
    incident: int,
    finding: tuple[str, ...],
    reason: str,
    actor: str | None,
) -> None:
    """Split findings off into an incident of their own; both timelines record it."""
    change_incident(regroup.split, config, database, incident=incident, actor=actor, text=reason, findings=finding)


@incidents.command(epilog='Example: driftline incidents reopen INC-1 --reason "denials rise again"')
@incident_argument
@_reason
@actor_option
@json_of_change_option
@database_options
@errors_to_exit_codes
def reopen(config: Path | None, database: str | None, *, incident: int, reason: str, actor: str | None) -> None:
    """It was not over: within a week it goes on, later a new incident follows it."""
    change_incident(regroup.reopen, config, database, incident=incident, actor=actor, text=reason)


@incidents.command(epilog="Example: driftline incidents booked --days 90")
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="How far back.")
@config_option
@database_option
@json_option
@errors_to_exit_codes
def booked(*, days: int, config: Path | None, database: str | None, as_json: bool) -> None:
    """False pages that triage has booked, against what the settings promise."""
    from monitor.incidents.booked import book

    settings = settings_from(config, database=database)
    now_ms = SystemClock().now_ms()
    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        book_ = book(store, since_ms=now_ms - days * DAY_MS, now_ms=now_ms)
    period_ms = int(settings.budget.page_period_s * 1000)
    rate = book_.per(period_ms)
    if as_json:
        noise_of = {name: dict(counts) for name, counts in book_.noise.items()}
        print_json(
            {
                "promised": settings.budget.pages,
                "booked": rate,
                "period_s": period_ms / 1000,
                "false_pages": book_.false_pages,
                "days": days,
                "noise": noise_of,
            }
        )
        return
    click.echo(
        f"promised {settings.budget.pages:g} in {period_ms / DAY_MS:g} days, booked {rate:.2g} "
        f"({book_.false_pages} of {book_.incidents} incidents in {book_.span_ms / DAY_MS:.0f} days)"
    )
    for guardrail, counts in sorted(book_.noise.items()):
        click.echo(f"  {guardrail}: {', '.join(f'{count} x {what}' for what, count in sorted(counts.items()))}")


def _factors(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise SettingsError(f"--factor: {wrong[0][:40]!r} is not NAME=TEXT")
    return {name: value for name, _, value in pairs}
