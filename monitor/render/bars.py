"""Bars: two distributions side by side, and one small one in a table's cell."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import Final

from monitor.render.svg import Chart, Table, drawing, element, text

WIDTH: Final = 680
ROW: Final = 26
LABEL: Final = 170
VALUE: Final = 116
STRIP_HEIGHT: Final = 34
STRIP_BAR: Final = 7
SMALLEST: Final = 3.5
"""Decades of a strip's logarithmic scale: .03 % of the events are still seen."""


def before_and_after(
    bins: Sequence[str],
    before: Sequence[int],
    after: Sequence[int],
    *,
    name: str,
    title: str,
    description: str,
) -> Chart:
    """Two distributions over the same bins, as shares: the one before above the one since.

    Args:
        bins: their names, in order.
        before: events of each bin in the baseline.
        after: events of each bin since.
        name: prefix of the ids.
        title: what it shows.
        description: what is to be seen in it.

    Raises:
        ValueError: the three differ in length.
    """
    old, new = _shares(before), _shares(after)
    longest = max([*old, *new, 1e-9])
    room = WIDTH - LABEL - VALUE
    parts = []
    for place, (bin_name, was, now) in enumerate(zip(bins, old, new, strict=True)):
        y = place * ROW
        parts.append(element("text", text(bin_name), x=LABEL - 8, y=y + 16, text_anchor="end"))
        for share, top, kind, word in ((was, y + 3, "before", "before"), (now, y + 13, "since", "since")):
            width = round(room * share / longest, 1)
            label = f"{bin_name}, {word}: {share:.1%}"
            parts.append(
                element(
                    "rect",
                    element("title", text(label)),
                    class_=f"bar {kind}",
                    x=LABEL,
                    y=top,
                    width=max(width, 0.5),
                    height=8,
                )
            )
        parts.append(element("text", text(f"{was:.1%} → {now:.1%}"), x=WIDTH, y=y + 16, text_anchor="end"))
    height = max(1, len(bins)) * ROW + 4
    svg = drawing(*parts, name=name, title=title, description=description, width=WIDTH, height=height)
    rows = [
        [bin_name, f"{count:,}", f"{was:.2%}", f"{number:,}", f"{now:.2%}"]
        for bin_name, count, was, number, now in zip(bins, before, old, after, new, strict=True)
    ]
    head = ["bin", "events before", "share before", "events since", "share since"]
    return Chart(svg=svg, title=title, description=description, table=Table(caption=title, head=head, rows=rows))


def strip(counts: Sequence[int], *, label: str, mark: float | None = None) -> str:
    """A small histogram of values from 0 to 1 on a logarithmic scale, for a table's cell.

    Args:
        counts: events per bin, the bins of equal width.
        label: what it is, for whoever cannot see it.
        mark: a value that is marked, such as the threshold.
    """
    total, width = sum(counts), len(counts) * STRIP_BAR
    parts = [element("line", class_="axis", x1=0, x2=width, y1=STRIP_HEIGHT + 1, y2=STRIP_HEIGHT + 1)]
    for place, count in enumerate(counts):
        if count:
            height = max(0.06, 1 + log10(count / total) / SMALLEST) * STRIP_HEIGHT
            title = f"{place / len(counts):.2f} to {(place + 1) / len(counts):.2f}: {count:,}"
            parts.append(
                element(
                    "rect",
                    element("title", text(title)),
                    class_="bar",
                    x=place * STRIP_BAR,
                    y=round(STRIP_HEIGHT - height, 1),
                    width=STRIP_BAR - 1,
                    height=round(height, 1),
                )
            )
    if mark is not None:
        x = mark * width
        parts.append(element("line", class_="level", x1=x, x2=x, y1=0, y2=STRIP_HEIGHT + 1))
    height = STRIP_HEIGHT + 2
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="img",
        aria_label=label,
    )


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]
