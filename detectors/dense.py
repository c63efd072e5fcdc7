"""Evidence for diffuse drifts: every bin may have moved a little, in an unlisted direction.

    engine = DenseEvidence(bins=8)
    test = engine.add(q, spend=1e-4, n_ref=50)
    done, alarmed = engine.advance(tick_ptr, test, bin, count)      as evidence.Evidence.advance, one stratum
    engine.reset(test)  set_spend  remove  log_evidence  armed  total_spend  snapshot / restore
    mark = engine.mark()  engine.back_to(mark)      undo an advance that went further than another engine's alarm

The bet is a Dirichlet mixture around the declared law q: each possible start of the drift predicts the next
tick from what it has seen since (Dirichlet-multinomial), against q. A start's value times that ratio is an
e-process; M is the sum over starts. Starts are thinned *preserving value*: a dropped start's value joins its
older neighbour's and goes on under that one's predictions, so nothing is lost (dropping it instead stretches the
true spacing sixfold) and the bound on false alarms is untouched: which bet carries the money was chosen from
the past. Give it its own share of the signal's spend; a share of 1/4 costs log 4 / KL of delay.

    >>> engine = DenseEvidence(bins=4)
    >>> test = engine.add([0.4, 0.3, 0.2, 0.1], spend=1e-4, n_ref=100)
    >>> tick = [test] * 4, [0, 1, 2, 3], [25, 25, 25, 25]  # a hundred events, every bin a little off
    >>> sum(len(engine.advance([0, 4], *tick)[1]) for _ in range(20))
    1
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors import counts
from detectors.alternatives import probabilities
from detectors.arena import Slots, grown
from detectors.compiled import njit
from detectors.counts import Ints
from detectors.evidence_kernel import ROUND, TOP

# Prior events behind q: a bin of share .15 then moves by about 45, 14 and 4.5 percent of itself (one sd).
CONCENTRATIONS = (30.0, 300.0, 3000.0)
STARTS = 24  # ages grow geometrically: 24 starts reach back a million ticks in steps of about 1.8
SMALL = 256  # events of a tick up to which e-values are products: (1 / q) ** 256 overflows only to an alarm
FORMAT = 1
_FIELDS = ("armed", "spend", "n_ref", "spent", "starts", "since", "value", "q")


class DenseEvidence:
    """Tests over the same number of bins, side by side."""

    def __init__(self, bins: int, *, starts: int = STARTS, concentrations: ArrayLike = CONCENTRATIONS) -> None:
        kappa = np.asarray(concentrations, dtype=np.float64)
        if not 2 <= bins <= 4096 or not 3 <= starts <= 1000 or not (kappa.size and (kappa > 0).all()):
            raise ValueError(f"need 2-4096 bins, 3-1000 starts, positive concentrations: {bins}, {starts}, {kappa}")
        self.bins, self.starts, self.concentrations = bins, starts, kappa
        self._slots = Slots()
        self._alive = np.zeros(4, dtype=np.bool_)
        self._table: dict[str, NDArray[Any]] = {
            "armed": np.zeros(4, dtype=np.bool_),
            "spend": np.zeros(4),
            "n_ref": np.zeros(4),
            "spent": np.zeros(4),
            "starts": np.zeros(4, dtype=np.int64),
            "since": np.zeros((4, starts, bins), dtype=np.int64),  # counts since each start, oldest first
            "value": np.zeros((4, starts, len(kappa))),
            "q": np.zeros((4, bins)),
        }

    def add(self, q: ArrayLike, *, spend: float, n_ref: float) -> int:
        """Starts a test, armed, with M = 0; parameters as `evidence.Evidence.add`."""
        law = probabilities(q)
        if len(law) != self.bins:
            raise ValueError(f"this engine's tests have {self.bins} bins, got {len(law)}")
        if not (np.isfinite(spend) and spend >= 0 and np.isfinite(n_ref) and n_ref > 0):
            raise ValueError(f"need spend >= 0 and n_ref > 0, got {spend} and {n_ref}")
        test = self._slots.take()
        self._alive = grown(self._alive, test + 1)
        self._table = {name: grown(column, test + 1) for name, column in self._table.items()}
        self._alive[test] = True
        for name, value in {"spend": spend, "n_ref": n_ref, "spent": 0.0, "q": law}.items():
            self._table[name][test] = value
        self.reset(test)
        return test

    def advance(
        self,
        tick_ptr: ArrayLike,
        test: ArrayLike,
        bin: ArrayLike,  # noqa: A002
        count: ArrayLike,
    ) -> tuple[int, NDArray[np.int32]]:
        """Feeds ticks in order, stops after the first with an alarm; returns (ticks consumed, alarmed tests)."""
        ptr, tests, bins, number = counts.cells(tick_ptr, test, bin, count)
        if len(tests):
            if tests.min() < 0 or tests.max() >= self._slots.size or not self._alive[tests].all():
                raise ValueError("a cell names a test that does not exist")
            if bins.min() < 0 or bins.max() >= self.bins:
                raise ValueError(f"a cell names a bin outside 0..{self.bins - 1}")
        t = self._table
        consumed, alarmed = _advance(
            ptr,
            (tests, bins, number),
            (t["armed"], t["starts"]),
            (t["spend"], t["n_ref"], t["spent"]),
            t["since"],
            t["value"],
            t["q"],
            self.concentrations,
        )
        return int(consumed), np.sort(alarmed)

    def set_spend(self, test: int, spend: float) -> None:
        """Changes the spend of a full tick from now on."""
        if not (np.isfinite(spend) and spend >= 0):
            raise ValueError(f"spend must be a number of alarms per full tick, >= 0, got {spend}")
        self._table["spend"][self._known(test)] = spend

    def spend_of(self, test: int) -> float:
        """Spend of a full tick."""
        return float(self._table["spend"][self._known(test)])

    def reset(self, test: int) -> None:
        """M = 0 and armed."""
        self._known(test)
        for name in ("starts", "since", "value"):
            self._table[name][test] = 0
        self._table["armed"][test] = True

    def disarm(self, test: int) -> None:
        """Ignores the test's cells until `reset`."""
        self._table["armed"][self._known(test)] = False

    def remove(self, test: int) -> None:
        """Ends a test; its id may be handed out again."""
        self._alive[self._known(test)] = False
        self._table["armed"][test] = False
        self._slots.free(test)

    def log_evidence_of(self, test: int) -> float:
        """log M of one test."""
        m = float(self._table["value"][self._known(test)].sum())
        return round(float(np.log(m)), 9) if m > 0 else -np.inf

    def log_evidence(self) -> NDArray[np.float64]:
        """(ids,) log M, rounded to 1e-9; -inf at M = 0, NaN for ids that are free."""
        size = self._slots.size
        m = self._table["value"][:size].sum(axis=(1, 2))
        with np.errstate(divide="ignore"):
            out = np.round(np.log(m), 9)
        return np.where(self._alive[:size], out, np.nan)

    def armed(self) -> NDArray[np.bool_]:
        """(ids,) which tests may alarm."""
        out: NDArray[np.bool_] = self._table["armed"][: self._slots.size].copy()
        return out

    def total_spend(self) -> NDArray[np.float64]:
        """(ids,) spend so far."""
        return np.where(self._alive[: self._slots.size], self._table["spent"][: self._slots.size], 0.0)

    def spends(self) -> NDArray[np.float64]:
        """(ids,) spend of a full tick from now on; 0 for tests that are not armed and for ids that are free."""
        size = self._slots.size
        return np.where(self._alive[:size] & self._table["armed"][:size], self._table["spend"][:size], 0.0)

    def mark(self) -> dict[str, NDArray[Any]]:
        """The state of all tests, to come back to; no test may be added or removed in between."""
        return {name: column[: self._slots.size].copy() for name, column in self._table.items()}

    def back_to(self, mark: dict[str, NDArray[Any]]) -> None:
        """Restore the state at the mark."""
        for name, column in mark.items():
            self._table[name][: self._slots.size] = column

    def drifted(self, test: int) -> NDArray[np.float64]:
        """(B,) the estimated bin distribution since the start that carries most of M."""
        value = self._table["value"][self._known(test)]
        since = self._table["since"][test, int(value.sum(axis=1).argmax())]
        out: NDArray[np.float64] = since / max(int(since.sum()), 1)
        return out

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """A copy of everything, as arrays."""
        alive = np.flatnonzero(self._alive[: self._slots.size])
        out: dict[str, NDArray[np.generic]] = {name: self._table[name][alive].copy() for name in _FIELDS}
        out["format"] = np.array([FORMAT, self._slots.size, self.bins, self.starts], dtype=np.int64)
        out["concentrations"] = self.concentrations.copy()
        out["id"] = alive.astype(np.int64)
        return out

    @classmethod
    def restore(cls, snapshot: dict[str, NDArray[np.generic]]) -> DenseEvidence:
        """An engine that continues exactly where the snapshot was taken."""
        version, size, bins, starts = (int(v) for v in snapshot["format"])
        if version != FORMAT:
            raise ValueError(f"snapshot of format {version}, this code reads {FORMAT}: replay the counts")
        out = cls(bins, starts=starts, concentrations=snapshot["concentrations"].astype(np.float64))
        ids = snapshot["id"].astype(np.int64)
        out._slots.restore(size, ids)
        out._alive = grown(out._alive, size)
        out._alive[ids] = True
        out._table = {name: grown(column, size) for name, column in out._table.items()}
        for name in _FIELDS:
            out._table[name][ids] = snapshot[name]
        return out

    def _known(self, test: int) -> int:
        if not 0 <= test < self._slots.size or not self._alive[test]:
            raise ValueError(f"no such test: {test}")
        return test


