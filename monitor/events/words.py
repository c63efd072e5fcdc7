"""Eight bytes at a time: little-endian loads from a byte buffer that never leave the given span."""

from __future__ import annotations

from typing import Final

import numpy as np

from detectors.compiled import njit

TOP_BYTE: Final = np.uint64(56)
"""Shift that brings a byte to the top of a word."""


@njit(cache=True, nogil=True, forceinline=True)
def word(buffer, at):  # type: ignore[no-untyped-def]
    """The 8 bytes from ``at`` as uint64, little-endian. The caller has checked that ``at + 8`` is inside.

    Unsigned indices spare the test for negative ones, and LLVM merges the eight loads into one.
    """
    i = np.uint64(at)
    return (
        np.uint64(buffer[i])
        | (np.uint64(buffer[i + np.uint64(1)]) << np.uint64(8))
        | (np.uint64(buffer[i + np.uint64(2)]) << np.uint64(16))
        | (np.uint64(buffer[i + np.uint64(3)]) << np.uint64(24))
        | (np.uint64(buffer[i + np.uint64(4)]) << np.uint64(32))
        | (np.uint64(buffer[i + np.uint64(5)]) << np.uint64(40))
        | (np.uint64(buffer[i + np.uint64(6)]) << np.uint64(48))
        | (np.uint64(buffer[i + np.uint64(7)]) << np.uint64(56))
    )


@njit(cache=True, nogil=True, forceinline=True)
def partial_word(buffer, at, end):  # type: ignore[no-untyped-def]
    """The bytes of ``buffer[at:end]`` (fewer than 8, or the first 8) as uint64, little-endian, zeros above."""
    length = end - at
    if length >= 8:
        return word(buffer, at)
    if length <= 0:
        return np.uint64(0)
    if at + 8 <= buffer.size:
        return word(buffer, at) & ((np.uint64(1) << np.uint64(8 * length)) - np.uint64(1))
    value = np.uint64(0)
    for i in range(length):
        value |= np.uint64(buffer[at + i]) << np.uint64(8 * i)
    return value
