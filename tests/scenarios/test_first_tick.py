"""Judging begins at the first tick of the log, also when another partition brings it later."""

from __future__ import annotations

import json

from monitor.counts.units import is_whole
from monitor.ingestion.memory import MemoryRecord
from tests.scenarios.service import judged, service

TICK_MS = 10_000
START_MS = 1_700_000_000_000


def test_a_partition_that_is_read_later_may_bring_the_first_tick():
    early = [_record(tick) for tick in range(8)]
    late = [_record(tick) for tick in range(2, 8)]
    expected = judged([early, late])
    with service([late, early], block_records=1) as built:
        stepped = []
        built.before_step = lambda _: stepped.append(built.stores.judge.first_tick())
        outcome = built.run()
    assert min(t for t in stepped if t is not None) < next(t for t in stepped if t is not None)
    assert outcome.judge.assessor.judged_before == expected.judge.assessor.judged_before
    assert _learned(outcome) == _learned(expected) == (START_MS // TICK_MS, len(early) + len(late), 8)


def _learned(outcome):
    (unit,) = [one for one in outcome.judge.assessor.fleet.state.units if not is_whole(one.unit)]
    return unit.learning_from, unit.learned, unit.learned_ticks


def _record(tick: int) -> MemoryRecord:
    event = {"v": 1, "time": START_MS + tick * TICK_MS, "guardrail": "g", "score": 0.1, "threshold": 0.5}
    return MemoryRecord(json.dumps(event).encode())
