"""Progress of each stream: since when it is watched, or why not yet, and the stream that it replaces.

For `driftline streams` of a running service, and for the end of a back-test: both hand in what the judge knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from detectors.level import LEARNING_MASS
from monitor.counts.cuts import of_slices
from monitor.counts.model import Slice
from monitor.counts.units import slices_counted_with
from monitor.incidents.words import duration, moment
from monitor.judging.ports import JudgeStore
from monitor.judging.view import StreamState, StreamView
from monitor.signals.registry import COLUMNS, OFFSETS, SIGNALS, USED_COLUMNS

RARE_WANTED: Final = int(LEARNING_MASS)
"""Events of the rarer kind that a firm level needs; with fewer it is a guess on the safe side."""
READ_TICKS: Final = 360
READ_AT_MOST: Final = 3_000_000
"""Counts that are read back for streams that learn, in a second or two; beyond it, rare events are a lower bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One stream, and its progress towards a baseline."""

    stream: StreamView
    rare: Mapping[str, float]
    """Signal/question -> events of the rarer kind: in the baseline where they are scarce, or learned so far."""
    rare_at_least: bool = False
    """The window was too long to be read back whole."""
    replaces: StreamView | None = None
    """The watched stream of the same guardrail, category and stage whose version, threshold or kind of score it had
    before; None where it is the first."""


def progress_of(streams: Sequence[StreamView], store: JudgeStore) -> list[Progress]:
    """The progress of the streams, in order of their names.

    Args:
        streams: as the judge knows them.
        store: its counts, read back for those that learn.
    """
    learning = [one for one in streams if one.watched_from is None and one.learning_from is not None]
    rare, whole = _rare_in_counts(learning, store)
    return [
        Progress(
            stream=one,
            rare=dict(one.scarce) if one.watched_from is not None else rare.get(one.unit, {}),
            rare_at_least=one.watched_from is None and not whole,
            replaces=_replaced_by(one, streams),
        )
        for one in sorted(streams, key=lambda one: one.unit)
    ]


def sentence(one: Progress, *, tick_ms: int) -> str:
    """The state of the stream, for people."""
    stream = one.stream
    match stream.state:
        case StreamState.pooled:
            return "counted with the stream of the same name that has scores"
        case StreamState.watched | StreamState.retired:
            since = moment((stream.watched_from or 0) * tick_ms)
            who = "approved by a person" if stream.by_person else "learned"
            text = f"watched since {since}, against a baseline of {stream.events:,} events, {who}"
            if stream.provisional and stream.window is not None:
                spans = duration((stream.window[1] - stream.window[0]) * tick_ms)
                text += f"; provisionally: it spans {spans} of at least {duration(stream.wanted_span * tick_ms)}"
            if stream.state is StreamState.retired and stream.last_tick is not None:
                last = moment((stream.last_tick + 1) * tick_ms)
                text += f"; retired: no event since {last}, and watched again from its next event on"
            return text
        case StreamState.waiting:
            return f"not watched: {stream.events:,} events so far, and a person has to approve a baseline"
    text = f"learning: {stream.events:,} of {stream.wanted_events:,} events"
    if stream.ticks < stream.wanted_ticks:
        text += f", in {stream.ticks} of {stream.wanted_ticks} ticks"
    headline = next(iter(one.rare.items()), None)
    if headline is not None and headline[1] < RARE_WANTED:
        text += f", {'at least ' if one.rare_at_least else ''}{headline[1]:.0f} of {RARE_WANTED} rare ones"
        text += f" ({headline[0]})"
    if stream.restarts:
        text += f"; its window moved on {stream.restarts} times, as its halves disagreed"
    return text


def change(one: Progress) -> str | None:
    """The difference of a stream from the one that it replaces: ``version 1 -> 2, threshold 0.5 -> 0.6``."""
    if one.replaces is None:
        return None
    before, now = one.replaces.unit, one.stream.unit
    parts = []
    if before.guardrail_version != now.guardrail_version:
        parts.append(f"version {before.guardrail_version or 'none'} -> {now.guardrail_version or 'none'}")
    if before.threshold_milli != now.threshold_milli:
        parts.append(f"threshold {_threshold(before)} -> {_threshold(now)}")
    if (before.score_kind, before.semantics) != (now.score_kind, now.semantics):
        parts.append(f"score {before.score_kind or 'none'} -> {now.score_kind or 'none'}")
    return ", ".join(parts)


def plain(one: Progress, *, tick_ms: int) -> dict[str, Any]:
    """The progress as JSON: times in epoch milliseconds."""
    stream = one.stream
    unit = stream.unit
    return {
        "guardrail": unit.guardrail,
        "guardrail_version": unit.guardrail_version,
        "category": unit.category,
        "stage": unit.stage,
        "score_kind": unit.score_kind,
        "threshold": None if unit.threshold_milli < 0 else unit.threshold_milli / 1000,
        "state": stream.state.name,
        "watched_since_ms": None if stream.watched_from is None else stream.watched_from * tick_ms,
        "last_event_ms": None if stream.last_tick is None else (stream.last_tick + 1) * tick_ms,
        "learning_since_ms": None if stream.learning_from is None else stream.learning_from * tick_ms,
        "events": stream.events,
        "events_wanted": stream.wanted_events,
        "ticks": stream.ticks if stream.watched_from is None else None,
        "ticks_wanted": stream.wanted_ticks,
        "rare_events": {name: round(number, 3) for name, number in one.rare.items()},
        "rare_events_wanted": RARE_WANTED,
        "windows_moved": stream.restarts,
        "approved_by_person": stream.by_person,
        "provisional": stream.provisional,
        "replaces": change(one),
        "not_tested": dict(stream.unavailable),
        "paused": {join.signal: round(join.missed, 4) for join in stream.joins if join.paused},
        "summary": sentence(one, tick_ms=tick_ms),
    }


def _replaced_by(one: StreamView, streams: Sequence[StreamView]) -> StreamView | None:
    """The stream that was watched in its place before its own first event."""
    if one.learning_from is None or one.state is StreamState.pooled:
        return None
    same = [
        other
        for other in streams
        if (other.unit.guardrail, other.unit.category, other.unit.stage)
        == (one.unit.guardrail, one.unit.category, one.unit.stage)
        and other.unit != one.unit
        and other.watched_from is not None
        and other.watched_from <= one.learning_from
    ]
    return max(same, key=lambda other: (other.watched_from or 0, other.unit), default=None)


def _rare_in_counts(learning: Sequence[StreamView], store: JudgeStore) -> tuple[dict[Slice, dict[str, float]], bool]:
    """By stream and question the events of the rarer kind since it learns; and whether all of them were read."""
    judged = store.judged_before()
    if not learning or judged is None:
        return {}, True
    slices = store.slices()
    own = {one.unit: slices_counted_with(one.unit, slices) for one in learning}
    since = {one.unit: one.learning_from or 0 for one in learning}
    sums = {one.unit: np.zeros(USED_COLUMNS, np.int64) for one in learning}
    first, end, read = min(since.values()), judged, 0
    while end > first and read < READ_AT_MOST:
        start = max(first, end - READ_TICKS)
        counts = store.counts(start, end)
        read += len(counts.tick)
        for unit, mine in own.items():
            of_unit = of_slices(counts, mine)
            column = of_unit.cell % COLUMNS
            use = (of_unit.tick >= since[unit]) & (column < USED_COLUMNS)
            np.add.at(sums[unit], column[use], of_unit.count[use])
        end = start
    return {unit: _rare(row) for unit, row in sums.items()}, end <= first


def _rare(row: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, float]:
    """Of the questions that the stream's events bear on, in the signals' order: what it judges comes first."""
    found = {}
    for signal in sorted(SIGNALS, key=lambda signal: signal.name != "verdict_mix"):
        bins = row[OFFSETS[signal.name] : OFFSETS[signal.name] + len(signal.bins)]
        total = float(bins.sum())
        for question in signal.questions if total else ():
            mass = float(bins @ np.asarray(question.values))
            found[f"{signal.name}/{question.name}"] = min(mass, total - mass)
    return found


def _threshold(unit: Slice) -> str:
    return "none" if unit.threshold_milli < 0 else f"{unit.threshold_milli / 1000:g}"
