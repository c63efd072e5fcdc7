"""The detectors compared, behind one call: streams and their changes in, delays and false alarms out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from detectors.alternatives import Bank, boundary, crowding, growth, material, mixture, sparse
from detectors.calibration import Plan, calibrate
from detectors.dense import DenseEvidence
from detectors.evidence import Evidence
from detectors.recoupling import Recoupler, declared, seed_of
from tests.benchmarks import detection_oracle

SPACING = 50_000  # events between false alarms that every tuned method is allowed
TICK = 50
SPLIT = 2000  # of the baseline's 10,000 events, kept out of the bag for q
REPLAY = 5000  # the baseline's last events, replayed tick by tick: evidence is warm when monitoring begins
CHUNK = 1000


@dataclass(frozen=True, eq=False)
class Streams:
    """`runs` streams of one family: a baseline, then monitored events that drift from event `change` on."""

    family: Any
    baseline: NDArray[np.float64]
    events: NDArray[np.float64]
    change: int
    phase: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Outcome:
    """(runs,) delays in events, -1 where not found; false alarms over `exposure` undrifted events; cost."""

    delay: NDArray[np.int64]
    false: int
    exposure: int
    ns: float


_CALIBRATED: dict[str, dict[str, float]] = {}  # the same plan is simulated once in a run of the benchmark

Method = Callable[[Streams], Outcome]


def draw(family: Any, rng: np.random.Generator, *, runs: int, before: int, after: int) -> Streams:
    """Fresh streams; `after` = 0 gives streams that never drift."""
    quiet = family.draw(rng, (runs, before), drifted=False)
    drift = family.draw(rng, (runs, after), drifted=True)
    return Streams(
        family,
        family.draw(rng, (runs, 10_000), drifted=False),
        np.concatenate((quiet, drift), axis=1),
        before,
        rng.integers(0, TICK, runs),
    )


def bank_for(family: Any, q: NDArray[np.float64]) -> tuple[Bank, float]:
    """The any-change bank of a family's signal, and the dense bet's share."""
    if family.kind == "rate":
        return boundary(q, [0, 1]), 0.0
    if family.kind == "label":
        return growth(q), 1 / 3
    if family.histogram:
        return sparse(q, bump=1, contaminations=(0.02, 0.06, 0.2)), 0.0
    values = family.rule.values
    return mixture([(1, boundary(q, values)), (1, crowding(q, values))]), 0.0


def oracle(family: Any, *, alarms: int, runs: int = 3000) -> Outcome:
    """Page's CUSUM, told both laws, on streams of its own: its mean delay is the unit of all others."""
    rng = np.random.default_rng(7)
    pool = family.log_ratio(family.draw(rng, 2_000_000, drifted=False))
    height, spacing = detection_oracle.tune(pool, spacing=SPACING, alarms=alarms)
    delays, spent, before, after = [], 0.0, 2000, 18_000
    for _ in range(runs // 200):
        streams = draw(family, rng, runs=200, before=before, after=after)
        start = time.process_time()
        delays.append(detection_oracle.delays(family.log_ratio(streams.events), np.full(200, before), height))
        spent += time.process_time() - start
    delay = np.concatenate(delays)
    return Outcome(delay, alarms, int(spacing * alarms), spent / (runs * (before + after)) * 1e9)


def tick_counts(codes: NDArray[np.int16], bins: int, phase: NDArray[np.int64]) -> NDArray[np.int64]:
    """(T, runs, B) counts of ticks that start at each run's phase."""
    runs, events = codes.shape
    tick = (np.arange(events) + phase[:, None]) // TICK
    ticks = int(tick.max()) + 1
    flat = (tick * runs + np.arange(runs)[:, None]) * bins + codes
    return np.bincount(flat.ravel(), minlength=ticks * runs * bins).reshape(ticks, runs, bins)


def any_change(*, calibrated: int = 0, fresh: bool = False) -> Method:
    """Our notice: recoupled against the stream's own history.

    `calibrated` simulates that many alarms for the threshold; 0 keeps the bound. `fresh` starts a fresh bag after
    each false alarm, as after a true one; otherwise it is dismissed and the history stays.
    """

    def run(streams: Streams) -> Outcome:
        codes = streams.family.codes(streams.baseline)
        bins = len(streams.family.rule.names)
        engine, dense, recoupler = Evidence(), DenseEvidence(bins), Recoupler()
        factor = 1.0
        for i in range(len(codes)):
            q = declared(np.bincount(codes[i, :SPLIT], minlength=bins))
            bank, share = bank_for(streams.family, q)
            if i == 0 and calibrated:
                plan = Plan(bank, q, np.array([TICK]), TICK, share)
                factor = calibrate(plan, spend=TICK / SPACING, alarms=calibrated, cache=_CALIBRATED).factor
            spend = factor * TICK / SPACING
            history = np.bincount(codes[i, SPLIT:-REPLAY], minlength=bins)
            engine.add([bank], spend=spend * (1 - share), n_ref=TICK, history=[int(history.sum())])
            if share:
                dense.add(q, spend=spend * share, n_ref=TICK)
            recoupler.add(q, seed=seed_of("benchmark", streams.family.name, i), bag=history)

        def feed(tick: int, row: Any, bin_: Any, count: Any) -> set[int]:
            ptr, row, bin_, count = recoupler.recouple([0, len(row)], [tick], row, bin_, count)
            fired = set(engine.advance(ptr, row, np.zeros_like(row), bin_, count)[1].tolist())
            return fired | set(dense.advance(ptr, row, bin_, count)[1].tolist()) if share else fired

        def reset(i: int) -> None:
            engine.reset(i)
            if share:
                dense.reset(i)
            if fresh:
                recoupler.fresh_bag(i)
                engine.set_history(i, [0])

        return _ticked(streams, feed, reset)

    return run


def material_change(*, margin: float) -> Method:
    """Our page: has the mean left the approved level by more than the margin?"""

    def run(streams: Streams) -> Outcome:
        family = streams.family
        values = family.rule.values
        long = family.codes(family.draw(np.random.default_rng(3), 1_000_000, drifted=False))
        bank = material(values, level=float(values[long].mean()) * (1 + margin))
        engine = Evidence()
        for _ in streams.events:
            engine.add([bank], spend=TICK / SPACING, n_ref=TICK)

        def feed(_: int, row: Any, bin_: Any, count: Any) -> set[int]:
            alarmed = engine.advance([0, len(row)], row, np.zeros_like(row), bin_, count)[1]
            return set(alarmed.tolist())

        return _ticked(streams, feed, engine.reset)

    return run


def _ticked(streams: Streams, feed: Callable[..., set[int]], reset: Callable[[int], None]) -> Outcome:
    runs = len(streams.events)
    delay = np.full(runs, -1, dtype=np.int64)
    table = tick_counts(streams.family.codes(streams.events), len(streams.family.rule.names), streams.phase)
    false, fed = 0, 0
    replay = streams.family.codes(streams.baseline[:, -REPLAY:])
    past = tick_counts(replay, table.shape[2], np.zeros(runs, dtype=np.int64))
    for tick, counts in enumerate(past):
        row, bin_ = np.nonzero(counts)
        for i in feed(tick - len(past), row, bin_, counts[row, bin_]):
            reset(i)
    start = time.process_time()
    for tick, counts in enumerate(table):
        row, bin_ = np.nonzero(counts)
        live = delay[row] < 0
        row, bin_ = row[live], bin_[live]
        if not len(row):
            break
        fed += int(counts[row, bin_].sum())
        for i in feed(tick, row, bin_, counts[row, bin_]):
            end = (tick + 1) * TICK - streams.phase[i]
            if end > streams.change:
                delay[i] = end - streams.change
            else:
                false += 1
                reset(i)
    spent = time.process_time() - start
    return Outcome(delay, false, runs * streams.change, spent / fed * 1e9)


def by_event(make: Callable[[], Any], *, form: str = "raw", limit: int | None = None) -> Method:
    """A river detector, event by event, warmed up on the baseline; made anew after each alarm.

    `form`: raw values, booleans, or one detector per label ("one-hot"). `limit`: only that many runs.
    """

    def run(streams: Streams) -> Outcome:
        runs = len(streams.events) if limit is None else min(limit, len(streams.events))
        delay = np.full(len(streams.events), -1, dtype=np.int64)
        false, fed, start = 0, 0, time.process_time()
        for i in range(runs):
            x = np.concatenate((streams.baseline[i], streams.events[i]))
            begin = streams.baseline.shape[1]
            alarms = _river(x, make, form, stop_after=begin + streams.change)
            fed += alarms[1]
            for at in alarms[0]:
                if at >= begin + streams.change:
                    delay[i] = at - begin - streams.change + 1
                elif at >= begin:
                    false += 1
        spent = time.process_time() - start
        return Outcome(delay[:runs], false, runs * streams.change, spent / max(fed, 1) * 1e9)

    return run


def _river(x: NDArray[np.float64], make: Callable[[], Any], form: str, *, stop_after: int) -> tuple[list[int], int]:
    if form == "one-hot":
        labels = int(x.max()) + 1
        columns = [(x == label).astype(float).tolist() for label in range(labels)]
    else:
        columns = [(x > 0.5).tolist() if form == "boolean" else x.tolist()]
    detectors = [make() for _ in columns]
    alarms = []
    for at in range(len(x)):
        drifted = False
        for detector, column in zip(detectors, columns, strict=True):
            detector.update(column[at])
            drifted |= detector.drift_detected
        if drifted:
            alarms.append(at)
            if at >= stop_after:
                return alarms, at + 1
            detectors = [make() for _ in columns]
    return alarms, len(x)


def by_chunk(rule: str) -> Method:
    """The usual monitoring tests on chunks of 1,000 events against the baseline."""

    def run(streams: Streams) -> Outcome:
        family = streams.family
        delay = np.full(len(streams.events), -1, dtype=np.int64)
        false, fed, start = 0, 0, time.process_time()
        for i, (base, events) in enumerate(zip(streams.baseline, streams.events, strict=True)):
            fires = _chunk_rule(rule, family, base)
            for first in range(int(streams.phase[i]), len(events) - CHUNK + 1, CHUNK):
                end = first + CHUNK
                fed += CHUNK
                if fires(events[first:end]):
                    if end > streams.change:
                        delay[i] = end - streams.change
                        break
                    false += 1
        spent = time.process_time() - start
        return Outcome(delay, false, len(streams.events) * streams.change, spent / fed * 1e9)

    return run


def _chunk_rule(rule: str, family: Any, base: NDArray[np.float64]) -> Callable[[NDArray[np.float64]], bool]:
    bins = len(family.rule.names)
    old = np.bincount(family.codes(base), minlength=bins) + 0.5
    p = old / old.sum()
    if rule == "mean 3 sd":
        means = base.reshape(-1, CHUNK).mean(axis=1)
        centre, sd = means.mean(), means.std(ddof=1)
        return lambda x: bool(abs(x.mean() - centre) > 3 * sd)
    if rule == "KS":
        return lambda x: bool(stats.ks_2samp(base, x).pvalue < 0.05)

    def fires(x: NDArray[np.float64]) -> bool:
        new = np.bincount(family.codes(x), minlength=bins) + 0.5
        q = new / new.sum()
        if rule == "PSI":
            return bool(((q - p) * np.log(q / p)).sum() > 0.1)
        if rule == "JS":
            m = (p + q) / 2
            return bool(np.sqrt((p * np.log(p / m) + q * np.log(q / m)).sum() / 2) > 0.1)
        return bool(stats.chi2_contingency(np.stack((old, new))).pvalue < 0.05)

    return fires
