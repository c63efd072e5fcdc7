"""Bands of a column: from a value to the place of the last edge that it has reached."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def banded(values, use, edges):  # type: ignore[no-untyped-def]
    """int16 (n,) codes: how many of the rising ``edges`` each value has reached; -1 if negative or not in use."""
    codes = np.empty(len(values), np.int16)
    for i in range(len(values)):
        value = values[i]
        code = -1
        if use[i] and value >= 0:
            code = 0
            while code < len(edges) and value >= edges[code]:
                code += 1
        codes[i] = code
    return codes


def coded(values: NDArray[Any], use: NDArray[np.bool_]) -> NDArray[np.int16]:
    """int16 (n,): the column's own codes (-1 missing), -1 where it is not in use."""
    return np.where(use, values, -1).astype(np.int16)


def band_names(edges: Sequence[int]) -> tuple[str, ...]:
    """Names of the bands of whole numbers between 0 and the edges, and beyond the last."""
    inner = (f"{low}" if high == low + 1 else f"{low} to {high - 1}" for low, high in pairwise((0, *edges)))
    return (*inner, f"{edges[-1]} and more")
