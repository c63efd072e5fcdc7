"""The mixture Shiryaev-Roberts engine: many sequential tests side by side.

    engine = Evidence()
    test = engine.add(banks, spend=1e-4, n_ref=50)          one bank per stratum; history= sizes of the references
    done, alarmed = engine.advance(tick_ptr, test, stratum, bin, count)
                                                            stops after the first tick with an alarm
    engine.set_spend(test, 2e-4)    for future ticks        engine.reset(test)      M = 0, armed
    engine.disarm(test)             cells are ignored       engine.remove(test)     the id may be reused
    engine.set_history(test, [...]) after a fresh reference
    engine.log_evidence()  engine.armed()  engine.total_spend()  engine.spends()
                                                            one entry per id, NaN / False / 0 / 0 where free
    engine.leading(test)   the (component, alternative) that carries M
    engine.snapshot() / Evidence.restore(snapshot, banks=None)

Each component of each test keeps `R <- (R + w) * e` for every alternative; the test's evidence is the convex
combination M of them all, and it alarms when M >= 1. With `E[e | past, n] <= 1` under the null,
`E[false alarms] <= sum of w`, whatever the dependence between ticks and tests (README.md has the proof).

Behind a recoupler the history grows by what is tested, and absorbs a drift at a known pace. Given the sizes of
the references, the engine counts on from there and transfers weight between alternatives as `Bank.fades` states; a
transfer neither adds nor removes weight, so the bound stays as it is.

    >>> from detectors.alternatives import material
    >>> engine = Evidence()
    >>> test = engine.add([material([0, 1], level=0.05)], spend=1e-4, n_ref=50)
    >>> done, alarmed = engine.advance([0, 2, 4], [test] * 4, [0] * 4, [0, 1, 0, 1], [48, 2, 30, 20])
    >>> done, alarmed.tolist() == [test]  # the second tick, with 20 of 50
    (2, True)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors import counts
from detectors.alternatives import Bank, fades_of
from detectors.arena import Arena, Slots, grown
from detectors.evidence_kernel import FITS, NO_BIN, NO_STRATUM, NO_TEST, advance_ticks, fault_of

FORMAT = 2  # of snapshots
MAX_ALTERNATIVES = 100_000  # of one test, over all its components: .8 MB
_FAULTS = {
    NO_TEST: "a cell names a test that does not exist",
    NO_STRATUM: "a cell names a stratum that its test does not have",
    NO_BIN: "a cell names a bin that its bank does not have (drop code -1 before counting)",
}

_TEST = np.dtype(
    [
        ("alive", "?"),
        ("armed", "?"),
        ("strata", "i8"),
        ("alternatives", "i8"),
        ("state", "i8"),  # offset of R
        ("component", "i8"),  # offset of component totals and bank numbers
        ("prior", "i8"),  # offset of the alternatives' weights and of how they fade
        ("spend", "f8"),
        ("n_ref", "f8"),
        ("spent", "f8"),
    ],
    align=True,
)


class Evidence:
    """Tests of many streams and signals; see the module's docstring for the calls.

    A test with one stratum is one component. A test with S > 1 strata has S + 1: one per stratum (weight 1/2S
    each) and, last, their pooled product (weight 1/2): a drift of everything is seen by the product, a drift
    of a small slice by the slice, where the product alone would drown it.
    """

    def __init__(self) -> None:
        self._slots = Slots()
        self._tests = np.zeros(16, dtype=_TEST)
        self._state, self._totals = Arena(np.float64), Arena(np.float64)
        self._component_bank, self._history = Arena(np.int64), Arena(np.float64)
        self._prior, self._fade_into, self._fade_pace = Arena(np.float64), Arena(np.int64), Arena(np.float64)
        self._tables = Arena(np.float64)
        self._bank_slots = Slots()
        self._bank_offset = np.zeros(16, dtype=np.int64)
        self._bank_bins = np.zeros(16, dtype=np.int64)
        self._banks: dict[int, tuple[int, int, Bank]] = {}  # fingerprint -> (number, users, bank)
        self._bank_key: dict[int, int] = {}  # number -> fingerprint

    def add(
        self, banks: Sequence[Bank], *, spend: float, n_ref: float, history: Sequence[float] | None = None
    ) -> int:
        """Starts a test, armed, with M = 0; returns its id.

        Parameters
        ----------
        banks : one per stratum. They may differ in level and in bins, not in their alternatives' weights.
        spend : spend of a full tick, in alarms (see `budget.Budget`); >= 0.
        n_ref : events that make a tick full, > 0. A tick of n events over all strata spends
            `spend * min(n, n_ref) / n_ref`, an empty one nothing: time alone never raises an alarm.
        history : events in each stratum's reference, where the counts come from a recoupler; it grows by each tick.
            Default: a declared null, against which drifts do not fade.
        """
        if not banks:
            raise ValueError("a test needs one bank per stratum, got none")
        first = banks[0].log_prior
        components = 1 if len(banks) == 1 else len(banks) + 1
        if components * len(first) > MAX_ALTERNATIVES:
            raise ValueError(
                f"{components} components of {len(first)} alternatives exceed {MAX_ALTERNATIVES}: pool strata"
            )
        for stratum, bank in enumerate(banks):
            if bank.log_prior.shape != first.shape or not np.allclose(bank.log_prior, first, rtol=0, atol=1e-12):
                raise ValueError(f"bank of stratum {stratum} has other alternatives' weights than stratum 0")
            if not all(np.array_equal(a, b) for a, b in zip(fades_of(bank), fades_of(banks[0]), strict=True)):
                raise ValueError(f"alternatives of stratum {stratum}'s bank fade otherwise than those of stratum 0")
        _check_spend(spend)
        if not (np.isfinite(n_ref) and n_ref > 0):
            raise ValueError(f"n_ref must be a positive number of events, got {n_ref}")
        test = self._slots.take()
        self._tests = grown(self._tests, test + 1)
        numbers = np.array([self._hold(bank) for bank in banks], dtype=np.int64)
        padded = np.zeros(components, dtype=np.int64)
        padded[: len(numbers)] = numbers
        self._tests[test] = (
            True,
            True,
            len(banks),
            len(first),
            self._state.take(components * len(first)),
            self._totals.take(components),
            self._prior.put(np.exp(first)),
            spend,
            n_ref,
            0.0,
        )
        # arrays of components, and of alternatives, move in step: equal lengths are taken and freed in the same order
        row = self._tests[test]
        into, pace = fades_of(banks[0])
        if not self._component_bank.put(padded) == self._history.take(components) == row["component"]:
            raise AssertionError("component arenas out of step")
        if not self._fade_into.put(into) == self._fade_pace.put(pace) == row["prior"]:
            raise AssertionError("arenas of alternatives out of step")
        self.set_history(test, [np.inf] * len(banks) if history is None else history)
        return test

    def advance(
        self,
        tick_ptr: ArrayLike,
        test: ArrayLike,
        stratum: ArrayLike,
        bin: ArrayLike,  # noqa: A002
        count: ArrayLike,
    ) -> tuple[int, NDArray[np.int32]]:
        """Feeds ticks in order and stops after the first in which an armed test alarms.

        Cells are (test, stratum, bin, count) in tick order, see `counts`; those of tests that are not armed
        are ignored. Returns the number of ticks consumed and the sorted ids of the tests that alarmed, now
        no longer armed. The decision is taken on log M rounded to 1e-9, so it does not depend on how ticks
        are grouped into calls or on the order of cells inside a tick.

        Raises ValueError on unknown tests, strata or bins, negative or fractional counts.
        """
        ptr, tests, strata, bins, number = counts.cells(tick_ptr, test, stratum, bin, count)
        cells = (tests, strata, bins, number)
        fault = fault_of(cells, self._tests, self._slots.size, self._component_bank.data, self._bank_bins)
        if fault != FITS:
            raise ValueError(_FAULTS[fault])
        consumed, alarmed = advance_ticks(
            ptr,
            cells,
            self._tests,
            self._state.data,
            self._totals.data,
            (self._component_bank.data, self._bank_offset, self._tables.data),
            (self._prior.data, self._fade_into.data, self._fade_pace.data, self._history.data),
        )
        return int(consumed), np.sort(alarmed)

    def set_spend(self, test: int, spend: float) -> None:
        """Changes the spend of a full tick from now on; what was spent stays spent."""
        _check_spend(spend)
        self._row(test)["spend"] = spend

    def set_history(self, test: int, history: Sequence[float]) -> None:
        """Events in each stratum's reference from here on: zeros after fresh references, inf where nothing grows."""
        row = self._row(test)
        sizes = np.asarray(history, dtype=np.float64)
        if sizes.shape != (int(row["strata"]),) or not (sizes >= 0).all():
            raise ValueError(f"history must be {row['strata']} numbers of events >= 0, got {history}")
        pooled = [] if len(sizes) == 1 else [sizes.sum()]
        at = int(row["component"])
        self._history.data[at : at + len(sizes) + len(pooled)] = np.append(sizes, pooled)

    def spend_of(self, test: int) -> float:
        """Spend of a full tick: where the evidence of an idle test lies."""
        return float(self._row(test)["spend"])

    def reset(self, test: int) -> None:
        """M = 0 and armed."""
        row = self._row(test)
        components = _components(int(row["strata"]))
        self._state.data[row["state"] : row["state"] + components * row["alternatives"]] = 0
        self._totals.data[row["component"] : row["component"] + components] = 0
        row["armed"] = True

    def disarm(self, test: int) -> None:
        """Ignores the test's cells, and spends nothing on it, until `reset`."""
        self._row(test)["armed"] = False

    def remove(self, test: int) -> None:
        """Ends a test; its id may be handed out again."""
        row = self._row(test)
        components = _components(int(row["strata"]))
        for number in self._component_bank.data[row["component"] : row["component"] + row["strata"]]:
            self._release(int(number))
        self._state.free(int(row["state"]), components * int(row["alternatives"]))
        self._totals.free(int(row["component"]), components)
        self._component_bank.free(int(row["component"]), components)
        self._history.free(int(row["component"]), components)
        for arena in (self._prior, self._fade_into, self._fade_pace):
            arena.free(int(row["prior"]), int(row["alternatives"]))
        row["alive"] = row["armed"] = False
        self._slots.free(test)

    def log_evidence(self) -> NDArray[np.float64]:
        """(ids,) log M, rounded to 1e-9; -inf at M = 0, NaN for ids that are free."""
        rows = self._tests[: self._slots.size]
        out = np.full(self._slots.size, np.nan)
        for strata in np.unique(rows["strata"][rows["alive"]]).tolist():
            tests = np.flatnonzero(rows["alive"] & (rows["strata"] == strata))
            weights = _weights(strata)
            m = self._totals.data[rows["component"][tests][:, None] + np.arange(len(weights))] @ weights
            with np.errstate(divide="ignore"):
                out[tests] = np.round(np.log(m), 9)
        return out

    def log_evidence_of(self, test: int) -> float:
        """log M of one test."""
        row = self._row(test)
        totals = self._totals.data[row["component"] : row["component"] + _components(int(row["strata"]))]
        m = float(_weights(int(row["strata"])) @ totals)
        return round(float(np.log(m)), 9) if m > 0 else -np.inf

    def armed(self) -> NDArray[np.bool_]:
        """(ids,) which tests may alarm."""
        out: NDArray[np.bool_] = self._tests["armed"][: self._slots.size].copy()
        return out

    def total_spend(self) -> NDArray[np.float64]:
        """(ids,) spend so far: the bound on each test's expected false alarms."""
        rows = self._tests[: self._slots.size]
        return np.where(rows["alive"], rows["spent"], 0.0)

    def spends(self) -> NDArray[np.float64]:
        """(ids,) spend of a full tick from now on; 0 for tests that are not armed and for ids that are free."""
        rows = self._tests[: self._slots.size]
        return np.where(rows["alive"] & rows["armed"], rows["spend"], 0.0)

    def leading(self, test: int) -> tuple[int, int]:
        """(component, alternative) with the largest share of M; component S of S > 1 strata is the pooled one."""
        row = self._row(test)
        size = _components(int(row["strata"]))
        k = int(row["alternatives"])
        state = self._state.data[row["state"] : row["state"] + size * k].reshape(size, k)
        prior = self._prior.data[row["prior"] : row["prior"] + k]
        share = _weights(int(row["strata"]))[:, None] * state * prior
        component, alternative = divmod(int(share.argmax()), k)
        return component, alternative

    def fingerprints(self, test: int) -> tuple[int, ...]:
        """Fingerprints of the banks that a test was started with, per stratum."""
        row = self._row(test)
        numbers = self._component_bank.data[row["component"] : row["component"] + row["strata"]]
        return tuple(self._bank_key[int(number)] for number in numbers)

    def snapshot(self, *, with_banks: bool = True) -> dict[str, NDArray[np.generic]]:
        """A copy of everything, as arrays. Without banks, `restore` must be handed them."""
        alive = np.flatnonzero(self._tests["alive"][: self._slots.size])
        rows = self._tests[alive]
        sizes = [_components(int(r["strata"])) * int(r["alternatives"]) for r in rows]
        blocks = [self._state.data[r["state"] : r["state"] + n] for r, n in zip(rows, sizes, strict=True)]
        references = [self._history.data[r["component"] : r["component"] + r["strata"]] for r in rows]
        prints = [key for test in alive for key in self.fingerprints(int(test))]
        out: dict[str, NDArray[np.generic]] = {
            "format": np.array([FORMAT, self._slots.size], dtype=np.int64),
            "id": alive.astype(np.int64),
            "R": np.concatenate([*blocks, np.empty(0)]),
            "history": np.concatenate([*references, np.empty(0)]),
            "bank": np.array(prints, dtype=np.int64),
        }
        for name in ("armed", "strata", "alternatives", "spend", "n_ref", "spent"):
            out[name] = rows[name].copy()
        if with_banks:
            banks = [bank for _, _, bank in self._banks.values()]
            out["bank_id"] = np.array([bank.fingerprint for bank in banks], dtype=np.int64)
            out["bank_bins"] = np.array([bank.log_e.shape[0] for bank in banks], dtype=np.int64)
            out["bank_alternatives"] = np.array([len(bank.log_prior) for bank in banks], dtype=np.int64)
            out["bank_log_e"] = np.concatenate([*(bank.log_e.ravel() for bank in banks), np.empty(0)])
            out["bank_log_prior"] = np.concatenate([*(bank.log_prior for bank in banks), np.empty(0)])
            out["bank_into"] = np.concatenate([*(fades_of(bank)[0] for bank in banks), np.empty(0, np.int64)])
            out["bank_pace"] = np.concatenate([*(fades_of(bank)[1] for bank in banks), np.empty(0)])
        return out

    @classmethod
    def restore(
        cls,
        snapshot: dict[str, NDArray[np.generic]],
        *,
        banks: Callable[[int], Sequence[Bank]] | None = None,
    ) -> Evidence:
        """An engine that continues exactly where the snapshot was taken.

        Parameters
        ----------
        banks : from a test's id to its banks, for snapshots without them.

        Raises ValueError when a bank's fingerprint is not the one the evidence was gathered with: evidence
        means nothing under another bank. Replay the counts instead.
        """
        version, size = (int(v) for v in snapshot["format"])
        if version != FORMAT:
            raise ValueError(f"snapshot of format {version}, this code reads {FORMAT}: replay the counts")
        stored = _stored_banks(snapshot)
        engine = cls()
        engine._slots.restore(size, snapshot["id"].astype(np.int64))
        engine._tests = grown(engine._tests, size)
        free_ids, engine._slots._free = engine._slots._free, []
        at_r = at_bank = 0
        for i, test in enumerate(int(t) for t in snapshot["id"]):
            strata = int(snapshot["strata"][i])
            prints = [int(p) for p in snapshot["bank"][at_bank : at_bank + strata]]
            given = list(banks(test)) if banks else [_known(stored, key) for key in prints]
            if [bank.fingerprint for bank in given] != prints:
                raise ValueError(f"test {test} was gathered under other banks than given: replay its counts")
            engine._slots._free = [test]
            references = snapshot["history"][at_bank : at_bank + strata].astype(np.float64)
            engine.add(
                given,
                spend=float(snapshot["spend"][i]),
                n_ref=float(snapshot["n_ref"][i]),
                history=references.tolist(),
            )
            row = engine._tests[test]
            length = _components(strata) * int(snapshot["alternatives"][i])
            engine._state.data[row["state"] : row["state"] + length] = snapshot["R"][at_r : at_r + length]
            row["armed"], row["spent"] = snapshot["armed"][i], snapshot["spent"][i]
            engine._recount(test)
            at_r, at_bank = at_r + length, at_bank + strata
        engine._slots._free = free_ids
        return engine

    def _recount(self, test: int) -> None:
        row = self._row(test)
        k, c, s = int(row["alternatives"]), int(row["component"]), int(row["state"])
        prior = self._prior.data[row["prior"] : row["prior"] + k]
        for i in range(_components(int(row["strata"]))):
            total = 0.0  # summed in the kernel's order, so that a restored engine is the same to the last bit
            for j in range(k):
                total += prior[j] * self._state.data[s + i * k + j]
            self._totals.data[c + i] = total

    def _row(self, test: int) -> np.void:
        if not 0 <= test < self._slots.size or not self._tests[test]["alive"]:
            raise ValueError(f"no such test: {test}")
        row: np.void = self._tests[test]
        return row

    def _hold(self, bank: Bank) -> int:
        number, users, kept = self._banks.get(bank.fingerprint, (-1, 0, bank))
        if not users:
            number = self._bank_slots.take()
            self._bank_offset = grown(self._bank_offset, number + 1)
            self._bank_bins = grown(self._bank_bins, number + 1)
            self._bank_offset[number] = self._tables.put(bank.log_e.ravel())
            self._bank_bins[number] = bank.log_e.shape[0]
            self._bank_key[number] = bank.fingerprint
        self._banks[bank.fingerprint] = (number, users + 1, kept)
        return number

    def _release(self, number: int) -> None:
        key = self._bank_key[number]
        _, users, bank = self._banks[key]
        if users > 1:
            self._banks[key] = (number, users - 1, bank)
            return
        del self._banks[key], self._bank_key[number]
        self._tables.free(int(self._bank_offset[number]), bank.log_e.size)
        self._bank_slots.free(number)


