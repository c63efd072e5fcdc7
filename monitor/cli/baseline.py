"""``driftline baseline``: shows, proposes and approves baselines."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from monitor.cli.options import (
    config_option,
    database_option,
    errors_to_exit_codes,
    json_option,
    moment_ms,
    open_store,
    print_json,
    settings_from,
)
from monitor.errors import SettingsError

if TYPE_CHECKING:
    from monitor.judging.baselines import BaselineView, LevelView
    from monitor.judging.judge_settings import JudgeSettings

WIDTH: Final = 80


@click.group(epilog="Example: driftline baseline show")
def baseline() -> None:
    """Show, propose and approve baselines."""


@baseline.command(epilog="Example: driftline baseline show --guardrail prompt-injection --json")
@click.option("--guardrail", help="Only of this guardrail.")
@click.option("--all", "every", is_flag=True, help="Replaced ones too.")
@config_option
@database_option
@json_option
@errors_to_exit_codes
def show(guardrail: str | None, every: bool, config: Path | None, database: str | None, as_json: bool) -> None:
    """Show baselines: window, levels that pages are held to, the smallest change that a day would show."""
    from monitor.judging.baselines import views
    from monitor.judging.ports import BaselineState

    with open_store(config=config, database=database) as stores:
        chosen = [
            one
            for one in stores.judge.baselines()
            if guardrail in (None, one.unit.guardrail) and (every or one.state is not BaselineState.replaced)
        ]
        rule = settings_rule(config)
        _print(list(views(stores.judge, rule, chosen)), rule, as_json=as_json)


@baseline.command(
    epilog="Example: driftline baseline propose --guardrail prompt-injection "
    "--from 2026-11-01T00:00Z --to 2026-11-08T00:00Z --without 2026-11-03T10:00Z/2026-11-03T12:00Z"
)
@click.option("--guardrail", required=True, help="Which guardrail.")
@click.option("--category", help="Only this category of it.")
@click.option("--version", "guardrail_version", help="Only this version of it.")
@click.option("--from", "start", required=True, metavar="TIME", help="Start of the window, RFC 3339 (event time).")
@click.option("--to", "end", required=True, metavar="TIME", help="End of the window.")
@click.option("--without", multiple=True, metavar="TIME/TIME", help="Leave this stretch out; may be repeated.")
@click.option(
    "--as", "actor", metavar="NAME", default=getpass.getuser, show_default="your user name", help="Who proposes."
)
@click.option("--reason", metavar="TEXT", default="", help="Why this window.")
@config_option
@database_option
@json_option
@errors_to_exit_codes
def propose(
    guardrail: str,
    category: str | None,
    guardrail_version: str | None,
    start: str,
    end: str,
    without: tuple[str, ...],
    actor: str,
    reason: str,
    config: Path | None,
    database: str | None,
    as_json: bool,
) -> None:
    """Propose the counts of a window as normal, and show the levels that would follow."""
    from monitor.clock import SystemClock
    from monitor.judging import baselines

    rule = settings_rule(config)
    stretches = [_ticks(*_pair(stretch), rule=rule, option="--without") for stretch in without]
    with open_store(config=config, database=database) as stores:
        units = baselines.matching_units(
            stores.judge, guardrail=guardrail, category=category, version=guardrail_version
        )
        proposals = baselines.propose(
            stores.judge,
            rule,
            units,
            ticks=_ticks(start, end, rule=rule, option="--from/--to"),
            without=stretches,
            actor=actor,
            reason=reason,
            now_ms=SystemClock().now_ms(),
        )
        _print(list(baselines.views(stores.judge, rule, proposals)), rule, as_json=as_json)


@baseline.command(epilog="Example: driftline baseline approve 3 --reason 'first quiet week after release 2'")
@click.argument("baseline_id", type=int, metavar="ID")
@click.option(
    "--as", "actor", metavar="NAME", default=getpass.getuser, show_default="your user name", help="Who approves."
)
@click.option("--reason", metavar="TEXT", default="", help="Why; kept with the baseline.")
@config_option
@database_option
@json_option
@errors_to_exit_codes
def approve(
    baseline_id: int, actor: str, reason: str, config: Path | None, database: str | None, as_json: bool
) -> None:
    """Approve a proposed baseline: a new epoch begins with the judge's next tick."""
    from monitor.judging import baselines

    rule = settings_rule(config)
    with open_store(config=config, database=database) as stores:
        approved = baselines.approve(stores.judge, baseline_id, actor=actor, reason=reason)
        _print(list(baselines.views(stores.judge, rule, [approved])), rule, as_json=as_json)


