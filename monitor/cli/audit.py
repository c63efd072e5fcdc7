"""``driftline audit``: the audit pack of a period."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.incidents import existing_store
from monitor.cli.options import (
    config_option,
    database_option,
    errors_to_exit_codes,
    json_option,
    moment_ms,
    print_json,
    settings_from,
)
from monitor.clock import DAY_MS, SystemClock

if TYPE_CHECKING:
    from monitor.incidents.audit import Period
    from monitor.settings.model import Settings
    from monitor.storage.stores import Stores

MOST = 100_000
"""Incidents of a period that are looked at, newest first."""


@click.command(epilog="Example: driftline audit --since 2026-10-01T00:00Z --as-format html > audit.html")
@click.option("--since", metavar="TIME", help="Its beginning.  [default: 90 days before its end]")
@click.option("--until", metavar="TIME", help="Its end.  [default: now]")
@click.option("--as-format", type=click.Choice(["markdown", "html"]), default="markdown", show_default=True)
@config_option
@database_option
@json_option
@errors_to_exit_codes
def audit(
    *,
    since: str | None,
    until: str | None,
    as_format: str,
    config: Path | None,
    database: str | None,
    as_json: bool,
) -> None:
    """The audit pack of a period: monitoring, incidents and times, promise against booked false pages, drills.

    With --json the figures alone.
    """
    from monitor.incidents import audit as pack
    from monitor.incidents.report_html import html
    from monitor.incidents.report_markdown import markdown

    settings = settings_from(config, database=database)
    now_ms = SystemClock().now_ms()
    end_ms = now_ms if until is None else moment_ms(until, "--until")
    begin_ms = end_ms - 90 * DAY_MS if since is None else moment_ms(since, "--since")
    if begin_ms >= end_ms:
        raise click.UsageError("--since must be before --until")
    with existing_store(config, database) as stores:
        period = _period(stores, settings, begin_ms=begin_ms, end_ms=end_ms, now_ms=now_ms)
    if as_json:
        print_json(pack.figures(period))
        return
    written = html if as_format == "html" else markdown
    click.echo(written(pack.title(period), "From the record, without changes", pack.parts(period)), nl=False)


def _period(stores: Stores, settings: Settings, *, begin_ms: int, end_ms: int, now_ms: int) -> Period:
    from monitor import __version__
    from monitor.incidents.audit import Handled, Period
    from monitor.incidents.booked import book
    from monitor.incidents.timeline import verify
    from monitor.incidents.times import times_of
    from monitor.judging.control_register import control_register
    from monitor.oncall.policy import weaknesses
    from monitor.wiring.handling import setup_of
    from monitor.wiring.oncall import oncall_plan
    from monitor.wiring.translate import controls

    registered = control_register(stores.judge, controls(settings))
    handled = []
    with stores.alerts.transaction() as store:
        for incident in store.incidents(limit=MOST):
            if not begin_ms <= incident.opened_at_ms < end_ms:
                continue
            case, entries = store.case(incident.id), store.timeline(incident.id)
            delivered = store.first_delivered(incident.id)
            times = times_of(incident, case, entries, delivered_ms=delivered)
            handled.append(Handled(incident=incident, case=case, times=times, broken=verify(entries)))
        numbers = {each.incident.id for each in handled}
        actions = [each for each in store.actions(limit=MOST) if each.incident_id in numbers]
        measures = [each for each in store.measures(limit=MOST) if each.incident_id in numbers]
        booked = book(store, since_ms=begin_ms, now_ms=end_ms)
    return Period(
        begin_ms=begin_ms,
        end_ms=end_ms,
        handled=handled,
        controls=registered,
        actions=actions,
        measures=measures,
        book=booked,
        promised=settings.budget.pages,
        promise_ms=int(settings.budget.page_period_s * 1000),
        settings_sha256=setup_of(settings).digest,
        version=__version__,
        weaknesses=list(weaknesses(oncall_plan(settings), now_ms)),
        now_ms=now_ms,
    )
