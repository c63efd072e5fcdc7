"""``driftline playbooks``: the response to each type of incident."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.options import config_option, errors_to_exit_codes, json_option, print_json
from monitor.errors import NotFound

if TYPE_CHECKING:
    from monitor.incidents.playbook import Playbook

_folder = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Your own playbooks.  [default: of the settings]",
)


@click.group(epilog="Example: driftline playbooks show probing")
def playbooks() -> None:
    """Show the response to each type of incident, check playbooks of your own, export them."""


@playbooks.command("list", epilog="Example: driftline playbooks list")
@_folder
@config_option
@json_option
@errors_to_exit_codes
def list_(*, folder: Path | None, config: Path | None, as_json: bool) -> None:
    """Every playbook with its version."""
    books = _books(folder, config)
    if as_json:
        print_json([{"type": each.type.value, "version": each.version, "sha256": each.digest} for each in books])
        return
    for each in books:
        click.echo(f"{each.reference:<40} {each.incident_type}")


@playbooks.command(epilog="Example: driftline playbooks show probing")
@click.argument("type_", metavar="TYPE")
@_folder
@config_option
@json_option
@errors_to_exit_codes
def show(type_: str, *, folder: Path | None, config: Path | None, as_json: bool) -> None:
    """One playbook in its six parts."""
    book = _one(type_, _books(folder, config))
    if as_json:
        print_json(book.model_dump(mode="json"))
        return
    click.echo(click.style(book.reference, bold=True))
    click.echo(book.incident_type)
    for part, steps in book.parts.items():
        click.echo(f"\n{part}")
        for number, step in enumerate(steps, start=1):
            click.echo(f"  {number}. {step.do} ({step.owner.value})")
            if step.look_at:
                click.echo(f"     look at: {step.look_at}")
            if step.action is not None:
                click.echo(f"     action: {step.action.value}; undo: {step.undo}")
    click.echo("\ncommunication")
    for each in book.communication:
        click.echo(f"  {each.who}, within {each.by}: {each.template}")
    click.echo("\nswitch off when")
    for criterion in book.deactivate:
        click.echo(f"  {criterion}")


@playbooks.command(epilog="Example: driftline playbooks check --folder playbooks/")
@_folder
@config_option
@errors_to_exit_codes
def check(*, folder: Path | None, config: Path | None) -> None:
    """Read all playbooks; every mistake is reported, with exit code 2."""
    click.echo(f"{len(_books(folder, config))} playbooks are in order.")


@playbooks.command(epilog="Example: driftline playbooks export probing > probing.cacao.json")
@click.argument("type_", metavar="TYPE")
@_folder
@config_option
@errors_to_exit_codes
def export(type_: str, *, folder: Path | None, config: Path | None) -> None:
    """Print one as a CACAO 2.0 document."""
    from monitor.clock import SystemClock
    from monitor.incidents.cacao import cacao

    print_json(cacao(_one(type_, _books(folder, config)), created_ms=SystemClock().now_ms()))


def _books(folder: Path | None, config: Path | None) -> list[Playbook]:
    from monitor.incidents.playbook import all_playbooks
    from monitor.settings import DEFAULT_FILE, load_settings

    if folder is None and (config is not None or Path(DEFAULT_FILE).exists()):
        given = load_settings(config).alerts.playbooks
        folder = None if given is None else Path(given)
    return list(all_playbooks(folder).values())


def _one(type_: str, books: list[Playbook]) -> Playbook:
    found = next((each for each in books if each.type.value == type_), None)
    if found is None:
        known = ", ".join(each.type.value for each in books)
        raise NotFound(f"there is no playbook for {type_[:60]!r}; there is {known}")
    return found
