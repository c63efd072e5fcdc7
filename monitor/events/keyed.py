"""Keyed 64-bit hashes of byte strings: SipHash-1-3.

Identifiers and vocabulary strings are kept and looked up by hash. Producers choose these strings, so the hash
must be one whose collisions cannot be crafted without the key. SipHash-1-3 is the reduced-round member of the
family that CPython (from 3.11) and Rust use in their hash tables for this very purpose.

Source: Aumasson, Bernstein, *SipHash: a fast short-input PRF* (INDOCRYPT 2012).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit
from monitor.events.words import TOP_BYTE, partial_word, word

MIN_KEY_BYTES: Final = 16

_V0: Final = np.uint64(0x736F6D6570736575)
_V1: Final = np.uint64(0x646F72616E646F6D)
_V2: Final = np.uint64(0x6C7967656E657261)
_V3: Final = np.uint64(0x7465646279746573)
_FINAL: Final = np.uint64(0xFF)


@dataclass(frozen=True, slots=True, repr=False)
class SubKey:
    """128 bits for one purpose, derived from the deployment's key. Has no repr, so that it stays out of logs."""

    first: np.uint64
    second: np.uint64

    @classmethod
    def derive(cls, key: bytes, *, purpose: str) -> SubKey:
        """A key for one purpose: a key that leaks or rotates reveals nothing about the others.

        Raises:
            ValueError: the key has fewer than 16 bytes.
        """
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(f"the hash key has {len(key)} bytes; it needs at least {MIN_KEY_BYTES} secret ones")
        material = hashlib.blake2b(purpose.encode(), key=hashlib.blake2b(key).digest(), digest_size=16).digest()
        first, second = np.frombuffer(material, "<u8")
        return cls(np.uint64(first), np.uint64(second))

    def words(self) -> NDArray[np.uint64]:
        """uint64 (2,), for compiled code."""
        return np.array([self.first, self.second], np.uint64)


@njit(cache=True, nogil=True, forceinline=True)
def _rotate(x, bits):  # type: ignore[no-untyped-def]
    return (x << np.uint64(bits)) | (x >> np.uint64(64 - bits))


@njit(cache=True, nogil=True, forceinline=True)
def sip_round(v0, v1, v2, v3):  # type: ignore[no-untyped-def]
    """One SipRound on the four words of state."""
    v0 += v1
    v1 = _rotate(v1, 13) ^ v0
    v0 = _rotate(v0, 32)
    v2 += v3
    v3 = _rotate(v3, 16) ^ v2
    v0 += v3
    v3 = _rotate(v3, 21) ^ v0
    v2 += v1
    v1 = _rotate(v1, 17) ^ v2
    v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


@njit(cache=True, nogil=True, forceinline=True)
def sip13(buffer, start, end, first, second):  # type: ignore[no-untyped-def]
    """SipHash-1-3 of ``buffer[start:end]`` under the key (first, second): uint64, any value."""
    v0, v1, v2, v3 = first ^ _V0, second ^ _V1, first ^ _V2, second ^ _V3
    at = start
    while at + 8 <= end:
        m = word(buffer, at)
        v3 ^= m
        v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
        v0 ^= m
        at += 8
    m = partial_word(buffer, at, end) | (np.uint64(end - start) << TOP_BYTE)
    v3 ^= m
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0 ^= m
    v2 ^= _FINAL
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@njit(cache=True, nogil=True)
def keyed_hash(buffer, start, end, first, second):  # type: ignore[no-untyped-def]
    """The same as :func:`sip13`, but never 0, which means "missing" in the columns (0 becomes 1)."""
    value = sip13(buffer, start, end, first, second)
    return value if value != np.uint64(0) else np.uint64(1)
