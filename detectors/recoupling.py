"""Unknown baseline, exact null: counts to surrogate counts with a declared law.

    r = Recoupler()
    row = r.add(q, seed=..., reference=None)                     a row is one (stream, stratum, signal)
    r.surrogates(row, counts, tick) -> (B,) int64          one row, one tick
    ptr, rows, bins, counts = r.recouple(tick_ptr, ticks, row, bin, count)      many ticks and rows at once
    r.retract(tick_ptr, ticks, row, bin, count, keep=done) takes back what was recoupled past tick `done`
    r.reset_reference(row)   r.merge_reference(row, reference)   r.reference(row)   r.remove(row)
    r.snapshot() / Recoupler.restore(snapshot)
    declared(counts)   q from a split that is kept out of the reference; seed_of(...) a row's seed from its name
    split_of(events, bins)     how many events of a history that split should have

Under exchangeability of the history with the tick, the surrogates are independent Multinomial(n, q), although
the true law is unknown. The reference (the history's counts) grows by every tick that is recoupled; it must, for a
frozen history is a plug-in estimate again. README.md has the proof and the conditions.

Nothing of the counts is lost on the way: where a transform falls inside its surrogate's step is carried over and
decides the next tick's ties of that bin (as an arithmetic coder does), so a declared q that is off by a tenth
costs next to nothing, where fresh ties each tick cost a tenth of all evidence.

`recouple` returns cells that `Evidence.advance` takes after mapping rows to tests and strata. Where advance
stops early, at an alarm, hand the same cells to `retract` with `keep` = ticks consumed, give the alarmed rows a
`reset_reference`, and go on with the rest: nothing else changes.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from detectors import counts
from detectors.alternatives import probabilities
from detectors.arena import Arena, Slots, grown
from detectors.counts import Ints
from detectors.discrete import binomial_inverse, hypergeometric_pit

FORMAT = 2  # of snapshots
# Of a history, for q: whatever q misses the carried ties make good, and whatever it takes the reference misses. 100
# events a bin are enough, and 500 in all; a fifth is the most that weak drifts, which need the reference, can spare.
SPLIT_PER_BIN = 100
SPLIT_AT_LEAST = 500
SPLIT_AT_MOST = 0.2
MAX_REFERENCE = 1_000_000_000  # events; sums of counts stay exact and the tails accurate up to here
NEVER = np.iinfo(np.int64).min
# What is carried is cut to 2^-20 and filled up with fresh randomness: a last bit that differs between machines
# then matters once in 1e9 ticks, where a chain of carried floats would drift apart within hundreds.
CARRIED = float(1 << 20)
FRESH = -1  # nothing carried yet
_FITS, _NO_ROW, _NO_BIN, _SEEN, _FULL = range(5)
_FAULTS = {
    _NO_ROW: "a cell names a row that does not exist",
    _NO_BIN: "a cell names a bin that its row does not have (drop code -1 before counting)",
    _SEEN: "a row was given a tick that it has seen: its uniforms must not be used twice",
    _FULL: f"a reference would exceed {MAX_REFERENCE} events: start a fresh reference",
}
_NO_TRAIL: tuple[Ints, Ints] = (np.empty((3, 0), dtype=np.int64), np.empty(0, dtype=np.int64))

_ROW = np.dtype(
    [("alive", "?"), ("bins", "i8"), ("at", "i8"), ("seed", "u8"), ("last", "i8"), ("events", "i8")],
    align=True,
)


def declared(split: ArrayLike, *, prior: float = 0.5) -> NDArray[np.float64]:
    """q from the counts of a split that stays out of the reference, smoothed by a Dirichlet prior per bin.

    q need not be true: any declared law keeps the guarantee. It should be near the truth, for power.

    >>> declared([98, 0, 1]).round(3).tolist()
    [0.98, 0.005, 0.015]
    """
    number = np.asarray(split, dtype=np.float64)
    if number.ndim != 1 or len(number) < 2 or not (number >= 0).all() or not prior > 0:
        raise ValueError(
            f"split must hold counts >= 0 of at least 2 bins and prior must be > 0, got {number}, {prior}"
        )
    out: NDArray[np.float64] = (number + prior) / (number.sum() + prior * len(number))
    return out


def split_of(events: int, bins: int) -> int:
    """How many of a history's events should declare q; bins of all rows that share the split."""
    if events < 0 or bins < 2:
        raise ValueError(f"need events >= 0 and at least 2 bins, got {events} and {bins}")
    return min(int(SPLIT_AT_MOST * events), max(SPLIT_AT_LEAST, SPLIT_PER_BIN * bins))


