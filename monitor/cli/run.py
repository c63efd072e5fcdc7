"""``driftline run``, ``count`` and ``judge``: the service, whole or in parts."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

import click

from monitor.cli.options import config_option, database_option, errors_to_exit_codes, json_option, settings_from

wait_option = click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Wait at the start for a database or topic that is not there, or exit with code 75.",
)


@click.command(epilog="Example: driftline run --config driftline.yaml")
@config_option
@database_option
@json_option
@wait_option
@errors_to_exit_codes
def run(config: Path | None, database: str | None, as_json: bool, wait: bool) -> None:
    """Watch the log: count, judge, notify and serve the pages in one process, until stopped by Ctrl-C or SIGTERM.

    With files as the source it ends when they are read and judged. --json makes the log lines JSON.
    """
    _serve(config, database, as_json=as_json, wait=wait, count=True, judge=True, pages=True)


@click.command(epilog="Example: driftline count --config driftline.yaml")
@config_option
@database_option
@json_option
@wait_option
@errors_to_exit_codes
def count(config: Path | None, database: str | None, as_json: bool, wait: bool) -> None:
    """Count only: one of any number of workers of a consumer group. Needs a judge beside it."""
    _serve(config, database, as_json=as_json, wait=wait, count=True, judge=False, pages=False)


@click.command(epilog="Example: driftline judge --config driftline.yaml")
@config_option
@database_option
@json_option
@wait_option
@errors_to_exit_codes
def judge(config: Path | None, database: str | None, as_json: bool, wait: bool) -> None:
    """Judge and notify only. Several may run: one holds the lease, the others stand by."""
    _serve(config, database, as_json=as_json, wait=wait, count=False, judge=True, pages=False)


@click.command(epilog="Example: driftline serve --config driftline.yaml")
@config_option
@database_option
@json_option
@wait_option
@errors_to_exit_codes
def serve(config: Path | None, database: str | None, as_json: bool, wait: bool) -> None:
    """Serve the pages and the API only, from what is stored: beside separate workers and judges."""
    _serve(config, database, as_json=as_json, wait=wait, count=False, judge=False, pages=True)


def _serve(
    config: Path | None,
    database: str | None,
    *,
    as_json: bool,
    wait: bool,
    count: bool,
    judge: bool,
    pages: bool,
) -> None:
    import structlog

    from detectors.compile_notices import notices
    from monitor.clock import SystemClock
    from monitor.wiring.logs import set_up_logs
    from monitor.wiring.service import Roles, Service

    settings = settings_from(config, database=database)
    set_up_logs(level=settings.log.level, form="json" if as_json else settings.log.format, stream=sys.stderr)
    notices.report = structlog.stdlib.get_logger("driftline.compiling").warning
    service = Service(
        settings, Roles(count=count, judge=judge, pages=pages), clock=SystemClock(), env=os.environ, wait=wait
    )

    def stopped(signum: int, frame: FrameType | None) -> None:
        service.stop()

    def asked_to_reload(signum: int, frame: FrameType | None) -> None:
        structlog.stdlib.get_logger("driftline.service").warning(
            "settings are not read again while the service runs; start it anew to apply them", signal="SIGHUP"
        )

    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, asked_to_reload)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stopped)
    service.run()
