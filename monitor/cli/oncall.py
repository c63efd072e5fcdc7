"""``driftline oncall``: who is on call, until when, who is next, and the gaps of the calendar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.options import (
    config_option,
    errors_to_exit_codes,
    json_option,
    moment_ms,
    print_json,
    settings_from,
)
from monitor.errors import NotFound

if TYPE_CHECKING:
    from monitor.oncall.coverage import Now
    from monitor.oncall.duty import Duty
    from monitor.oncall.policy import Plan
    from monitor.oncall.zones import WallClock

MOST_GAPS = 10
"""Lines of gaps per schedule in text; JSON has all of them."""


@click.group(epilog="Example: driftline oncall show")
def oncall() -> None:
    """Show who is on call, and check that no page can end in silence."""


@oncall.command(epilog="Example: driftline oncall show --at 2026-12-24T18:00Z")
@click.option("--schedule", metavar="NAME", help="Only this schedule.")
@click.option("--at", metavar="TIME", help="As of this time, such as 2026-12-24T18:00Z.  [default: now]")
@config_option
@json_option
@errors_to_exit_codes
def show(*, schedule: str | None, at: str | None, config: Path | None, as_json: bool) -> None:
    """Who is on call, until when, who is next, and the gaps of the next 30 days."""
    from monitor.oncall.coverage import digest
    from monitor.oncall.zones import wall_clock

    plan, now_ms = _plan(config), _at(at)
    if schedule is not None and schedule not in plan.schedules:
        raise NotFound(f"there is no schedule {schedule[:60]!r}; there is {', '.join(plan.schedules) or 'none'}")
    found = [digest(each, now_ms) for name, each in plan.schedules.items() if schedule in (None, name)]
    clocks = {each.schedule: wall_clock(plan.schedules[each.schedule].zone) for each in found}
    if as_json:
        print_json([_now_json(each, clocks[each.schedule]) for each in found])
    elif found:
        for each in found:
            _show(each, clocks[each.schedule])
    else:
        click.echo("No schedules. Add the section `oncall` to the settings; `driftline config example` shows it.")


@oncall.command(epilog="Example: driftline oncall check")
@click.option("--at", metavar="TIME", help="As of this time, such as 2026-12-24T18:00Z.  [default: now]")
@config_option
@json_option
@errors_to_exit_codes
def check(*, at: str | None, config: Path | None, as_json: bool) -> None:
    """Gaps of the next 30 days, people without a contact, policies that can end in silence; exit code 1 if any."""
    from monitor.oncall.policy import weaknesses

    found = list(weaknesses(_plan(config), _at(at)))
    if as_json:
        print_json({"weaknesses": found})
    else:
        for each in found:
            click.echo(each)
        click.echo(f"{len(found)} weaknesses." if found else "No page can end in silence in the next 30 days.")
    if found:
        raise click.exceptions.Exit(1)


def _plan(config: Path | None) -> Plan:
    from monitor.wiring.oncall import oncall_plan

    return oncall_plan(settings_from(config))


def _at(text: str | None) -> int:
    from monitor.clock import SystemClock

    return SystemClock().now_ms() if text is None else moment_ms(text, "--at")


def _show(now: Now, clock: WallClock) -> None:
    click.echo(click.style(f"{now.schedule} ({clock.zone})", bold=True))
    until = f" until {clock.text(now.duty.end_ms)}" if now.then is not None else ""
    click.echo(f"  now   {_people(now.duty)}{until}")
    if now.then is not None:
        click.echo(f"  next  {_people(now.then)}")
    for gap in now.gaps[:MOST_GAPS]:
        why = f"intended: {gap.intended}" if gap.intended is not None else gap.gap.value if gap.gap else ""
        click.echo(f"  gap   {clock.text(gap.begin_ms)} to {clock.text(gap.end_ms)}: {why}")
    if len(now.gaps) > MOST_GAPS:
        click.echo(f"  and {len(now.gaps) - MOST_GAPS} more gaps; --json shows all")
    if not now.gaps:
        click.echo("  no gap in the next 30 days")


def _people(duty: Duty) -> str:
    if not duty.people:
        return f"NOBODY ({duty.intended or (duty.gap.value if duty.gap else '')})"
    return f"{' and '.join(duty.people)}{f' ({duty.source})' if duty.source else ''}"


def _now_json(now: Now, clock: WallClock) -> dict[str, Any]:
    return {
        "schedule": now.schedule,
        "zone": clock.zone,
        "now": _duty_json(now.duty, clock),
        "next": None if now.then is None else _duty_json(now.then, clock),
        "gaps": [_duty_json(each, clock) for each in now.gaps],
    }


def _duty_json(duty: Duty, clock: WallClock) -> dict[str, Any]:
    return {
        "people": list(duty.people),
        "source": duty.source,
        "begin": clock.text(duty.begin_ms),
        "end": clock.text(duty.end_ms),
        "gap": None if duty.gap is None else duty.gap.value,
        "intended": duty.intended,
    }
