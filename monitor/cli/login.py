"""``driftline login``: a link that logs a browser in, once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.options import database_options, errors_to_exit_codes, json_option, print_json
from monitor.settings import DEFAULT_FILE

if TYPE_CHECKING:
    from monitor.settings import Settings

ROLES = ("viewer", "responder", "approver", "admin")


@click.command(epilog="Example: driftline login --role responder")
@click.option("--role", type=click.Choice(ROLES), default="admin", show_default=True, help="What the session may do.")
@click.option("--guardrail", multiple=True, metavar="NAME", help="Acts on this guardrail's incidents alone.")
@click.option("--as", "actor", metavar="NAME", help="Who logs in.  [default: your user name]")
@click.option("--address", metavar="URL", help="Where the pages are.  [default: of the settings]")
@json_option
@database_options
@errors_to_exit_codes
def login(
    config: Path | None,
    database: str | None,
    *,
    role: str,
    guardrail: tuple[str, ...],
    actor: str | None,
    address: str | None,
    as_json: bool,
) -> None:
    """Print a link that opens the pages. It works once, within ten minutes; the session lasts twelve hours."""
    import secrets

    from monitor.access.credentials import LINK_MS, issue
    from monitor.access.model import Audited, Kind, Role
    from monitor.cli.incidents import existing_store, user_name
    from monitor.clock import SystemClock
    from monitor.incidents.words import rfc3339

    name, now_ms = user_name(actor), SystemClock().now_ms()
    with existing_store(config, database) as stores, stores.access.transaction() as store:
        made, secret = issue(
            store,
            kind=Kind.link,
            name=name,
            role=Role(role),
            guardrails=guardrail,
            lifetime_ms=LINK_MS,
            made_by=user_name(None),
            now_ms=now_ms,
            random=secrets.token_bytes,
        )
        store.append_audit(
            Audited(
                at_ms=now_ms, by=made.made_by, through="command", act="login link made", subject=f"link {made.id}"
            )
        )
    link = f"{(address or pages_address(config)).rstrip('/')}/login?code={secret}"
    if as_json:
        print_json({"link": link, "expires_at": rfc3339(made.expires_at_ms)})
    else:
        click.echo(link)


def pages_address(config: Path | None) -> str:
    """Where people reach the pages, by the settings; the default address where there are none."""
    from monitor.settings.model import Http

    if config is None and not Path(DEFAULT_FILE).exists():
        http = Http()
    else:
        from monitor.cli.options import settings_from

        settings: Settings = settings_from(config)
        http = settings.http
    if http.url is not None:
        return http.url
    host = "127.0.0.1" if http.host in ("0.0.0.0", "::") else http.host  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{http.port}"
