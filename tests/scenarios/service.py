"""The counting worker and the judge over one database in memory, driven by hand: any batches, killed at any time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from monitor.alerting.policy import AlertPolicy
from monitor.alerting.respond import respond
from monitor.clock import ManualClock
from monitor.counting.counter import CountRule
from monitor.counting.memory import MemoryRule
from monitor.counting.slice_table import SliceTable
from monitor.counts.units import is_whole
from monitor.errors import StoreUnavailable
from monitor.events.batch import Vocabulary
from monitor.events.decode import Decoder
from monitor.findings.model import Finding, Kind
from monitor.incidents.model import Incident
from monitor.ingestion.deadletter import CountedDeadLetters
from monitor.ingestion.memory import MemoryRecord, MemorySource
from monitor.ingestion.worker import Worker
from monitor.judging.evidence_points import EvidencePoint, HourLevel
from monitor.judging.evidence_record import EvidenceRecorder, EvidenceRetention
from monitor.judging.judge import Judge, Step
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.ports import Baseline
from monitor.judging.view import StreamView
from monitor.signals.registry import LAYOUT
from monitor.storage.stores import Stores, open_stores

NO_SNAPSHOTS = 2**62
STEPS_AT_MOST = 100_000


@dataclass(frozen=True)
class Judging:
    """When the judge steps and what happens to it."""

    at_the_end: bool = False
    """Step only once everything is counted; otherwise after every commit."""
    deaths: int | None = None
    """Seed: between steps, and in the middle of transactions, the judge dies at random and is built anew."""
    snapshot_ticks: int = NO_SNAPSHOTS
    rival: bool = False
    """A second judge stands by; who steps is up to chance, and the lease runs out between most steps."""
    retention: EvidenceRetention | None = None
    """What is stored of the evidence over time, kept for so long; None: nothing is."""
    worker_deaths: bool = False
    """The counting worker dies at random between its steps; a new one takes over from the last commit."""


@dataclass
class Outcome:
    """What a log came to."""

    findings: list[Finding]
    incidents: list[Incident]
    baselines: list[Baseline]
    """Of units; those of guardrails as a whole are left out."""
    judge: Judge
    deaths: int = 0
    points: list[EvidencePoint] = field(default_factory=list)
    levels: list[HourLevel] = field(default_factory=list)
    streams: list[StreamView] = field(default_factory=list)
    """Without guardrails as a whole, like the baselines."""

    def pages(self, guardrail: str | None = None) -> list[Finding]:
        """Pages in order of detection."""
        return [f for f in self.findings if f.kind is Kind.page and guardrail in (None, f.guardrail)]

    def notices(self, guardrail: str | None = None) -> list[Finding]:
        """Notices that no page has overtaken."""
        return [f for f in self.findings if f.kind is Kind.notice and guardrail in (None, f.guardrail)]


@dataclass
class Service:
    """One worker, one judge, one database."""

    stores: Stores
    new_worker: Callable[[], Worker]
    rule: JudgeSettings
    judging: Judging
    clock: ManualClock
    policy: AlertPolicy = field(default_factory=AlertPolicy)
    deaths: int = 0
    before_step: Callable[[Service], None] = lambda _: None
    judge: Judge = field(init=False)
    rival: Judge = field(init=False)
    worker: Worker = field(init=False)
    _chance: random.Random = field(init=False)
    _mishap: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.judging.deaths)
        self.judge, self.rival = self._new_judge("j"), self._new_judge("rival")
        self.worker = self.new_worker()

    def _new_judge(self, holder: str) -> Judge:
        retention = self.judging.retention
        return Judge(
            self.stores.judge,
            self.rule,
            self._respond,
            holder=holder,
            snapshot_ticks=self.judging.snapshot_ticks,
            recorder=None if retention is None else EvidenceRecorder(self.rule, retention),
        )

    def _respond(self, store, finding: Finding, now_ms: int) -> Finding:
        answer = respond(store, finding, now_ms=now_ms, policy=self.policy)
        if self._mishap:
            self._mishap = False
            self.deaths += 1
            raise StoreUnavailable("the connection broke in the middle of the transaction")
        return answer

    def step_judge(self) -> None:
        """Judge all that is closed."""
        self.before_step(self)
        for _ in range(STEPS_AT_MOST):
            if self.judging.deaths is not None:
                if self._chance.random() < 0.1:
                    self.judge = self._new_judge("j")
                    self.deaths += 1
                self._mishap = self._chance.random() < 0.3
            acting = self.rival if self.judging.rival and self._chance.random() < 0.5 else self.judge
            if self.judging.rival:
                self.clock.advance(self._chance.choice((0, 5_000, 11_000)))
            try:
                step = acting.step(self.clock.now_ms()).step
            except StoreUnavailable:
                continue
            if step is Step.waiting:
                return
        raise AssertionError("the judge never comes to an end")

    def run(self) -> Outcome:
        """To the end of the log."""
        self.worker.start()
        for _ in range(STEPS_AT_MOST):
            if self.judging.worker_deaths and self._chance.random() < 0.3:
                self.worker.abandon()
                self.worker = self.new_worker()
                self.worker.start()
                self.deaths += 1
            report = self.worker.step(timeout_s=0.0)
            if report.newest_ms:
                self.clock.advance(max(0, max(report.newest_ms.values()) - self.clock.now_ms()))
            if report.commit_seconds and not self.judging.at_the_end:
                self.step_judge()
            if report.ended:
                break
        self.step_judge()
        self.worker.close()
        with self.stores.alerts.transaction() as store:
            found = sorted(store.findings(limit=10_000), key=lambda f: (f.detected_at_ms, f.id))
            incidents = sorted(store.incidents(limit=10_000), key=lambda incident: incident.key)
        log = self.stores.evidence
        streams = [one for one in log.streams() if not is_whole(one.unit)]
        recorded = list(log.points(limit=1_000_000)), list(log.levels(limit=1_000_000)), streams
        baselines = [one for one in self.stores.judge.baselines() if not is_whole(one.unit)]
        return Outcome(found, incidents, baselines, self.judge, self.deaths, *recorded)


@contextmanager
def service(
    partitions: Sequence[Sequence[MemoryRecord]],
    *,
    rule: JudgeSettings | None = None,
    judging: Judging | None = None,
    block_records: int = 1_000,
    memory: MemoryRule | None = None,
    units: int = 4_096,
    url: str = "sqlite://",
    kind: type[Service] = Service,
    policy: AlertPolicy | None = None,
) -> Iterator[Service]:
    """A service that has not begun to read yet."""
    clock, vocabulary = ManualClock(), Vocabulary.bounded()
    logs = [(f"log-{i}", records) for i, records in enumerate(partitions)]
    with open_stores(url, layout=LAYOUT) as stores:

        def new_worker() -> Worker:
            return Worker(
                lambda _: MemorySource(logs, block_records=block_records),
                stores.counts,
                Decoder(vocabulary, b"k" * 32, max_bytes=1 << 20, max_depth=32),
                CountedDeadLetters(),
                SliceTable(vocabulary, units=units),
                CountRule(memory=memory or MemoryRule()),
                owner="w",
                source_of=lambda _: "log",
                now_ms=clock.now_ms,
                commit_interval_ms=NO_SNAPSHOTS,
                timer=lambda: 0.0,
            )

        yield kind(stores, new_worker, rule or JudgeSettings(), judging or Judging(), clock, policy or AlertPolicy())


def judged(partitions: Sequence[Sequence[MemoryRecord]], **options) -> Outcome:
    """Count and judge a log from its beginning to its end."""
    with service(partitions, **options) as built:
        return built.run()


def told(story_log: Sequence[MemoryRecord], **options) -> Outcome:
    """The same of a log in one partition."""
    return judged([story_log], **options)
