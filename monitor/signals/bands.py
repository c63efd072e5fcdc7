"""Bands of a column: from a value to the place of the last edge that it has reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit


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


def share_of_bands(what: str, unit: str, edges: Sequence[int]) -> Callable[[int, int], str]:
    """The quantity of which a range of bands is the share.

    >>> share = share_of_bands("prompts of", "characters", (16, 64, 256))
    >>> share(0, 0), share(1, 2)
    ('share of prompts of up to 15 characters', 'share of prompts of 16 to 255 characters')
    >>> share(2, 3)
    'share of prompts of 64 characters or more'
    """

    def counted(n: int) -> str:
        return f"{n:,} {unit.removesuffix('s') if n == 1 else unit}"

    def share_of(first: int, last: int) -> str:
        low = 0 if first == 0 else edges[first - 1]
        if last == len(edges):
            return f"share of {what} {counted(low)} or more"
        high = edges[last] - 1
        if low == high:
            return f"share of {what} {'no ' + unit if low == 0 else counted(low)}"
        return f"share of {what} " + (f"up to {counted(high)}" if first == 0 else f"{low:,} to {counted(high)}")

    return share_of


def share_of_names(what: str, names: Sequence[str]) -> Callable[[int, int], str]:
    """The quantity of which one bin is the share.

    >>> share_of_names("answers that end by", ("stop", "length"))(1, 1)
    'share of answers that end by length'
    """
    return lambda first, last: f"share of {what} {names[first].replace('_', ' ')}"


def band_names(edges: Sequence[int]) -> tuple[str, ...]:
    """Names of the bands of whole numbers between 0 and the edges, and beyond the last."""
    inner = (f"{low}" if high == low + 1 else f"{low} to {high - 1}" for low, high in pairwise((0, *edges)))
    return (*inner, f"{edges[-1]} and more")
