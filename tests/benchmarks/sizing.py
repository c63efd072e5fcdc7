"""What judging costs: streams x strata x signals -> memory, and time per tick of the Assessor.

    python -m tests.benchmarks.sizing                    1 to 10,000 streams, some minutes
    python -m tests.benchmarks.sizing 100x4 1000x1       these sizes only (streams x strata)

Every size runs in a process of its own. Counts are drawn directly, as if every stream had 100 events in every tick;
the baselines are learned by the automatic policy; then 60 ticks are judged one by one, as the live service does.
Times are of the processor, not of the clock: a machine that others use too does not show.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import sys
import time
from dataclasses import dataclass

import numpy as np

from monitor.counts.cuts import between, joined
from monitor.counts.model import LoadedCounts, Slice
from monitor.judging import snapshot
from monitor.judging.assess import Assessor
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import JudgeState
from monitor.judging.watching.fleet import Fleet
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS, SIGNALS

SIZES = ((1, 1), (100, 1), (100, 4), (1_000, 1), (1_000, 4), (10_000, 1))
EVENTS = 100
BASELINE_TICKS = 20
LIVE_TICKS = 60


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    streams: int
    strata: int
    tests: int
    cells: int
    tick_ms: float
    worst_tick_ms: float
    learn_ms: float
    state_mb: float
    resident_mb: float
    snapshot_ms: float
    snapshot_mb: float
    restore_ms: float


def slices_of(streams: int, strata: int) -> dict[int, Slice]:
    """Ids from 1: stream by stream, stratum by stratum."""
    return {
        1 + g * strata + s: Slice(
            f"g{g:05}", "1", "", "input", "continuous", "p_unsafe", 500, f"l{s}", "", "", "", ""
        )
        for g in range(streams)
        for s in range(strata)
    }


def counts_of(rng: np.random.Generator, tick: int, slices: int, events: int) -> LoadedCounts:
    """One tick of every slice: a tenth judged unsafe, a hundredth near the threshold."""
    cells, counts = [np.arange(1, slices + 1) * COLUMNS + EVENTS_COLUMN], [np.full(slices, events)]
    laws = {
        "boundary_proximity": {0: 0.89, 5: 0.002, 6: 0.003, 7: 0.003, 8: 0.002, 13: 0.1},
        "verdict_mix": {0: 0.9, 11: 0.1},
        "coverage": {0: 0.999, 2: 0.001},
    }
    for signal in SIGNALS:
        law = np.zeros(len(signal.bins))
        if signal.name not in laws:  # most streams carry the columns of some signals only
            continue
        for bin_, share in laws[signal.name].items():
            law[bin_] = share
        drawn = rng.multinomial(events, law / law.sum(), slices)
        row, column = np.nonzero(drawn)
        cells.append((row + 1) * COLUMNS + OFFSETS[signal.name] + column)
        counts.append(drawn[row, column])
    cell, count = np.concatenate(cells), np.concatenate(counts)
    order = np.argsort(cell)
    return LoadedCounts(np.full(len(cell), tick), cell[order], count[order].astype(np.int64))


def resident_mb() -> float:
    """Largest memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def measure(size: tuple[int, int]) -> Row:
    """One size, in this process."""
    streams, strata = size
    rng = np.random.default_rng(1)
    past: list[LoadedCounts] = []

    def history(from_tick: int, to_tick: int) -> LoadedCounts:
        return joined([between(counts, from_tick, to_tick) for counts in past])

    events = EVENTS // strata
    rule = JudgeSettings()
    slices = slices_of(streams, strata)
    assessor = Assessor(rule, history, state=JudgeState(judged_before=0, units=[], guardrails={}))
    assessor.learn_slices(slices)
    learn, ticks = 0.0, []
    for tick in range(BASELINE_TICKS + LIVE_TICKS):
        counts = counts_of(rng, tick, len(slices), events)
        if tick < BASELINE_TICKS:
            past.append(counts)
        began = time.process_time()
        assessor.advance(counts, tick + 1)
        took = (time.process_time() - began) * 1000
        if tick < BASELINE_TICKS:
            learn += took
        elif tick > BASELINE_TICKS:  # the first compiles
            ticks.append(took)
    watched = sum(unit.epoch is not None for unit in assessor.fleet.state.units)
    if watched != streams:
        raise RuntimeError(f"{watched} of {streams} streams are watched")
    began = time.process_time()
    kept = snapshot.dump(assessor.fleet)
    dumped = time.process_time()
    state, panel = snapshot.load(kept, rule)
    restored = Fleet(rule, history, state, panel)
    restored.learn_slices(slices)
    restored.split_budgets()
    done = time.process_time()
    panel = assessor.fleet.panel
    evidence, recoupler, diffuse = (part.snapshot() for part in (panel.evidence, panel.recoupler, panel.dense))
    return Row(
        streams=streams,
        strata=strata,
        tests=len(evidence["id"]),
        cells=len(counts.cell),
        tick_ms=statistics.median(ticks),
        worst_tick_ms=max(ticks),
        learn_ms=learn,
        state_mb=sum(array.nbytes for array in (*evidence.values(), *recoupler.values(), *diffuse.values())) / 2**20,
        resident_mb=resident_mb(),
        snapshot_ms=(dumped - began) * 1000,
        snapshot_mb=len(kept.blob) / 2**20,
        restore_ms=(done - dumped) * 1000,
    )


def main() -> None:
    """Print the table."""
    asked = [tuple(int(part) for part in size.split("x")) for size in sys.argv[1:]]
    print(
        "| streams | strata | tests | counts per tick | ms per tick | worst | learning, ms per stream | "
        "evidence, MB | process, MB | snapshot, ms | snapshot, MB | restore, ms |"
    )
    print("| --- " * 12 + "|")
    for size in asked or SIZES:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            row = pool.apply(measure, (size,))
        print(
            f"| {row.streams:,} | {row.strata} | {row.tests:,} | {row.cells:,} | {row.tick_ms:.1f} | "
            f"{row.worst_tick_ms:.1f} | {row.learn_ms / row.streams:.1f} | {row.state_mb:.1f} | "
            f"{row.resident_mb:.0f} | {row.snapshot_ms:.0f} | {row.snapshot_mb:.1f} | {row.restore_ms:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
