"""A heat map as a table: evidence in five classes, each with a sign of its own, so that colour only repeats it.

A table is its own data table: whoever cannot see the colours reads the cells.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

CLASSES: Final[Sequence[tuple[float, str, str, str]]] = (
    (0.0, "alarm", "▲", "alarm"),
    (-2.0, "near", "◆", "near"),
    (-5.0, "rising", "●", "rising"),
    (-9.0, "stir", "○", "stirring"),
    (-math.inf, "calm", "·", "calm"),
)
"""From this log evidence on: CSS class, sign, word. The alarm is at 0; 9 below it is one in 8,000."""
UNAVAILABLE: Final = ("none", "/", "not tested")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell: its class, its sign, and the same in words."""

    kind: str
    sign: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Rows by name, a cell for each column."""

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]


def heat_map(values: Mapping[tuple[str, str], float], *, rows: Iterable[str], columns: Sequence[str]) -> HeatMap:
    """Log evidence less its threshold by (row, column); pairs without a value are not tested."""
    return HeatMap(
        columns=columns,
        rows=[(row, [cell_of(values.get((row, column))) for column in columns]) for row in rows],
    )


def cell_of(log_evidence: float | None) -> Cell:
    """The class of one value.

    >>> cell_of(0.3).words, cell_of(-7).words, cell_of(None).words
    ('alarm, 0.3', 'stirring, -7.0', 'not tested')
    """
    if log_evidence is None:
        kind, sign, words = UNAVAILABLE
        return Cell(kind=kind, sign=sign, words=words)
    for least, kind, sign, word in CLASSES:
        if log_evidence >= least:
            return Cell(kind=kind, sign=sign, words=f"{word}, {log_evidence:.1f}")
    return Cell(kind="calm", sign="·", words="calm")
