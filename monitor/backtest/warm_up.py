"""Compiles every numba kernel once, so that the first real event does not wait for it.

Set-up runs it (``python -m monitor.backtest.warm_up``), which reports every few seconds that it still compiles; the
machine code is kept beside the sources. It replays a
small log that visits all of the path: decoding, counting, a baseline, an alarm and its end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Final

import msgspec

from monitor.backtest.replay import replay
from monitor.ingestion.kafka_raw import raw_fault
from monitor.ingestion.memory import MemorySource
from monitor.settings.model import Settings

_QUIET, _LOUD = 600, 100
_STEP_MS = 1_000
NEWS_S: Final = 10.0


def _events() -> Iterator[bytes]:
    """Two languages, for strata; a text, to be fingerprinted; quiet, an alarm, and its end."""
    for number in range(_QUIET + _LOUD + _QUIET):
        loud = _QUIET <= number < _QUIET + _LOUD
        yield msgspec.json.encode(
            {
                "v": 1,
                "event_id": f"e{number}",
                "time": 1_700_000_000_000 + number * _STEP_MS,
                "guardrail": "warm-up",
                "stage": "input",
                "category": "none",
                "score": 0.5 if loud else 0.01 + number % 7 / 100,
                "threshold": 0.5,
                "verdict": "deny" if loud else "allow",
                "action": "block" if loud else "allow",
                "language": "en" if number % 2 else "de",
                "text": "compile me",
            }
        )


def warm_up() -> float:
    """Compile; seconds that it took."""
    began = time.perf_counter()
    settings = Settings.model_validate(
        {"source": {"files": {"paths": ["-"]}}, "budget": {"pages": 100}, "baseline": {"events": 200}}
    )
    source = MemorySource([("warm-up", list(_events()))])
    found = replay(source, settings).summary.pages
    fault = raw_fault()
    if found == 0 or fault is not None:
        raise SystemExit(f"warm-up: the pipeline does not work here: {found} pages, raw batches: {fault or 'ok'}")
    return time.perf_counter() - began


def warm_up_mapping() -> float:
    """Compile the scan of records under ``source.mapping``, which only logs of one's own JSON need; seconds."""
    began = time.perf_counter()
    mapping = {"when": "score", "guardrail": "'warm-up'", "score": "score", "time": "at"}
    source = {"files": {"paths": ["-"]}, "format": "mapping", "mapping": mapping}
    settings = Settings.model_validate({"source": source, "budget": {"pages": 1}})
    record = msgspec.json.encode({"score": 0.5, "at": 1_700_000_000_000})
    replay(MemorySource([("warm-up", [record])]), settings)
    return time.perf_counter() - began


def main() -> None:
    """Compile, and print every :data:`NEWS_S` seconds for how long already."""
    done = threading.Event()

    def news() -> None:
        began = time.perf_counter()
        while not done.wait(NEWS_S):
            print(f"  still compiling after {time.perf_counter() - began:.0f} s", flush=True)  # noqa: T201

    print("  compiling the counting and judging kernels, a minute or two", flush=True)  # noqa: T201
    watcher = threading.Thread(target=news, daemon=True)
    watcher.start()
    try:
        seconds = warm_up() + warm_up_mapping()
    finally:
        done.set()
        watcher.join()
    print(f"  compiled in {seconds:.0f} s", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