@njit(cache=True, nogil=True)
def _advance(
    ptr: Ints,
    cells: tuple[Ints, Ints, Ints],
    flags: tuple[NDArray[np.bool_], Ints],
    spends: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    since: Ints,
    value: NDArray[np.float64],
    q: NDArray[np.float64],
    kappa: NDArray[np.float64],
) -> tuple[int, NDArray[np.int32]]:
    test, bin_, count = cells
    armed, starts = flags
    spend, n_ref, spent = spends
    alarmed = np.empty(len(armed), dtype=np.int32)
    found = 0
    for t in range(len(ptr) - 1):
        i = ptr[t]
        while i < ptr[t + 1]:
            which = test[i]
            tick = np.zeros(q.shape[1], dtype=np.int64)
            while i < ptr[t + 1] and test[i] == which:
                tick[bin_[i]] += count[i]
                i += 1
            n = tick.sum()
            if not armed[which] or n == 0:
                continue
            w = spend[which] * min(float(n), n_ref[which]) / n_ref[which]
            spent[which] += w
            if starts[which] == value.shape[1]:
                starts[which] = _thin(since[which], value[which])
            new = starts[which]
            starts[which] += 1
            since[which, new] = 0
            value[which, new] = w / len(kappa)
            m = _bet(tick, since[which, : new + 1], value[which, : new + 1], q[which], kappa)
            if m > 0.0 and np.round(np.log(m) * ROUND) >= 0.0:
                armed[which] = False
                alarmed[found] = which
                found += 1
        if found:
            return t + 1, alarmed[:found].copy()
    return len(ptr) - 1, alarmed[:0].copy()


