"""What counting costs after decoding: slices, every signal's rule, adding up; in ns per event.

    python -m tests.benchmarks.counting [--rounds 15] [--events 20000]

Plain events carry no text and no answer, so most signals do not apply to them; rich ones (half inputs, half outputs)
carry everything that any signal asks for. Times are CPU time, medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable

import numpy as np

from monitor.counting.counter import CountRule, PartitionCounter
from monitor.counting.memory import MemoryRule, PartitionMemory
from monitor.counting.ports import Position
from monitor.counting.slice_table import SliceTable
from monitor.events.batch import EventBatch, Vocabulary
from monitor.events.decode import Decoder
from monitor.signals.registry import SIGNALS, columns_of
from tests.benchmarks.decoding import make_events
from tests.unit.events.blocks import KEY, block_of


def rich(events: list[bytes]) -> list[bytes]:
    """The same events with every field that a signal asks for."""
    seeded = random.Random(3)
    found = []
    for i, event in enumerate(events):
        more = {
            "stage": "output" if i % 2 else "input",
            "turn": seeded.randrange(1, 9),
            "rules": ["r"] * seeded.randrange(3),
            "script": seeded.choice(["latin", "latin", "cyrillic"]),
            "disorder": seeded.choice([0, 0, 0, 2, 9]),
            "output_length": seeded.randrange(3_000),
            "refusal": seeded.random() < 0.1,
            "finish_reason": seeded.choice(["stop", "stop", "length", "tool"]),
        }
        found.append(json.dumps(json.loads(event) | more).encode())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--events", type=int, default=20_000)
    arguments = parser.parse_args()
    plain = make_events(arguments.events, text=False)
    for name, events in (("plain", plain), ("rich", rich(plain))):
        vocabulary = Vocabulary.bounded()
        decoder = Decoder(vocabulary, KEY)
        block = block_of(events)
        batch = decoder.decode(block).batch
        rows = {"decode": lambda d=decoder, b=block: d.decode(b)} | _parts(batch, vocabulary)
        taken = {part: _median(step, arguments.rounds) for part, step in rows.items()}
        print(f"{name}: {arguments.events} events, {len(SIGNALS)} signals")
        for part, seconds in taken.items():
            print(f"  {part:<24} {seconds / arguments.events * 1e9:8.1f} ns/event")


def _parts(batch: EventBatch, vocabulary: Vocabulary) -> dict[str, Callable[[], object]]:
    slices = SliceTable(vocabulary)
    recall = PartitionMemory(MemoryRule()).recall(batch, np.zeros(len(batch), np.bool_))

    def count() -> None:
        position = Position(partition="p", next_offset=-1, closed_before=None, generation=1, state=b"")
        PartitionCounter(position, CountRule(), slices).count(batch)

    parts: dict[str, Callable[[], object]] = {"count (all of it)": count, "slices": lambda: slices.codes(batch)}
    parts["columns_of"] = lambda: columns_of(batch, recall)
    for signal in SIGNALS:
        given = (batch, recall) if signal.recalls else (batch,)
        parts[f"  {signal.name}"] = lambda s=signal, g=given: s.code(*g)
    return parts


def _median(step: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds + 2):
        start = time.process_time()
        step()
        taken.append(time.process_time() - start)
    return statistics.median(np.sort(taken[2:]).tolist())


if __name__ == "__main__":
    main()
