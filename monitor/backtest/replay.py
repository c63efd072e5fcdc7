"""Replaying logs through the very pipeline that runs live, at full speed, in a database of its own in memory."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from monitor.alerting.respond import respond
from monitor.clock import ManualClock
from monitor.counting.ports import Tally
from monitor.counting.slice_table import SliceTable
from monitor.events.batch import Vocabulary
from monitor.events.formats.decoder import BlockDecoder
from monitor.events.reasons import NO_FAULT
from monitor.findings.model import Finding, Kind
from monitor.incidents.model import Incident
from monitor.ingestion.deadletter import CountedDeadLetters
from monitor.ingestion.gaps import OnGap
from monitor.ingestion.kafka_range import KafkaRange
from monitor.ingestion.source import Source
from monitor.ingestion.worker import Worker
from monitor.judging.judge import Judge, Step
from monitor.judging.ports import JudgeStore
from monitor.settings.model import Settings
from monitor.signals.registry import LAYOUT
from monitor.storage.stores import Stores, open_stores
from monitor.wiring import translate
from monitor.wiring.decoding import block_decoder

IN_MEMORY = "sqlite://"
REPLAY_KEY = b"the same log, the same findings."
"""Hashes of a replay end with it, so its key is no secret; near-duplicates depend on it, so it never changes."""
DecoderOf = Callable[[Settings, Vocabulary, bytes], BlockDecoder]


@dataclass(slots=True)
class Summary:
    """Totals of a replay."""

    events: int = 0
    ticks: int = 0
    dead_lettered: int = 0
    duplicates: int = 0
    late: int = 0
    future: int = 0
    findings: int = 0
    pages: int = 0
    incidents: int = 0
    seconds: float = 0.0
    rejected: dict[str, int] = field(default_factory=dict)
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    """People's labels by guardrail and outcome: caught, missed, passed, false_positive."""
    contradictions: dict[str, int] = field(default_factory=dict)
    """By guardrail that logs score, threshold and verdict: how many verdicts contradict the other two."""


@dataclass(slots=True)
class Replay:
    """A finished replay: findings in order of detection, the incidents they would have opened, and the sums."""

    findings: list[Finding]
    incidents: list[Incident]
    summary: Summary
    dead_letters: CountedDeadLetters
    judge: Judge
    stores: Stores
    """Counts, baselines, findings; closed once :func:`replayed` is left."""


@dataclass(frozen=True, slots=True)
class _Parts:
    worker: Worker
    judge: Judge
    stores: Stores
    clock: ManualClock
    dead_letters: CountedDeadLetters


def replay(
    source: Source,
    settings: Settings,
    *,
    on_progress: Callable[[Tally], None] | None = None,
    timer: Callable[[], float] = time.perf_counter,
) -> Replay:
    """As :func:`replayed`, for callers that need only the findings and totals."""
    with replayed(source, settings, on_progress=on_progress, timer=timer) as done:
        return done


@contextmanager
def replayed(
    source: Source,
    settings: Settings,
    *,
    on_progress: Callable[[Tally], None] | None = None,
    timer: Callable[[], float] = time.perf_counter,
    decoder_of: DecoderOf = block_decoder,
) -> Iterator[Replay]:
    """Read a source to its end and judge everything in it; inside, the counts can be looked at and judged again.

    Args:
        source: one that ends.
        settings: budget, ticks, baseline and limits are taken from here; its own source and database are not touched.
        on_progress: called with what each step counted.
        timer: seconds, for the summary.
        decoder_of: makes the decoder; a caller may wrap it to observe its output.
    """
    began = timer()
    with _assembled(source, settings, decoder_of) as parts:
        summary = _run(parts, on_progress)
        judged, first = parts.stores.judge.judged_before(), parts.stores.judge.first_tick()
        findings, incidents = found_in(parts.stores)
        summary.ticks = 0 if judged is None or first is None else judged - first
        summary.findings = len(findings)
        summary.pages = sum(1 for finding in findings if finding.kind is Kind.page)
        summary.incidents = len(incidents)
        summary.seconds = timer() - began
        yield Replay(findings, incidents, summary, parts.dead_letters, parts.judge, parts.stores)


