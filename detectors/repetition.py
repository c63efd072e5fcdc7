"""The same query again: near-duplicates, clusters of them, and campaigns that outgrow what any one query may be.

    seen = NearDuplicates(window=4096, distance=8, cap=5e-5, spend=2e-5)
    seen.update(fingerprints (n,) uint64) -> Repeats(codes, leader, campaigns)
    seen.snapshot() / NearDuplicates.restore(snapshot)
    Offenders().update(ids)  .top(5)               who sends the most, named by a sketch of bounded size

`codes` is the signal's bin: 0 new, 1 near-duplicate of one of the last `window` events, -1 where there is no text.
`leader` is the fingerprint of the first event of its cluster: a campaign's stable name.

A campaign is tested against a declared `cap`: no single query may make up more than that share of traffic. Each new
cluster starts a bet of its own with `spend` alarms per event; a hit multiplies it by `1 + lam (1 - cap)`, every
other event by `1 - lam cap` (applied when the next hit comes). While each cluster's chance of the next event is at
most the cap, expected false campaigns are at most spend x events: *proved* for the declared cap, a rule
for what the cap should be. Within a partition only; state is bounded by the window.

    >>> NearDuplicates().update(np.array([2**60 + 5, 2**60 + 7, 0, 2**33 - 1], dtype=np.uint64)).codes.tolist()
    [0, 1, -1, 0]
    >>> offenders = Offenders()
    >>> offenders.update(["mallory"] * 50 + [f"user {n}" for n in range(50)])
    >>> offenders.top(1)[0][0]
    'mallory'
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from river import sketch

from detectors.compiled import njit
from detectors.popcount import popcount

NEW, NEAR, MISSING = 0, 1, -1
SHARES = np.array([0.001, 0.01, 0.1])  # of traffic, that the bets are tuned to
BLOCK = 256  # fingerprints compared between two looks at the result
FORMAT = 1

_CLUSTER = np.dtype(
    [
        ("number", "i8"),
        ("leader", "u8"),
        ("first", "i8"),
        ("last", "i8"),
        ("hits", "i8"),
        ("done", "?"),
        ("e", "f8", (3,)),
    ],
    align=True,
)


@dataclass(frozen=True)
class Campaign:
    """A cluster that outgrew the cap: its name, its size and the numbers of its first and last event."""

    leader: int
    hits: int
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Repeats:
    """What a batch of fingerprints was: bin codes, cluster names (0 where missing), campaigns raised."""

    codes: NDArray[np.int16]
    leader: NDArray[np.uint64]
    campaigns: tuple[Campaign, ...]


class NearDuplicates:
    """The last `window` fingerprints of a partition, searched newest first, one by one.

    4,096 comparisons of 64-bit words take about 1 us and fit in the fastest cache; an index by bands of bits was
    slower at distances of 6 and more, and an attacker could fill its buckets.

    Parameters
    ----------
    window : events remembered, 16 to 65,536.
    distance : bits of 64 in which a near-duplicate may differ, 0 to 15. Two unrelated fingerprints are within 8
        bits once in 4e9 pairs; texts that share all but a word of twenty, mostly.
    cap : share of traffic that a single cluster may have. spend : false campaigns allowed per event.
    """

    def __init__(self, *, window: int = 4096, distance: int = 8, cap: float = 5e-5, spend: float = 1e-6) -> None:
        if not 16 <= window <= 1 << 16 or not 0 <= distance <= 15:
            raise ValueError(f"need a window of 16 to 65536 and a distance of 0 to 15: {window}, {distance}")
        if not 0 < cap < SHARES[0] or not 0 < spend < 1:
            raise ValueError(f"need cap in (0, {SHARES[0]}) and spend in (0, 1), got {cap} and {spend}")
        self.window, self.distance, self.cap, self.spend = window, distance, cap, spend
        self._prints = np.zeros(window, dtype=np.uint64)
        self._member = np.zeros(window, dtype=np.int64)  # number of the event's cluster
        self._clusters = np.zeros(2 * window, dtype=_CLUSTER)
        self._clusters["number"] = -1
        self._count = np.zeros(2, dtype=np.int64)  # events, clusters

    def update(self, fingerprints: ArrayLike) -> Repeats:
        """Feeds a batch, in order. A fingerprint of 0 means no text."""
        prints = np.asarray(fingerprints)
        if prints.ndim != 1 or (prints.size and prints.dtype != np.uint64):
            raise ValueError(f"fingerprints must be a 1-d uint64 array, got {prints.dtype} {prints.shape}")
        lam = (SHARES - self.cap) / (self.cap * (1 - self.cap))
        rates = np.stack((np.log1p(lam * (1 - self.cap)), np.log1p(-lam * self.cap)))
        codes, leader, raised = _update(
            prints.astype(np.uint64),
            self._prints,
            self._member,
            self._clusters,
            self._count,
            (self.distance, self.spend),
            rates,
        )
        campaigns = tuple(Campaign(*row) for row in raised.tolist())
        return Repeats(codes, leader, campaigns)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """A copy of everything, as arrays."""
        kept = min(int(self._count[0]), self.window)
        return {
            "format": np.array([FORMAT, self.window, self.distance], dtype=np.int64),
            "rule": np.array([self.cap, self.spend]),
            "prints": self._prints[:kept].copy(),
            "member": self._member[:kept].copy(),
            "clusters": self._clusters[self._clusters["number"] >= 0].copy(),
            "count": self._count.copy(),
        }

    @classmethod
    def restore(cls, snapshot: dict[str, NDArray[Any]]) -> NearDuplicates:
        """A window that continues exactly where the snapshot was taken."""
        version, window, distance = (int(v) for v in snapshot["format"])
        if version != FORMAT:
            raise ValueError(f"snapshot of format {version}, this code reads {FORMAT}")
        cap, spend = (float(v) for v in snapshot["rule"])
        out = cls(window=window, distance=distance, cap=cap, spend=spend)
        kept = len(snapshot["prints"])
        out._prints[:kept] = snapshot["prints"]
        out._member[:kept] = snapshot["member"]
        out._clusters[snapshot["clusters"]["number"] % (2 * window)] = snapshot["clusters"]
        out._count[:] = snapshot["count"]
        return out


class Offenders:
    """Names the ids (sessions, leaders, buckets) that come most often, in memory that does not grow with them.

    Lossy counting with forgetting, from river: an id above `support` of the last events is always listed, and counts
    are short by at most `epsilon` of them. It only names; it raises nothing.
    """

    def __init__(self, *, support: float = 0.005, epsilon: float = 0.005, fading: float = 0.9999) -> None:
        self._sketch = sketch.HeavyHitters(support=support, epsilon=epsilon, fading_factor=fading)

    def update(self, ids: Iterable[Hashable]) -> None:
        """Counts each id once per occurrence; feed repeats, not all traffic."""
        for id_ in ids:
            self._sketch.update(id_)

    def top(self, number: int = 5) -> tuple[tuple[Hashable, float], ...]:
        """The most frequent ids with their (faded) counts."""
        return tuple((id_, float(count)) for id_, count in self._sketch.most_common(number))


@njit(cache=True, nogil=True)
def _near(prints: NDArray[np.uint64], stop: int, value: np.uint64, distance: np.uint64) -> int:
    """Place of a near fingerprint among prints[:stop], looked for from the end; -1 if none is near."""
    while stop > 0:
        start = max(0, stop - BLOCK)
        block = prints[start:stop]
        least = np.uint64(64)
        for j in range(len(block)):  # from 0 and without exits: the compiler makes wide instructions of it
            least = min(least, popcount(block[j] ^ value))
        if least <= distance:
            for j in range(stop - 1, start - 1, -1):
                if popcount(prints[j] ^ value) <= distance:
                    return j
        stop = start
    return -1


@njit(cache=True, nogil=True)
def _bet(cluster: Any, gap: int, rates: NDArray[np.float64]) -> float:
    """A hit after `gap` other events: the cluster's mean e-value."""
    total = 0.0
    for k in range(rates.shape[1]):
        cluster.e[k] = min(cluster.e[k] * np.exp(rates[0, k] + gap * rates[1, k]), 1e30)
        total += cluster.e[k]
    return float(total / rates.shape[1])