def seed_of(*name: str | int) -> int:
    """A 64-bit seed from the words that name a row: stream, stratum, signal, epoch. Rows must not share one."""
    return int.from_bytes(hashlib.blake2b(repr(name).encode(), digest_size=8).digest(), "big")


class Recoupler:
    """Rows side by side, each with its reference, its declared q and its seed."""

    def __init__(self) -> None:
        self._slots = Slots()
        self._rows = np.zeros(16, dtype=_ROW)
        self._reference, self._law, self._order = Arena(np.int64), Arena(np.float64), Arena(np.int64)
        self._carry = Arena(np.int64)
        self._trail = _NO_TRAIL

    def add(self, q: ArrayLike, *, seed: int, reference: ArrayLike | None = None) -> int:
        """Starts a row.

        Parameters
        ----------
        q : (B,) declared law: chosen, or estimated from a split that is not in the reference.
        seed : 64-bit, one per row (`seed_of`); strata must not share uniforms.
        reference : (B,) counts of the history, without the split behind q; default none.
        """
        law = probabilities(q)
        history = _history(reference, len(law))
        row = self._slots.take()
        self._rows = grown(self._rows, row + 1)
        at = self._reference.put(history)
        self._place(at, law, np.full(len(law), FRESH, dtype=np.int64))
        self._rows[row] = (True, len(law), at, seed & (2**64 - 1), NEVER, history.sum())
        return row

    def surrogates(self, row: int, count: ArrayLike, tick: int) -> Ints:
        """Surrogate counts (B,) of one tick; the reference grows by the real ones."""
        number = np.asarray(count)
        bins = np.flatnonzero(number)
        if len(number) != self._row(row)["bins"]:
            raise ValueError(f"row {row} has {self._row(row)['bins']} bins, got {len(number)} counts")
        out = np.zeros(len(number), dtype=np.int64)
        _, _, at, surrogate = self.recouple([0, len(bins)], [tick], np.full(len(bins), row), bins, number[bins])
        out[at] = surrogate
        return out

    def recouple(
        self, tick_ptr: ArrayLike, ticks: ArrayLike, row: ArrayLike, bin_: ArrayLike, count: ArrayLike
    ) -> tuple[Ints, Ints, Ints, Ints]:
        """Cells (row, bin, count) of T ticks to surrogate cells (tick_ptr, row, bin, count), tick by tick.

        Parameters
        ----------
        ticks : (T,) the ticks' numbers; a row must see each number once, in rising order. A row's counts of one
            tick must come together: merge partitions before, not after.

        Raises ValueError on a tick number that a row has seen, and on a reference beyond 1e9 events.
        """
        ptr, number, rows, bins, events = self._cells(tick_ptr, ticks, row, bin_, count)
        fault, groups, room = _sizes(ptr, number, rows, events, self._rows[: self._slots.size])
        if fault != _FITS:
            raise ValueError(_FAULTS[fault])
        bins_of = (self._reference.data, self._law.data, self._order.data, self._carry.data)
        out_ptr, out, *trail = _recouple(ptr, number, (rows, bins, events), self._rows, bins_of, (groups, room))
        self._trail = (trail[0], trail[1])
        return out_ptr, out[0], out[1], out[2]

    def retract(
        self,
        tick_ptr: ArrayLike,
        ticks: ArrayLike,
        row: ArrayLike,
        bin_: ArrayLike,
        count: ArrayLike,
        *,
        keep: int,
    ) -> None:
        """Takes the counts of ticks `keep`, `keep + 1`, ... of the last `recouple` back out of the references.

        Raises ValueError when the cells are not those of the last `recouple`.
        """
        ptr, number, rows, bins, events = self._cells(tick_ptr, ticks, row, bin_, count)
        groups = np.flatnonzero(_first(np.repeat(np.arange(len(number)), np.diff(ptr)), rows))
        (tick, row_, at), carried = self._trail
        if len(groups) != len(row_) or (rows[groups] != row_).any():
            raise ValueError("these are not the cells of the last recouple: only those can be retracted, once")
        start = ptr[keep]
        np.subtract.at(self._reference.data, self._rows["at"][rows[start:]] + bins[start:], events[start:])
        before = int(number[keep]) - 1 if keep < len(number) else NEVER
        np.subtract.at(self._rows["events"], rows[start:], events[start:])
        touched = np.unique(rows[start:])
        self._rows["last"][touched] = np.minimum(self._rows["last"][touched], before)
        first = int(np.searchsorted(tick, keep))
        _put_back(row_[first:], at[first:], carried, self._rows, self._carry.data)
        self._trail = _NO_TRAIL

    def reset_reference(self, row: int, reference: ArrayLike | None = None) -> None:
        """Forgets the history, or replaces it: after an alarm, the reference starts with what comes after it."""
        r = self._row(row)
        history = _history(reference, int(r["bins"]))
        self._reference.data[r["at"] : r["at"] + r["bins"]] = history
        r["events"] = history.sum()

    def merge_reference(self, row: int, reference: ArrayLike) -> bool:
        """Puts an earlier history of the row back beside what it has gathered since; False where there is no room.

        Allowed: what came since a `reset_reference` was transformed by itself, and both parts are counts of the
        history. Given their union, no transform so far says in which order it came.
        """
        r = self._row(row)
        history = _history(reference, int(r["bins"]))
        if int(r["events"]) + int(history.sum()) > MAX_REFERENCE // 2:
            return False
        self._reference.data[r["at"] : r["at"] + r["bins"]] += history
        r["events"] += history.sum()
        return True

    def reference(self, row: int) -> Ints:
        """(B,) history counts of a row."""
        r = self._row(row)
        out: Ints = self._reference.data[r["at"] : r["at"] + r["bins"]].copy()
        return out

    def larger_than(self, events: int) -> Ints:
        """Rows whose reference holds more events than this."""
        rows = self._rows[: self._slots.size]
        out: Ints = np.flatnonzero(rows["alive"] & (rows["events"] > events)).astype(np.int64)
        return out

    def remove(self, row: int) -> None:
        """Ends a row; its number may be handed out again."""
        r = self._row(row)
        self._reference.free(int(r["at"]), int(r["bins"]))
        self._law.free(int(r["at"]), int(r["bins"]))
        self._order.free(int(r["at"]), int(r["bins"]))
        self._carry.free(int(r["at"]), int(r["bins"]))
        r["alive"] = False
        self._slots.free(row)

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """A copy of everything, as arrays."""
        alive = np.flatnonzero(self._rows["alive"][: self._slots.size])
        rows = self._rows[alive]
        where = [slice(int(r["at"]), int(r["at"] + r["bins"])) for r in rows]
        return {
            "format": np.array([FORMAT, self._slots.size], dtype=np.int64),
            "id": alive.astype(np.int64),
            "bins": rows["bins"].copy(),
            "seed": rows["seed"].copy(),
            "last": rows["last"].copy(),
            "reference": np.concatenate([*(self._reference.data[w] for w in where), np.empty(0, np.int64)]),
            "q": np.concatenate([*(self._law.data[w] for w in where), np.empty(0)]),
            "carry": np.concatenate([*(self._carry.data[w] for w in where), np.empty(0, np.int64)]),
        }

    @classmethod
    def restore(cls, snapshot: dict[str, NDArray[np.generic]]) -> Recoupler:
        """A recoupler that continues exactly where the snapshot was taken."""
        version, size = (int(v) for v in snapshot["format"])
        if version != FORMAT:
            raise ValueError(f"snapshot of format {version}, this code reads {FORMAT}: replay the counts")
        out = cls()
        ids = snapshot["id"].astype(np.int64)
        out._slots.restore(size, ids)
        out._rows = grown(out._rows, size)
        bins = snapshot["bins"].astype(np.int64)
        for row, size_, seed, last, end in zip(
            ids, bins, snapshot["seed"], snapshot["last"], np.cumsum(bins), strict=True
        ):
            at = out._reference.put(snapshot["reference"][end - size_ : end])
            law = snapshot["q"][end - size_ : end].astype(np.float64)
            out._place(at, law, snapshot["carry"][end - size_ : end].astype(np.int64))
            out._rows[row] = (True, size_, at, seed, last, snapshot["reference"][end - size_ : end].sum())
        return out

    def _place(self, at: int, law: NDArray[np.float64], carry: Ints) -> None:
        if not self._law.put(law) == self._order.put(_order(law)) == self._carry.put(carry) == at:
            raise AssertionError("arenas of the recoupler out of step")

    def _row(self, row: int) -> np.void:
        if not 0 <= row < self._slots.size or not self._rows[row]["alive"]:
            raise ValueError(f"no such row: {row}")
        out: np.void = self._rows[row]
        return out

    def _cells(
        self, tick_ptr: ArrayLike, ticks: ArrayLike, row: ArrayLike, bin_: ArrayLike, count: ArrayLike
    ) -> tuple[Ints, ...]:
        ptr, rows, bins, events = counts.cells(tick_ptr, row, bin_, count)
        number = np.asarray(ticks, dtype=np.int64)
        if len(number) != len(ptr) - 1 or (np.diff(number) <= 0).any():
            raise ValueError(f"ticks must hold {len(ptr) - 1} rising numbers")
        fault = _fault_of(rows, bins, self._rows[: self._slots.size])
        if fault != _FITS:
            raise ValueError(_FAULTS[fault])
        return ptr, number, rows, bins, events


