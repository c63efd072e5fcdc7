"""The counting role: a worker that is built anew after trouble, for as long as the service runs."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
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

POLL_S: Final = 0.1
"""Longest wait for records: idle partitions are marked at least this often, which bounds how late a tick closes."""
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
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
    ) -> None:
        """Args:
        approved: slices of approved baselines; they get room before whatever traffic brings.
        """
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
        self._worked = False
        """Whether the newest worker has committed anything."""

    def run(self, stop: threading.Event, on_report: Callable[[WorkerReport], None]) -> None:
        """Count until told to stop, or until a source that ends has ended; pause and start anew after trouble.

        Raises:
            SourceRefused, StoreRefused, SettingsError: trying again will not help.
        """
        pause = FIRST_PAUSE_S
        while not stop.is_set():
            self._worked = False
            try:
                if self._one_worker(stop, on_report):
                    return
            except (TryAgain, Fenced) as error:
                self.assigned = False
                if self._worked:
                    pause = FIRST_PAUSE_S  # new trouble, not the old one going on
                _LOG.warning("counting paused", error=str(error), seconds=pause)
                stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)

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
                report = worker.step(timeout_s=POLL_S)
                self.assigned = report.owned > 0
                self._worked |= bool(report.commit_seconds)
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
            return FileSource(self._settings.source.files.paths)
        return KafkaSource(translate.kafka_source_options(self._settings), self._clock, on_gap=on_gap)

    def _dead_letters(self) -> DeadLetters:
        sealer = Sealer(payload=self._settings.dead_letter.payload, hash_key=self._key)
        topic, kafka = self._settings.dead_letter_topic, self._settings.source.kafka
        if topic is not None and kafka is not None:
            return KafkaDeadLetters(translate.kafka_connection(kafka), topic=topic, sealer=sealer)
        return FileDeadLetters(translate.dead_letter_file(self._settings), sealer)


def _close(dead_letters: DeadLetters) -> None:
    try:
        dead_letters.close()
    except TryAgain as error:
        # Their positions are not committed either: the records will be read, and lettered, again.
        _LOG.warning("dead letters not flushed", error=str(error))
