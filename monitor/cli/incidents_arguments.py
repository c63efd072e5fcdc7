"""Command-line spelling of an incident and of the head of a timeline."""

from __future__ import annotations

import click

from monitor.incidents.timeline import Head

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
