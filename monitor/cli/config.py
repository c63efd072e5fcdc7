"""``driftline config``: checks the settings file and shows the settings in force."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.options import config_option, errors_to_exit_codes, json_option, print_json
from monitor.settings import read_settings
from monitor.settings.document import DEFAULT, example, in_force, origins


@click.group(epilog="Example: driftline config check -c driftline.yaml")
def config() -> None:
    """Check the settings file, or print an example."""


@config.command(epilog="Example: driftline config check -c driftline.yaml")
@config_option
@json_option
@errors_to_exit_codes
def check(config: Path | None, *, as_json: bool) -> None:
    """Validate the settings file and show the settings in force, secrets masked.

    Values that are not defaults come with where they were given: the file, or an environment variable
    DRIFTLINE__SECTION__KEY. The exit code is 0 if the settings are valid and 2 if not.
    """
    from monitor.wiring.oncall import oncall_plan
    from monitor.wiring.translate import judge_rule

    loaded = read_settings(config)
    judge_rule(loaded.settings)  # knows the signals and detectors that the settings name
    oncall_plan(loaded.settings)  # knows zones, clock changes, people and schedules
    found = origins(loaded)
    if as_json:
        given = {path: source for path, (_, source) in found.items() if source != DEFAULT}
        file = None if loaded.file is None else str(loaded.file)
        print_json({"file": file, "settings": in_force(loaded), "given": given})
        return
    for path, (value, source) in found.items():
        click.echo(f"{path} = {_text(value)}{'' if source == DEFAULT else f'   ({source})'}")


@config.command("example", epilog="Example: driftline config example > driftline.yaml")
@errors_to_exit_codes
def print_example() -> None:
    """Print a settings file with every setting, its meaning, range and default."""
    click.echo(example(), nl=False)


def _text(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case list():
            return ", ".join(str(item) for item in value)
    return str(value)
