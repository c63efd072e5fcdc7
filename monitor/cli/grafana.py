"""``driftline grafana``: dashboards, data sources, alert rules and policies in a Grafana of yours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.options import Exit, config_option, errors_to_exit_codes, json_option, print_json, settings_from

if TYPE_CHECKING:
    from monitor.grafana.sync.compare import Difference
    from monitor.grafana.sync.run import Step


@click.group()
def grafana() -> None:
    """Keep Driftline's dashboards, data sources, alert rules and policies in Grafana.

    The settings name the Grafana in the section `grafana`. Needs: pip install 'driftline[grafana]'.
    """


@grafana.command(epilog="Example: driftline grafana sync --dry-run")
@click.option("--dry-run", is_flag=True, help="Say what would be done, field by field, and write nothing.")
@click.option("--overwrite", is_flag=True, help="Write anew, or remove, what people have changed in Grafana.")
@config_option
@json_option
@errors_to_exit_codes
def sync(*, dry_run: bool, overwrite: bool, config: Path | None, as_json: bool) -> None:
    """Make, update and remove what Driftline keeps in Grafana; safe to repeat.

    What people have changed in Grafana stays as it is. Only what Driftline made is removed. Each object is read back:
    fields that this Grafana does not keep are listed. Exit code 1 if something was refused.
    """
    from monitor.wiring.grafana import require_extra, synced

    require_extra()
    from monitor.grafana.sync.run import Action, Options

    options = Options(dry_run=dry_run, overwrite=overwrite)
    steps = list(synced(settings_from(config), options))
    if as_json:
        print_json([plain(step) for step in steps])
    else:
        for step in steps:
            if step.action is not Action.unchanged or step.not_held:
                click.echo("\n".join(lines(step, dry_run=dry_run)))
        unchanged = sum(step.action is Action.unchanged for step in steps)
        click.echo(f"{unchanged} of {len(steps)} objects are as they should be.")
    if any(step.action is Action.refused for step in steps):
        raise click.exceptions.Exit(Exit.failed)


def lines(step: Step, *, dry_run: bool) -> list[str]:
    """One object for people: what was done, and the fields."""
    would = "would be " if dry_run and step.action in ("created", "updated", "removed") else ""
    head = f"{step.kind} {step.uid}: {would}{step.action.value}"
    return [
        head + (f" ({step.why})" if step.why else ""),
        *(f"  {one.field}: {one.found} -> {one.wanted}" for one in step.changes),
        *(f"  {one.field}: this Grafana does not keep {one.wanted}, it has {one.found}" for one in step.not_held),
    ]


def plain(step: Step) -> dict[str, object]:
    """One object for scripts."""
    return {
        "kind": step.kind,
        "uid": step.uid,
        "action": step.action.value,
        "changes": [_plain(one) for one in step.changes],
        "not_held": [_plain(one) for one in step.not_held],
        "why": step.why,
    }


def _plain(one: Difference) -> dict[str, str]:
    return {"field": one.field, "wanted": one.wanted, "found": one.found}
