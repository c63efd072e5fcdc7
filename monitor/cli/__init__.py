"""The command line. Commands are loaded when they are run, so that ``--help`` and completion stay quick."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from monitor import __version__

COMMANDS: Final = {
    "run": ("monitor.cli.run:run", "Watch the log: count, judge and notify in one process."),
    "count": ("monitor.cli.run:count", "Count only: one of several workers of a consumer group."),
    "judge": ("monitor.cli.run:judge", "Judge and notify only: beside separate counting workers."),
    "serve": ("monitor.cli.run:serve", "Serve the pages and the API only, from what is stored."),
    "login": ("monitor.cli.login:login", "Print a link that logs a browser in, once."),
    "token": ("monitor.cli.token:token", "Make, list and revoke tokens for the API."),
    "demo": ("monitor.cli.demo:demo", "Show an attack being noticed, on this machine, without set-up."),
    "try": (
        "monitor.cli.try_:try_",
        "Try Driftline on a log of yours: its contents, the pages it would have caused, settings.",
    ),
    "backtest": ("monitor.cli.backtest:backtest", "Replay recorded logs and list the findings, with their times."),
    "baseline": ("monitor.cli.baseline:baseline", "Show, propose and approve baselines."),
    "streams": ("monitor.cli.streams:streams", "Show which streams are watched, and why the others are not yet."),
    "evals": ("monitor.cli.evals:evals", "Record safety-suite results and compare them with the approved ones."),
    "incidents": ("monitor.cli.incidents:incidents", "List incidents, work on them, read their record."),
    "timeline": ("monitor.cli.timeline:timeline", "Export timelines as files, and verify such a file."),
    "playbooks": ("monitor.cli.playbooks:playbooks", "Show the response to each type of incident."),
    "measures": ("monitor.cli.measures:measures", "Propose, approve and take back measures of containment."),
    "actions": ("monitor.cli.actions:actions", "Action items after incidents: owner, due date, done."),
    "drill": ("monitor.cli.drill:drill", "Hold an exercise through the whole path, and measure it."),
    "audit": ("monitor.cli.audit:audit", "The audit pack of a period, by the outcomes of the AI RMF."),
    "silences": ("monitor.cli.silences:silences", "Hold pages back for a while, with a reason and an end."),
    "oncall": ("monitor.cli.oncall:oncall", "Show who is on call, and check that no page can end in silence."),
    "controls": (
        "monitor.cli.controls:controls",
        "Show the purpose of each guardrail, and those without a control statement.",
    ),
    "findings": ("monitor.cli.findings:findings", "List findings; dismiss false notices."),
    "grafana": ("monitor.cli.grafana:grafana", "Keep dashboards and alert rules in a Grafana of yours."),
    "config": ("monitor.cli.config:config", "Check the settings file, or print an example."),
    "db": ("monitor.cli.db:db", "Create, upgrade and check the database."),
    "formats": ("monitor.cli.formats:formats", "List the log formats that are read, or test a file against them."),
    "schema": ("monitor.cli.schema:schema", "Print the JSON Schema of events or settings."),
}
"""Command -> where it is, and its one line in ``--help`` (repeated here so that help need not load it)."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, out of the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Example: driftline demo",
)
@click.version_option(__version__, prog_name="driftline")
def main() -> None:
    """Watch the guardrails around LLM products and report drift early, within a false-alarm budget."""
