"""The counting role: a worker that is built anew after trouble, for as long as the service runs."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import structlog

from monitor.clock import Clock
from monitor.counting.ports import CountStore
from monitor.counting.slice_table import SliceTable
from monitor.counts.model import Slice
from monitor.errors import Fenced, TryAgain
from monitor.events.batch import Vocabulary
from monitor.ingestion.deadletter import DeadLetters, FileDeadLetters, Sealer
from monitor.ingestion.deadletter_kafka import KafkaDeadLetters
from monitor.ingestion.files import FileSource
from monitor.ingestion.gaps import OnGap
from monitor.ingestion.kafka import KafkaSource
from monitor.ingestion.source import Source
from monitor.ingestion.worker import Worker, WorkerReport
from monitor.settings.model import Settings
from monitor.wiring import translate
from monitor.wiring.decoding import block_decoder
from monitor.wiring.keys import hash_key
from monitor.wiring.trouble import Trouble

POLL_S: Final = 0.1
"""Longest wait for records: idle partitions are marked at least this often, which bounds how late a tick closes."""
LONG_STEP_S: Final = 10.0
"""A step takes milliseconds, a second where much is read; one that takes so long waits for something."""
_LOG: Final = structlog.stdlib.get_logger("driftline.counting")


def worker_name(settings: Settings) -> str:
    """Name of this process in leases and logs."""
    return settings.worker_id or f"{socket.gethostname()}-{os.getpid()}"


class Counting:
    """Builds workers and steps them."""

    def __init__(
        self,
        settings: Settings,
        store: CountStore,
        *,
        approved: Sequence[Slice],
        clock: Clock,
        env: Mapping[str, str],
        deployment: Callable[[], str] = lambda: "",
    ) -> None:
        """Args:
        approved: slices of approved baselines; they get room before whatever traffic brings.
        deployment: reads the identity of the database that is counted into; empty: nobody looks for others.
        """
        self._deployment = deployment
        self._settings = settings
        self._store = store
        self._clock = clock
        limits = settings.limits
        vocabulary = Vocabulary.bounded(guardrails=limits.guardrails)
        self._key = hash_key(settings, env)
        self._decoder = block_decoder(settings, vocabulary, self._key)
        self.slices = SliceTable(
            vocabulary, units=limits.units, strata_per_unit=limits.strata_per_unit, slices=limits.slices
        )
        self.slices.know(approved)
        self.assigned = False
        """Whether the newest worker owns any partition."""
        self.trouble = Trouble("counting")
        self._begun: float | None = None

    @property
    def reason(self) -> str | None:
        """Why nothing is counted at the moment; None if all is well."""
        begun = self._begun
        waiting = 0.0 if begun is None else time.monotonic() - begun
        if waiting > LONG_STEP_S:
            return f"one step has taken {waiting:.0f} s: the brokers, the dead letters or the database do not answer"
        if self.trouble.reason is not None:
            return self.trouble.reason
        return None if self.assigned else "no partition has been assigned yet"

    def run(
        self,
        stop: threading.Event,
        on_report: Callable[[WorkerReport], None],
        *,
        on_alive: Callable[[], None] = lambda: None,
        wait: bool = True,
    ) -> None:
        """Count until stopped, or until a source that ends has ended; pause and start anew after trouble.

        Args:
            stop: set from elsewhere.
            on_report: called after every step.
            on_alive: called now and then while it pauses.
            wait: whether to wait for what is not there at the first start.

        Raises:
            SourceRefused, StoreRefused, SettingsError: trying again will not help.
            TryAgain: the log cannot be read at the first start, and nobody wants to wait for it.
        """
        began = False
        while not stop.is_set():
            try:
                if self._one_worker(stop, on_report):
                    return
            except (TryAgain, Fenced) as error:
                began |= self.assigned
                self.assigned, self._begun = False, None
                if not (began or wait):
                    raise
                paused_until = time.monotonic() + self.trouble.failed(error)
                while (left := paused_until - time.monotonic()) > 0 and not stop.wait(min(left, 1.0)):
                    on_alive()

    def _one_worker(self, stop: threading.Event, on_report: Callable[[WorkerReport], None]) -> bool:
        dead_letters = self._dead_letters()
        worker = Worker(
            self._open,
            self._store,
            self._decoder,
            dead_letters,
            self.slices,
            translate.count_rule(self._settings),
            owner=worker_name(self._settings),
            source_of=translate.topic_of if self._settings.source.kafka else lambda partition: partition,
            now_ms=self._clock.now_ms,
            commit_interval_ms=self._settings.commit_interval.ms,
            timer=time.perf_counter,
        )
        try:
            worker.start()
            self._store.retire_sources_except(worker.sources)
            while not stop.is_set():
                self._begun = time.monotonic()
                report = worker.step(timeout_s=POLL_S)
                self._begun = None
                self.assigned = report.owned > 0
                if report.commit_seconds:
                    self.trouble.over()  # only now: a worker that joins and cannot commit is no end of it
                _warn_of_new_logs(report)
                on_report(report)
                if report.ended:
                    break
            worker.close()
            return True
        finally:
            worker.abandon()
            _close(dead_letters)

    def _open(self, on_gap: OnGap) -> Source:
        if self._settings.source.files is not None:
            files = self._settings.source.files
            follow = self._clock if files.follow else None
            return FileSource(files.paths, leave_half=True, follow=follow)
        options = replace(translate.kafka_source_options(self._settings), deployment=self._deployment())
        return KafkaSource(options, self._clock, on_gap=on_gap)

    def _dead_letters(self) -> DeadLetters:
        sealer = Sealer(payload=self._settings.dead_letter.payload, hash_key=self._key)
        topic, kafka = self._settings.dead_letter_topic, self._settings.source.kafka
        if topic is not None and kafka is not None:
            return KafkaDeadLetters(translate.kafka_connection(kafka), topic=topic, sealer=sealer)
        return FileDeadLetters(translate.dead_letter_file(self._settings), sealer)


def _warn_of_new_logs(report: WorkerReport) -> None:
    for renewal in report.renewed:
        _LOG.warning(
            "another log lies behind a known name; it is read from its start",
            partition=renewal.partition,
            former_log=renewal.log.was,
            former_position=renewal.left_at,
            new_log=renewal.log.now,
            consequence="records of the former log beyond that position were not read",
        )


def _close(dead_letters: DeadLetters) -> None:
    try:
        dead_letters.close()
    except TryAgain as error:
        # Their positions are not committed either: the records will be read, and lettered, again.
        _LOG.warning("dead letters not flushed", error=str(error))
