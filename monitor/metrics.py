"""Every metric that Driftline exposes: name, kind, labels, unit and meaning, typed once.

    metrics = Metrics(CollectorRegistry())
    metrics.events.add(len(batch))
    metrics.records_rejected.add(1, reason="too_large")
    metrics.log_evidence.replace({("prompt-shield", "injection", "score_shift", "any"): 3.2})

The number of label sets of each metric is bounded, because label values are partly for an attacker to choose.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import nlargest
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry

from monitor import __version__

OVERFLOW: Final = "(other)"
"""Label value that counts everything after the last free label set."""

LATENCY_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds; from a commit to SQLite on a fast disk to a database in trouble."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric.

    Attributes:
        name: full name, as a scrape shows it.
        kind: counter, gauge or histogram.
        unit: unit of its value.
        meaning: the thing that it counts or measures.
        labels: names of its labels.
        most: label sets that are exposed at most.
    """

    name: str
    kind: str
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()
    most: int = 1


class _Bounded:
    """The label sets in use, and the most that there may be."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self._used: set[tuple[str, ...]] = set()
        self._lock = threading.Lock()

    def _admit(self, labels: Mapping[str, str]) -> tuple[str, ...] | None:
        """The label values in order; None if there is no room for them."""
        values = tuple(labels[name] for name in self.definition.labels)
        if len(labels) != len(values):
            raise ValueError(f"{self.definition.name} has labels {self.definition.labels}, got {tuple(labels)}")
        with self._lock:
            if values not in self._used:
                if len(self._used) >= self.definition.most:
                    return None
                self._used.add(values)
        return values


class Counter(_Bounded):
    """Only grows."""

    def __init__(self, definition: Definition, registry: CollectorRegistry) -> None:
        super().__init__(definition)
        self._series = prometheus_client.Counter(
            definition.name, definition.meaning, definition.labels, registry=registry
        )
        if not definition.labels:
            self._admit({})

    def add(self, amount: float = 1, **labels: str) -> None:
        """Count ``amount`` more; beyond the bound under the label value ``(other)``."""
        if not self.definition.labels:
            self._series.inc(amount)
            return
        values = self._admit(labels) or (OVERFLOW,) * len(self.definition.labels)
        self._series.labels(*values).inc(amount)


class Gauge(_Bounded):
    """Goes up and down. Not shown before it is first set: a process that never judges knows no incidents, not 0."""

    def __init__(self, definition: Definition, registry: CollectorRegistry, refused: Counter) -> None:
        super().__init__(definition)
        self._registry = registry
        self._refused = refused
        self._shown = False
        self._series = prometheus_client.Gauge(definition.name, definition.meaning, definition.labels, registry=None)

    def set(self, value: float, **labels: str) -> None:
        """Set it; beyond the bound nothing is shown, and that is counted."""
        self._show()
        if not self.definition.labels:
            self._series.set(value)
            return
        values = self._admit(labels)
        if values is None:
            self._refused.add(metric=self.definition.name)
        else:
            self._series.labels(*values).set(value)

    def follow(self, value: Callable[[], float], **labels: str) -> None:
        """Read the value at each scrape; beyond the bound the update is dropped and counted."""
        self._show()
        if self._admit(labels) is None:
            self._refused.add(metric=self.definition.name)
        else:
            self._series.labels(**labels).set_function(value)

    def remove(self, **labels: str) -> None:
        """Show this label set no longer; nothing happens if it is not shown."""
        values = tuple(labels[name] for name in self.definition.labels)
        with self._lock:
            if values in self._used:
                self._used.remove(values)
                self._series.remove(*values)

    def replace(self, series: Mapping[tuple[str, ...], float]) -> None:
        """Show exactly these, keyed by label values in order; of too many the largest, and the rest is counted."""
        kept = dict(nlargest(self.definition.most, series.items(), key=lambda item: item[1]))
        self._show()
        with self._lock:
            for gone in self._used - kept.keys():
                self._series.remove(*gone)
            self._used = set(kept)
            for values, value in kept.items():
                self._series.labels(*values).set(value)
        if len(series) > len(kept):
            self._refused.add(len(series) - len(kept), metric=self.definition.name)

    def _show(self) -> None:
        with self._lock:
            if not self._shown:
                self._registry.register(self._series)
                self._shown = True


class Histogram:
    """A histogram of durations."""

    def __init__(self, definition: Definition, registry: CollectorRegistry) -> None:
        self.definition = definition
        self._series = prometheus_client.Histogram(
            definition.name, definition.meaning, registry=registry, buckets=LATENCY_BUCKETS
        )

    def observe(self, seconds: float) -> None:
        """One more measurement."""
        self._series.observe(seconds)


class Metrics:
    """All metrics, in one registry that the caller owns."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # A time of creation beside every counter would double the scrape and is no metric of ours.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry
        self.definitions: list[Definition] = []
        self.label_sets_refused = self._counter(
            "driftline_label_sets_refused_total",
            "updates",
            "updates of gauges whose label sets are used up",
            labels=("metric",),
            most=32,
        )

        self.events = self._counter("driftline_events_total", "events", "events counted")
        self.records_rejected = self._counter(
            "driftline_records_rejected_total",
            "records",
            "records that gave no event; all but not_judged went to the dead letter",
            labels=("reason",),
            most=32,
        )
        self.duplicates = self._counter(
            "driftline_duplicates_total", "events", "events left out: the same id and content were counted before"
        )
        self.reused_ids = self._counter(
            "driftline_reused_ids_total",
            "events",
            "events counted although their event_id was used before, since their content differs",
        )
        self.late_events = self._counter(
            "driftline_late_events_total", "events", "events of a closed tick, counted in the oldest open one"
        )
        self.future_events = self._counter(
            "driftline_future_events_total", "events", "events rejected because their time was too far ahead"
        )
        self.gap_records = self._counter(
            "driftline_gap_records_total", "records", "records that the log had lost or that could not be expanded"
        )
        self.counting_paused = self._gauge(
            "driftline_counting_paused",
            "0 or 1",
            "whether counting waits for the log, the dead letters or the database",
        )
        self.logs_renewed = self._counter(
            "driftline_logs_renewed_total",
            "logs",
            "topics made anew and files rotated or cut: another log under a known name, read from its start",
            labels=("partition",),
            most=4096,
        )
        self.slices_pooled = self._counter(
            "driftline_slices_pooled_total",
            "look-ups",
            "runs of equal events pooled because a limit was reached, see limits",
        )
        self.consumer_lag = self._gauge(
            "driftline_consumer_lag_records",
            "records",
            "records of the log that are not yet counted",
            labels=("partition",),
            most=4096,
        )
        self.watermark_age = self._gauge(
            "driftline_watermark_age_seconds",
            "seconds",
            "how far the partition's event time is behind the clock",
            labels=("partition",),
            most=4096,
        )
        self.commit_seconds = self._histogram("driftline_commit_seconds", "time to commit counts and position")

        self.judge_seconds = self._histogram("driftline_judge_seconds", "time of one judging step")
        self.judged_before = self._gauge(
            "driftline_judged_before_timestamp_seconds",
            "Unix seconds",
            "event time before which everything is judged",
        )
        self.judge_lag = self._gauge(
            "driftline_judge_lag_seconds", "seconds", "event time that is counted and not judged yet"
        )
        self.clock_difference = self._gauge(
            "driftline_clock_difference_seconds",
            "seconds",
            "how far this machine's clock is ahead of the database's; the judge's lease goes by the database's",
        )
        self.judge_leader = self._gauge(
            "driftline_judge_leader", "0 or 1", "whether this process holds the judge's lease"
        )
        self.log_evidence = self._gauge(
            "driftline_log_evidence",
            "natural logarithm",
            "evidence for drift, of the strongest test of a question; its alarm is at 0; the largest are shown",
            labels=("guardrail", "category", "signal", "question"),
            most=2000,
        )
        self.log_evidence_threshold = self._gauge(
            "driftline_log_evidence_threshold",
            "natural logarithm",
            "the value of driftline_log_evidence from which on there is a finding",
        )
        self.page_limit = self._gauge(
            "driftline_page_limit",
            "share or weight",
            "limit that the mean of a question must leave for a page; of several streams the lowest is shown",
            labels=("guardrail", "category", "signal", "question"),
            most=2000,
        )
        self.streams = self._gauge(
            "driftline_streams",
            "streams",
            "streams by state: learning, waiting, watched, retired or pooled",
            labels=("state",),
            most=8,
        )
        self.join_misses = self._gauge(
            "driftline_join_miss_share",
            "share",
            "share of outputs that a signal that joins by request could not use; above .2 it is unavailable",
            labels=("guardrail", "category", "signal"),
            most=2000,
        )
        self.findings = self._counter(
            "driftline_findings_total", "findings", "findings, by kind: notice or page", labels=("kind",), most=8
        )
        self.labels = self._counter(
            "driftline_labels_total",
            "labels",
            "labels by people, by outcome: caught, missed, passed, false_positive",
            labels=("guardrail", "outcome"),
            most=4000,
        )
        self.contradictions = self._counter(
            "driftline_contradictions_total",
            "events",
            "events whose verdict contradicts their own score and threshold",
            labels=("guardrail",),
            most=1000,
        )
        self.spend = self._counter(
            "driftline_spend_total",
            "false alarms",
            "false-alarm budget spent by all tests, by kind: page, notice, or end (of pages; not of the budget)",
            labels=("kind",),
            most=8,
        )
        self.budget_alarms = self._gauge(
            "driftline_budget_alarms",
            "false alarms per day",
            "false-alarm budget as set, by kind",
            labels=("kind",),
            most=8,
        )

        self.undefined_controls = self._gauge(
            "driftline_undefined_controls", "guardrails", "guardrails seen that have no control statement"
        )
        self.incidents_open = self._gauge("driftline_incidents_open", "incidents", "incidents that are not resolved")
        self.outbox_backlog = self._gauge(
            "driftline_outbox_backlog", "notifications", "notifications that wait for delivery"
        )
        self.notifications = self._counter(
            "driftline_notifications_total",
            "tries",
            "tries to deliver a notification, by outcome",
            labels=("channel", "result"),
            most=256,
        )
        self.job_age = self._gauge(
            "driftline_job_age_seconds",
            "seconds",
            "time since a job last showed progress; far above its period, it is late or stuck",
            labels=("job",),
            most=64,
        )
        self.job_failures = self._counter(
            "driftline_job_failures_total", "steps", "steps of a job that failed", labels=("job",), most=64
        )
        self.build_info = self._gauge(
            "driftline_build_info", "always 1", "version of Driftline and of Python", labels=("version", "python")
        )
        self.build_info.set(1, version=__version__, python=platform.python_version())

        self.deployment_info = self._gauge(
            "driftline_deployment_info",
            "always 1",
            "name of the deployment, and the identity of its database in a consumer group",
            labels=("deployment", "database"),
        )

    def _counter(self, name: str, unit: str, meaning: str, *, labels: tuple[str, ...] = (), most: int = 1) -> Counter:
        return Counter(self._define(Definition(name, "counter", unit, meaning, labels, most)), self.registry)

    def _gauge(self, name: str, unit: str, meaning: str, *, labels: tuple[str, ...] = (), most: int = 1) -> Gauge:
        definition = self._define(Definition(name, "gauge", unit, meaning, labels, most))
        return Gauge(definition, self.registry, self.label_sets_refused)

    def _histogram(self, name: str, meaning: str) -> Histogram:
        return Histogram(self._define(Definition(name, "histogram", "seconds", meaning)), self.registry)

    def _define(self, definition: Definition) -> Definition:
        self.definitions.append(definition)
        return definition
