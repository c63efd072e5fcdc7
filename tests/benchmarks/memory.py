"""What the memory of a partition costs: counting with it against counting without, and its parts, in ns per event.

    python -m tests.benchmarks.memory [--events 300000] [--rounds 5]

Process time of `PartitionCounter.count` on decoded batches of 5,000 events. Requests have two input guardrails with
the prompt's fingerprint and one output; one prompt in twenty is a near-duplicate of an earlier one. Decoding, which
costs several times as much, is not in it.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from detectors.near import RecentPrints
from detectors.repetition import NearDuplicates
from monitor.counting.counter import CountRule, PartitionCounter
from monitor.counting.memory import MemoryRule
from monitor.counting.ports import Position
from monitor.counting.slice_table import SliceTable
from monitor.events.batch import EventBatch, Vocabulary
from tests.unit.batches import batch, part

BATCH = 5_000
RULES = {
    "nothing": MemoryRule(ids=0, requests=0, prompts=0),
    "ids": MemoryRule(requests=0, prompts=0),
    "ids, requests": MemoryRule(prompts=0),
    "ids, requests, prompts": MemoryRule(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    log = traffic(arguments.events)
    batches = [part(log, start, start + BATCH) for start in range(0, len(log), BATCH)]
    times: dict[str, list[float]] = {name: [] for name in RULES}
    for _ in range(arguments.rounds):
        for name, rule in RULES.items():
            times[name].append(counting(batches, rule))
    base = statistics.median(times["ids"])
    for name, each in times.items():
        middle = statistics.median(each)
        print(f"{name:<24} {middle:6.0f} ns/event ({min(each):.0f} to {max(each):.0f}), {middle / base:.2f} x ids")
    prints = log.fingerprint[log.stage == 0][::2]
    banded, scanned = RecentPrints(reach=1 << 40), NearDuplicates(window=8_192)
    print(f"8,192 prompts by bands   {per_prompt(lambda p, at: banded.look(p, at, p), prints):6.0f} ns/prompt")
    print(f"8,192 prompts by a scan  {per_prompt(lambda p, _: scanned.update(p), prints):6.0f} ns/prompt")


def traffic(events: int) -> EventBatch:
    """Events in threes: injection and moderation on the input, safety on the output."""
    rng = np.random.default_rng(1)
    n = events // 3
    prints = rng.integers(1, 2**63, n, dtype=np.uint64)
    again = np.flatnonzero(rng.random(n) < 0.05)[1:]
    prints[again] = prints[again - rng.integers(1, 1_000, len(again)).clip(max=again)] ^ np.uint64(1 << 40)
    each = np.arange(3 * n)
    return batch(
        Vocabulary.bounded(),
        time_ms=(1_700_000_000_000 + each).tolist(),
        record_ms=1_700_000_000_000,
        event_id=each + 1,
        request_id=rng.integers(1, 2**63, n, dtype=np.uint64)[each // 3],
        session_id=each // 15 + 1,
        fingerprint=np.where(each % 3 < 2, prints[each // 3], 0),
        stage=(each % 3 == 2).astype(np.int8),
        guardrail=["injection", "moderation", "safety"] * n,
        refusal=np.where(each % 3 == 2, 0, -1),
    )


def counting(batches: list[EventBatch], rule: MemoryRule) -> float:
    """ns of process time per event; the first quarter, which fills the memory, is not timed."""
    counter = PartitionCounter(
        Position("p", -1, None, 1, b""), CountRule(memory=rule), SliceTable(batches[0].vocabulary)
    )
    warm = len(batches) // 4
    for each in batches[:warm]:
        counter.count(each)
    began = time.process_time()
    for each in batches[warm:]:
        counter.count(each)
    return (time.process_time() - began) / sum(len(each) for each in batches[warm:]) * 1e9


def per_prompt(look, prints: np.ndarray) -> float:
    """ns of process time per prompt with a full memory."""
    warm = len(prints) // 4
    look(prints[:warm], np.arange(warm))
    began = time.process_time()
    look(prints[warm:], np.arange(warm, len(prints)))
    return (time.process_time() - began) / (len(prints) - warm) * 1e9


if __name__ == "__main__":
    main()
