"""Damaged and truncated records through every compiled reader, under numba's bounds checks; run as a program.

    NUMBA_BOUNDSCHECK=1 python -m tests.unit.events.fuzz_bounds

Each record sits alone at the very end of its buffer, so that one byte too many is an IndexError.
"""

from __future__ import annotations

import json
import random

from numba import config

from monitor.events.formats.compiled_mapping import compiled
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
OWN = json.dumps(
    {
        "at": 1767225600.25,
        "who": {"name": "tox"},
        "empty": {},
        "found": {"points": 80, "word": "BLOCK", "hits": ["a"]},
        "id": 41,
        "other": [1, {"x": None}],
        "prompt": 'say "hi"',
        "when": "2026-01-01T00:00:00Z",
        "late": False,
    },
).encode()
MAPPING = {
    "guardrail": "who.name",
    "time": "at",
    "score": "found.points",
    "verdict": "found.word",
    "text": "prompt",
    "event_id": "id",
    "rules": "found.hits",
    "refusal": "late",
}
PROGRAM = compiled(
    MAPPING, when="found && when != `null` && late == `false`", highest=100.0, verdicts=[("block", "deny")]
)


def main() -> None:
    if not config.BOUNDSCHECK:
        raise SystemExit("run with NUMBA_BOUNDSCHECK=1")
    decoder = new_decoder()
    assert PROGRAM is not None
    records = damaged(SEEDS)
    accepted = sum(len(decoder.decode(block_of([value])).batch) for value in records)
    print(f"{len(records)} records, {accepted} accepted")
    records = damaged([OWN])
    accepted = sum(int(decoder.scan_mapped(block_of([value]), PROGRAM).keep.sum()) for value in records)
    print(f"{len(records)} records of a mapping, {accepted} accepted")


def damaged(seeds: list[bytes]) -> list[bytes]:
    """Each seed cut at every byte, and 3,000 of them with other bytes in a few places."""
    seeded = random.Random(11)
    records = [seed[:cut] for seed in seeds for cut in range(len(seed) + 1)]
    for _ in range(3000):
        value = bytearray(seeded.choice(seeds))
        for _ in range(seeded.randrange(1, 4)):
            value[seeded.randrange(len(value))] = seeded.choice(b'"\\{}[],:eE.-+0u\xc3\xf0\xff' + b"tfn ")
        records.append(bytes(value[: seeded.randrange(1, len(value) + 1)]))
    return records


if __name__ == "__main__":
    main()
