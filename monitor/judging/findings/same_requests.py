"""One change of the requests is one notice, however many guardrails log them.

Length, script or turn of a prompt is a fact about the request: each guardrail that judges it logs the same, and each
stream's test finds the same change. The first notice is kept and names the others.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.findings.model import Finding
from monitor.incidents.words import plain
from monitor.judging.state import AnyChangeTest
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.from_baseline import arrange
from monitor.signals.registry import SIGNALS

APART: Final = 0.2
"""Of the events, so many may lie in other ticks or bins than the other stream's. What guardrails log of one request
may fall on both sides of a tick's end; two products of one kind, with 50 requests in a tick, differ by 40 %."""
BEFORE_TICKS: Final = 60
"""Before the onset that are compared as well: a change that is found in its first tick says too little."""
ALSO: Final = "; the same requests at "
MOST_NAMED: Final = 5


def same_change(fleet: Fleet, number: int, test: AnyChangeTest, found: Finding, tick: int) -> Finding | None:
    """The notice of another stream that reports this change already, naming this one too; None if there is none.

    The caller keeps it as the finding of this stream's test, as it is kept for the others.

    Args:
        number: the unit whose test has alarmed in ``tick``.
        found: what it has found.
    """
    signal = SIGNALS[test.signal]
    if not signal.of_requests:
        return None
    for other, state in enumerate(fleet.state.units):
        for theirs in state.epoch.any_change_tests if state.epoch is not None and other != number else ():
            seen = theirs.finding
            if theirs.signal != test.signal or seen is None or not _recent(fleet, seen, found):
                continue
            onset = max(seen.onset_low_ms, found.onset_low_ms) // fleet.rule.tick_ms
            start = max(0, onset - BEFORE_TICKS)
            if _alike(*(_counts(fleet, unit, test.signal, start, tick + 1) for unit in (number, other))):
                named = _naming(seen, found.guardrail)
                _replace(fleet, named)
                return named
    return None


def _replace(fleet: Fleet, named: Finding) -> None:
    """Every stream that it names remembers it: who dismisses the notice dismisses the change for all of them."""
    for unit in fleet.state.units:
        for test in unit.epoch.any_change_tests if unit.epoch is not None else ():
            if test.finding is not None and test.finding.id == named.id:
                test.finding = named


def _recent(fleet: Fleet, seen: Finding, found: Finding) -> bool:
    soon = found.detected_at_ms - seen.detected_at_ms <= fleet.rule.reopen_ms
    return soon and found.onset_low_ms <= seen.detected_at_ms


def _counts(fleet: Fleet, number: int, signal: int, from_tick: int, to_tick: int) -> NDArray[np.int64]:
    """int64 (ticks, bins)."""
    counts = arrange(fleet.counts_of(number, from_tick, to_tick), fleet.slices_of(number), ("",))
    table = np.zeros((to_tick - from_tick, len(SIGNALS[signal].bins)), np.int64)
    table[counts.ticks - from_tick] = counts.signal(SIGNALS[signal])[:, 0]
    return table


def _alike(one: NDArray[np.int64], other: NDArray[np.int64]) -> bool:
    return bool(np.abs(one - other).sum() <= APART * max(one.sum(), other.sum()))


def _naming(seen: Finding, guardrail: str) -> Finding:
    """The notice with one more guardrail in its detail, up to a few."""
    detail, _, names = seen.evidence.detail.partition(ALSO)
    known = names.split(", ") if names else []
    name = plain(guardrail).replace(",", " ")
    if name in known or guardrail == seen.guardrail or len(known) >= MOST_NAMED:
        return seen
    evidence = msgspec.structs.replace(seen.evidence, detail=f"{detail}{ALSO}{', '.join([*known, name])}")
    return msgspec.structs.replace(seen, evidence=evidence)
