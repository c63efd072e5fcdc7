"""A chart over time: lines, levels that they are held to, shaded stretches, marks at moments."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.render.svg import Chart, Table, drawing, element, text

WIDTH: Final = 680
HEIGHT: Final = 200
LEFT, RIGHT, TOP, BOTTOM = 64, 10, 20, 26
MOST_MARKS: Final = 40
"""Marks that are drawn: more of them are a fence."""
MOST_ROWS: Final = 400
"""Rows of the table, evenly spread over the points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: its name, and (epoch milliseconds, value) in order of time; None is a hole."""

    name: str
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A horizontal line.

    Attributes:
        kind: ``level``, a bound; or ``normal``, what was approved.
    """

    value: float
    label: str
    kind: str = "level"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A shaded stretch of time.

    Attributes:
        kind: ``band``, the onset; or ``quiet``, a silence.
    """

    from_ms: float
    to_ms: float
    label: str
    kind: str = "band"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A vertical line at a moment.

    Attributes:
        word: one word beside it.
        label: the same as a sentence.
    """

    at_ms: float
    word: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How values and moments are written."""

    value: Callable[[float], str]
    moment: Callable[[int], str]
    short_moment: Callable[[int], str]


def chart_over_time(
    lines: Sequence[Line],
    *,
    name: str,
    title: str,
    description: str,
    wording: Wording,
    held: Sequence[Held] = (),
    stretches: Sequence[Stretch] = (),
    marks: Sequence[Mark] = (),
    span_ms: tuple[float, float] | None = None,
    lowest: float | None = 0.0,
) -> Chart:
    """Lines over time.

    Args:
        lines: drawn over each other; one or two.
        name: prefix of the ids.
        title: what it shows.
        description: what is to be seen in it.
        wording: how values and moments are written.
        held: bounds and approved levels.
        stretches: shaded.
        marks: moments; those outside of the span are left out.
        span_ms: from when to when; None: of the points.
        lowest: bottom of the scale; None: what the values need.
    """
    scale = _Scale(lines, held, span_ms=span_ms, lowest=lowest)
    parts = [
        *_stretches(scale, stretches),
        *_axes(scale, wording),
        *_held(scale, held),
        *_marks(scale, marks),
        *(part for place, line in enumerate(lines) for part in _line(scale, line, place)),
    ]
    svg = drawing(*parts, name=name, title=title, description=description, width=WIDTH, height=HEIGHT)
    return Chart(svg=svg, title=title, description=description, table=_table(title, lines, held, wording))


class _Scale:
    """From moments and values to the drawing's coordinates."""

    def __init__(
        self,
        lines: Sequence[Line],
        held: Sequence[Held],
        *,
        span_ms: tuple[float, float] | None,
        lowest: float | None,
    ) -> None:
        times = [at for line in lines for at, _ in line.points]
        self.start, self.end = span_ms or (min(times, default=0.0), max(times, default=1.0))
        values = [value for line in lines for _, value in line.points if value is not None and math.isfinite(value)]
        values += [one.value for one in held]
        bottom = min(values, default=0.0) if lowest is None else lowest
        top = max([*values, bottom])
        span = top - bottom or abs(bottom) or 1.0
        self.bottom, self.peak, self.top = bottom, bottom + span, bottom + span * 1.08

    def x(self, ms: float) -> float:
        share = (ms - self.start) / max(self.end - self.start, 1)
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(max(share, 0.0), 1.0), 1)

    def y(self, value: float) -> float:
        share = (value - self.bottom) / (self.top - self.bottom)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(max(share, 0.0), 1.0), 1)

    def shows(self, ms: float) -> bool:
        return self.start <= ms <= self.end


def _axes(scale: _Scale, wording: Wording) -> Iterator[str]:
    for part in (0.0, 0.5, 1.0):
        value = scale.bottom + (scale.peak - scale.bottom) * part
        y = scale.y(value)
        yield element("line", class_="axis", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y)
        yield element("text", text(wording.value(value)), x=LEFT - 6, y=y + 4, text_anchor="end")
    for part, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        ms = round(scale.start + (scale.end - scale.start) * part)
        yield element("text", text(wording.short_moment(ms)), x=scale.x(ms), y=HEIGHT - 8, text_anchor=anchor)


def _stretches(scale: _Scale, stretches: Iterable[Stretch]) -> Iterator[str]:
    for one in stretches:
        if one.to_ms < scale.start or one.from_ms > scale.end:
            continue
        x = scale.x(one.from_ms)
        yield element(
            "rect",
            element("title", text(one.label)),
            class_=one.kind,
            x=x,
            y=TOP,
            width=max(2.0, round(scale.x(one.to_ms) - x, 1)),
            height=HEIGHT - TOP - BOTTOM,
        )


def _held(scale: _Scale, held: Iterable[Held]) -> Iterator[str]:
    for one in held:
        y = scale.y(one.value)
        yield element(
            "line", element("title", text(one.label)), class_=one.kind, x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y
        )
        if one.kind == "level":
            place = y - 5 if y > TOP + 14 else y + 13
            yield element("text", text(one.label), class_="held", x=LEFT + 6, y=place)


def _marks(scale: _Scale, marks: Iterable[Mark]) -> Iterator[str]:
    for one in [mark for mark in marks if scale.shows(mark.at_ms)][:MOST_MARKS]:
        x = scale.x(one.at_ms)
        right = x < WIDTH - 80
        yield element(
            "line", element("title", text(one.label)), class_="mark", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM
        )
        yield element(
            "text", text(one.word), x=x + 4 if right else x - 4, y=TOP - 6, text_anchor=None if right else "end"
        )


def _line(scale: _Scale, line: Line, place: int) -> Iterator[str]:
    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in line.points:
        if value is None or not math.isfinite(value):
            runs.append([])
        else:
            runs[-1].append((scale.x(at), scale.y(value)))
    for run in runs:
        if len(run) > 1:
            points = " ".join(f"{x:g},{y:g}" for x, y in run)
            yield element("polyline", class_="curve" if place == 0 else f"curve curve-{place + 1}", points=points)
        elif run:
            yield element("circle", class_="dot", cx=run[0][0], cy=run[0][1], r=2)


def _table(title: str, lines: Sequence[Line], held: Sequence[Held], wording: Wording) -> Table:
    by_time: dict[float, dict[int, float | None]] = {}
    for place, line in enumerate(lines):
        for at, value in line.points:
            by_time.setdefault(at, {})[place] = value
    times = sorted(by_time)
    step = max(1, -(-len(times) // MOST_ROWS))
    rows = [
        [wording.moment(round(at)), *(_written(by_time[at].get(place), wording) for place in range(len(lines)))]
        for at in times[::step]
    ]
    bounds = "".join(f"; {one.label}" for one in held)
    return Table(caption=f"{title}{bounds}", head=["time", *(line.name for line in lines)], rows=rows)


def _written(value: float | None, wording: Wording) -> str:
    return "none" if value is None or not math.isfinite(value) else wording.value(value)
