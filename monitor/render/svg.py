"""SVG as text: elements with escaped attributes, and a chart with its title, description and data table.

No ``style`` attribute and no ``<style>``: what a chart looks like is said by presentation attributes and by classes,
so that a page may forbid inline styles. The classes are listed in README.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The numbers of a chart, as text: whoever cannot see the drawing reads these."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing with the same in words and numbers.

    Attributes:
        svg: the element, complete and escaped.
        title: what it shows.
        description: what is to be seen in it, as a sentence.
        table: its numbers.
    """

    svg: str
    title: str
    description: str
    table: Table


def element(name: str, *children: str, **attributes: object) -> str:
    """``<name ...>children</name>``; children are markup already, attribute values are escaped here.

    Underscores in attribute names become hyphens, ``class_`` and ``for_`` lose theirs; None is left out.

    >>> element("line", x1=1, stroke_width=2, class_="axis")
    '<line x1="1" stroke-width="2" class="axis"/>'
    >>> element("text", text("a < b"), x=0.5)
    '<text x="0.5">a &lt; b</text>'
    """
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{named}>{''.join(children)}</{name}>" if children else f"<{name}{named}/>"


def text(words: str) -> str:
    """Text as the content of an element."""
    return escape(words, quote=False)


def drawing(*children: str, name: str, title: str, description: str, width: float, height: float) -> str:
    """The root element: an image with a title and a description, that shrinks to its place.

    Args:
        children: markup of its content.
        name: prefix of its ids; no other drawing of the page may have it.
        title: what it shows.
        description: what is to be seen in it.
        width: of the drawing, in units of its content; shown at most so wide.
        height: of the drawing.
    """
    return element(
        "svg",
        element("title", text(title), id=f"{name}-title"),
        element("desc", text(description), id=f"{name}-desc"),
        *children,
        viewBox=f"0 0 {_plain(width)} {_plain(height)}",
        width=width,
        height=height,
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        class_="chart",
    )


def _plain(value: object) -> str:
    return f"{round(value, 1):g}" if isinstance(value, float) else str(value)
