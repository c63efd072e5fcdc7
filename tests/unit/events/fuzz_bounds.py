"""Damaged and truncated records through every compiled reader, under numba's bounds checks; run as a program.

    NUMBA_BOUNDSCHECK=1 python -m tests.unit.events.fuzz_bounds

Each record sits alone at the very end of its buffer, so that one byte too many is an IndexError.
"""

from __future__ import annotations

import json
import random

from numba import config

from tests.unit.events.blocks import block_of, event, new_decoder

SEEDS = [
    json.dumps(
        event(
            event_id="e" * 9, time="2026-01-01T00:00:00.123+01:00", score=0.12345678901234567, stage="output",
            text='say "hi" 😀 \\ now', rules=["a", "b\n"], labels={"k": "v"}, refusal=False, turn=17,
            fingerprint="0123456789abcdef", extra={"deep": [1, 2.5e-3, True, None, "x"]},
        ),
        ensure_ascii=ascii_only,
    ).encode()
    for ascii_only in (False, True)
]  # fmt: skip


def main() -> None:
    if not config.BOUNDSCHECK:
        raise SystemExit("run with NUMBA_BOUNDSCHECK=1")
    seeded = random.Random(11)
    decoder = new_decoder()
    records = [seed[:cut] for seed in SEEDS for cut in range(len(seed) + 1)]
    for _ in range(3000):
        damaged = bytearray(seeded.choice(SEEDS))
        for _ in range(seeded.randrange(1, 4)):
            damaged[seeded.randrange(len(damaged))] = seeded.choice(b'"\\{}[],:eE.-+0u\xc3\xf0\xff' + b"tfn ")
        records.append(bytes(damaged[: seeded.randrange(1, len(damaged) + 1)]))
    accepted = 0
    for value in records:
        accepted += len(decoder.decode(block_of([value])).batch)
    print(f"{len(records)} records, {accepted} accepted")


if __name__ == "__main__":
    main()