def _check_spend(spend: float) -> None:
    if not (np.isfinite(spend) and spend >= 0):
        raise ValueError(f"spend must be a number of alarms per full tick, >= 0, got {spend}")


def _components(strata: int) -> int:
    return 1 if strata == 1 else strata + 1


def _weights(strata: int) -> NDArray[np.float64]:
    return np.ones(1) if strata == 1 else np.array([0.5 / strata] * strata + [0.5])


def _stored_banks(snapshot: dict[str, NDArray[np.generic]]) -> dict[int, Bank]:
    out: dict[int, Bank] = {}
    at = at_prior = 0
    if "bank_id" not in snapshot:
        return out
    columns = (snapshot[name].tolist() for name in ("bank_id", "bank_bins", "bank_alternatives"))
    for key, bins, k in zip(*columns, strict=True):
        log_e = snapshot["bank_log_e"][at : at + bins * k].reshape(bins, k)
        prior, into, pace = (
            snapshot[name][at_prior : at_prior + k] for name in ("bank_log_prior", "bank_into", "bank_pace")
        )
        fades = into.astype(np.int64), pace.astype(np.float64)
        bank = Bank(log_e.astype(np.float64), prior.astype(np.float64), fades=fades)
        if bank.fingerprint != key:
            raise ValueError("a bank in the snapshot does not have its own fingerprint: the snapshot is damaged")
        out[key] = bank
        at, at_prior = at + bins * k, at_prior + k
    return out


def _known(stored: dict[int, Bank], key: int) -> Bank:
    if key not in stored:
        raise ValueError("the snapshot holds no banks: pass banks= to restore")
    return stored[key]
