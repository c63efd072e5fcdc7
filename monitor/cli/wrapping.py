"""Text that is wrapped between words, and never between a number and its unit."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_UNITS: Final = (" %", " x ")
_FIXED: Final = "\u00a0"


def wrapped(text: str, width: int, *, indent: int = 0, hanging: int = 0, most: int | None = None) -> list[str]:
    """Lines of at most ``width`` columns.

    Args:
        indent, hanging: spaces before the first line, and before the others beyond that.
        most: lines; what does not fit is cut with an ellipsis. None: as many as it takes.

    >>> wrapped("share of answers 5.8 % -> 28 %", 21)
    ['share of answers', '5.8 % -> 28 %']
    """
    for unit in _UNITS:
        text = text.replace(unit, unit.replace(" ", _FIXED, 1))
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_on_hyphens=False,
        max_lines=most,
        placeholder=" …",
    )
    return [line.replace(_FIXED, " ") for line in lines]


def print_table(console: Console, table: Table) -> None:
    """A table whose lines do not end in spaces."""
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def field(name: str, value: str, width: int, *, most: int | None = None) -> list[str]:
    """A name of up to ten characters and its value beside it."""
    lines = wrapped(value, width, indent=13, most=most)
    return [f"  {name:<10} {lines[0].lstrip()}", *lines[1:]] if lines else []
