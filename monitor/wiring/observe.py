"""The loops' reports as metrics."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable

from monitor.alerting.deliver import Delivered, Outcome
from monitor.clock import DAY_MS, Clock
from monitor.counting.slice_table import SliceTable
from monitor.counts.units import is_whole
from monitor.events.reasons import Reason
from monitor.findings.model import Kind
from monitor.incidents.model import Status
from monitor.ingestion.worker import WorkerReport
from monitor.judging.judge import JudgeReport, Step
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.view import JudgeView, StreamState
from monitor.metrics import Metrics
from monitor.storage.stores import Stores


class Observer:
    """Turns reports into metrics; each method is called from one thread only."""

    def __init__(
        self,
        metrics: Metrics,
        rule: JudgeSettings,
        clock: Clock,
        *,
        controls: Container[str] = (),
        channels: Iterable[str] = (),
    ) -> None:
        """``controls`` are the guardrails that have a control statement, ``channels`` the names of all channels."""
        self._metrics = metrics
        self._controls = controls
        self._rule = rule
        self._clock = clock
        self._pooled = 0
        metrics.budget_alarms.set(rule.pages * DAY_MS / rule.page_period_ms, kind=Kind.page.value)
        metrics.budget_alarms.set(rule.notices * DAY_MS / rule.notice_period_ms, kind=Kind.notice.value)
        metrics.log_evidence_threshold.set(0.0)
        self._begin_at_zero(channels)

    def _begin_at_zero(self, channels: Iterable[str]) -> None:
        """Series that are there before their first event: the increase of a series that begins at 1 is unseen."""
        for reason in Reason:
            self._metrics.records_rejected.add(0, reason=reason.value)
        for kind in Kind:
            self._metrics.findings.add(0, kind=kind.value)
        for channel in channels:
            for outcome in Outcome:
                self._metrics.notifications.add(0, channel=channel, result=outcome.value)

    def counted(self, report: WorkerReport, slices: SliceTable) -> None:
        """One step of the worker."""
        tally, metrics = report.tally, self._metrics
        metrics.events.add(tally.events)
        metrics.duplicates.add(tally.duplicates)
        metrics.reused_ids.add(tally.reused_ids)
        metrics.late_events.add(tally.late)
        metrics.future_events.add(tally.future)
        metrics.gap_records.add(tally.gap)
        for reason, count in tally.rejected.items():
            metrics.records_rejected.add(count, reason=reason)
        metrics.slices_pooled.add(slices.pooled - self._pooled)
        self._pooled = slices.pooled
        for renewal in report.renewed:
            metrics.logs_renewed.add(1, partition=renewal.partition)
        for seconds in report.commit_seconds:
            metrics.commit_seconds.observe(seconds)
        now = self._clock.now_ms()
        metrics.watermark_age.replace({(name,): (now - at) / 1000 for name, at in report.newest_ms.items()})
        metrics.consumer_lag.replace({(name,): float(lag) for name, lag in report.lag.items()})

    def judged(self, report: JudgeReport, seconds: float) -> None:
        """One step of the judge."""
        metrics = self._metrics
        metrics.judge_leader.set(float(report.step is not Step.standby))
        if report.judged_before is not None:
            metrics.judged_before.set(report.judged_before * self._rule.tick_ms / 1000)
        if report.assessment is None:
            return
        metrics.judge_seconds.observe(seconds)
        seen = set()
        for finding in report.assessment.findings:
            fresh = finding.ended_at_ms is None and (finding.id, finding.kind) not in seen
            seen.add((finding.id, finding.kind))
            if fresh:
                metrics.findings.add(1, kind=finding.kind.value)
        for (name, outcome), count in report.assessment.labels.items():
            metrics.labels.add(count, guardrail=name, outcome=outcome)
        for name, count in report.assessment.contradictions.items():
            metrics.contradictions.add(count, guardrail=name)
        for kind, spent in report.assessment.spent.items():
            metrics.spend.add(max(0.0, spent), kind=kind)  # a difference of sums, which may be rounded below 0
        if report.view is not None:
            metrics.undefined_controls.set(sum(name not in self._controls for name in report.view.guardrails))
            self._streams(report.view)
            self._evidence(report.view)
            self._joins(report.view)

    def delivered(self, delivered: Delivered) -> None:
        """One step of the deliverer."""
        for channel, result in delivered.outcomes:
            self._metrics.notifications.add(1, channel=channel, result=result)

    def stored(self, stores: Stores) -> None:
        """Metrics from the database."""
        self._metrics.outbox_backlog.set(stores.outbox.backlog())
        with stores.alerts.transaction() as store:
            waiting = store.incidents(status=(Status.open, Status.acknowledged))
        self._metrics.incidents_open.set(len(waiting))

    def _streams(self, view: JudgeView) -> None:
        numbers: dict[tuple[str, ...], float] = {(state.name,): 0.0 for state in StreamState}
        for stream in view.streams:
            numbers[stream.state.name,] += not is_whole(stream.unit)
        self._metrics.streams.replace(numbers)

    def _evidence(self, view: JudgeView) -> None:
        """The largest evidence of each question, and the lowest limit beside it."""
        values: dict[tuple[str, ...], float] = {}
        limits: dict[tuple[str, ...], float] = {}
        for test in view.tests:
            if test.alarm is None:
                continue
            key = (test.unit.guardrail, test.unit.category, test.signal, test.question)
            log_evidence = test.log_evidence - test.log_threshold
            if log_evidence > -math.inf and log_evidence > values.get(key, -math.inf):
                values[key] = log_evidence
            if test.limit is not None:
                limits[key] = min(test.limit, limits.get(key, math.inf))
        self._metrics.log_evidence.replace(values)
        self._metrics.page_limit.replace(limits)

    def _joins(self, view: JudgeView) -> None:
        shares: dict[tuple[str, ...], float] = {}
        for stream in view.streams:
            for join in stream.joins:
                key = (stream.unit.guardrail, stream.unit.category, join.signal)
                shares[key] = max(shares.get(key, 0.0), join.missed)
        self._metrics.join_misses.replace(shares)
