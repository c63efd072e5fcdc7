"""Cost of judging and counting: ns of process time per event, at the size of a large deployment.

python -m tests.benchmarks.detection_speed
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from detectors.alternatives import CROWDING_WEIGHT, boundary, crowding, material, mixture
from detectors.bins import KernelBins
from detectors.dense import DenseEvidence
from detectors.evidence import Evidence
from detectors.recoupling import Recoupler, seed_of
from detectors.repetition import NearDuplicates

STREAMS, SIGNALS, EVENTS = 10_000, 3, 50
RULE = KernelBins(bandwidth=0.1, levels=6)
LAW = np.array([0.5, *[0.01] * 12, 0.38])


def clock(what: str, events: int, work: Callable[[], object], *, repeat: int = 3) -> None:
    """Prints the best of a few repetitions."""
    best = np.inf
    for _ in range(repeat):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    print(f"{what:52s} {best / events * 1e9:8.1f} ns/event  {events / best / 1e6:8.1f} M events/s", flush=True)


def main() -> None:
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
        recoupler.add(LAW, seed=seed_of("speed", i), bag=rng.multinomial(8000, LAW))

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
    clock("any-change test of the same, 20 alternatives", events, notice)

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
