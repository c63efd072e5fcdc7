"""The layouts that counts and baselines were written under, and how cells of one are read by another version.

A row knows its layout by fingerprint; the table ``layouts`` holds its meaning. A reader takes of each row the
columns of the signals whose rule is the same in both, so counts of an old and of a new worker lie side by side. A
writer whose columns contradict those that are stored is refused: that would mix meanings permanently.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from monitor.errors import StoreRefused
from monitor.signals.layout import Layout, layout_of
from monitor.storage.session import insert_into
from monitor.storage.tables import layouts

Ints = NDArray[np.int64]


def write(connection: Connection, layout: Layout) -> None:
    """Make a layout known, in a writing transaction; nothing happens if it is.

    Raises:
        StoreRefused: a column that it uses holds something else in this database.
    """
    if layout.fingerprint in require(connection, layout):
        return
    values = {"fingerprint": layout.fingerprint, "document": layout.document()}
    connection.execute(insert_into(connection, layouts).values(values).on_conflict_do_nothing())


def require(connection: Connection, layout: Layout) -> dict[str, Layout]:
    """All layouts by fingerprint; none of them contradicts this one.

    Raises:
        StoreRefused: a column that it uses holds something else in this database.
    """
    stored = known(connection)
    for other in stored.values():
        found = layout.contradictions(other) if layout.fingerprint not in stored else []
        if found:
            raise StoreRefused(
                f"the counts in this database were made by other columns: {'; '.join(found[:3])}. "
                "Two versions of Driftline gave the same columns to different signals; "
                "install the version that has counted here so far, or use another database"
            )
    return stored


def known(connection: Connection) -> dict[str, Layout]:
    """All layouts by fingerprint.

    Raises:
        StoreRefused: one is damaged.
    """
    return {row.fingerprint: _parsed(row.document) for row in connection.execute(select(layouts))}


@lru_cache(maxsize=256)
def _parsed(document: str) -> Layout:
    try:
        return layout_of(document)
    except ValueError as error:
        raise StoreRefused(f"the table of layouts is damaged: {error}") from error


def narrowed(
    stored: Mapping[str, Layout], present: Layout, of_row: Collection[str], row: Ints, cell: Ints, count: Ints
) -> tuple[Ints, Ints, Ints]:
    """Cells of rows of several layouts as cells of the present one, those that it does not know left out.

    Args:
        stored: the layouts by fingerprint.
        present: the reader's.
        of_row: the fingerprint of each row.
        row, cell, count: which row a cell is of, the cell, its count.
    """
    foreign = [name for name in set(of_row) if not _is_plain(stored[name], present)]
    if not foreign:
        return row, cell, count
    names = np.array(list(of_row))
    parts = []
    for name in sorted(set(of_row)):
        mine = np.flatnonzero((names == name)[row])
        if name not in foreign:
            parts.append((row[mine], cell[mine], count[mine]))
            continue
        kept, cells = stored[name].cells_in(present, cell[mine])
        parts.append((row[mine][kept], cells, count[mine][kept]))
    rows, cells, counts = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.argsort(rows, kind="stable")
    return rows[order], cells[order], counts[order]


@lru_cache(maxsize=256)
def _is_plain(layout: Layout, present: Layout) -> bool:
    """Whether cells need no translation: every column means the same to the reader."""
    return layout.width == present.width and not layout.lacking(present)
