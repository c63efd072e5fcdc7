"""How fast each wire format becomes columns, bare and in envelopes, next to canonical events, in one run.

    python -m tests.benchmarks.formats [--rounds 3] [--events 6000] [--only mapping litellm]

Each contestant is one golden sample, a canonical event in an envelope, or an own record under a mapping, repeated
with its own offsets; rounds are interleaved, and processor time is measured, so that other load hits all of them
alike. One record may give several events: both rates are shown.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

from monitor.events.batch import Vocabulary
from monitor.events.decode import Decoder
from monitor.events.envelopes.registry import ENVELOPES
from monitor.events.formats.decoder import BlockDecoder, FormatDecoder
from monitor.events.formats.format import Context
from monitor.events.formats.reader import Reader
from monitor.events.formats.registry import FORMATS
from monitor.events.records import RecordBlock
from monitor.settings import Settings
from monitor.wiring.decoding import block_decoder
from tests.benchmarks.decoding import make_events
from tests.unit.events.blocks import KEY, block_of
from tests.unit.events.envelopes.wraps import WRAPS
from tests.unit.events.formats.samples import SAMPLES

BLOCK_EVENTS = 2_000
"""Events of one block, about as many as a fetch brings."""
_EVENT = json.loads(make_events(1, text=False)[0])
_OWN = {
    "ts": 1767225600,
    "request": {"id": "r-1", "session": "s-1"},
    "detector": {"name": "toxicity", "version": "3"},
    "result": {"points": 80, "limit": 50, "outcome": "BLOCK"},
    "latency": {"ms": 12.5},
}
_MAPPING = {
    "when": "result.outcome != `null`",
    "guardrail": "detector.name",
    "guardrail_version": "detector.version",
    "time": "ts",
    "request_id": "request.id",
    "session_id": "request.session",
    "score": "result.points",
    "threshold": "result.limit",
    "verdict": "result.outcome",
    "verdicts": ["BLOCK = deny", "PASS = allow"],
    "stage": "'input'",
    "latency_ms": "latency.ms",
    "highest": 100,
}
_INTERPRETED = _MAPPING | {"score": "result.points || `0`"}
"""One expression that is more than a path: the whole mapping is left to the interpreter."""
Contestant = tuple[BlockDecoder, RecordBlock, int]


def contestants() -> dict[str, Contestant]:
    """Name -> decoder, block, events of the block."""
    reader = Reader(FORMATS, ENVELOPES, Context(), max_depth=32)

    def auto() -> FormatDecoder:
        return FormatDecoder(Decoder(Vocabulary.bounded(), KEY), reader, max_bytes=1 << 20)

    canonical = block_of(make_events(BLOCK_EVENTS, text=False))
    found: dict[str, Contestant] = {
        "canonical": (Decoder(Vocabulary.bounded(), KEY), canonical, BLOCK_EVENTS),
        "canonical, auto": (auto(), canonical, BLOCK_EVENTS),
    }
    for name, (wrap, _) in WRAPS.items():
        found[f"in {name}"] = (auto(), block_of([wrap(_EVENT)] * BLOCK_EVENTS), BLOCK_EVENTS)
    batch = json.dumps([_EVENT] * 100).encode()
    found["in an array of 100"] = (auto(), block_of([batch] * (BLOCK_EVENTS // 100)), BLOCK_EVENTS)
    own = block_of([json.dumps(_OWN).encode()] * BLOCK_EVENTS)
    found["mapping"] = (_mapped(_MAPPING), own, BLOCK_EVENTS)
    found["mapping, interpreted"] = (_mapped(_INTERPRETED), own, BLOCK_EVENTS)
    first = {sample.name.split(".")[0]: sample for sample in reversed(SAMPLES)}
    for form in FORMATS:
        sample = first[form.name]
        records = max(1, BLOCK_EVENTS // len(sample.events))
        found[form.name] = (auto(), block_of([sample.value] * records), records * len(sample.events))
    return found


def _mapped(mapping: dict[str, Any]) -> BlockDecoder:
    source = {"files": {"paths": "x.jsonl"}, "format": "mapping", "mapping": mapping}
    settings = Settings.model_validate({"source": source, "budget": {"pages": 1}})
    return block_decoder(settings, Vocabulary.bounded(), KEY)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--events", type=int, default=6_000)
    arguments.add_argument("--only", nargs="+", default=[], help="names that begin so, beside canonical")
    given = arguments.parse_args()
    chosen = ("canonical", *given.only)
    runs = {name: one for name, one in contestants().items() if not given.only or name.startswith(chosen)}
    for name, (decoder, block, events) in runs.items():
        decoded = decoder.decode(block)
        assert (len(decoded.batch), len(decoded.rejected)) == (events, 0), name
    seconds: dict[str, list[float]] = {name: [] for name in runs}  # per event
    order = list(runs)
    for _ in range(given.rounds):
        for name in order:
            decoder, block, events = runs[name]
            times = max(1, given.events // events)
            begin = time.process_time()
            for _ in range(times):
                decoder.decode(block)
            seconds[name].append((time.process_time() - begin) / (times * events))
        order.append(order.pop(0))
    print(f"{'':26}{'events/s':>12}{'records/s':>12}{'bytes':>8}{'of canonical':>14}")
    base = seconds["canonical"]
    for name, taken in seconds.items():
        _, block, events = runs[name]
        ratio = statistics.median(reference / own for own, reference in zip(taken, base, strict=True))
        rate = 1 / statistics.median(taken)
        size = block.buffer.size / len(block)
        print(f"{name:26}{rate:12,.0f}{rate * len(block) / events:12,.0f}{size:8,.0f}{ratio:14.3f}")


if __name__ == "__main__":
    main()
