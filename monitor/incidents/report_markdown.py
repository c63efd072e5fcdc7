"""A report as Markdown: what people or logs wrote is neither a link, an image, HTML, a heading nor a cell's end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from monitor.incidents.report import OPEN, Item, Part
from monitor.incidents.words import plain

LONGEST: Final = 2000


def markdown(title: str, state: str, parts: Sequence[Part]) -> str:
    """The whole report; pictures are named, and in the HTML."""
    blocks = [f"# {safe(title)}", f"{safe(state)}."]
    for part in parts:
        blocks += [f"## {part.heading}"] if part.heading else []
        blocks += [_rows(part.rows)] if part.rows else []
        if part.items is not None:
            blocks.append("\n".join(_item(each) for each in part.items) or _marked(OPEN))
        if part.table is not None:
            blocks.append(_table(*part.table))
        blocks += ["\n".join(f"- picture: {safe(caption)}" for caption, _ in part.pictures)] if part.pictures else []
        blocks += [safe(part.note)] if part.note else []
    return "\n\n".join(blocks) + "\n"


def safe(text: str) -> str:
    """One line of plain text."""
    line = plain(text, longest=LONGEST)
    for mark in ("\\", "|", "[", "]", "`", "*", "_", "#"):
        line = line.replace(mark, f"\\{mark}")
    return line.replace("<", "&lt;").replace(">", "&gt;")


def _marked(text: str) -> str:
    return f"**{OPEN}**" if text == OPEN else safe(text)


def _rows(rows: Mapping[str, str]) -> str:
    return "\n".join(
        ["| | |", "| --- | --- |", *(f"| {safe(name)} | {_marked(value)} |" for name, value in rows.items())]
    )


def _item(item: Item) -> str:
    lead = f"**{safe(item.lead)}** " if item.lead else ""
    return "\n".join([f"- {lead}{safe(item.text)}", *(f"  - {_marked(each)}" for each in item.points)])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(cell if place == 1 else safe(cell) for cell in line)} |" for place, line in enumerate(lines)
    )
