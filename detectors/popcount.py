"""The number of set bits of a word: the distance of two fingerprints is that of their exclusive or."""

from __future__ import annotations

import numpy as np

from detectors.compiled import njit


@njit(cache=True, nogil=True)
def popcount(x: np.uint64) -> np.uint64:
    """Number of ones (Warren, Hacker's Delight 5-2); the compiler knows the pattern and uses one instruction."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)
