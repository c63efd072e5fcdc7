"""Keyed SimHash of a text: near-duplicates get near fingerprints, and nobody without the key can test a guess.

The text is cut into tokens: runs of ASCII letters and digits (lower-cased) and of two-byte characters, at most 16
bytes each; every character of three bytes or more (Han, Kana, Hangul, Devanagari, emoji) is a token of its own.
Features are the tokens and the pairs of neighbouring tokens. Each token is hashed with SipHash-1-3 under the key,
and bit b of the fingerprint is set if most features have bit b set.

The bits are counted sideways: plane p holds bit p of all 64 counters in one word, so adding a feature is a few
additions without carry instead of 64. The four lowest planes stay in registers and are emptied into the others every
15 features, before they can overflow.

Source: Charikar, *Similarity estimation techniques from rounding algorithms* (STOC 2002).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from detectors.compiled import njit
from monitor.events.keyed import sip_round

TOKEN_BYTES: Final = 16
PLANES: Final = 32
"""Counter bits: two features per byte at most, so 2**31 bytes of text before a counter overflows."""
_BEFORE_OVERFLOW: Final = 15
"""Features that four planes can count."""

_V0: Final = np.uint64(0x736F6D6570736575)
_V1: Final = np.uint64(0x646F72616E646F6D)
_V2: Final = np.uint64(0x6C7967656E657261)
_V3: Final = np.uint64(0x7465646279746573)
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
"""2**64 / golden ratio, odd: spreads the pair feature over the high bits."""
_ZERO: Final = np.uint64(0)
_ONE: Final = np.uint64(1)


def _classes() -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Per byte: 0 separator, 255 begins a token of its own, else the byte as it counts in a token."""
    table = np.zeros(256, np.uint8)
    for byte in (*range(0x30, 0x3A), *range(0x61, 0x7B), *range(0x80, 0xE0)):
        table[byte] = byte
    table[0x41:0x5B] = np.arange(0x61, 0x7B)
    table[0xE0:] = 255
    return table


_CLASS: Final = _classes()


@njit(cache=True, nogil=True, forceinline=True)
def _token_hash(low, high, first, second):  # type: ignore[no-untyped-def]
    """SipHash-1-3 of two words; tokens hold no zero byte, so their length needs no word of its own."""
    v0, v1, v2, v3 = first ^ _V0, second ^ _V1, first ^ _V2, second ^ _V3
    v3 ^= low
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0 ^= low
    v3 ^= high
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0 ^= high
    v2 ^= np.uint64(0xFF)
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@njit(cache=True, nogil=True, forceinline=True)
def _count(p0, p1, p2, p3, feature):  # type: ignore[no-untyped-def]
    """Add one feature to the four lowest planes, none of whose 64 counters is at 15."""
    c1 = p0 & feature
    c2 = p1 & c1
    c3 = p2 & c2
    return p0 ^ feature, p1 ^ c1, p2 ^ c2, p3 ^ c3


@njit(cache=True, nogil=True)
def _empty(p0, p1, p2, p3, planes):  # type: ignore[no-untyped-def]
    """Add 64 counters of four bits to the 64 counters of ``planes``."""
    carry = _ZERO
    for p, plane in enumerate((p0, p1, p2, p3)):
        kept = planes[p]
        planes[p] = kept ^ plane ^ carry
        carry = (kept & plane) | (carry & (kept ^ plane))
    for p in range(4, PLANES):
        if carry == _ZERO:
            return
        kept = planes[p]
        planes[p] = kept ^ carry
        carry &= kept


@njit(cache=True, nogil=True)
def _majority(planes, features):  # type: ignore[no-untyped-def]
    """Bits whose counter is above features // 2, by comparing all 64 counters from the top plane down."""
    half = np.uint64(features // 2)
    above = _ZERO
    equal = ~_ZERO
    for p in range(PLANES - 1, -1, -1):
        if (half >> np.uint64(p)) & _ONE:
            equal &= planes[p]
        else:
            above |= equal & planes[p]
            equal &= ~planes[p]
    return above


@njit(cache=True, nogil=True)
def fingerprint(buffer, start, end, first, second):  # type: ignore[no-untyped-def]
    """SimHash64 of the UTF-8 text ``buffer[start:end]`` under the key (first, second).

    Returns:
        uint64; 0 for a text without tokens, and only then.
    """
    planes = np.zeros(PLANES, np.uint64)
    p0, p1, p2, p3 = _ZERO, _ZERO, _ZERO, _ZERO
    room = _BEFORE_OVERFLOW
    features = 0
    before = _ZERO
    at = start
    while at < end:
        kind = _CLASS[buffer[at]]
        if kind == 0:
            at += 1
            continue
        low, high, length = _ZERO, _ZERO, 0
        if kind == 255:
            # the character's bytes as they are: its lead byte and at most three continuation bytes
            low = np.uint64(buffer[at])
            at, length = at + 1, 1
            while at < end and length < 4 and (buffer[at] & 0xC0) == 0x80:
                low |= np.uint64(buffer[at]) << np.uint64(8 * length)
                at, length = at + 1, length + 1
        else:
            while kind != 0 and kind != 255 and length < TOKEN_BYTES:  # noqa: PLR1714 - numba: no tuples here
                if length == 8:
                    high, low = low, _ZERO
                low |= np.uint64(kind) << np.uint64(8 * (length & 7))
                at, length = at + 1, length + 1
                if at == end:
                    break
                kind = _CLASS[buffer[at]]
        token = _token_hash(low, high, first, second)
        if room < 2:
            _empty(p0, p1, p2, p3, planes)
            p0, p1, p2, p3 = _ZERO, _ZERO, _ZERO, _ZERO
            room = _BEFORE_OVERFLOW
        p0, p1, p2, p3 = _count(p0, p1, p2, p3, token)
        if before != _ZERO:
            # both halves are secret pseudo-random words, so a cheap mix is enough for the pair
            pair = (((before << np.uint64(23)) | (before >> np.uint64(41))) + token) * _ODD
            p0, p1, p2, p3 = _count(p0, p1, p2, p3, pair)
            room -= 1
            features += 1
        room -= 1
        features += 1
        before = token
    if features == 0:
        return _ZERO
    _empty(p0, p1, p2, p3, planes)
    value = _majority(planes, features)
    return value if value != _ZERO else _ONE