@njit(cache=True, nogil=True)
def _thin(since: Ints, value: NDArray[np.float64]) -> int:
    """Merges the start whose neighbours are closest in age (ratio of events seen) into its older neighbour."""
    last = len(since) - 1
    drop, closest = 1, np.inf
    for j in range(1, last):
        older, newer = since[j - 1].sum(), since[j + 1].sum()
        gap = (older - newer) / (newer + 1.0)
        if gap < closest:
            drop, closest = j, gap
    value[drop - 1] += value[drop]
    for j in range(drop, last):
        value[j] = value[j + 1]
        since[j] = since[j + 1]
    value[last] = 0.0
    return last


@njit(cache=True, nogil=True)
def _bet(
    tick: Ints, since: Ints, value: NDArray[np.float64], q: NDArray[np.float64], kappa: NDArray[np.float64]
) -> float:
    """Multiplies every start's value by its prediction of the tick over q's; returns their sum."""
    n = tick.sum()
    total = 0.0
    for j in range(len(since)):
        seen = float(since[j].sum())
        for k in range(len(kappa)):
            if n <= SMALL:
                e = min(_ratio(tick, since[j], q, kappa[k], seen), 1e290)
            else:
                log_e = -_log_rising(kappa[k] + seen, n)
                for b in range(len(q)):
                    if tick[b]:
                        log_e += _log_rising(kappa[k] * q[b] + since[j, b], tick[b]) - tick[b] * np.log(q[b])
                e = np.exp(min(log_e, TOP))
            value[j, k] *= e
            total += value[j, k]
        for b in range(len(q)):
            since[j, b] += tick[b]
    return total


@njit(cache=True, nogil=True)
def _ratio(tick: Ints, since: Ints, q: NDArray[np.float64], kappa: float, seen: float) -> float:
    """The same e-value by products alone: no logarithm, and a division every few events."""
    out, above, below = 1.0, 1.0, 1.0
    place = 0
    for b in range(len(q)):
        if tick[b]:
            share = 1.0 / q[b]
            a = kappa * q[b] + since[b]
            for i in range(tick[b]):
                above *= (a + i) * share
                below *= kappa + seen + place
                place += 1
                if above > 1e100 or below > 1e100:
                    out *= above / below
                    above = below = 1.0
    return out * above / below


@njit(cache=True, nogil=True)
def _log_rising(a: float, c: int) -> float:
    """log of a (a + 1) ... (a + c - 1) = log Gamma(a + c) - log Gamma(a), without cancellation for small c."""
    if c > 64:
        return float(_log_gamma(a + c) - _log_gamma(a))
    total, product = 0.0, 1.0
    for i in range(c):
        product *= a + i
        if product > 1e200:
            total += np.log(product)
            product = 1.0
    return float(total + np.log(product))


@njit(cache=True, nogil=True)
def _log_gamma(x: float) -> float:
    """Stirling's series after moving x above 16; absolute error below 1e-13 of x log x."""
    shift = 0.0
    while x < 16.0:
        shift -= np.log(x)
        x += 1.0
    xx = x * x
    tail = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / xx) / xx) / xx) / x
    return float(shift + (x - 0.5) * np.log(x) - x + 0.9189385332046727 + tail)
