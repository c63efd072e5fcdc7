"""Timelines as a file: one entry a line, and read back to be verified without a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from monitor.errors import Refused
from monitor.incidents.model import Entry
from monitor.incidents.timeline import MOST_BYTES

MOST_LINES: Final = 1_000_000
_LONGEST_LINE: Final = 2 * MOST_BYTES
"""An entry's canonical JSON, its hash, and whitespace that an editor may have added."""


def lines(entries: Iterable[Entry]) -> Iterable[str]:
    """JSON Lines of timelines; the hashes are in them."""
    for entry in entries:
        yield msgspec.json.encode(entry).decode()


def read(given: Iterable[bytes]) -> Mapping[int, Sequence[Entry]]:
    """The timelines of a file, by incident, each in the order of the file.

    Raises:
        Refused: a line is no entry; which one, and why.
    """
    found: dict[int, list[Entry]] = {}
    for number, line in enumerate(given, start=1):
        if number > MOST_LINES or len(line) > _LONGEST_LINE:
            raise Refused(f"line {number}: longer than an exported timeline can be")
        if not line.strip():
            continue
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(f"line {number}: no timeline entry: {str(error)[:200]}") from None
        found.setdefault(entry.incident_id, []).append(entry)
    if not found:
        raise Refused("the file holds no timeline entry")
    return found
