"""Many streams as counts per tick, judged by the real Assessor without log or database.

The counts are drawn directly (multinomial per stream, stratum and signal), which is what counting a log of such
events would give; the judging from there on is the service's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from monitor.counts.cuts import between
from monitor.counts.model import LoadedCounts, Slice
from monitor.findings.model import Finding, Kind
from monitor.judging.assess import Assessor
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import JudgeState
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS, SIGNALS
from tests.statistics.together import Traffic

BOUNDARY, VERDICT, COVERAGE = (s for s in SIGNALS if s.name in ("boundary_proximity", "verdict_mix", "coverage"))
MONTH_MS = 30 * 86_400_000


@dataclass(frozen=True, slots=True)
class Normal:
    """What is normal in one stratum of a stream: shares of adverse verdicts, near scores and failures."""

    adverse: float
    near: float
    failed: float = 0.001

    def laws(self) -> dict[str, NDArray[np.float64]]:
        """Probability of each bin of each signal, given that the event has one."""
        boundary = np.zeros(len(BOUNDARY.bins))
        inner = np.asarray(BOUNDARY.questions[0].values) > 0
        boundary[inner] = self.near / inner.sum()
        boundary[0], boundary[-1] = (1 - self.near) * 0.9, (1 - self.near) * 0.1
        verdict = np.zeros(len(VERDICT.bins))
        verdict[VERDICT.bins.index("deny/block")] = self.adverse
        verdict[VERDICT.bins.index("allow/allow")] = 1 - self.adverse
        coverage = np.zeros(len(COVERAGE.bins))
        coverage[COVERAGE.bins.index("timeout")] = self.failed
        coverage[COVERAGE.bins.index("ok")] = 1 - self.failed
        return {BOUNDARY.name: boundary, VERDICT.name: verdict, COVERAGE.name: coverage}


Events = Callable[[np.random.Generator, int], NDArray[np.int64]]
"""(generator, ticks) -> (ticks, strata) events."""


@dataclass(frozen=True)
class Stream:
    """One guardrail: what is normal per stratum, and how many events come."""

    strata: tuple[Normal, ...]
    events: Events
    later: tuple[Normal, ...] | None = None
    """What holds from the middle of the time on, if that is another matter."""
    wander: float = 0.0
    """Relative sd of the adverse share, drawn anew every twelve ticks."""
    traffic: Traffic | None = None
    """Events and adverse verdicts of the one stratum, where they are not drawn one by one."""


@dataclass(frozen=True)
class Judged:
    """What the streams came to over the time that they were watched."""

    findings: list[Finding]
    page_spend: float
    """What the tests have spent, in alarms."""
    notice_spend: float
    page_spends: float
    """What all armed tests together may spend in the next full tick."""
    notice_spends: float
    stream_months: float
    ends: dict[str, int]
    """By finding, how often it was said to have ended."""
    open_ms: dict[str, int]
    """By finding, from its first page to its last known end, or to the end of time."""

    def count(self, kind: Kind, *promises: str) -> int:
        """Findings of a kind that something is promised of; those of provisional baselines and rules are not."""
        wanted = promises or ("proved", "calibrated")
        return sum(1 for f in self.findings if f.kind is kind and f.promise.value in wanted)


def slices_of(streams: list[Stream]) -> dict[int, Slice]:
    """A slice per stream and stratum, ids from 1."""
    out: dict[int, Slice] = {}
    for number, stream in enumerate(streams):
        for s in range(len(stream.strata)):
            language = f"l{s}" if len(stream.strata) > 1 else ""
            name = f"g{number:04}"
            out[len(out) + 1] = Slice(name, "1", "", "input", "continuous", "p_unsafe", 500, language, "", "", "", "")
    return out


def counts_of(streams: list[Stream], rng: np.random.Generator, ticks: int) -> Iterator[LoadedCounts]:
    """Counts in chunks of ticks, sorted by tick and cell."""
    together = [None if stream.traffic is None else stream.traffic(rng, ticks) for stream in streams]
    drawn = [
        stream.events(rng, ticks) if dependent is None else dependent[0][:, None]
        for stream, dependent in zip(streams, together, strict=True)
    ]
    factors = [np.exp(rng.normal(0, s.wander, ticks // 12 + 1)).repeat(12)[:ticks] for s in streams]
    chunk = max(1, 50_000 // len(streams))
    middle = ticks // 2
    edges = sorted({*range(0, ticks, chunk), middle, ticks})
    for start, stop in pairwise(edges):
        parts: tuple[list, list, list] = ([], [], [])
        first = 1
        for stream, events, dependent, factor in zip(streams, drawn, together, factors, strict=True):
            adverse = None if dependent is None else dependent[1][start:stop]
            strata = stream.strata if stream.later is None or start < middle else stream.later
            for s, normal in enumerate(strata):
                drawn_ = events[start:stop, s], factor[start:stop], adverse
                _draw(normal, *drawn_, rng, (first + s) * COLUMNS, start, parts)
            first += len(stream.strata)
        tick, cell, count = (np.concatenate(part) for part in parts)
        order = np.lexsort((cell, tick))
        yield LoadedCounts(tick[order], cell[order], count[order])


def _draw(normal, n, factor, judged, rng, base, start, parts) -> None:
    laws = normal.laws()
    _put(n[:, None], base + EVENTS_COLUMN, start, *parts)
    coverage = rng.multinomial(n, laws[COVERAGE.name])
    if judged is not None:
        coverage = np.zeros_like(coverage)
        coverage[:, 0] = n
    ran = coverage[:, 0]  # only these have a score and a verdict
    _put(coverage, base + OFFSETS[COVERAGE.name], start, *parts)
    _put(rng.multinomial(ran, laws[BOUNDARY.name]), base + OFFSETS[BOUNDARY.name], start, *parts)
    verdict = laws[VERDICT.name]
    if judged is not None:
        table = np.zeros((len(n), len(VERDICT.bins)), np.int64)
        table[:, VERDICT.bins.index("deny/block")] = judged
        table[:, VERDICT.bins.index("allow/allow")] = n - judged
        _put(table, base + OFFSETS[VERDICT.name], start, *parts)
        return
    if (factor != 1).any():
        adverse = np.minimum(normal.adverse * factor, 0.99)
        verdict = np.where(verdict == normal.adverse, adverse[:, None], verdict)
        verdict[:, VERDICT.bins.index("allow/allow")] = 1 - adverse
    _put(rng.multinomial(ran, verdict), base + OFFSETS[VERDICT.name], start, *parts)


def _put(table: NDArray[np.int64], base: int, start: int, ticks: list, cells: list, counts: list) -> None:
    row, column = np.nonzero(table)
    ticks.append(row + start)
    cells.append(base + column)
    counts.append(table[row, column])


def judge(streams: list[Stream], rule: JudgeSettings, *, seed: int, ticks: int) -> Judged:
    """Learn by the automatic policy, then watch, to the end of the ticks."""
    rng = np.random.default_rng(seed)
    past: list[LoadedCounts] = []

    def history(from_tick: int, to_tick: int) -> LoadedCounts:
        parts = [between(counts, from_tick, to_tick) for counts in past]
        return LoadedCounts(
            *(np.concatenate([getattr(p, name) for p in parts]) for name in ("tick", "cell", "count"))
        )

    assessor = Assessor(rule, history, state=JudgeState(judged_before=0, units=[], guardrails={}))
    assessor.learn_slices(slices_of(streams))
    first: dict[str, Finding] = {}
    ends: Counter[str] = Counter()
    open_ms: dict[str, int] = {}
    spent: Counter[str] = Counter()
    at = 0
    for counts in counts_of(streams, rng, ticks):
        past.append(counts)
        at = min(ticks, int(counts.tick[-1]) + 1)
        outcome = assessor.advance(counts, at)
        spent.update(outcome.spent)
        for finding in outcome.findings:
            if finding.kind is Kind.page and finding.paged_at_ms is not None:
                until = finding.ended_at_ms or ticks * rule.tick_ms
                open_ms[finding.id] = until - finding.paged_at_ms
                ends[finding.id] += finding.ended_at_ms is not None
            known = first.get(finding.id)
            if known is None or (known.kind is Kind.notice and finding.kind is Kind.page):
                first[finding.id] = finding
    assessor.advance(LoadedCounts(*(np.zeros(0, np.int64),) * 3), ticks)
    spends = assessor.fleet.panel.evidence.snapshot()
    spend = dict(zip(spends["id"].tolist(), np.where(spends["armed"], spends["spend"], 0.0).tolist(), strict=True))
    page_spends = notice_spends = watched = 0.0
    for unit in assessor.fleet.state.units:
        if unit.epoch is None:
            raise AssertionError(f"{unit.unit.guardrail} never learned its baseline")
        watched += (ticks - unit.epoch.watched_from) * rule.tick_ms / MONTH_MS
        diffuse = assessor.fleet.panel.dense
        dense = [bet for notice in unit.epoch.any_change_tests for bet in notice.dense]
        page_spends += sum(spend[watch.test] for watch in unit.epoch.page_tests)
        notice_spends += sum(spend[notice.test] for notice in unit.epoch.any_change_tests)
        notice_spends += sum(diffuse.spend_of(bet) for bet in dense)
    return Judged(
        findings=list(first.values()),
        page_spend=spent["page"],
        notice_spend=spent["notice"],
        page_spends=page_spends,
        notice_spends=notice_spends,
        stream_months=watched,
        ends=dict(ends),
        open_ms=open_ms,
    )
