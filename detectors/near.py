"""The number of near-duplicates of this text among the latest ones. An exact count, by bands instead of a scan.

    seen = RecentPrints(reach=65_536)
    seen.look(prints (n,) uint64, at (n,) int64, senders (n,) uint64, times (n,) int64) -> Crowd

Fingerprints are 64-bit SimHashes. Cut in four bands of 16 bits, two that differ in at most 7 bits agree in one band
but for one bit (pigeonhole: 7 / 4 < 2), so 4 x 17 look-ups find every near-duplicate; with 8,192 texts in memory most
find an empty list.

The result for a text is a function of the texts at most `reach` positions before it, and of the newest `texts` of
these: a memory rebuilt from that stretch answers as one that never stopped, and there are no clusters with a life of
their own to be stored. Work is bounded, since texts are an attacker's to choose (their places in the bands are not:
the fingerprints are keyed): at most `MOST` near-duplicates are counted, at most `LOOKS` candidates compared.

    >>> prints = np.array([2**60 + 5, 2**60 + 7, 2**33 - 1], dtype=np.uint64)  # two in one bit, and a stranger
    >>> seen = RecentPrints(reach=65_536)
    >>> seen.look(prints, np.arange(3), np.zeros(3, dtype=np.uint64)).hits.tolist()
    [0, 1, 0]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit
from detectors.popcount import popcount

MISSING = -1
MOST = 64
LOOKS = 2048
LATELY = 128
"""Texts that `near` looks back at. At a share of 2 % one of the last 128 is a near-duplicate in 92 of 100 cases; much
smaller shares move a rate by less than its scatter anyhow, and are for `hits` to find."""
TOGETHER = 7
"""Near-duplicates, the text itself among them, whose span of time is given."""
_BANDS = 4


@dataclass(frozen=True, eq=False)
class Crowd:
    """Columns of length n.

    near: int8, 1 if one of the last `LATELY` texts is a near-duplicate, 0 if none; -1 before there are as many.
    hits: int16, near-duplicates in memory, at most `MOST`; -1 where there is no text.
    name: uint64, fingerprint of the oldest of them, the text's own if there is none; 0 where there is no text.
    senders: int16, distinct senders of them and of this one, unknown ones (0) left out.
    since: int64, time of the `TOGETHER`-th newest of them, this one counted; its own where they are fewer.
    """

    near: NDArray[np.int8]
    hits: NDArray[np.int16]
    name: NDArray[np.uint64]
    senders: NDArray[np.int16]
    since: NDArray[np.int64]


class RecentPrints:
    """The latest fingerprints of one partition: 512 KiB, and 56 bytes per text.

    Parameters
    ----------
    reach : positions back that are remembered; a text at position p knows those above p - reach.
    texts : how many at most, up to 32,768.
    distance : bits of 64 in which a near-duplicate may differ, 0 to 7. Of texts of 31 words that differ in one, 84 %
        are within 6 bits of each other and 94 % within 7.
    """

    def __init__(self, *, reach: int, texts: int = 8192, distance: int = 7) -> None:
        if reach < 1 or not LATELY <= texts <= 1 << 15 or not 0 <= distance <= 7:
            raise ValueError(
                f"need a reach of 1 at least, {LATELY} to 32768 texts and a distance of 0 to 7, "
                f"got {reach}, {texts} and {distance}"
            )
        self.reach, self.texts, self.distance = reach, texts, distance
        self._prints = np.zeros(texts, np.uint64)
        self._senders = np.zeros(texts, np.uint64)
        self._at = np.zeros(texts, np.int64)
        self._times = np.zeros(texts, np.int64)
        self._number = np.full(texts, -1, np.int64)
        self._listed = np.zeros((_BANDS, 1 << 10), np.uint64)  # a bit per list, in the fastest cache: is it empty?
        self._heads = np.full((_BANDS, 1 << 16), -1, np.int16)
        self._older = np.full((_BANDS, texts), -1, np.int16)
        self._count = np.zeros(1, np.int64)

    def look(
        self,
        prints: NDArray[np.uint64],
        at: NDArray[np.int64],
        senders: NDArray[np.uint64],
        times: NDArray[np.int64] | None = None,
    ) -> Crowd:
        """Looks back from each text, then remembers it. A fingerprint of 0 means no text; ``at`` never falls.

        Parameters
        ----------
        times : (n,) when each came, in whatever unit and order; without it, ``at``.
        """
        n = len(prints)
        times = at if times is None else times
        crowd = Crowd(
            np.full(n, MISSING, np.int8),
            np.full(n, MISSING, np.int16),
            np.zeros(n, np.uint64),
            np.zeros(n, np.int16),
            times.astype(np.int64),
        )
        _look(
            (prints, at, senders),
            (self._prints, self._at, self._senders, self._number),
            (self._listed, self._heads, self._older, self._count),
            (self.reach, self.distance),
            (crowd.near, crowd.hits, crowd.name, crowd.senders),
            (times, self._times, crowd.since),
        )
        return crowd


@njit(cache=True, nogil=True)
def _band(value: np.uint64, band: int) -> np.int64:
    return np.int64((value >> np.uint64(16 * band)) & np.uint64(0xFFFF))


@njit(cache=True, nogil=True)
def _is_listed(listed: NDArray[np.uint64], key: int) -> bool:
    return bool((listed[key >> 6] >> np.uint64(key & 63)) & np.uint64(1))


@njit(cache=True, nogil=True)
def _found_before(differing: np.uint64, band: int) -> bool:
    """Whether an earlier band has led to this pair already."""
    found = False
    for earlier in range(band):
        found |= popcount(np.uint64(_band(differing, earlier))) <= np.uint64(1)
    return found


@njit(cache=True, nogil=True)
def _neighbours(
    value: np.uint64,
    after: int,
    memory: tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]],
    index: tuple[NDArray[np.uint64], NDArray[np.int16], NDArray[np.int16], NDArray[np.int64]],
    distance: int,
    places: NDArray[np.int64],
) -> int:
    """Places of the near-duplicates above position ``after``; how many."""
    prints, at, _, number = memory
    listed, heads, older, count = index
    found = looks = 0
    for band in range(_BANDS):
        own = _band(value, band)
        for flip in range(17):
            key = own if flip == 0 else own ^ (1 << (flip - 1))
            if not _is_listed(listed[band], key):
                continue
            place = np.int64(heads[band, key])
            newest = count[0]
            while place >= 0:
                # A list runs from new to old. Places are used again: what breaks the order, or is of another list,
                # was overwritten, and then so is all that is older.
                if number[place] >= newest or _band(prints[place], band) != key or at[place] <= after:
                    break
                newest = number[place]
                looks += 1
                differing = prints[place] ^ value
                if popcount(differing) <= np.uint64(distance) and not _found_before(differing, band):
                    places[found] = place
                    found += 1
                if found == len(places) or looks == LOOKS:
                    return found
                place = np.int64(older[band, place])
    return found


@njit(cache=True, nogil=True)
def _distinct(senders: NDArray[np.uint64], places: NDArray[np.int64], own: np.uint64) -> int:
    distinct = 1 if own != 0 else 0
    for i in range(len(places)):
        sender = senders[places[i]]
        new = sender not in (np.uint64(0), own)
        for j in range(i):
            new = new and senders[places[j]] != sender
        distinct += new
    return distinct


@njit(cache=True, nogil=True)
def _remember(
    value: np.uint64,
    place: int,
    memory: tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]],
    index: tuple[NDArray[np.uint64], NDArray[np.int16], NDArray[np.int16], NDArray[np.int64]],
) -> None:
    prints, _, _, number = memory
    listed, heads, older, count = index
    for band in range(_BANDS):
        gone = _band(prints[place], band)
        if heads[band, gone] == place:  # the last of its list
            heads[band, gone] = -1
            listed[band, gone >> 6] &= ~(np.uint64(1) << np.uint64(gone & 63))
    prints[place], number[place] = value, count[0]
    for band in range(_BANDS):
        key = _band(value, band)
        listed[band, key >> 6] |= np.uint64(1) << np.uint64(key & 63)
        older[band, place] = heads[band, key]
        heads[band, key] = place
    count[0] += 1


@njit(cache=True, nogil=True)
def _look(
    texts: tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint64]],
    memory: tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]],
    index: tuple[NDArray[np.uint64], NDArray[np.int16], NDArray[np.int16], NDArray[np.int64]],
    rule: tuple[int, int],
    crowd: tuple[NDArray[np.int8], NDArray[np.int16], NDArray[np.uint64], NDArray[np.int16]],
    when: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
) -> None:
    values, positions, sent_by = texts
    prints, at, senders, number = memory
    count = index[3]
    reach, distance = rule
    near, hits, name, distinct = crowd
    times, remembered, since = when
    places = np.empty(MOST, np.int64)
    for i in range(len(values)):
        if values[i] == 0:
            continue
        after = positions[i] - reach
        n = _neighbours(values[i], after, memory, index, distance, places)
        hits[i], name[i] = n, values[i]
        distinct[i] = _distinct(senders, places[:n], sent_by[i])
        oldest, newest = count[0], np.int64(-1)
        for j in range(n):
            newest = max(newest, number[places[j]])
            if number[places[j]] < oldest:
                oldest = number[places[j]]
                name[i] = prints[places[j]]
        if n >= TOGETHER - 1:
            since[i] = min(times[i], np.sort(remembered[places[:n]])[n - TOGETHER + 1])
        if count[0] >= LATELY and at[(count[0] - LATELY) % len(prints)] > after:
            near[i] = newest >= count[0] - LATELY
        place = count[0] % len(prints)
        at[place], senders[place], remembered[place] = positions[i], sent_by[i], times[i]
        _remember(values[i], place, memory, index)