def _first(tick: Ints, row: Ints) -> NDArray[np.bool_]:
    """Which cells are the first of their row and tick."""
    out = np.ones(len(row), dtype=np.bool_)
    out[1:] = (row[1:] != row[:-1]) | (tick[1:] != tick[:-1])
    return out


def _order(law: NDArray[np.float64]) -> Ints:
    """Rarest bin first: what the randomisation of each bin blurs ends up in the last, where it matters least."""
    return np.argsort(law, kind="stable").astype(np.int64)


def _history(reference: ArrayLike | None, size: int) -> Ints:
    history = np.zeros(size, dtype=np.int64) if reference is None else np.asarray(reference)
    if (
        history.shape != (size,)
        or history.dtype.kind not in "iu"
        or history.min() < 0
        or history.sum() > MAX_REFERENCE
    ):
        raise ValueError(f"a reference must hold {size} integer counts >= 0 of at most {MAX_REFERENCE} events")
    return history.astype(np.int64)


@njit(cache=True, nogil=True)
def _fault_of(row: Ints, bin_: Ints, rows: NDArray[Any]) -> int:
    """The first cell's fault that has one: every index that the loops below follow is checked here."""
    bins = 0
    for i in range(len(row)):
        if i == 0 or row[i] != row[i - 1]:
            if row[i] < 0 or row[i] >= len(rows) or not rows[row[i]].alive:
                return _NO_ROW
            bins = rows[row[i]].bins
        if bin_[i] < 0 or bin_[i] >= bins:
            return _NO_BIN
    return _FITS


