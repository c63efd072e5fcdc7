"""Cells of the detection benchmark as a table in detectors/README.md and as a plot beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

BEGIN, END = "<!-- detection table: begin -->", "<!-- detection table: end -->"
SPACING = 50_000
INK, SOFT, OURS, THEIRS = "#1b2733", "#8a97a3", "#1f6f8b", "#c9a66b"


def write(cells: Sequence[Any], date: str, room: Path) -> None:
    """Replaces what stands between the markers of room/README.md, and writes room/delays.svg."""
    readme = room / "README.md"
    text = readme.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    body = f"{BEGIN}\n{table(cells, date)}\n{END}"
    readme.write_text(head + body + tail, encoding="utf-8")
    (room / "delays.svg").write_text(plot(cells), encoding="utf-8")


def table(cells: Sequence[Any], date: str) -> str:
    """Markdown: one row per method, one column per family, grouped by what the families share."""
    lines = [
        f"Measured {date}; the last column counts the runs of a cell. Delay as a multiple of the oracle's mean,",
        "then its 95 % point in events; in brackets the share found within 40,000 events, where not all were.",
        "Spacing of false alarms in thousands of events with 95 % Poisson limits; 50 is what is allowed.",
    ]
    for families in _groups(cells):
        methods = list(dict.fromkeys(c.method for c in cells if c.family in families))
        lines += [
            "",
            "| | " + " | ".join(families) + " | spacing | ns/event | runs |",
            "| --- " * (len(families) + 4) + "|",
        ]
        for method in methods:
            row = [next((c for c in cells if c.method == method and c.family == f), None) for f in families]
            known = [c for c in row if c is not None]
            lines.append(
                f"| {method} | "
                + " | ".join(_delay(c) if c is not None else "" for c in row)
                + f" | {_spacing(known)} | {np.median([c.ns for c in known]):.0f} |"
                + f" {_range([c.runs for c in known])} |"
            )
    return "\n".join(lines)


def _groups(cells: Sequence[Any]) -> list[list[str]]:
    names = list(dict.fromkeys(c.family for c in cells))
    groups = [[n for n in names if n.startswith(kind)] for kind in ("rate", "scores", "labels")]
    return [g for g in groups if g]


def _range(numbers: list[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _delay(cell: Any) -> str:
    if cell.found < 0.5:
        return f"found {cell.found:.0%}"
    if cell.method.startswith("oracle"):
        return f"{cell.mean:.0f} events, {cell.p95:.0f}"
    bracket = "" if cell.found > 0.999 else f" ({cell.found:.0%})"
    return f"{cell.ratio:.2f}, {cell.p95:.0f}{bracket}"


def _spacing(cells: Sequence[Any]) -> str:
    low, high = min(c.spacing_low for c in cells), max(c.spacing_high for c in cells)
    middle = np.median([c.spacing for c in cells])
    top = "∞" if np.isinf(high) else f"{high / 1000:.3g}"
    return f"{middle / 1000:.3g} ({low / 1000:.3g} to {top})"


def plot(cells: Sequence[Any]) -> str:
    """Bars: mean delay over the oracle's, per family; methods that alarm 1.5 times too often are hollow."""
    families = list(dict.fromkeys(c.family for c in cells))
    rows: list[tuple[str, Any]] = []
    for family in families:
        rows.append((family, None))
        rows += [
            (c.method, c)
            for c in cells
            if c.family == family and not c.method.startswith("oracle") and c.found >= 0.5
        ]
    top, step, left, width = 60, 18, 330, 520
    longest = 10.0
    height = top + step * len(rows) + 40
    out = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 90} {height}" '
            'font-family="system-ui, sans-serif" font-size="12" role="img">'
        ),
        "<title>Mean delay as a multiple of the oracle's</title>",
        f'<text x="12" y="24" font-size="15" fill="{INK}">Mean delay as a multiple of the oracle\'s</text>',
        (
            f'<text x="12" y="42" fill="{SOFT}">Hollow: raises false alarms more than 1.5 times as often as allowed '
            "(one in 50,000 events)</text>"
        ),
    ]
    for tick in (1, 2, 4, 6, 8, 10):
        x = left + width * tick / longest
        out.append(f'<line x1="{x}" x2="{x}" y1="{top}" y2="{height - 30}" stroke="#e3e8ec"/>')
        out.append(f'<text x="{x}" y="{height - 12}" text-anchor="middle" fill="{SOFT}">{tick}</text>')
    for i, (label, cell) in enumerate(rows):
        y = top + step * i
        if cell is None:
            out.append(f'<text x="12" y="{y + 13}" font-weight="600" fill="{INK}">{escape(label)}</text>')
            continue
        colour = THEIRS if label.startswith(("river", "chunks")) else OURS
        length = width * min(cell.ratio, longest) / longest
        fill = "none" if cell.spacing < SPACING / 1.5 else colour
        out.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end" fill="{INK}">{escape(label)}</text>')
        out.append(f'<rect x="{left}" y="{y + 3}" width="{length:.1f}" height="12" fill="{fill}" stroke="{colour}"/>')
        more = "+" if cell.found < 0.999 or cell.ratio > longest else ""
        out.append(f'<text x="{left + length + 5:.1f}" y="{y + 13}" fill="{INK}">{cell.ratio:.2f}{more}</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"
