"""Faults of files: rotation, cutting, half-written lines."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from monitor.clock import SystemClock
from tests.faults.fault import Fault, Place, Seen, judged, turns
from tests.integration.counting import counting_files, events

GUARDRAIL = "pi"


def lines(count: int, tag: str) -> bytes:
    """So many events as lines."""
    return b"".join((event.value or b"") + b"\n" for event in events(count, tag))


def read_once(place: Place, log: Path) -> None:
    """Read the file to its end."""
    with counting_files(place.stores, [log]) as worker:
        while not worker.step().ended:
            pass


def rotated_between_runs(place: Place) -> Seen:
    """Renamed and made anew, longer than before, with a rest that was not read."""
    log = place.directory / "events.jsonl"
    log.write_bytes(lines(300, "day0"))
    read_once(place, log)
    with log.open("ab") as file:
        file.write(lines(40, "evening"))
    log.rename(log.with_name("events.jsonl.1"))
    log.write_bytes(lines(500, "day1"))
    began = time.monotonic()
    read_once(place, log)
    seconds = time.monotonic() - began
    return judged(place.stores, {GUARDRAIL: 840}, seconds=seconds, where=turns(place.stores))


def cut_while_followed(place: Place) -> Seen:
    """Copied and truncated while it is followed, with a rest that was not read."""
    log = place.directory / "events.jsonl"
    log.write_bytes(lines(300, "day0"))
    with counting_files(place.stores, [log], follow=SystemClock()) as worker:
        worker.until(lambda: worker.events == 300)
        with log.open("ab") as file:
            file.write(lines(40, "evening"))
        shutil.copy(log, log.with_name("events.jsonl.1"))
        os.truncate(log, 0)
        with log.open("ab") as file:
            file.write(lines(500, "day1"))
        began = time.monotonic()
        worker.until(lambda: bool(worker.renewed))
        seconds = time.monotonic() - began
        worker.until(lambda: worker.events == 840)
    return judged(place.stores, {GUARDRAIL: 840}, seconds=seconds, where=turns(place.stores))


def half_written_line(place: Place) -> Seen:
    """The last line is completed after it was read."""
    log = place.directory / "events.jsonl"
    whole = lines(400, "p")
    for content in (whole[: len(whole) // 2 + 7], whole):
        log.write_bytes(content)
        read_once(place, log)
    return judged(place.stores, {GUARDRAIL: 400}, seconds=None, where="-")


FAULTS = (
    Fault("a file is rotated between two runs", rotated_between_runs),
    Fault("a followed file is copied and cut", cut_while_followed),
    Fault("a last line is half written", half_written_line),
)
