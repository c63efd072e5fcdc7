"""``driftline schema``: machine-readable descriptions of what Driftline reads."""

from __future__ import annotations

import click

from monitor.cli.options import errors_to_exit_codes, print_json


@click.group(epilog="Example: driftline schema event > event.schema.json")
def schema() -> None:
    """Print the JSON Schema of events or settings."""


@schema.command("event", epilog="Example: driftline schema event > event.schema.json")
@errors_to_exit_codes
def print_event() -> None:
    """Print the JSON Schema of the canonical event, version 1."""
    from monitor.events.schema import json_schema

    print_json(json_schema())


@schema.command("settings", epilog="Example: driftline schema settings > driftline.schema.json")
@errors_to_exit_codes
def print_settings() -> None:
    """Print the JSON Schema of the settings file, for editors that complete and check while typing."""
    from monitor.settings.document import json_schema

    print_json(json_schema())
