"""Command-line spelling of an incident and of the head of a timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from monitor.errors import NotFound
from monitor.incidents.timeline import Head

anchors_option = click.option(
    "--anchors",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Heads that `response.anchor_file` has kept: what was cut off or rewritten since is found.",
)

_MOST_DIGITS = 18
"""The largest number that any database takes has 19."""


def incident_number(text: str) -> int:
    """``1``, ``INC-1`` or ``#1``."""
    digits = text.strip().lstrip("#").upper().removeprefix("INC-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS and int(digits) > 0):
        raise click.BadParameter(f"{text[:80]!r} is not an incident; use 1 or INC-1")
    return int(digits)


def head_of_timeline(text: str) -> Head:
    """``7:9f0c...``, as a notification carried it."""
    seq, _, digest = text.partition(":")
    hexadecimal = len(digest) == 64 and not set(digest.lower()) - set("0123456789abcdef")
    if not (seq.isascii() and seq.isdigit() and len(seq) <= _MOST_DIGITS and hexadecimal):
        raise click.BadParameter(f"{text[:80]!r} is not SEQ:HASH with a hash of 64 hexadecimal digits")
    return Head(seq=int(seq), hash=digest.lower())


def anchors_of(file: Path | None) -> Mapping[int, Sequence[Head]]:
    """The heads of an anchor file, by incident; none without one.

    Raises:
        NotFound: there is no such file.
    """
    from monitor.alerting.anchoring import read_anchors

    if file is None:
        return {}
    if not file.exists():
        raise NotFound(f"{file}: no such file of heads")
    return read_anchors(file)
