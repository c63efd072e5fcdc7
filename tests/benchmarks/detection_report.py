"""Cells of the detection benchmark as tables in detectors/README.md and as a plot beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from tests.benchmarks.detection_cells import Cell
from tests.benchmarks.detection_streams import SPACING

INK, SOFT, OURS, THEIRS = "#1b2733", "#8a97a3", "#1f6f8b", "#c9a66b"
TICKWISE, UNIT = "told both laws, counts of ticks", "oracle"


TABLES = ("detection", "peers", "floors", "long")


def write(cells: Sequence[Cell], date: str, room: Path, *, whole: Collection[str] = TABLES) -> None:
    """Replaces what stands between the markers of room/README.md, and room/delays.svg.

    `whole`: the tables of which no row was left out; the others stay as they are.
    """
    readme = room / "README.md"
    text = readme.read_text(encoding="utf-8")
    for name in (table for table in TABLES if table in whole):
        own = [c for c in cells if c.table == name]
        begin, end = f"<!-- {name} table: begin -->", f"<!-- {name} table: end -->"
        head, rest = text.split(begin)
        tail = rest.split(end)[1]
        text = f"{head}{begin}\n{tables(own, date, full=name == 'detection', spaced=name != 'long')}\n{end}{tail}"
    readme.write_text(text, encoding="utf-8")
    if "detection" in whole:
        (room / "delays.svg").write_text(plot([c for c in cells if c.table == "detection"]), encoding="utf-8")


def tables(cells: Sequence[Cell], date: str, *, full: bool = False, spaced: bool = False) -> str:
    """Markdown: one row per method, one column per family, grouped by what the families share.

    `spaced`: with the spacing of false alarms; `full`: with the cost and the settings.
    """
    lines = [f"Measured {date}."]
    columns: list[tuple[str, Callable[[list[Cell]], str]]] = [("runs", lambda row: _range([c.runs for c in row]))]
    if spaced:
        columns[:0] = [("spacing", _spacing)]
    if full:
        columns[1:1] = [("ns/event", lambda row: f"{np.median([c.ns for c in row]):.0f}")]
        columns.append(("set to", _values))
    for families in _groups(cells):
        methods = list(dict.fromkeys(c.method for c in cells if c.family in families))
        lines += [
            "",
            "| | " + " | ".join([*families, *(name for name, _ in columns)]) + " |",
            "| --- " * (len(families) + len(columns) + 1) + "|",
        ]
        for method in methods:
            row = [next((c for c in cells if c.method == method and c.family == f), None) for f in families]
            known = [c for c in row if c is not None]
            texts = [_delay(c) if c is not None else "" for c in row]
            lines.append("| " + " | ".join([method, *texts, *(text(known) for _, text in columns)]) + " |")
    return "\n".join(lines)


def _groups(cells: Sequence[Cell]) -> list[list[str]]:
    names = list(dict.fromkeys(c.family for c in cells))
    groups = [[n for n in names if n.startswith(kind)] for kind in ("rate", "scores", "labels")]
    return [g for g in groups if g]


def _range(numbers: list[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _delay(cell: Cell) -> str:
    if cell.found < 0.5:
        return f"found {cell.found:.0%}"
    if cell.method.startswith(UNIT):
        return f"{cell.mean:.0f} events, {cell.p95:.0f}"
    text = f"{cell.ratio:.2f} ± {cell.error:.2f}"
    if cell.method == TICKWISE:
        return f"{text}; {cell.extra:.2f} ticks more"
    return f"{text}, {cell.p95:.0f}" + ("" if cell.found > 0.999 else f" ({cell.found:.0%})")


def _values(cells: Sequence[Cell]) -> str:
    """What a tuned row was set to, and the heights and factors of ours; blank where nothing is set."""
    return ", ".join(dict.fromkeys(f"{c.value:.3g}" for c in cells if c.value))


def _spacing(cells: Sequence[Cell]) -> str:
    low, high = min(c.spacing_low for c in cells), max(c.spacing_high for c in cells)
    middle = np.median([c.spacing for c in cells])
    top = "∞" if np.isinf(high) else f"{high / 1000:.3g}"
    return f"{middle / 1000:.3g} ({low / 1000:.3g} to {top})"


def plot(cells: Sequence[Cell]) -> str:
    """Bars: mean delay over the oracle's, per family; methods that alarm 1.5 times too often are hollow."""
    families = list(dict.fromkeys(c.family for c in cells))
    rows: list[tuple[str, Cell | None]] = []
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