@njit(cache=True, nogil=True)
def _update(
    values: NDArray[np.uint64],
    prints: NDArray[np.uint64],
    member: NDArray[np.int64],
    clusters: NDArray[Any],
    count: NDArray[np.int64],
    rule: tuple[int, float],
    rates: NDArray[np.float64],
) -> tuple[NDArray[np.int16], NDArray[np.uint64], NDArray[np.uint64]]:
    distance, spend = rule
    window, room = len(prints), len(clusters)
    codes = np.full(len(values), MISSING, dtype=np.int16)
    leaders = np.zeros(len(values), dtype=np.uint64)
    raised = np.empty((16, 4), dtype=np.uint64)
    found = 0
    for i in range(len(values)):
        if values[i] == 0:
            continue
        event = count[0]
        place = event % window  # the oldest event is here: the search runs back from it, around the ring
        near = _near(prints[:place], place, values[i], np.uint64(distance))
        if near < 0 and event >= window:
            near = _near(prints[place:], window - place, values[i], np.uint64(distance))
            near = near + place if near >= 0 else near
        codes[i] = NEAR if near >= 0 else NEW
        number = member[near] if near >= 0 else np.int64(-1)
        if number >= 0 and clusters[number % room].number == number:
            if number < count[1] - room // 2:  # hit, and half way out of the table: to the front
                clusters[count[1] % room] = clusters[number % room]
                clusters[number % room].number = -1
                number = count[1]
                clusters[number % room].number = number
                count[1] += 1
            c = clusters[number % room]
            evidence = _bet(c, event - c.last - 1, rates)
            c.hits += 1
            c.last = event
            if not c.done and evidence * spend >= 1.0:
                c.done = True
                if found == len(raised):
                    raised = np.concatenate((raised, np.empty_like(raised)))
                raised[found] = np.array(
                    [c.leader, np.uint64(c.hits), np.uint64(c.first), np.uint64(c.last)], dtype=np.uint64
                )
                found += 1
        else:
            number = count[1]
            count[1] += 1
            c = clusters[number % room]
            c.number, c.leader, c.first, c.last, c.hits, c.done = number, values[i], event, event, 1, False
            for k in range(rates.shape[1]):
                c.e[k] = 1.0
        leaders[i] = c.leader
        prints[place] = values[i]
        member[place] = number
        count[0] = event + 1
    return codes, leaders, raised[:found].copy()
