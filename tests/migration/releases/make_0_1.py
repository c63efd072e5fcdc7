"""Makes ``0_1.sql.gz``: the database of a small deployment as the release of commit 48426f2 leaves it.

Run it with that release's code, once; it imports modules that later releases do not have:

    git worktree add ../release 48426f2
    cp tests/migration/releases/make_0_1.py ../release/ && cd ../release
    PYTHONPATH=. python make_0_1.py 0_1.sql.gz

Two guardrails with an event a second. The policy approves a baseline of both; a person approves another one of
``injection`` at 02:30; somebody probes ``toxicity`` from 02:50 on. The judge stops at 03:00 with that page open, the
worker counts until 03:20.
"""

from __future__ import annotations

import gzip
import sqlite3
import sys
import tempfile
from pathlib import Path

from monitor.pipeline.count import CountRule
from monitor.pipeline.rule import JudgeRule
from monitor.pipeline.signals import LAYOUT
from monitor.pipeline.slices import SliceTable

from monitor.clock import ManualClock
from monitor.events.batch import Vocabulary
from monitor.events.decode import Decoder
from monitor.ingestion.deadletter import CountedDeadLetters
from monitor.ingestion.memory import MemorySource
from monitor.ingestion.worker import Worker
from monitor.storage.stores import open_stores
from tests.scenarios.service import Judging, Service
from tests.scenarios.story import log_of
from tests.scenarios.test_epochs import approve, tick

STORY = """
00:00 injection: rate=60/min
00:00 toxicity:  rate=60/min
01:30 injection: near=20%
02:50 toxicity:  near=20%
03:20 end
"""


def before_step(built: Service) -> None:
    judged = built.stores.judge.judged_before()
    if judged is not None and judged >= tick("02:30") and "approved" not in DONE:
        DONE.add("approved")
        approve(built, "injection", ("01:40", "02:30"))


DONE: set[str] = set()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "release.db"
        clock, vocabulary = ManualClock(), Vocabulary.bounded()
        logs = [("log-0", log_of(STORY))]
        with open_stores(f"sqlite:///{file}", layout=LAYOUT) as stores:
            built = Service(
                stores,
                lambda: Worker(
                    lambda _: MemorySource(logs, block_records=200),
                    stores.counts,
                    Decoder(vocabulary, b"k" * 32, max_bytes=1 << 20, max_depth=32),
                    CountedDeadLetters(),
                    SliceTable(vocabulary),
                    CountRule(),
                    owner="w",
                    source_of=lambda _: "log",
                    now_ms=clock.now_ms,
                    commit_interval_ms=2**62,
                    timer=lambda: 0.0,
                ),
                JudgeRule(),
                Judging(),
                clock,
            )
            built.before_step = before_step
            built.worker.start()
            while True:
                report = built.worker.step(timeout_s=0.0)
                if report.newest_ms:
                    clock.advance(max(0, max(report.newest_ms.values()) - clock.now_ms()))
                judged = stores.judge.judged_before() or 0
                if report.commit_seconds and judged < tick("03:00"):
                    built.step_judge()
                if report.ended:
                    break
            built.worker.close()
            built.judge.close()
            with stores.alerts.transaction() as store:
                for finding in store.findings(limit=100):
                    print(finding.kind, finding.guardrail, finding.signal, finding.ended_at_ms)
            for baseline in stores.judge.baselines():
                print(baseline.id, baseline.unit.guardrail, baseline.state, baseline.effective_tick)
        database = sqlite3.connect(file)
        dump = "\n".join(database.iterdump())
    with gzip.GzipFile(sys.argv[1], "wb", mtime=0) as out:
        out.write(dump.encode())


main()
