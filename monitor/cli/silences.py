"""``driftline silences``: hold pages back for a while, with a name and a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from monitor.cli.incidents import existing_store, user_name
from monitor.cli.options import (
    database_options,
    errors_to_exit_codes,
    json_of_change_option,
    json_option,
    moment_ms,
    print_json,
    wants_json,
)
from monitor.clock import SystemClock
from monitor.incidents.words import moment, plain, rfc3339


@click.group(epilog="Example: driftline silences list")
def silences() -> None:
    """Hold pages back for a while, with a reason and an end."""


@silences.command(epilog='Example: driftline silences add --reason "threshold moves to .6" --until 2026-12-01T18:00Z')
@click.option("--reason", required=True, metavar="TEXT", help="Why nobody should be paged.")
@click.option("--until", required=True, metavar="TIME", help="When it ends, such as 2026-12-01T18:00Z.")
@click.option("--begin", metavar="TIME", help="When it begins.  [default: now]")
@click.option("--guardrail", multiple=True, metavar="NAME", help="Only of this guardrail; may be repeated.")
@click.option("--maintenance", is_flag=True, help="A maintenance window rather than a silence.")
@click.option("--as", "actor", metavar="NAME", help="Who does this.  [default: your user name]")
@json_of_change_option
@database_options
@errors_to_exit_codes
def add(
    config: Path | None,
    database: str | None,
    *,
    reason: str,
    until: str,
    begin: str | None,
    guardrail: tuple[str, ...],
    maintenance: bool,
    actor: str | None,
) -> None:
    """Hold back all messages of new and open incidents; the incidents are recorded as always."""
    from monitor.alerting.silences import SilenceKind, new_silence

    now_ms = SystemClock().now_ms()
    silence = new_silence(
        kind=SilenceKind.maintenance if maintenance else SilenceKind.silence,
        author=user_name(actor),
        reason=reason,
        begin_ms=now_ms if begin is None else moment_ms(begin, "--begin"),
        end_ms=moment_ms(until, "--until"),
        guardrails=guardrail,
        now_ms=now_ms,
    )
    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        stored = store.new_silence(silence)
    if wants_json():
        print_json(_plain(msgspec.to_builtins(stored)))
        return
    click.echo(f"{stored.kind.value} {stored.id} by {stored.author} until {moment(stored.end_ms)}.")


@silences.command("list", epilog="Example: driftline silences list --unused")
@click.option("--unused", "only_unused", is_flag=True, help="Only those that have held nothing back for a week.")
@json_option
@database_options
@errors_to_exit_codes
def list_(config: Path | None, database: str | None, *, only_unused: bool, as_json: bool) -> None:
    """Silences, newest first, with the number of messages that each held back."""
    from monitor.alerting.silences import unused

    now_ms = SystemClock().now_ms()
    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        found = [each for each in store.silences() if not only_unused or unused(each, now_ms)]
    if as_json:
        print_json([_plain(msgspec.to_builtins(each)) for each in found])
        return
    for each in found:
        state = "ended" if each.end_ms <= now_ms else "holds" if each.begin_ms <= now_ms else "to come"
        of = ", ".join(plain(name) for name in each.guardrails) or "everything"
        click.echo(
            f"{each.id:>4}  {state:<8}{each.kind.value:<12} {moment(each.begin_ms)} to {moment(each.end_ms)}  {of}"
        )
        click.echo(f"      {each.author}: {each.reason}; held back {each.matched}")
    if not found:
        click.echo("No silences.")


@silences.command(epilog="Example: driftline silences end 3")
@click.argument("silence", type=click.IntRange(1), metavar="ID")
@json_of_change_option
@database_options
@errors_to_exit_codes
def end(config: Path | None, database: str | None, *, silence: int) -> None:
    """End a silence now; unresolved incidents that it held back are paged at once."""
    from monitor.alerting.escalation import paging
    from monitor.alerting.silences import ended_early

    now_ms = SystemClock().now_ms()
    with existing_store(config, database) as stores, stores.alerts.transaction() as store:
        store.update_silence(ended_early(store.silence(silence), now_ms=now_ms))
        count = paging.released(store, silence, now_ms=now_ms)
    if wants_json():
        print_json({"silence": silence, "due": count})
        return
    click.echo(f"silence {silence} ended; {count} {'incident is' if count == 1 else 'incidents are'} due.")


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    return {
        (name.removesuffix("_ms") + "_at" if name.endswith("_ms") else name): (
            rfc3339(value) if name.endswith("_ms") and value is not None else value
        )
        for name, value in document.items()
    }