@njit(cache=True, nogil=True)
def _sizes(ptr: Ints, number: Ints, row: Ints, count: Ints, rows: NDArray[Any]) -> tuple[int, int, int]:
    """What keeps the cells from being recoupled; the number of groups (tick, row), and of their bins."""
    groups = room = 0
    added = np.zeros(len(rows), dtype=np.int64)
    for t in range(len(ptr) - 1):
        for i in range(ptr[t], ptr[t + 1]):
            r = rows[row[i]]
            if i == ptr[t] or row[i] != row[i - 1]:
                if number[t] <= r.last:
                    return _SEEN, 0, 0
                groups += 1
                room += r.bins
            if count[i] > MAX_REFERENCE - r.events - added[row[i]]:  # this way round nothing overflows
                return _FULL, 0, 0
            added[row[i]] += count[i]
    return _FITS, groups, room


@njit(cache=True, nogil=True)
def _put_back(row: Ints, at: Ints, carried: Ints, rows: NDArray[Any], carries: Ints) -> None:
    """What the rows carried before these groups; backwards, so that the earliest of a row is put back last."""
    for i in range(len(row) - 1, -1, -1):
        r = rows[row[i]]
        for j in range(r.bins):
            carries[r.at + j] = carried[at[i] + j]


@njit(cache=True, nogil=True)
def _mix(z: np.uint64) -> np.uint64:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014): every output bit depends on every input bit."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def _key(seed: np.uint64, tick: int) -> np.uint64:
    golden = np.uint64(0x9E3779B97F4A7C15)
    return np.uint64(_mix(_mix(np.uint64(seed) + golden) ^ (np.uint64(tick) * golden + np.uint64(1))))


