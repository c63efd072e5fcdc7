"""Counts of many ticks as cells in tick order: the shape that evidence and recoupling share.

`tick_ptr` (T + 1,) int64 cuts the cells into ticks: tick t owns cells `tick_ptr[t] : tick_ptr[t + 1]`.
A cell is one number of events under integer keys, such as (test, stratum, bin). Counts add: the same key may
come twice in a tick, and the order of cells inside a tick does not matter.

    >>> ptr, key, count = cells([0, 2, 3], [7, 3, 3], [10, 20, 30])  # two ticks
    >>> key.tolist(), count.tolist()
    ([3, 7, 3], [20, 10, 30])
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]


def cells(tick_ptr: ArrayLike, *columns: ArrayLike) -> tuple[Ints, ...]:
    """Checked int64 copies of a tick pointer and its columns, the last of which is the count; sorted by key.

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
    if not _in_order(ptr, np.stack(keys) if keys else np.empty((0, size), np.int64)):
        tick = np.repeat(np.arange(len(ptr) - 1), np.diff(ptr))
        order = np.lexsort((*keys[::-1], tick))
        out = [column[order] for column in out]
    return (ptr, *out)


def _integers(what: str, values: ArrayLike) -> Ints:
    array: NDArray[Any] = np.asarray(values)
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"{what} must be a 1-d integer array, got {array.dtype} {array.shape}")
    return np.ascontiguousarray(array, dtype=np.int64)


@njit(cache=True, nogil=True)
def _in_order(ptr: Ints, keys: Ints) -> bool:
    for t in range(len(ptr) - 1):
        for i in range(ptr[t] + 1, ptr[t + 1]):
            for j in range(keys.shape[0]):
                if keys[j, i - 1] < keys[j, i]:
                    break
                if keys[j, i - 1] > keys[j, i]:
                    return False
    return True
