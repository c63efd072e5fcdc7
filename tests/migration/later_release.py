"""This release, or a later one with a signal more and one changed, at work on a database: what it knows, as JSON.

    python -m tests.migration.later_release FILE [SIGNAL] [--count-on | --only-count]

With a signal the places of the signals are changed before the registry is made of them, so all of the code sees the
later release's: that signal has another version, ``offset_parity`` is new. With ``--only-count`` or ``--count-on`` a
worker of that release counts three more hours of quiet traffic first; with the latter the judge is built anew at the
end, from counts and baselines alone.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any

import numpy as np

from monitor.findings.model import Direction
from monitor.signals import placed
from monitor.signals.signal import Question, Signal

COUNT_ON, ONLY_COUNT = "--count-on" in sys.argv, "--only-count" in sys.argv
CHANGED = next((word for word in sys.argv[2:] if not word.startswith("--")), None)
NEW = Signal(
    name="offset_parity",
    version=1,
    bins=("even", "odd"),
    code=lambda batch: (batch.offset % 2).astype(np.int16),
    questions=(
        Question(name="odd_rise", values=(0.0, 1.0), direction=Direction.rise, phrase="share of odd offsets"),
    ),
    unavailable="every event has an offset",
    share_of=lambda first, last: "share of odd offsets",
)
FREE = 205
"""The first column that the release has not used."""


def later_places(changed: str) -> tuple[tuple[Signal | placed.Retired, int], ...]:
    """Those of a release that retires one rule, counts its successor, and a signal more."""
    old = next(one for one, _ in placed.PLACED if one.name == changed)
    assert isinstance(old, Signal)
    retired = placed.Retired(old.name, old.version, len(old.bins))
    kept = tuple((retired if one is old else one, first) for one, first in placed.PLACED)
    return (*kept, (dataclasses.replace(old, version=old.version + 1), FREE), (NEW, FREE + len(old.bins)))


if CHANGED:
    placed.PLACED = later_places(CHANGED)  # type: ignore[misc]

# After the change: these build on the registry.
from sqlalchemy import delete  # noqa: E402

from monitor.alerting.policy import AlertPolicy  # noqa: E402
from monitor.alerting.respond import respond  # noqa: E402
from monitor.counting.counter import CountRule  # noqa: E402
from monitor.counting.slice_table import SliceTable  # noqa: E402
from monitor.counts.units import is_whole  # noqa: E402
from monitor.events.batch import Vocabulary  # noqa: E402
from monitor.events.decode import Decoder  # noqa: E402
from monitor.ingestion.deadletter import CountedDeadLetters  # noqa: E402
from monitor.ingestion.memory import MemoryRecord, MemorySource  # noqa: E402
from monitor.ingestion.worker import Worker  # noqa: E402
from monitor.judging.judge import Judge, Step  # noqa: E402
from monitor.judging.judge_settings import JudgeSettings  # noqa: E402
from monitor.signals.registry import LAYOUT, SIGNALS  # noqa: E402
from monitor.storage.stores import Stores, open_stores  # noqa: E402
from monitor.storage.tables import snapshots  # noqa: E402
from tests.migration.releases.story_0_1 import STORY  # noqa: E402
from tests.scenarios.story import log_of  # noqa: E402

NOW_MS = 1_800_000_000_000
QUIET = """
03:20 injection: rate=60/min near=20%
03:20 toxicity:  rate=60/min
06:20 end
"""


def log() -> list[MemoryRecord]:
    """What the release has counted, and three hours more."""
    more = log_of(QUIET, seed=2)
    renamed = [
        dataclasses.replace(record, value=record.value.replace(b'"event_id": "', b'"event_id": "later-'))
        for record in more
    ]
    return [*log_of(STORY), *renamed]


def count(stores: Stores) -> None:
    """The rest of the log, by a worker of this release."""
    vocabulary = Vocabulary.bounded()
    worker = Worker(
        lambda _: MemorySource([("log-0", log())], block_records=500),
        stores.counts,
        Decoder(vocabulary, b"k" * 32, max_bytes=1 << 20, max_depth=32),
        CountedDeadLetters(),
        SliceTable(vocabulary),
        CountRule(),
        owner="later",
        source_of=lambda _: "log",
        now_ms=lambda: NOW_MS,
        commit_interval_ms=2**62,
        timer=lambda: 0.0,
    )
    worker.start()
    while not worker.step(timeout_s=0.0).ended:
        pass
    worker.close()


def judge(stores: Stores) -> tuple[Judge, dict[str, Any]]:
    """A judge that has judged all there is, and its units by guardrail."""
    acting = Judge(
        stores.judge,
        JudgeSettings(baseline_span_ms=0),  # or it would refine baselines that span less
        lambda store, finding, now_ms: respond(store, finding, now_ms=now_ms, policy=AlertPolicy()),
        holder="later",
    )
    while acting.step(NOW_MS).step is Step.judged:
        pass
    assert acting.assessor is not None
    state = acting.assessor.fleet.state
    own = [unit for unit in state.units if not is_whole(unit.unit)]
    watched = [(unit, unit.epoch) for unit in own if unit.epoch is not None]
    return acting, {
        unit.unit.guardrail: {
            "effective_tick": epoch.effective_tick,
            "by_person": epoch.by_person,
            "new_signals": [SIGNALS[new.signal].name for new in epoch.new_signals],
            "unavailable": epoch.unavailable,
            "levels": sorted(
                [SIGNALS[test.signal].name, SIGNALS[test.signal].questions[test.question].name, test.rate, test.limit]
                for test in epoch.page_tests
            ),
        }
        for unit, epoch in watched
    }


def findings(stores: Stores) -> list[dict[str, Any]]:
    """All, in order of their ids."""
    with stores.alerts.transaction() as store:
        return [
            {name: getattr(one, name) for name in ("id", "kind", "guardrail", "signal", "ended_at_ms", "paged_at_ms")}
            for one in sorted(store.findings(limit=1_000), key=lambda one: one.id)
        ]


def main() -> None:
    """See the module."""
    with open_stores(f"sqlite:///{sys.argv[1]}", layout=LAYOUT) as stores:
        answer: dict[str, Any] = {"findings_before": findings(stores)}
        if COUNT_ON or ONLY_COUNT:
            count(stores)
        if ONLY_COUNT:
            print("{}")
            return
        acting, answer["units"] = judge(stores)
        assert acting.assessor is not None
        answer["open_pages"] = [one.id for one in acting.assessor.open_pages()]
        acting.close()
        answer["findings_after"] = findings(stores)
        answer["baselines"] = [
            [one.unit.guardrail, one.state, [columns.signal for columns in one.layout.columns]]
            for one in stores.judge.baselines()
            if not is_whole(one.unit)
        ]
        if COUNT_ON:
            with stores.database.writing() as connection:
                connection.execute(delete(snapshots))
            answer["again"] = judge(stores)[1]
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
