"""Streams as lines of text: for `driftline streams`, and for the end of a back-test."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from monitor.counts.model import Slice
from monitor.incidents.words import plain
from monitor.judging.progress import RARE_WANTED, Progress, change, sentence
from monitor.judging.view import StreamState

WIDTH: Final = 80
SHOWN: Final = 20
"""Streams that the end of a back-test lists; the rest is a number."""


def name_of(unit: Slice) -> str:
    """``prompt-injection jailbreak (input), version 2.1, threshold 0.5``."""
    text = " ".join(plain(part) for part in (unit.guardrail, unit.category) if part)
    text += f" ({plain(unit.stage)})" if unit.stage else ""
    text += f", version {plain(unit.guardrail_version)}" if unit.guardrail_version else ""
    return text + (f", threshold {unit.threshold_milli / 1000:g}" if unit.threshold_milli >= 0 else "")


def lines(one: Progress, *, tick_ms: int, reasons: bool = False) -> Iterator[str]:
    """A stream and where it stands; with reasons, every signal that is not tested and why."""
    stream = one.stream
    yield name_of(stream.unit)
    yield from _indented(sentence(one, tick_ms=tick_ms))
    new = change(one)
    if new:
        yield from _indented(f"new: {plain(new, longest=200)}; the former stream is watched as before")
    for join in stream.joins:
        if join.paused:
            yield from _indented(f"{join.signal} is paused: {join.missed:.0%} of the outputs found no partner")
    if not reasons:
        return
    for name, number in one.rare.items() if stream.watched_from is not None else ():
        yield from _indented(
            f"{name}: {number:.0f} of {RARE_WANTED} rare events; its level is a guess on the safe side"
        )
    for name, why in stream.unavailable:
        yield from _indented(f"{name} is not tested: {why}")


def unwatched(every: Sequence[Progress], *, tick_ms: int) -> Iterator[str]:
    """The summary of streams at the end of a back-test: silence about one must not look like health."""
    known = (StreamState.watched, StreamState.retired, StreamState.pooled)
    missing = [one for one in every if one.stream.state not in known]
    watched = sum(one.stream.watched_from is not None for one in every)
    if not missing:
        return
    yield f"{watched} of {watched + len(missing)} streams were watched; these were not, so nothing was found in them:"
    for one in missing[:SHOWN]:
        first, *rest = lines(one, tick_ms=tick_ms)
        yield from textwrap.wrap(first, WIDTH, initial_indent="  ", subsequent_indent="  ")
        yield from (f"  {line}" for line in rest)
    if len(missing) > SHOWN:
        yield f"  and {len(missing) - SHOWN} more; --json lists them all"


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH - 4, initial_indent="   ", subsequent_indent="   ", break_on_hyphens=False)
