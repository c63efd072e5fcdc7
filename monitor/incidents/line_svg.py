"""A curve as a small SVG that stands alone: values over time, a level, marks. No scripts, no links, no fonts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from monitor.incidents.words import moment, number, plain

WIDTH: Final = 640
HEIGHT: Final = 200
LEFT, RIGHT, TOP, BOTTOM = 56, 632, 26, 172
_SIZE: Final = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
_STYLE: Final = (
    "text{font:11px sans-serif;fill:#555}.c{fill:none;stroke:#1f5fbf;stroke-width:2}.d{fill:#1f5fbf}"
    ".l{stroke:#b3261e;stroke-dasharray:6 4}.a{stroke:#bbb}.m{stroke:#777}.b{fill:#f2c14e;opacity:.35}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What to draw.

    Attributes:
        title: what the values are.
        points: (epoch ms, value), in order; a value that is not finite interrupts the curve.
        levels: horizontal lines: name and value.
        marks: vertical lines: name and epoch ms.
        band: a stretch of time to shade, such as the onset's interval.
    """

    title: str
    points: Sequence[tuple[int, float | None]]
    levels: Sequence[tuple[str, float]] = ()
    marks: Sequence[tuple[str, int]] = ()
    band: tuple[int, int] | None = None


def svg(line: Line) -> str:
    """The picture; empty where there is nothing to draw."""
    known = [(at, value) for at, value in line.points if value is not None and math.isfinite(value)]
    if not known:
        return ""
    start, end = line.points[0][0], max(line.points[-1][0], line.points[0][0] + 1)
    values = [value for _, value in known] + [value for _, value in line.levels if math.isfinite(value)]
    low, high = min(0.0, *values), max(0.0, *values)
    high = high if high > low else low + 1.0

    def x(at: int) -> float:
        return round(LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, (at - start) / (end - start))), 1)

    def y(value: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {_SIZE} role="img" aria-label="{_text(line.title)}">',
        f"<style>{_STYLE}</style>",
        f'<text x="{LEFT}" y="14">{_text(line.title)}</text>',
    ]
    if line.band is not None:
        left, right = x(line.band[0]), x(line.band[1])
        parts.append(
            f'<rect class="b" x="{left}" y="{TOP}" width="{max(1.0, right - left):.1f}" height="{BOTTOM - TOP}"/>'
        )
    for value in (low, high):
        parts += [
            f'<line class="a" x1="{LEFT}" x2="{RIGHT}" y1="{y(value)}" y2="{y(value)}"/>',
            f'<text x="{LEFT - 6}" y="{y(value) + 4}" text-anchor="end">{_text(number(value))}</text>',
        ]
    for name, value in line.levels:
        if math.isfinite(value):
            parts += [
                f'<line class="l" x1="{LEFT}" x2="{RIGHT}" y1="{y(value)}" y2="{y(value)}"/>',
                f'<text x="{LEFT + 6}" y="{y(value) - 4}">{_text(f"{name} {number(value)}")}</text>',
            ]
    for name, at in line.marks:
        if start <= at <= end:
            parts += [
                f'<line class="m" x1="{x(at)}" x2="{x(at)}" y1="{TOP}" y2="{BOTTOM}"/>',
                f'<text x="{x(at) + 3}" y="{TOP + 9}">{_text(name)}</text>',
            ]
    for stretch in _stretches(line.points):
        if len(stretch) == 1:
            parts.append(f'<circle class="d" cx="{x(stretch[0][0])}" cy="{y(stretch[0][1])}" r="2"/>')
        else:
            parts.append(f'<polyline class="c" points="{" ".join(f"{x(at)},{y(value)}" for at, value in stretch)}"/>')
    parts += [
        f'<text x="{LEFT}" y="{HEIGHT - 8}">{_text(moment(start))}</text>',
        f'<text x="{RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{_text(moment(end))}</text>',
        "</svg>",
    ]
    return "".join(parts)


def _stretches(points: Sequence[tuple[int, float | None]]) -> list[list[tuple[int, float]]]:
    found: list[list[tuple[int, float]]] = [[]]
    for at, value in points:
        if value is None or not math.isfinite(value):
            found.append([])
        else:
            found[-1].append((at, value))
    return [each for each in found if each]


def _text(text: str) -> str:
    return escape(plain(text, longest=120))