@njit(cache=True, nogil=True)
def _uniform(key: np.uint64, bin_: int) -> float:
    """A uniform in (0, 1) that is a function of (seed, tick) in the key and bin, on every machine and replay."""
    z = _mix(key ^ (np.uint64(bin_) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(2)))
    return (float(z >> np.uint64(11)) + 0.5) * 2.0**-53


@njit(cache=True, nogil=True)
def _recouple(
    ptr: Ints,
    number: Ints,
    cells: tuple[Ints, Ints, Ints],
    rows: NDArray[Any],
    bins_of: tuple[Ints, NDArray[np.float64], Ints, Ints],
    sizes: tuple[int, int],
) -> tuple[Ints, Ints, Ints, Ints]:
    """Surrogate cells of all groups (tick, row), and what each group's bins had carried before it.

    `cells` are sorted by (row, bin) inside each tick; `sizes` are the number of groups and of their bins.
    """
    row, bin_, count = cells
    references, laws, orders, carries = bins_of
    groups, room = sizes
    out = np.empty((3, room), dtype=np.int64)
    out_ptr = np.zeros(len(ptr), dtype=np.int64)
    trail = np.empty((3, groups), dtype=np.int64)
    carried = np.empty(room, dtype=np.int64)
    real, drawn = np.zeros(16, dtype=np.int64), np.empty(16, dtype=np.int64)
    made = group = kept = 0
    for t in range(len(ptr) - 1):
        i = ptr[t]
        while i < ptr[t + 1]:
            which = row[i]
            r = rows[which]
            b = r.bins
            if b > len(real):
                real, drawn = np.zeros(b, dtype=np.int64), np.empty(b, dtype=np.int64)
            left = 0
            start = i
            while i < ptr[t + 1] and row[i] == which:
                real[bin_[i]] += count[i]
                left += count[i]
                i += 1
            carry = carries[r.at : r.at + b]
            trail[0, group], trail[1, group], trail[2, group] = t, which, kept
            carried[kept : kept + b] = carry
            group += 1
            kept += b
            if left == 0:
                continue
            r.last = number[t]
            r.events += left
            reference = references[r.at : r.at + b]
            _surrogates(
                real, left, r.events, reference, laws[r.at : r.at + b], orders[r.at : r.at + b], carry,
                _key(r.seed, number[t]), drawn,
            )  # fmt: skip
            for j in range(b):  # in the order of bins, so that nobody has to sort them
                if drawn[j] > 0:
                    out[0, made], out[1, made], out[2, made] = which, j, drawn[j]
                    made += 1
            for j in range(start, i):
                reference[bin_[j]] += count[j]
                real[bin_[j]] = 0
        out_ptr[t + 1] = made
    return out_ptr, out[:, :made], trail, carried


@njit(cache=True, nogil=True)
def _surrogates(
    real: Ints,
    left: int,
    population: int,
    reference: Ints,
    law: NDArray[np.float64],
    order: Ints,
    carry: Ints,
    key: np.uint64,
    drawn: Ints,
) -> None:
    """One row's tick of `left` events: writes the surrogate count of every bin into `drawn`."""
    fake = left  # events still to be placed among the surrogates
    mass = 1.0
    last = len(law) - 1
    for place in range(last + 1):
        j = order[place]
        surrogate = fake
        if place < last and fake > 0:
            success = reference[j] + real[j]
            v = _uniform(key, j)
            if carry[j] >= 0:
                v = (carry[j] + v) / CARRIED
            tail, lower = hypergeometric_pit(real[j], success, population - success, left, v)
            surrogate, within = binomial_inverse(tail, lower, fake, min(law[j] / mass, 1.0))
            carry[j] = min(int(within * CARRIED), int(CARRIED) - 1)
            population -= success
            left -= real[j]
            mass -= law[j]
        drawn[j] = surrogate
        fake -= surrogate
