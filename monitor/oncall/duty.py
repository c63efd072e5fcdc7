"""Who is on call: at one instant, and from one to another.

Both answers come from the same order of precedence (see :mod:`monitor.oncall.schedule`) and are computed apart: the
instant by asking each source in turn, the span by filling what higher sources leave open. Tests hold one against the
other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from monitor.oncall.schedule import Gap, Layer, Override, Schedule, Temporary
from monitor.oncall.zones import wall_clock

FALLBACK: Final = "fallback"
TEMPORARY: Final = "temporary schedule"
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is on call from ``begin_ms`` up to ``end_ms``.

    Attributes:
        people: one; several where an override adds people; none in a gap.
        source: the layer's name, ``temporary schedule`` or ``fallback``; empty in a gap and for added people alone.
        gap: why there is nobody; None where there is somebody.
        intended: the reason of a gap that is meant.
    """

    begin_ms: int
    end_ms: int
    people: tuple[str, ...]
    source: str
    gap: Gap | None = None
    intended: str | None = None


def on_call(schedule: Schedule, at_ms: int) -> Duty:
    """Who is on call at an instant; the duty spans that millisecond."""
    active = [each for each in schedule.overrides if each.begin_ms <= at_ms < each.end_ms]
    removed = False
    for source, person in _candidates(schedule, at_ms):
        found = _after_overrides(person, active)
        if found is not None:
            return _duty(schedule, (at_ms, at_ms + 1), found, source, active, Gap.no_layer)
        removed = True
    gap = Gap.removed if removed else Gap.temporary_open if _temporary(schedule, at_ms) else Gap.no_layer
    return _duty(schedule, (at_ms, at_ms + 1), None, "", active, gap)


def duties(schedule: Schedule, from_ms: int, to_ms: int) -> list[Duty]:
    """Who is on call when, within ``[from_ms, to_ms)``: by time, without holes, neighbours differ."""
    edges = sorted({from_ms, to_ms, *(edge for edge in schedule.edges() if from_ms < edge < to_ms)})
    found: list[Duty] = []
    for begin, end in pairwise(edges):
        for duty in _piece(schedule, (begin, end)):
            if found and _same(found[-1], duty):
                found[-1] = replace(found[-1], end_ms=duty.end_ms)
            else:
                found.append(duty)
    return found


def _candidates(schedule: Schedule, at_ms: int) -> Iterator[tuple[str, str]]:
    temporary = _temporary(schedule, at_ms)
    if temporary is not None:
        yield from ((TEMPORARY, person) for begin, end, person in temporary.shifts if begin <= at_ms < end)
    else:
        for layer in reversed(schedule.layers):
            turn = layer.rotation.turn_at(at_ms)
            clock = wall_clock(layer.rotation.zone)
            if turn is not None and (
                not layer.windows or any(window.covers(clock, at_ms) for window in layer.windows)
            ):
                yield layer.name, layer.rotation.person(turn)
    if schedule.fallback is not None:
        yield FALLBACK, schedule.fallback


def _piece(schedule: Schedule, span: Span) -> list[Duty]:
    """The duties of a span in which the same overrides hold and at most one temporary schedule."""
    active = [each for each in schedule.overrides if each.begin_ms <= span[0] < each.end_ms]
    temporary = _temporary(schedule, span[0])
    found: list[Duty] = []
    open_spans, removed = [span], list[Span]()
    for source, shifts in _sources(schedule, temporary, span):
        left: list[Span] = []
        for hole, taken in _within(open_spans, shifts):
            filled = hole[0]
            for begin, end, person in taken:
                who = _after_overrides(person, active)
                if who is None:
                    removed.append((begin, end))
                    continue
                if begin > filled:
                    left.append((filled, begin))
                found.append(_duty(schedule, (begin, end), who, source, active, Gap.no_layer))
                filled = end
            if filled < hole[1]:
                left.append((filled, hole[1]))
        open_spans = left
        if not open_spans:
            break
    plain_gap = Gap.temporary_open if temporary else Gap.no_layer
    for hole in open_spans:
        found += _gaps(schedule, hole, removed, active, plain_gap)
    return sorted(found, key=lambda duty: duty.begin_ms)


def _sources(
    schedule: Schedule, temporary: Temporary | None, span: Span
) -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
    if temporary is not None:
        cut = [(max(begin, span[0]), min(end, span[1]), who) for begin, end, who in sorted(temporary.shifts)]
        yield TEMPORARY, [shift for shift in cut if shift[0] < shift[1]]
    else:
        for layer in reversed(schedule.layers):
            yield layer.name, _layer_shifts(layer, span)
    if schedule.fallback is not None:
        yield FALLBACK, [(*span, schedule.fallback)]


def _layer_shifts(layer: Layer, span: Span) -> list[tuple[int, int, str]]:
    shifts = layer.rotation.shifts(*span)
    if not layer.windows:
        return shifts
    clock = wall_clock(layer.rotation.zone)
    spans = _union(each for window in layer.windows for each in window.spans(clock, *span))
    return [shift for _, taken in _within(spans, shifts) for shift in taken]


def _within(
    holes: list[Span], shifts: list[tuple[int, int, str]]
) -> Iterator[tuple[Span, list[tuple[int, int, str]]]]:
    """Each hole with the parts of the shifts that lie in it; both are sorted and do not overlap."""
    at = 0
    for hole in holes:
        while at < len(shifts) and shifts[at][1] <= hole[0]:
            at += 1
        taken, ahead = [], at
        while ahead < len(shifts) and shifts[ahead][0] < hole[1]:
            begin, end, who = shifts[ahead]
            taken.append((max(begin, hole[0]), min(end, hole[1]), who))
            ahead += 1
        yield hole, taken


def _union(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def _gaps(schedule: Schedule, hole: Span, removed: list[Span], active: list[Override], plain: Gap) -> list[Duty]:
    """A hole, cut where it was an override that made it."""
    edges = sorted({*hole, *(edge for span in removed for edge in span if hole[0] < edge < hole[1])})
    return [
        _duty(
            schedule,
            (begin, end),
            None,
            "",
            active,
            Gap.removed if any(one <= begin < other for one, other in removed) else plain,
        )
        for begin, end in pairwise(edges)
    ]


def _after_overrides(person: str, active: list[Override]) -> str | None:
    """Who has this person's turn; None where it was taken off without anybody in place."""
    return next((each.add for each in active if each.remove == person), person)


def _duty(schedule: Schedule, span: Span, who: str | None, source: str, active: list[Override], gap: Gap) -> Duty:
    added = [each.add for each in active if each.add is not None and each.remove is None]
    people = tuple(dict.fromkeys([*([] if who is None else [who]), *added]))
    if people:
        return Duty(*span, people, source)
    meant = next((each.reason for each in schedule.intended if each.begin_ms <= span[0] < each.end_ms), None)
    return Duty(*span, (), "", gap, meant)


def _temporary(schedule: Schedule, at_ms: int) -> Temporary | None:
    return next((each for each in schedule.temporary if each.begin_ms <= at_ms < each.end_ms), None)


def _same(one: Duty, other: Duty) -> bool:
    return (one.people, one.source, one.gap, one.intended) == (other.people, other.source, other.gap, other.intended)
