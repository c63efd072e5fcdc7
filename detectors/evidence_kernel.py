"""The inner loop of `evidence.Evidence`: compiled, one pass over the cells, touching only what the cells name."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOP = 690.0  # exp(690) = 1e299; R before a tick is below 1e7, so that R * exp(TOP) stays finite
SUDDEN = 1e9  # growth of a history from nothing: all that fades has faded
ROUND = 1e9  # log M is compared after rounding to 1e-9: sums of floats are not byte-stable
NEAR = 0.999  # below, no rounding makes an alarm, and nobody needs the logarithm
FITS, NO_TEST, NO_STRATUM, NO_BIN = range(4)  # what may be wrong with a cell


@njit(cache=True, nogil=True)
def fault_of(
    cells: tuple[Ints, Ints, Ints, Ints], tests: NDArray[Any], size: int, bank_of: Ints, bank_bins: Ints
) -> int:
    """The first cell's fault that has one: every index that the loops below follow is checked here."""
    test, stratum, bin_, _ = cells
    bins = 0
    for i in range(len(test)):
        which, s = test[i], stratum[i]
        if i == 0 or which != test[i - 1] or s != stratum[i - 1]:
            if which < 0 or which >= size or not tests[which].alive:
                return NO_TEST
            if s < 0 or s >= tests[which].strata:
                return NO_STRATUM
            bins = bank_bins[bank_of[tests[which].component + s]]
        if bin_[i] < 0 or bin_[i] >= bins:
            return NO_BIN
    return FITS


@njit(cache=True, nogil=True)
def advance_ticks(
    ptr: Ints,
    cells: tuple[Ints, Ints, Ints, Ints],
    tests: NDArray[Any],
    state: Floats,
    totals: Floats,
    banks: tuple[Ints, Ints, Floats],
    bets: tuple[Floats, Ints, Floats, Floats],
) -> tuple[int, NDArray[np.int32]]:
    """Ticks consumed and tests that alarmed in the last of them. Cells are sorted by (test, stratum, bin)."""
    test = cells[0]
    alarmed = np.empty(16, dtype=np.int32)
    scratch = np.empty((2, 64))  # log e of one stratum, and of all
    found = 0
    for t in range(len(ptr) - 1):
        start = ptr[t]
        while start < ptr[t + 1]:
            end = start
            while end < ptr[t + 1] and test[end] == test[start]:
                end += 1
            which = test[start]
            if tests[which].alternatives > scratch.shape[1]:
                scratch = np.empty((2, tests[which].alternatives))
            if tests[which].armed and _update(start, end, cells, tests, which, state, totals, banks, bets, scratch):
                tests[which].armed = False
                if found == len(alarmed):
                    alarmed = np.concatenate((alarmed, np.empty(found, dtype=np.int32)))
                alarmed[found] = which
                found += 1
            start = end
        if found:
            return t + 1, alarmed[:found].copy()
    return len(ptr) - 1, alarmed[:0].copy()


@njit(cache=True, nogil=True)
def _update(
    start: int,
    end: int,
    cells: tuple[Ints, Ints, Ints, Ints],
    tests: NDArray[Any],
    which: int,
    state: Floats,
    totals: Floats,
    banks: tuple[Ints, Ints, Floats],
    bets: tuple[Floats, Ints, Floats, Floats],
    scratch: Floats,
) -> bool:
    """One test, one tick: adds the spend, multiplies by the tick's e-values, returns whether M reached 1."""
    _, stratum, bin_, count = cells
    bank_of, table_at, table = banks
    priors, into, pace, history = bets
    row = tests[which]
    strata, k = row.strata, row.alternatives
    n = 0
    seen = 0  # strata with events
    last = -1
    for i in range(start, end):
        n += count[i]
        if count[i] > 0 and stratum[i] != last:
            seen += 1
            last = stratum[i]
    if n == 0:
        return False
    w = row.spend * min(float(n), row.n_ref) / row.n_ref
    row.spent += w
    # Slices carry 1/2 of M and hold 1/S of that each; what the silent ones would spend goes to those seen,
    # so that w is spent in full and a thin stream spends per event what a thick one does.
    w_slice = w * strata / seen
    prior = priors[row.prior : row.prior + k]
    fades = (into[row.prior : row.prior + k], pace[row.prior : row.prior + k])
    own, pooled = scratch[0, :k], scratch[1, :k]
    pooled[:] = 0.0
    i = start
    while i < end:
        s = stratum[i]
        own[:] = 0.0
        mine = 0
        base = table_at[bank_of[row.component + s]]
        while i < end and stratum[i] == s:
            if count[i] > 0:
                mine += count[i]
                c = float(count[i])
                at = base + bin_[i] * k
                log_e = table[at : at + k]  # of a slice no index is negative, and the loop is vectorised
                for j in range(k):
                    own[j] += c * log_e[j]
            i += 1
        if mine:
            here = row.state + s * k
            _fade(state[here : here + k], _growth(history, row.component + s, mine), prior, fades)
            totals[row.component + s] = _multiply(state[here : here + k], own, w_slice, prior)
            for j in range(k):
                pooled[j] += own[j]
    if strata == 1:
        m = totals[row.component]
    else:
        here = row.state + strata * k
        _fade(state[here : here + k], _growth(history, row.component + strata, n), prior, fades)
        totals[row.component + strata] = _multiply(state[here : here + k], pooled, w, prior)
        m = 0.0
        for s in range(strata):
            m += totals[row.component + s]
        m = 0.5 * (m / strata + totals[row.component + strata])
    return bool(m > NEAR and np.round(np.log(m) * ROUND) >= 0.0)


@njit(cache=True, nogil=True)
def _growth(history: Floats, at: int, n: int) -> float:
    """log of the factor by which n events make a history larger, which from now on holds them; 0 where none grows."""
    before = history[at]
    if before == np.inf:
        return 0.0
    history[at] = before + n
    return float(np.log1p(n / before)) if before > 0.0 else SUDDEN


@njit(cache=True, nogil=True)
def _fade(state: Floats, growth: float, prior: Floats, fades: tuple[Ints, Floats]) -> None:
    """Transfers weight to the alternatives that the present ones become; the sum, weighted by the prior, stays."""
    if growth == 0.0:
        return
    into, pace = fades
    for j in range(len(state)):  # rising: what moves into an earlier place does not move on in the same tick
        if into[j] != j:
            moved = state[j] * min(growth * pace[j], 1.0)
            state[j] -= moved
            state[into[j]] += moved * prior[j] / prior[into[j]]


@njit(cache=True, nogil=True)
def _multiply(state: Floats, log_e: Floats, w: float, prior: Floats) -> float:
    """`R <- (R + w) * e` in place for one component; returns its evidence, the prior's mean of R."""
    top = log_e.max()
    shift = top - TOP if top > TOP else 0.0  # keeps the order of alternatives where all would overflow
    total = 0.0
    for j in range(len(state)):
        state[j] = (state[j] + w) * np.exp(log_e[j] - shift)
        total += prior[j] * state[j]
    return total