@baseline.command(epilog="Example: driftline baseline rollback 2 --reason 'release 3 was taken back'")
@click.argument("baseline_id", type=int, metavar="ID")
@click.option(
    "--as", "actor", metavar="NAME", default=getpass.getuser, show_default="your user name", help="Who decides it."
)
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept with the baseline.")
@config_option
@database_option
@json_option
@errors_to_exit_codes
def rollback(
    baseline_id: int, actor: str, reason: str, config: Path | None, database: str | None, as_json: bool
) -> None:
    """Go back to a replaced baseline: its counts are approved again, as a new epoch."""
    from monitor.clock import SystemClock
    from monitor.judging import baselines

    rule = settings_rule(config)
    with open_store(config=config, database=database) as stores:
        now_ms = SystemClock().now_ms()
        again = baselines.roll_back(stores.judge, baseline_id, actor=actor, reason=reason, now_ms=now_ms)
        _print(list(baselines.views(stores.judge, rule, [again])), rule, as_json=as_json)


def settings_rule(config: Path | None) -> JudgeSettings:
    """The settings' rule; the defaults where there is no settings file."""
    from monitor.judging.judge_settings import JudgeSettings
    from monitor.settings import DEFAULT_FILE
    from monitor.wiring.translate import judge_rule

    if config is None and not Path(DEFAULT_FILE).exists():
        return JudgeSettings()
    return judge_rule(settings_from(config))


def _ticks(start: str, end: str, *, rule: JudgeSettings, option: str) -> tuple[int, int]:
    first, last = moment_ms(start, option) // rule.tick_ms, -(-moment_ms(end, option) // rule.tick_ms)
    if last <= first:
        raise SettingsError(f"{option}: {end} is not after {start}")
    return first, last


def _pair(stretch: str) -> tuple[str, str]:
    start, slash, end = stretch.partition("/")
    if not slash:
        raise SettingsError(f"--without: {stretch[:80]!r} is not TIME/TIME")
    return start, end


def _print(views: list[BaselineView], rule: JudgeSettings, *, as_json: bool) -> None:
    if as_json:
        print_json([_plain(view, rule) for view in views])
        return
    from monitor.cli.wrapping import wrapped
    from monitor.judging.baselines import moment_of

    def say(text: str, *, indent: int = 0) -> None:
        for line in wrapped(text, WIDTH, indent=indent, hanging=3):
            click.echo(line)

    if not views:
        say("no baselines yet: the first are learned from traffic, or proposed by `driftline baseline propose`")
    for view in views:
        one, unit = view.baseline, view.baseline.unit
        version = f" {unit.guardrail_version}" if unit.guardrail_version else ""
        say(f"{one.id}: {unit.guardrail}{version} {unit.category} ({unit.stage})  {one.state.value}")
        say(f"{view.events:,} events, {moment_of(one.from_tick, rule)} to {moment_of(one.to_tick, rule)}", indent=3)
        since = "not in effect yet" if one.effective_tick is None else f"since {moment_of(one.effective_tick, rule)}"
        say(f"by {one.approved_by}, {since}; {one.reason or 'no reason given'}", indent=3)
        if view.missing:
            say(view.missing, indent=3)
        if not view.homogeneous:
            say("warning: the two halves of the window do not agree; is there an incident in it?", indent=3)
        for level in view.levels:
            name = f"{level.signal}/{level.question}"
            if level.limit is None:
                say(f"{name:<36} not tested: {level.reason}", indent=3)
                continue
            sign = ">" if level.direction == "rise" else "<"
            say(
                f"{name:<36} {level.rate:.3g}, pages {sign} {level.limit:.3g} ({level.promise}); {_shows(level)}",
                indent=3,
            )
            say(level.because, indent=6)
            if level.too_small:
                say("warning: too small a baseline for this rate; its level is a guess on the safe side", indent=6)


def _shows(level: LevelView) -> str:
    """What an hour, a day and a week would show, and what would show more."""
    if level.power is None:
        return ""

    def value(found: float | None) -> str:
        return "nothing" if found is None else f"{found:.3g}"

    one = level.power
    text = f"an hour would show {value(one.hour)}, a day {value(one.day)}, a week {value(one.week)}"
    best = None if level.rate is None else one.best(level.rate)
    return text if best is None else f"{text}; with {best[0]} a day {best[1]:.3g}"


def _plain(view: BaselineView, rule: JudgeSettings) -> dict[str, Any]:
    import dataclasses

    one = view.baseline
    effective = None if one.effective_tick is None else one.effective_tick * rule.tick_ms
    return {
        "id": one.id,
        "unit": {k: v for k, v in dataclasses.asdict(one.unit).items() if v not in ("", -1)},
        "state": one.state.value,
        "from_ms": one.from_tick * rule.tick_ms,
        "to_ms": one.to_tick * rule.tick_ms,
        "effective_ms": effective,
        "events": view.events,
        "strata": list(view.strata),
        "homogeneous": view.homogeneous,
        "approved_by": one.approved_by,
        "reason": one.reason,
        "missing": view.missing,
        "levels": [dataclasses.asdict(level) for level in view.levels],
    }
