"""Findings about the traffic: the mix has changed, a slice is new, new slices surge. They are of no single guardrail:
each request is counted once, whoever judges it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from detectors.alternatives import Bank
from detectors.onset import LOG_UNITS, onset
from monitor.counts.model import Slice
from monitor.counts.units import REST
from monitor.findings.model import EVERY_GUARDRAIL, Contribution, Direction, Effect, Evidence, Finding, Kind
from monitor.incidents.words import percent
from monitor.judging.findings.build import build
from monitor.judging.traffic.state import MixState, Recent

SIGNAL: Final = "traffic_mix"
TOP: Final = 5


def since(recent: Sequence[Recent], bank: Bank, table: NDArray[np.int64]) -> tuple[int, int, int]:
    """(first, best, last) index into ``recent`` at which it may have begun; ``table`` is (ticks, bins)."""
    found = onset(table @ bank.log_e)
    if not recent:
        raise AssertionError("an alarm without a tick")
    return found.first, found.best, found.last


def parted(history: NDArray[np.int64], table: NDArray[np.int64]) -> tuple[int, int, int]:
    """(first, best, last) tick of ``table`` (ticks, bins) from which on what came differs most from all before it.

    The test has alarmed against its history, which the ticks are the end of, so it is asked of that very history: the
    mix reported last may have gone long ago, too small a part of the history to be an alarm of its own.
    """
    after = np.cumsum(table[::-1], axis=0)[::-1]
    likely = _likelihood(history - after) + _likelihood(after)
    near = np.flatnonzero(likely >= likely.max() - LOG_UNITS)
    return int(near[0]), int(likely.argmax()), int(near[-1])


def _likelihood(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(rows,) log probability of counts (rows, bins) under any law: a Dirichlet prior of 1/2 a bin."""
    half = np.full(counts.shape[1], 0.5)
    whole = half.sum()
    out: NDArray[np.float64] = gammaln(counts + half).sum(axis=1) - gammaln(counts.sum(axis=1) + whole)
    return out


def mix_changed(
    mix: MixState,
    recent: Sequence[Recent],
    start: tuple[int, int, int],
    before: NDArray[np.float64],
    *,
    log_evidence: float,
    tick_ms: int,
) -> Finding:
    """The any-change test has alarmed; ``recent`` ends with the alarm's tick, ``before`` are the shares so far."""
    after = np.sum([one.mixed for one in recent[start[1] :]], axis=0)
    share = after / max(1, after.sum())
    moved = np.round(share - before, 9)  # sums of floats must not decide who comes first
    ranked = sorted(range(len(moved)), key=lambda i: (-abs(moved[i]), mix.named[i]))
    shown = _shown(moved, ranked)
    parts = [
        f"{mix.named[i]} {percent(before[i])} -> {percent(share[i])}" for i in ranked[:TOP] if abs(moved[i]) >= 0.005
    ]
    amounts = {mix.named[i]: float(abs(moved[i])) for i in range(len(moved))}
    names = new_since(recent[start[1] :])
    if names and moved[-1] > 0:  # the pooled rest has grown: by whom?
        parts.append("never seen before: " + ", ".join(f"{n} of {name}" for name, n in first(names)))
        rest = amounts.pop(mix.named[-1])
        amounts |= {name: rest * n / sum(names.values()) for name, n in names.items()}
    return finding(
        question="mix_change",
        tick=recent[-1].tick,
        tick_ms=tick_ms,
        kind=Kind.notice,
        direction=Direction.change,
        stratum="",
        onset_ticks=(recent[start[0]].tick, recent[start[2]].tick + 1),
        effect=effect(float(before[shown]), float(share[shown]), what=_what(mix, mix.named[shown])),
        evidence=Evidence(
            log_evidence=log_evidence,
            events=int(after.sum()),
            level=None,
            detail=f"the traffic mix since the onset is not exchangeable with the mix before: {', '.join(parts)}",
        ),
        attribution=shares(amounts),
    )