def found_in(stores: Stores) -> tuple[list[Finding], list[Incident]]:
    """All findings in order of detection, and all incidents."""
    with stores.alerts.transaction() as store:
        findings = sorted(store.findings(limit=1_000_000), key=lambda f: (f.detected_at_ms, f.id))
        incidents = sorted(store.incidents(limit=1_000_000), key=lambda incident: incident.id)
    return findings, incidents


def judge_of(stores: JudgeStore, settings: Settings) -> Judge:
    """The judge of a replay: alone, without snapshots or notifications."""
    policy = dataclasses.replace(translate.alert_policy(settings), routes=())
    return Judge(
        stores,
        translate.judge_rule(settings),
        lambda store, finding, now_ms: respond(store, finding, now_ms=now_ms, policy=policy),
        holder="replay",
        snapshot_ticks=2**62,
    )


def _run(parts: _Parts, on_progress: Callable[[Tally], None] | None) -> Summary:
    summary = Summary()
    parts.worker.start()
    ended = False
    while not ended:
        report = parts.worker.step(timeout_s=1.0)
        _add(summary, report.tally)
        if report.newest_ms:
            parts.clock.advance(max(0, max(report.newest_ms.values()) - parts.clock.now_ms()))
        ended = report.ended
        if on_progress is not None:
            on_progress(report.tally)
        while report.commit_seconds and _judge(parts, summary):
            pass
    parts.worker.close()
    return summary


def _judge(parts: _Parts, summary: Summary) -> bool:
    report = parts.judge.step(parts.clock.now_ms())
    if report.assessment is not None:
        for name, count in report.assessment.contradictions.items():
            summary.contradictions[name] = summary.contradictions.get(name, 0) + count
        for (name, outcome), count in report.assessment.labels.items():
            found = summary.labels.setdefault(name, {})
            found[outcome] = found.get(outcome, 0) + count
    return report.step is Step.judged


def _add(summary: Summary, tally: Tally) -> None:
    summary.events += tally.events
    summary.duplicates += tally.duplicates
    summary.late += tally.late
    summary.future += tally.future
    summary.dead_lettered += tally.gap
    summary.dead_lettered += sum(count for reason, count in tally.rejected.items() if reason not in NO_FAULT)
    for reason, count in tally.rejected.items():
        summary.rejected[reason] = summary.rejected.get(reason, 0) + count


@contextmanager
def _assembled(source: Source, settings: Settings, decoder_of: DecoderOf) -> Iterator[_Parts]:
    clock = ManualClock()
    vocabulary = Vocabulary.bounded(guardrails=settings.limits.guardrails)
    dead_letters = CountedDeadLetters()
    limits = settings.limits
    with open_stores(IN_MEMORY, layout=LAYOUT) as stores:
        worker = Worker(
            lambda on_gap: _telling(source, on_gap),
            stores.counts,
            decoder_of(settings, vocabulary, REPLAY_KEY),
            dead_letters,
            SliceTable(vocabulary, units=limits.units, strata_per_unit=limits.strata_per_unit, slices=limits.slices),
            translate.count_rule(settings),
            owner="replay",
            source_of=lambda partition: partition,
            now_ms=clock.now_ms,
            commit_interval_ms=2**62,
            timer=time.perf_counter,
        )
        yield _Parts(worker, judge_of(stores.judge, settings), stores, clock, dead_letters)


def _telling(source: Source, on_gap: OnGap) -> Source:
    """A stretch of a topic may have gaps; files have none."""
    if isinstance(source, KafkaRange):
        source.tell_gaps(on_gap)
    return source
