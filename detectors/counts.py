"""Counts of many ticks as cells in tick order: the shape that evidence and recoupling share.

`tick_ptr` (T + 1,) int64 cuts the cells into ticks: tick t owns cells `tick_ptr[t] : tick_ptr[t + 1]`.
A cell is one number of events under integer keys, such as (test, stratum, bin). Counts add: the same key may
come twice in a tick, and the order of cells inside a tick does not matter.

    >>> ptr, key, count = cells([0, 2, 3], [7, 3, 3], [10, 20, 30])  # two ticks
    >>> key.tolist(), count.tolist()
    ([3, 7, 3], [20, 10, 30])

Before that, `add_up` counts events into a table, and `filled` lists what is in it; the service's counting and the
speed benchmark share them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.compiled import njit

Ints = NDArray[np.int64]


def cells(tick_ptr: ArrayLike, *columns: ArrayLike) -> tuple[Ints, ...]:
    """A tick pointer and its columns as checked int64 arrays, sorted by key; the last column is the count.

    Raises ValueError on floats (NaN hides there), negative counts, a pointer that does not fit, or lengths
    that differ.
    """
    ptr = _integers("tick_ptr", tick_ptr)
    out = [_integers(f"cell column {i}", column) for i, column in enumerate(columns)]
    size = len(out[0])
    if any(len(column) != size for column in out):
        raise ValueError(f"cell columns must have one length, got {[len(column) for column in out]}")
    if len(ptr) < 1 or ptr[0] != 0 or ptr[-1] != size or (np.diff(ptr) < 0).any():
        raise ValueError(f"tick_ptr must rise from 0 to the number of cells, {size}")
    if size and out[-1].min() < 0:
        raise ValueError(f"counts must not be negative, got {out[-1].min()}")
    keys = tuple(out[:-1])
    tied = np.ones(size + 1, dtype=np.bool_)
    tied[ptr] = False  # nothing comes before the first cell of a tick
    if not all(_rises(key, tied) for key in keys):
        order = _order(np.repeat(np.arange(len(ptr) - 1), np.diff(ptr)), *keys)
        out = [column[order] for column in out]
    return (ptr, *out)


@njit(cache=True, nogil=True)
def add_up(rows: Ints, columns: NDArray[np.int32], use: NDArray[np.bool_], sums: Ints) -> None:
    """Adds each event that is used to its row of `sums`: one in every column that it names.

    Parameters
    ----------
    rows : (n,) the events' rows of `sums`, all of them within.
    columns : (S, n) a column of `sums` for each signal and event, within it too, as nothing is checked here; negative
        where an event has no value for the signal.
    """
    for i in range(len(rows)):
        if use[i]:
            for s in range(columns.shape[0]):
                if columns[s, i] >= 0:
                    sums[rows[i], columns[s, i]] += 1


@njit(cache=True, nogil=True)
def filled(sums: Ints) -> tuple[Ints, Ints, Ints]:
    """(row, column, number) of the cells of a table that are not 0, row by row; a pass where numpy takes four."""
    size = 0
    for row in range(sums.shape[0]):
        for column in range(sums.shape[1]):
            size += sums[row, column] != 0
    out = np.empty((3, size + 1), dtype=np.int64)  # one more: a 0 is written too, and overwritten by what follows
    at = 0
    for row in range(sums.shape[0]):
        for column in range(sums.shape[1]):
            out[0, at], out[1, at], out[2, at] = row, column, sums[row, column]
            at += sums[row, column] != 0
    return out[0, :size], out[1, :size], out[2, :size]


def _integers(what: str, values: ArrayLike) -> Ints:
    array: NDArray[Any] = np.asarray(values)
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"{what} must be a 1-d integer array, got {array.dtype} {array.shape}")
    return np.ascontiguousarray(array, dtype=np.int64)


def _order(*keys: Ints) -> NDArray[np.intp]:
    """The stable order of cells, first key first: by one sort of one number wherever the keys fit into it."""
    lows = [int(key.min()) for key in keys]
    spans = [int(key.max()) - low + 1 for key, low in zip(keys, lows, strict=True)]
    if math.prod(spans) > np.iinfo(np.int64).max:
        return np.lexsort(keys[::-1])
    rank = np.zeros(len(keys[0]), dtype=np.int64)
    for key, low, span in zip(keys, lows, spans, strict=True):
        rank *= span
        rank += key - low
    return np.argsort(rank, kind="stable")


@njit(cache=True, nogil=True)
def _rises(key: Ints, tied: NDArray[np.bool_]) -> bool:
    """Whether no cell's key falls where it ties with the cell before it; takes the mark from those that it unties."""
    falls = False
    for i in range(1, len(key)):
        falls |= tied[i] & (key[i] < key[i - 1])
        tied[i] &= key[i] == key[i - 1]
    return not falls