def new_slices(
    names: Mapping[str, int], *, requests: int, onset_tick: int, tick: int, tick_ms: int, expected: float
) -> Finding:
    """Slices that were never seen before have sent enough requests to be reported."""
    more = f" and {len(names) - TOP} more" if len(names) > TOP else ""
    every, largest = sum(names.values()), first(names)[0][0]
    others = (
        f" and {len(names) - 1} other new kinds"
        if len(names) > 2
        else " and another new kind"
        if len(names) == 2
        else ""
    )
    return finding(
        question="new_slice",
        tick=tick,
        tick_ms=tick_ms,
        kind=Kind.notice,
        direction=Direction.rise,
        stratum="",
        onset_ticks=(onset_tick, tick + 1),
        effect=effect(
            expected,
            every / max(1, requests),
            summary=f"{every:,} requests with {largest}{others}, never seen before "
            f"({percent(every / max(1, requests))} of all)",
        ),
        evidence=Evidence(
            log_evidence=0.0,
            events=sum(names.values()),
            level=None,
            detail="never seen before: " + ", ".join(f"{n} requests of {name}" for name, n in first(names)) + more,
        ),
        attribution=shares(names),
    )


def surged(
    mix: MixState, recent: Sequence[Recent], start: tuple[int, int, int], *, log_evidence: float, tick_ms: int
) -> Finding:
    """Never-seen slices have more of the traffic than their limit."""
    after = recent[start[1] :]
    names = new_since(after)
    requests, unseen = sum(sum(one.named) for one in after), sum(names.values())
    share = unseen / max(1, requests)
    return finding(
        question="new_slices_surge",
        tick=recent[-1].tick,
        tick_ms=tick_ms,
        kind=Kind.page,
        direction=Direction.rise,
        stratum="",
        onset_ticks=(recent[start[0]].tick, recent[start[2]].tick + 1),
        effect=effect(mix.surge.expected, share),
        evidence=Evidence(
            log_evidence=log_evidence,
            events=requests,
            level=mix.surge.limit,
            detail=f"{percent(share)} of all requests come from slices that the baseline has never seen, at most "
            f"{percent(mix.surge.limit)} is approved: " + ", ".join(f"{n} of {name}" for name, n in first(names)),
        ),
        attribution=shares(names),
    )


def new_since(recent: Sequence[Recent]) -> dict[str, int]:
    """Requests of never-seen slices in these ticks."""
    names: dict[str, int] = {}
    for one in recent:
        for name, n in one.new.items():
            names[name] = names.get(name, 0) + n
    return names


def finding(
    *,
    question: str,
    tick: int,
    tick_ms: int,
    kind: Kind,
    direction: Direction,
    stratum: str,
    onset_ticks: tuple[int, int],
    effect: Effect,
    evidence: Evidence,
    attribution: tuple[Contribution, ...],
) -> Finding:
    """A finding of ``tick`` about all traffic."""
    return build(
        Slice.of_guardrail(EVERY_GUARDRAIL),
        SIGNAL,
        question,
        tick=tick,
        tick_ms=tick_ms,
        kind=kind,
        direction=direction,
        onset_ms=(onset_ticks[0] * tick_ms, onset_ticks[1] * tick_ms),
        effect=effect,
        evidence=evidence,
        attribution=attribution,
        stratum=stratum,
    )


def effect(before: float, now: float, *, what: str = "", summary: str = "") -> Effect:
    """Two shares of all requests."""
    ratio = now / before if before > 0 else None
    return Effect(baseline=before, current=now, ratio=ratio, what=what, summary=summary)


def _what(mix: MixState, name: str) -> str:
    whom = "conversations" if mix.by_conversation else "requests"
    return f"share of {whom} of all other kinds" if name == REST else f"share of {whom} with {name}"


def _shown(moved: NDArray[np.float64], ranked: Sequence[int]) -> int:
    """The slice that grew is shown, unless one slice shrank far more than any other grew."""
    grown = next((i for i in ranked if moved[i] > 0), ranked[0])
    return grown if 2 * moved[grown] >= abs(moved[ranked[0]]) else ranked[0]


def first(names: Mapping[str, int]) -> list[tuple[str, int]]:
    """The largest few, ties by name."""
    return sorted(names.items(), key=lambda item: (-item[1], item[0]))[:TOP]


def shares(amounts: Mapping[str, float] | Mapping[str, int]) -> tuple[Contribution, ...]:
    """All of it is mix, nothing behaviour; then the slices that carry it."""
    total = float(sum(amounts.values()))
    if total <= 0:
        return ()
    ranked = sorted(amounts.items(), key=lambda item: (-round(item[1], 9), item[0]))[:TOP]
    return (
        Contribution(what="mix", name="who asks", share=1.0),
        *(Contribution(what="stratum", name=name, share=float(n) / total) for name, n in ranked if n > 0),
    )
