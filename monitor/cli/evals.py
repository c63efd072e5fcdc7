"""``driftline evals``: results of safety suites, version by version."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.options import (
    Exit,
    config_option,
    database_option,
    errors_to_exit_codes,
    json_option,
    open_store,
    print_json,
    settings_from,
)
from monitor.errors import Refused

if TYPE_CHECKING:
    from monitor.alerting.policy import AlertPolicy
    from monitor.evals.compare import Comparison
    from monitor.evals.model import Run

SHOWN = 100


@click.group(epilog="Example: driftline evals record results.csv --model assistant --version 2")
def evals() -> None:
    """Record safety-suite results and compare them with the approved ones."""


@evals.command(epilog="Example: driftline evals record results.jsonl --model assistant --version 2 --json")
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.option("--model", help="The model, where the rows do not name it.")
@click.option("--version", help="The version of the model, where the rows do not name it.")
@click.option("--guardrail", help="Guardrail whose record a regression joins.  [default: the model's name]")
@click.option("--against", type=int, metavar="ID", help="Compare with this run, not with the approved one.")
@click.option(
    "--margin",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.02,
    show_default=True,
    help="Difference of shares that does not matter.",
)
@click.option(
    "--as", "actor", metavar="NAME", default=getpass.getuser, show_default="your user name", help="Who records."
)
@config_option
@database_option
@json_option
@errors_to_exit_codes
def record(
    file: Any,
    model: str | None,
    version: str | None,
    guardrail: str | None,
    against: int | None,
    margin: float,
    actor: str,
    config: Path | None,
    database: str | None,
    as_json: bool,
) -> None:
    """Record the results in FILE (- is standard input) and compare them with the approved ones.

    \b
    JSON, JSON lines or CSV; one row per metric with n and k, or per item:
      suite,metric,slice,n,k               k of n
      suite,metric,slice,item,outcome      1 if the item is among the k
      suite,metric,slice,item,old,new      both versions at once
    Also: worse (higher, the default, or lower), model, version; slice may be left out.

    Exit code 3: a metric has regressed. It is an incident then, and the channels that receive pages are notified.
    """
    from monitor.clock import SystemClock
    from monitor.evals.model import Run, RunState
    from monitor.evals.record import record as record_run
    from monitor.evals.rows import MOST_BYTES, read

    found = read(file.read(MOST_BYTES + 1), model=model, version=version)
    run = Run(
        id=0,
        model=found.model,
        version=found.version,
        state=RunState.recorded,
        recorded_by=actor,
        recorded_at_ms=SystemClock().now_ms(),
        results=found.results,
    )
    with open_store(config=config, database=database) as stores, stores.evals.transaction() as store:
        recorded = record_run(store, run, margin=margin, guardrail=guardrail, against=against, policy=_policy(config))
    if as_json:
        print_json(_plain(recorded.run, recorded.comparison, [finding.incident_id for finding in recorded.findings]))
    else:
        _print(recorded.run, recorded.comparison)
        for incident in sorted({f.incident_id for f in recorded.findings if f.incident_id and f.ended_at_ms is None}):
            click.echo(f"   in the record: driftline incidents show {incident}")
    if recorded.comparison is not None and recorded.comparison.outcome == "regressed":
        sys.exit(Exit.regressed)


@evals.command(epilog="Example: driftline evals show --model assistant")
@click.argument("run_id", type=int, metavar="[ID]", required=False)
@click.option("--model", help="Only of this model.")
@config_option
@database_option
@json_option
@errors_to_exit_codes
def show(run_id: int | None, model: str | None, config: Path | None, database: str | None, as_json: bool) -> None:
    """Show recorded runs, newest first, each against the approved one of its model; or one of them."""
    from monitor.evals.compare import compare
    from monitor.evals.model import RunState

    with open_store(config=config, database=database) as stores, stores.evals.transaction() as store:
        if run_id is not None:
            one = store.run(run_id)
            if one is None:
                raise Refused(f"there is no run {run_id}; `driftline evals show` lists them")
            runs = [one]
        else:
            runs = list(store.runs(model=model, limit=SHOWN))
        approved = {name: store.approved_run(name) for name in {run.model for run in runs}}
    views = []
    for run in runs:
        baseline = approved[run.model]
        alone = baseline is None or run.state is RunState.approved
        views.append((run, None if alone or baseline is None else compare(run, baseline)))
    if as_json:
        print_json([_plain(run, comparison, []) for run, comparison in views])
        return
    if not views:
        click.echo("no runs yet: record one by `driftline evals record FILE --model NAME --version VERSION`")
    for run, comparison in views:
        _print(run, comparison)


@evals.command(epilog="Example: driftline evals approve 3 --reason 'accepted by the safety board'")
@click.argument("run_id", type=int, metavar="ID")
@click.option(
    "--as", "actor", metavar="NAME", default=getpass.getuser, show_default="your user name", help="Who approves."
)
@click.option("--reason", metavar="TEXT", default="", help="Why; kept with the run.")
@config_option
@database_option
@json_option
@errors_to_exit_codes
def approve(run_id: int, actor: str, reason: str, config: Path | None, database: str | None, as_json: bool) -> None:
    """Approve a run: what comes later of its model is compared with it."""
    from monitor.clock import SystemClock
    from monitor.evals.record import approve as approve_run

    with open_store(config=config, database=database) as stores, stores.evals.transaction() as store:
        run = approve_run(
            store, run_id, actor=actor, reason=reason, now_ms=SystemClock().now_ms(), policy=_policy(config)
        )
    if as_json:
        print_json(_plain(run, None, []))
    else:
        _print(run, None)


def _policy(config: Path | None) -> AlertPolicy:
    """The alert policy for a regression; without a settings file no channel is notified."""
    from monitor.alerting.policy import AlertPolicy
    from monitor.settings import DEFAULT_FILE
    from monitor.wiring.translate import alert_policy

    if config is None and not Path(DEFAULT_FILE).exists():
        return AlertPolicy()
    return alert_policy(settings_from(config))


def _print(run: Run, comparison: Comparison | None) -> None:
    from monitor.incidents.words import moment, number

    about = f"{run.state.value}{f' by {run.reason}' if run.reason else ''}"
    click.echo(f"{run.id}: {run.model} {run.version}  {about}")
    click.echo(f"   recorded by {run.recorded_by}, {moment(run.recorded_at_ms)}; {len(run.results)} results")
    if comparison is None:
        if run.state.value != "approved":
            click.echo(f"   nothing to compare with: approve a run by `driftline evals approve {run.id}`")
        for result in run.results:
            name = "/".join(part for part in (result.suite, result.metric, result.slice) if part)
            click.echo(f"   {name:<40} {result.k:,} of {result.n:,}")
        return
    against = f"run {comparison.baseline_id}, {comparison.baseline_version}"
    click.echo(f"   {comparison.outcome} against the approved one ({against}), margin {comparison.margin:g}")
    for verdict in comparison.verdicts:
        before, after = ("-" if x is None else number(x) for x in (verdict.before, verdict.after))
        where = f" in {verdict.slice}" if verdict.slice else ""
        how = ", item by item" if verdict.paired else ""
        name = f"{verdict.suite}/{verdict.metric}"
        click.echo(f"   {name:<40} {verdict.outcome}{where}: {before} -> {after} (n {verdict.n:,}{how})")


def _plain(run: Run, comparison: Comparison | None, incidents: list[int | None]) -> dict[str, Any]:
    import msgspec

    return {
        **{name: value for name, value in msgspec.to_builtins(run).items() if name != "results"},
        "results": [
            {name: value for name, value in msgspec.to_builtins(result).items() if name != "items"}
            for result in run.results
        ],
        "comparison": msgspec.to_builtins(comparison),
        "incidents": sorted({incident for incident in incidents if incident is not None}),
    }
