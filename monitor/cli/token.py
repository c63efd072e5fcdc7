"""``driftline token``: tokens for the API."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.login import ROLES
from monitor.cli.options import database_options, errors_to_exit_codes, json_option, print_json
from monitor.errors import Refused


@click.group(epilog="Example: driftline token list")
def token() -> None:
    """Make, list and revoke tokens for the API."""


@token.command(epilog="Example: driftline token create deploy-bot --role responder --days 90")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True, help="What it may do.")
@click.option("--guardrail", multiple=True, metavar="NAME", help="Acts on this guardrail's incidents alone.")
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True, help="When it expires.")
@json_option
@database_options
@errors_to_exit_codes
def create(
    config: Path | None,
    database: str | None,
    *,
    name: str,
    role: str,
    guardrail: tuple[str, ...],
    days: int,
    as_json: bool,
) -> None:
    """Make a token for NAME and print it: it is shown this once, only its hash is kept."""
    import secrets

    from monitor.access.credentials import issue
    from monitor.access.model import Audited, Kind, Role
    from monitor.cli.incidents import existing_store, user_name
    from monitor.clock import DAY_MS, SystemClock
    from monitor.incidents.words import rfc3339

    now_ms = SystemClock().now_ms()
    with existing_store(config, database) as stores, stores.access.transaction() as store:
        made, secret = issue(
            store,
            kind=Kind.token,
            name=name,
            role=Role(role),
            guardrails=guardrail,
            lifetime_ms=days * DAY_MS,
            made_by=user_name(None),
            now_ms=now_ms,
            random=secrets.token_bytes,
        )
        store.append_audit(
            Audited(
                at_ms=now_ms,
                by=made.made_by,
                through="command",
                act="token made",
                subject=f"token {made.id}",
                detail=f"{made.name}, {role}",
            )
        )
    if as_json:
        print_json({"id": made.id, "token": secret, "expires_at": rfc3339(made.expires_at_ms)})
    else:
        click.echo(secret)


@token.command("list", epilog="Example: driftline token list --json")
@json_option
@database_options
@errors_to_exit_codes
def list_(config: Path | None, database: str | None, *, as_json: bool) -> None:
    """Tokens, newest first, with their last use."""
    from monitor.access.model import Kind
    from monitor.cli.incidents import existing_store
    from monitor.clock import SystemClock
    from monitor.incidents.words import moment, plain, rfc3339

    now_ms = SystemClock().now_ms()
    with existing_store(config, database) as stores, stores.access.reading() as store:
        found = store.credentials(Kind.token)
    if as_json:
        print_json(
            [
                {
                    "id": one.id,
                    "name": one.name,
                    "role": one.role.value,
                    "guardrails": list(one.guardrails),
                    "made_by": one.made_by,
                    "expires_at": rfc3339(one.expires_at_ms),
                    "used_at": None if one.used_at_ms is None else rfc3339(one.used_at_ms),
                    "holds": one.holds(now_ms),
                }
                for one in found
            ]
        )
        return
    for one in found:
        used = "never used" if one.used_at_ms is None else f"used {moment(one.used_at_ms)}"
        state = f"expires {moment(one.expires_at_ms)}" if one.holds(now_ms) else "ended"
        click.echo(f"{one.id:>4}  {plain(one.name, longest=24):<25}{one.role.value:<10} {state}; {used}")
    if not found:
        click.echo("No tokens.")


@token.command(epilog="Example: driftline token revoke 3")
@click.argument("number", type=click.IntRange(1), metavar="ID")
@json_option
@database_options
@errors_to_exit_codes
def revoke(config: Path | None, database: str | None, *, number: int, as_json: bool) -> None:
    """End a token, or a session, now."""
    from monitor.access.model import Audited
    from monitor.cli.incidents import existing_store, user_name
    from monitor.clock import SystemClock
    from monitor.incidents.words import rfc3339

    now_ms = SystemClock().now_ms()
    with existing_store(config, database) as stores, stores.access.transaction() as store:
        if not store.end_credential(number, now_ms=now_ms):
            raise Refused(f"there is no credential {number} that still holds; `driftline token list` shows tokens")
        line = Audited(
            at_ms=now_ms,
            by=user_name(None),
            through="command",
            act="credential revoked",
            subject=f"credential {number}",
        )
        store.append_audit(line)
    if as_json:
        print_json({"id": number, "ended_at": rfc3339(now_ms)})
    else:
        click.echo(f"Credential {number} has ended.")
