"""A worker whose partition somebody else has claimed starts anew; it does not go on as a member in name only."""

from __future__ import annotations

import json

import pytest

from monitor.errors import Fenced
from monitor.ingestion.memory import MemoryRecord
from monitor.ingestion.worker import Worker
from tests.scenarios.service import judged, service

TICK_MS = 10_000
START_MS = 1_700_000_000_000
LOGS = [[MemoryRecord(json.dumps(one).encode()) for one in events] for events in (
    [{"v": 1, "time": START_MS + n * TICK_MS, "guardrail": "g", "score": 0.1, "threshold": 0.5} for n in range(8)],
    [{"v": 1, "time": START_MS + n * TICK_MS, "guardrail": "g", "score": 0.2, "threshold": 0.5} for n in range(8)],
)]  # fmt: skip


def to_the_end(worker: Worker) -> None:
    while not worker.step(timeout_s=0.0).ended:
        pass


def test_who_finds_a_partition_taken_stops_and_a_new_worker_counts_every_record_once():
    expected = judged(LOGS)
    with service(LOGS, block_records=2) as built:
        worker = built.worker
        worker.start()
        worker.step(timeout_s=0.0)
        built.stores.counts.claim("log-0", owner="another", now_ms=0)
        with pytest.raises(Fenced, match="log-0 was claimed by another worker"):
            to_the_end(worker)
        worker.abandon()
        built.worker = built.new_worker()
        outcome = built.run()
        totals = built.stores.reads.totals()
    assert totals.events == sum(len(log) for log in LOGS)
    assert outcome.judge.assessor.judged_before == expected.judge.assessor.judged_before
