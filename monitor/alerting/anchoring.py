"""The newest heads of timelines, appended to a file outside of the database: what cannot be rewritten with it.

Every notification carries a head too; the file has all of them in one place, also those of incidents that nobody was
notified of. It is only ever appended to. Whoever can write to the database and to the file can still rewrite both:
keep it on another machine, or on storage that only grows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from monitor.alerting.ports import Alerts
from monitor.clock import HOUR_MS
from monitor.errors import NotFound, TryAgain
from monitor.incidents.timeline import Head
from monitor.incidents.words import rfc3339

MOST_AT_ONCE: Final = 10_000
LOOK_BACK_MS: Final = HOUR_MS
"""Entries are dated by the clocks of several processes, which may differ by as much."""
LONGEST_LINE: Final = 1_000
MOST_LINES: Final = 50_000_000


class Anchors:
    """Appends heads to one file; remembers what it has appended, and reads it from the file's end after a start."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[int, int] | None = None
        self._since_ms = 0
        """Entries from before are anchored; the first step looks at all."""

    def step(self, alerts: Alerts, *, now_ms: int) -> int:
        """Append the head of every timeline that has grown; returns how many.

        Raises:
            TryAgain: the database is away, or the file cannot be written.
        """
        if self._known is None:
            self._known = self._anchored()
        with alerts.transaction() as store:
            heads = store.heads_since(self._since_ms, known=self._known, limit=MOST_AT_ONCE)
        lines = [
            json.dumps({"at": rfc3339(now_ms), "incident": number, "seq": head.seq, "hash": head.hash}) + "\n"
            for number, head in heads
        ]
        if lines:
            self._append("".join(lines))
            self._known |= {number: head.seq for number, head in heads}
        if len(lines) < MOST_AT_ONCE:
            self._since_ms = now_ms - LOOK_BACK_MS
        return len(lines)

    def _anchored(self) -> dict[int, int]:
        try:
            return {number: max(head.seq for head in heads) for number, heads in read_anchors(self._file).items()}
        except NotFound as error:
            raise TryAgain(str(error)) from None

    def _append(self, text: str) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as opened:
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
        except OSError as error:
            raise TryAgain(f"{self._file}: heads cannot be appended: {error.strerror or error}") from None


def read_anchors(file: Path) -> dict[int, list[Head]]:
    """The heads of a file, by incident; none where there is no file. A line that was cut off is passed over.

    Raises:
        NotFound: the file cannot be read.
    """
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            return _parsed(opened)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise NotFound(f"{file}: {error.strerror or error}") from None


def _parsed(lines: Iterable[str]) -> dict[int, list[Head]]:
    found: dict[int, list[Head]] = {}
    for number, line in enumerate(lines):
        if number >= MOST_LINES:
            break
        try:
            known = json.loads(line[:LONGEST_LINE])
            head = Head(seq=int(known["seq"]), hash=str(known["hash"]))
            found.setdefault(int(known["incident"]), []).append(head)
        except (ValueError, KeyError, TypeError):
            continue
    return found
