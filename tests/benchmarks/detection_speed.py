"""Cost of judging and counting at the size of a large deployment: time per tick, memory, and against river's ADWIN.

python -m tests.benchmarks.detection_speed

ADWIN gets the same events in the same run, one detector for each signal of a stream, for a part of the streams. Each
repetition times first one, then the other: the ratio is told with its spread.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import psutil
from numpy.typing import NDArray
from river import drift

from detectors.alternatives import CROWDING_WEIGHT, boundary, crowding, material, mixture
from detectors.bins import MISSING, KernelBins
from detectors.counts import add_up, filled
from detectors.dense import DenseEvidence
from detectors.evidence import Evidence
from detectors.recoupling import Recoupler, declared, seed_of
from detectors.repetition import NearDuplicates

STREAMS, SIGNALS, EVENTS = 10_000, 3, 50
BLOCK = 10_000  # events that are binned and added up at once: some 4 MB of the log
ADWIN_ROWS, REPEATS = 3000, 15
RULE = KernelBins(bandwidth=0.1, levels=6)
Cells = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
LAW = np.array([0.5, *[0.01] * 12, 0.38])


def clock(what: str, events: int, work: Callable[[], object], *, repeat: int = 3) -> None:
    """Prints the best of a few repetitions."""
    best = np.inf
    for _ in range(repeat):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    print(f"{what:52s} {best / events * 1e9:8.1f} ns/event  {events / best / 1e6:8.1f} M events/s", flush=True)


class Deployment:
    """Notices and pages on every signal of every stream."""

    def __init__(self, law: NDArray[np.float64], reference: NDArray[np.int64]) -> None:
        self.pages, self.notices, self.recoupler = Evidence(), Evidence(), Recoupler()
        page = material(RULE.values, level=float(law @ RULE.values) * 1.25 + 0.005)
        notice = mixture([(1, boundary(law, RULE.values)), (CROWDING_WEIGHT, crowding(law, RULE.values))])
        for row in range(STREAMS * SIGNALS):
            self.pages.add([page], spend=1e-12, n_ref=EVENTS)
            self.notices.add([notice], spend=1e-12, n_ref=EVENTS, history=[int(reference.sum())])
            self.recoupler.add(law, seed=seed_of("speed", row), reference=reference)
        self.tick = 0

    def count(self, scores: NDArray[np.float64], stream: NDArray[np.int64]) -> Cells:
        """(signals, events) scores and the events' streams, in the order they come, to cells.

        Block by block, by the rule and the loop that the service counts with (`monitor.counting.counter`).
        """
        bins = len(RULE.values)
        first = (np.arange(SIGNALS, dtype=np.int32) * bins)[:, None]
        sums = np.zeros((STREAMS, SIGNALS * bins), np.int64)
        for start in range(0, len(stream), BLOCK):
            block = slice(start, start + BLOCK)
            codes = RULE.codes(scores[:, block])
            columns = np.where(codes >= 0, codes + first, np.int32(MISSING))
            add_up(stream[block], columns, np.ones(columns.shape[1], np.bool_), sums)
        return filled(sums.reshape(-1, bins))

    def judge(self, cells: Cells) -> None:
        """One tick of all."""
        row, bin_, count = cells
        self.pages.advance([0, len(row)], row, np.zeros_like(row), bin_, count)
        ptr, row, bin_, count = self.recoupler.recouple([0, len(row)], [self.tick], row, bin_, count)
        self.notices.advance(ptr, row, np.zeros_like(row), bin_, count)
        self.tick += 1


def deployment() -> None:
    """Prints time per tick, memory, and the ratio to ADWIN."""
    rng = np.random.default_rng(1)
    rows, judged, theirs = STREAMS * SIGNALS, STREAMS * EVENTS, ADWIN_ROWS * EVENTS // SIGNALS
    history = np.bincount(RULE.codes(rng.normal(0, 0.2, 1_000_000)), minlength=len(RULE.values))
    before = resident()
    ours = Deployment(declared(history // 500), history // 125)
    mine = resident() - before
    before = resident()
    adwins = [drift.ADWIN() for _ in range(ADWIN_ROWS)]
    for detector, values in zip(adwins, rng.normal(0, 0.2, (ADWIN_ROWS, 2000)), strict=True):
        for value in values.tolist():
            detector.update(value)
    other = resident() - before
    counting, judging, adwin, alarms = [], [], [], 0
    for repeat in range(REPEATS + 2):
        stream = rng.permutation(np.repeat(np.arange(STREAMS), EVENTS))
        scores = rng.normal(0, 0.2, (SIGNALS, len(stream)))
        by_stream = scores[:, np.argsort(stream, kind="stable")].reshape(SIGNALS, STREAMS, EVENTS)
        lists = by_stream.swapaxes(0, 1).reshape(rows, EVENTS)[:ADWIN_ROWS].tolist()
        start = time.process_time()
        cells = ours.count(scores, stream)
        counted = time.process_time()
        ours.judge(cells)
        judged_at = time.process_time()
        for detector, values in zip(adwins, lists, strict=True):
            for value in values:
                detector.update(value)
                alarms += detector.drift_detected
        if repeat >= 2:  # the first two compile, and fill the caches
            counting.append(counted - start)
            judging.append(judged_at - counted)
            adwin.append(time.process_time() - judged_at)
    both = np.array(counting) + judging
    per_event, adwin_per_event = both / judged * 1e9, np.array(adwin) / theirs * 1e9
    print(f"{STREAMS} streams x {SIGNALS} signals x {len(RULE.values)} bins, {EVENTS} events a stream and tick:")
    print(f"  binning and counting   {spread(np.array(counting) * 1e3)} ms a tick")
    print(f"  judging                {spread(np.array(judging) * 1e3)} ms a tick")
    print(f"  both                   {spread(per_event)} ns an event, {spread(1e3 / per_event)} M events/s")
    print(f"  river's ADWIN          {spread(adwin_per_event)} ns an event, {ADWIN_ROWS} detectors, {alarms} alarms")
    print(f"  ADWIN over ours        {spread(adwin_per_event / per_event)} times the time an event")
    print(f"  memory                 {mine / 2**20:.0f} MiB, {mine / rows / 1024:.2f} KiB a signal")
    print(f"  memory of ADWIN        {other / ADWIN_ROWS / 1024:.2f} KiB a signal, after 2,000 events", flush=True)


def spread(values: NDArray[np.float64]) -> str:
    """Median, least and most."""
    return f"{np.median(values):.4g} ({values.min():.4g} to {values.max():.4g})"


def resident() -> int:
    """Bytes of this process in memory."""
    return int(psutil.Process().memory_info().rss)


def main() -> None:
    deployment()
    rng = np.random.default_rng(0)
    rows = STREAMS * SIGNALS
    scores = rng.normal(0, 0.2, 1_000_000)
    clock("binning, 14 kernel bins", len(scores), lambda: RULE.codes(scores))

    ticks = [rng.multinomial(EVENTS, LAW, size=rows) for _ in range(4)]
    cells = [(*np.nonzero(t), t[np.nonzero(t)]) for t in ticks]
    # one event is judged by each of its stream's signals: a tick of all rows holds STREAMS x EVENTS events
    events = STREAMS * EVENTS

    pages = Evidence()
    bank = material(RULE.values, level=0.2)
    for _ in range(rows):
        pages.add([bank], spend=1e-12, n_ref=EVENTS)
    sequence = iter(range(10**9))

    def page() -> None:
        row, bin_, count = cells[next(sequence) % 4]
        pages.advance([0, len(row)], row, np.zeros_like(row), bin_, count)

    page()
    clock(f"material test of {rows} (stream, signal)", events, page)

    recoupler = Recoupler()
    for i in range(rows):
        recoupler.add(LAW, seed=seed_of("speed", i), reference=rng.multinomial(8000, LAW))

    def recouple() -> None:
        at = next(sequence)
        row, bin_, count = cells[at % 4]
        recoupler.recouple([0, len(row)], [at], row, bin_, count)

    recouple()
    clock("recoupling of the same", events, recouple)

    notices = Evidence()
    bank = mixture([(1, boundary(LAW, RULE.values)), (CROWDING_WEIGHT, crowding(LAW, RULE.values))])
    for _ in range(rows):
        notices.add([bank], spend=1e-12, n_ref=EVENTS)

    def notice() -> None:
        row, bin_, count = cells[next(sequence) % 4]
        notices.advance([0, len(row)], row, np.zeros_like(row), bin_, count)

    notice()
    clock(f"any-change test of the same, {len(bank.names)} alternatives", events, notice)

    dense = DenseEvidence(len(LAW))
    few = rows // 10
    for _ in range(few):
        dense.add(LAW, spend=1e-12, n_ref=EVENTS)

    def bet() -> None:
        row, bin_, count = cells[next(sequence) % 4]
        kept = row < few
        dense.advance([0, int(kept.sum())], row[kept], bin_[kept], count[kept])

    for _ in range(30):
        bet()
    clock(f"dense bet of {few} (stream, signal), all starts in use", few * EVENTS, bet)

    window = NearDuplicates()
    prints = rng.integers(1, 2**64, 200_000, dtype=np.uint64)
    window.update(prints[:5000])
    clock("near-duplicates in a window of 4,096", len(prints), lambda: window.update(prints))


if __name__ == "__main__":
    main()
