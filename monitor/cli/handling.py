"""What the commands on measures and action items share: numbers as people write them, and changes that collide."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from monitor.clock import SystemClock

if TYPE_CHECKING:
    from monitor.alerting.ports import AlertStore
    from monitor.incidents.lifecycle import Change

T = TypeVar("T")
_MOST_DIGITS: Final = 18


def number_of(prefix: str) -> Callable[[str], int]:
    """``1``, ``M-1``: a parser for such numbers."""

    def parse(text: str) -> int:
        digits = text.strip().upper().removeprefix(f"{prefix}-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS and int(digits) > 0):
            raise click.BadParameter(f"{text[:80]!r} is not a number such as 1 or {prefix}-1")
        return int(digits)

    return parse


def changed(
    act: Callable[..., tuple[T, Change]],
    config: Path | None,
    database: str | None,
    number: int,
    *,
    actor: str | None,
    text: str,
    **more: Any,
) -> T:
    """Make a change, run again where another person's came first; the channels that know the incident hear of it."""
    from monitor.alerting.announce import announce
    from monitor.alerting.people import in_turn
    from monitor.cli.incidents import existing_store, user_name

    name = user_name(actor)

    def attempt(store: AlertStore) -> T:
        what, change = act(store, number, actor=name, now_ms=SystemClock().now_ms(), text=text, **more)
        announce(store, change)
        return what

    with existing_store(config, database) as stores:
        return in_turn(stores.alerts, attempt)
