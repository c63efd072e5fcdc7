"""Sub-commands of ``driftline incidents`` on the record itself: report, evidence, redaction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.incidents import (
    actor_option,
    all_phrases,
    change_incident,
    existing_store,
    incident_argument,
    incidents,
)
from monitor.cli.options import (
    database_options,
    errors_to_exit_codes,
    json_of_change_option,
    json_option,
    print_json,
    settings_from,
)
from monitor.clock import SystemClock
from monitor.incidents.words import moment, plain

if TYPE_CHECKING:
    from monitor.incidents.eu_ai_act import System


@incidents.command(epilog="Example: driftline incidents report INC-1 --as-format html > inc-1.html")
@incident_argument
@click.option(
    "--as-format",
    type=click.Choice(["markdown", "html", "ocsf", "eu-ai-act"]),
    default="markdown",
    show_default=True,
    help="For people, with pictures, as OCSF 1.9 events, or a draft of a report of a serious incident.",
)
@database_options
@errors_to_exit_codes
def report(config: Path | None, database: str | None, *, incident: int, as_format: str) -> None:
    """Print the post-incident report, filled from the record; a draft until the incident is closed."""
    from monitor.incidents import eu_ai_act
    from monitor.incidents.lifecycle import locked
    from monitor.incidents.ocsf import events
    from monitor.incidents.report import Record, parts, state, title
    from monitor.incidents.report_html import html
    from monitor.incidents.report_markdown import markdown

    now_ms = SystemClock().now_ms()
    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        record = Record(
            incident=locked(store, incident),
            case=store.case(incident),
            findings=store.findings(incident_id=incident),
            entries=store.timeline(incident),
            captures=store.captures(incident),
            measures=store.measures(incident),
            actions=store.actions(incident),
        )
    phrases = all_phrases()
    if as_format == "ocsf":
        print_json(events(record.incident, record.case, record.findings, record.entries, phrases=phrases))
        return
    if as_format == "eu-ai-act":
        drafted = eu_ai_act.draft(record, _system(config), now_ms=now_ms)
        click.echo(markdown(title(record.incident), eu_ai_act.DRAFT, drafted), nl=False)
        return
    written = html if as_format == "html" else markdown
    whole = parts(record, phrases=phrases, now_ms=now_ms)
    click.echo(written(title(record.incident), state(record.incident), whole), nl=False)


@incidents.command(epilog="Example: driftline incidents evidence INC-1 --finding f3a9 --picture before_and_after")
@incident_argument
@click.option("--finding", metavar="ID", help="Only of this finding.")
@click.option("--picture", metavar="NAME", help="Print this picture of the finding as SVG.")
@json_option
@database_options
@errors_to_exit_codes
def evidence(
    config: Path | None,
    database: str | None,
    *,
    incident: int,
    finding: str | None,
    picture: str | None,
    as_json: bool,
) -> None:
    """What was known when each page came and ended: onset, effect, curve, detector, settings, log offsets."""
    from monitor.incidents import evidence as kept
    from monitor.incidents.lifecycle import locked

    if picture is not None and finding is None:
        raise click.UsageError("--picture needs --finding")
    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        locked(store, incident)
        found = [each for each in store.captures(incident) if finding in (None, each.finding_id)]
        touched = kept.changed(found, store.timeline(incident))
    if picture is not None and found:
        click.echo(kept.picture(found[-1], picture))
        return
    if as_json:
        print_json([json.loads(each.document or "null") for each in found])
    for each in found if not as_json else ():
        whole = json.loads(each.document or "{}")
        click.echo(f"{each.finding_id} {each.moment.value} {moment(whole['at_ms'])}  entry {each.seq}")
        click.echo(f"  driftline {whole['driftline']}, guardrail version {plain(whole['guardrail_version']) or '-'}")
        click.echo(f"  settings {whole['settings_sha256'][:16]}, {len(whole['evidence'])} points of evidence")
        for name, span in list(whole["offsets"].items())[:10]:
            click.echo(f"  log {plain(name)} {span[0]} to {span[1]}")
        click.echo(f"  pictures: {', '.join(whole['pictures']) or 'none'}")
    if not found and not as_json:
        click.echo("No evidence is kept yet; it is captured within seconds of a page.")
    if touched is not None:
        click.echo(f"BROKEN: the evidence of {touched.finding_id} is not what entry {touched.seq} names.", err=True)
        raise click.exceptions.Exit(1)


@incidents.command(epilog='Example: driftline incidents redact INC-1 --entry 7 --reason "a name was in it"')
@incident_argument
@click.option("--entry", "seq", required=True, type=click.IntRange(1), metavar="SEQ", help="Its number.")
@click.option("--field", default="text", show_default=True, metavar="NAME", help="What of it.")
@click.option("--reason", required=True, metavar="TEXT", help="Why it may not stay.")
@actor_option
@json_of_change_option
@database_options
@errors_to_exit_codes
def redact(
    config: Path | None,
    database: str | None,
    *,
    incident: int,
    seq: int,
    field: str,
    reason: str,
    actor: str | None,
) -> None:
    """Take a text out of the timeline for good: its hash stays, so that the chain still verifies."""
    from monitor.incidents.redaction import redact as take_out

    change_incident(take_out, config, database, incident=incident, actor=actor, text=reason, seq=seq, field=field)


def _system(config: Path | None) -> System:
    from monitor.incidents.eu_ai_act import System
    from monitor.settings import DEFAULT_FILE

    given = None
    if config is not None or Path(DEFAULT_FILE).exists():
        given = settings_from(config).response.high_risk
    if given is None:
        return System()
    return System(
        name=given.name,
        version=given.version,
        database_number=given.database_number,
        role=given.role,
        contact=given.contact,
        member_states=given.member_states,
        intended_use=given.intended_use,
    )
