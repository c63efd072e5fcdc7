"""Ours in the detection benchmark: the notice of any change, and the page for what is material."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.alternatives import (
    BUMP,
    BUMPS,
    CROWDING_WEIGHT,
    DENSE_SHARE,
    Bank,
    boundary,
    crowding,
    growth,
    material,
    mixture,
    sparse,
)
from detectors.calibration import Plan, calibrate
from detectors.dense import DenseEvidence
from detectors.evidence import Evidence
from detectors.recoupling import Recoupler, declared, seed_of, split_of
from tests.benchmarks.detection_streams import SPACING, TICK, Method, Outcome, Streams, draw

START = 500  # events of a history that a reference begins with, beside those that declare q. The rest is replayed


def bank_for(family: Any, q: NDArray[np.float64]) -> tuple[Bank, float]:
    """The any-change bank of a family's signal, and the dense bet's share."""
    if family.kind == "rate":
        return boundary(q, [0, 1]), 0.0
    if family.kind == "label":
        return growth(q), DENSE_SHARE
    if family.histogram:
        return sparse(q, bump=BUMP, contaminations=BUMPS), 0.0
    values = family.rule.values
    return mixture([(1, boundary(q, values)), (CROWDING_WEIGHT, crowding(q, values))]), 0.0


def tick_counts(codes: NDArray[np.int16], bins: int, phase: NDArray[np.int64]) -> NDArray[np.int64]:
    """(T, runs, B) counts of ticks that start at each run's phase."""
    runs, events = codes.shape
    tick = (np.arange(events) + phase[:, None]) // TICK
    ticks = int(tick.max()) + 1
    flat = (tick * runs + np.arange(runs)[:, None]) * bins + codes
    return np.bincount(flat.ravel(), minlength=ticks * runs * bins).reshape(ticks, runs, bins)


def factor(family: Any, *, alarms: int, spacing: float = SPACING) -> float:
    """What `calibrate` allows more than the bound: simulated under the law of the first run's whole baseline."""
    codes = family.codes(draw(family, range(1), before=0, after=0).baseline[0])
    q = declared(np.bincount(codes, minlength=len(family.rule.names)))
    bank, share = bank_for(family, q)
    plan = Plan(bank, q, np.array([TICK]), TICK, share)
    return calibrate(plan, spend=TICK / spacing, alarms=alarms).factor


def any_change(*, factor: float = 1.0, fresh: bool = False, spacing: float = SPACING) -> Method:
    """Our notice: recoupled against the stream's own history.

    `factor`: of `factor`; 1 keeps the bound. `fresh` starts a fresh reference after each false alarm, as after a true
    one; otherwise it is dismissed and the history stays.
    """

    def run(streams: Streams) -> Outcome:
        codes = streams.family.codes(streams.baseline)
        bins = len(streams.family.rule.names)
        engine, dense, recoupler = Evidence(), DenseEvidence(bins), Recoupler()
        split = split_of(codes.shape[1], bins)
        spend = factor * TICK / spacing
        share = 0.0
        for i, number in enumerate(streams.numbers):
            q = declared(np.bincount(codes[i, :split], minlength=bins))
            bank, share = bank_for(streams.family, q)
            history = np.bincount(codes[i, split : split + START], minlength=bins)
            engine.add([bank], spend=spend * (1 - share), n_ref=TICK, history=[int(history.sum())])
            if share:
                dense.add(q, spend=spend * share, n_ref=TICK)
            recoupler.add(
                q, seed=seed_of("benchmark", streams.family.name, streams.change, number), reference=history
            )

        def feed(tick: int, row: Any, bin_: Any, count: Any) -> set[int]:
            ptr, row, bin_, count = recoupler.recouple([0, len(row)], [tick], row, bin_, count)
            fired = set(engine.advance(ptr, row, np.zeros_like(row), bin_, count)[1].tolist())
            return fired | set(dense.advance(ptr, row, bin_, count)[1].tolist()) if share else fired

        def reset(i: int) -> None:
            engine.reset(i)
            if share:
                dense.reset(i)
            if fresh:
                recoupler.reset_reference(i)
                engine.set_history(i, [0])

        return _ticked(streams, feed, reset, replay=codes[:, split + START :])

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

        return _ticked(streams, feed, engine.reset, replay=family.codes(streams.baseline))

    return run


def _ticked(
    streams: Streams, feed: Callable[..., set[int]], reset: Callable[[int], None], *, replay: NDArray[np.int16]
) -> Outcome:
    """`replay`: (runs, events) of the baseline, fed tick by tick first: evidence is warm when monitoring begins."""
    runs = len(streams.events)
    delay = np.full(runs, -1, dtype=np.int64)
    table = tick_counts(streams.family.codes(streams.events), len(streams.family.rule.names), streams.phase)
    false, fed = 0, 0
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
    return Outcome(delay, false, runs * streams.change, spent, fed)
