"""``driftline drill``: an exercise through the real path, and how long each step took."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from monitor.cli.incidents import actor_option, existing_store, user_name
from monitor.cli.incidents_arguments import incident_number
from monitor.cli.options import (
    config_option,
    database_option,
    errors_to_exit_codes,
    json_option,
    print_json,
    settings_from,
)
from monitor.clock import SystemClock
from monitor.incidents.words import duration, incident_name


@click.command(epilog="Example: driftline drill probing")
@click.argument("type_", metavar="[TYPE]", required=False)
@click.option("--over", type=incident_number, metavar="ID", help="The made-up trouble of this exercise ends.")
@click.option("--measure", type=incident_number, metavar="ID", help="Show and record how long its steps took.")
@actor_option
@config_option
@database_option
@json_option
@errors_to_exit_codes
def drill(
    *,
    type_: str | None,
    over: int | None,
    measure: int | None,
    actor: str | None,
    config: Path | None,
    database: str | None,
    as_json: bool,
) -> None:
    """Hold an exercise of this TYPE (as playbooks name them), end it, or measure it.

    The finding is made up, everything behind it is real: a running service pages whoever is on call, and every
    message begins with EXERCISE. Nothing of it is booked as a false page.
    """
    from monitor.alerting import drilling
    from monitor.wiring.translate import alert_policy

    if sum(each is not None for each in (type_, over, measure)) != 1:
        raise click.UsageError("give one of TYPE, --over and --measure")
    name, now_ms = user_name(actor), SystemClock().now_ms()
    policy = alert_policy(settings_from(config, database=database))
    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        if measure is not None:
            times = drilling.measure(store, measure, actor=name, now_ms=now_ms)
        elif over is not None:
            ended = drilling.over(store, over, now_ms=now_ms, policy=policy)
        else:
            kind = drilling.kind_of(type_ or "")
            incident = drilling.start(store, kind, actor=name, now_ms=now_ms, policy=policy)
    if measure is not None:
        _show(measure, times.lengths(), as_json=as_json)
    elif over is not None:
        _say(as_json, {"incident": incident_name(over), "ended": ended}, f"{incident_name(over)}: {ended} ended.")
    else:
        found = incident_name(incident.id)
        text = f"{found} is an exercise of {kind.words}; next: driftline incidents ack {found}"
        _say(as_json, {"incident": found, "type": kind.value, "channels": list(policy.channels())}, text)


def _show(number: int, lengths: dict[str, int | None], *, as_json: bool) -> None:
    if as_json:
        seconds = {step: None if length is None else length / 1000 for step, length in lengths.items()}
        print_json({"incident": incident_name(number), "seconds": seconds})
        return
    for step, length in lengths.items():
        click.echo(f"to {step:<12} {'-' if length is None else duration(length)}")


def _say(as_json: bool, document: dict[str, Any], text: str) -> None:
    if as_json:
        print_json(document)
    else:
        click.echo(text)
