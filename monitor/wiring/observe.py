"""What the loops report, as metrics."""

from __future__ import annotations

from collections.abc import Container

from monitor.alerting.deliver import Delivered
from monitor.clock import DAY_MS, Clock
from monitor.counting.slice_table import SliceTable
from monitor.findings.model import Kind
from monitor.incidents.model import Status
from monitor.ingestion.worker import WorkerReport
from monitor.judging.assess import Assessor
from monitor.judging.judge import JudgeReport, Step
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import AnyChangeTest
from monitor.metrics import Metrics
from monitor.signals.registry import SIGNALS
from monitor.storage.stores import Stores


class Observer:
    """Turns reports into metrics; each method is called from one thread only."""

    def __init__(self, metrics: Metrics, rule: JudgeSettings, clock: Clock, *, controls: Container[str] = ()) -> None:
        """``controls`` are the guardrails that have a control statement."""
        self._metrics = metrics
        self._controls = controls
        self._rule = rule
        self._clock = clock
        self._pooled = 0
        self._spent: dict[str, float] = {}
        metrics.budget_alarms.set(rule.pages * DAY_MS / rule.page_period_ms, kind=Kind.page.value)
        metrics.budget_alarms.set(rule.notices * DAY_MS / rule.notice_period_ms, kind=Kind.notice.value)

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
        for seconds in report.commit_seconds:
            metrics.commit_seconds.observe(seconds)
        now = self._clock.now_ms()
        metrics.watermark_age.replace({(name,): (now - at) / 1000 for name, at in report.newest_ms.items()})
        metrics.consumer_lag.replace({(name,): float(lag) for name, lag in report.lag.items()})

    def judged(self, report: JudgeReport, seconds: float, assessor: Assessor | None) -> None:
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
        if assessor is not None:
            names = assessor.fleet.guardrails
            metrics.undefined_controls.set(sum(name not in self._controls for name in names))
            self._evidence(assessor)
            self._joins(assessor)

    def delivered(self, delivered: Delivered) -> None:
        """One step of the deliverer."""
        for channel, result in delivered.outcomes:
            self._metrics.notifications.add(1, channel=channel, result=result)

    def stored(self, stores: Stores) -> None:
        """What the database knows."""
        self._metrics.outbox_backlog.set(stores.outbox.backlog())
        with stores.alerts.transaction() as store:
            waiting = store.incidents(status=(Status.open, Status.acknowledged))
        self._metrics.incidents_open.set(len(waiting))

    def _evidence(self, assessor: Assessor) -> None:
        engine = assessor.fleet.panel.evidence
        logs, spent = engine.log_evidence(), engine.total_spend()
        values: dict[tuple[str, ...], float] = {}
        sums = {Kind.page.value: 0.0, Kind.notice.value: 0.0}
        for test, (number, watch) in assessor.fleet.tests.items():
            signal = SIGNALS[watch.signal]
            if isinstance(watch, AnyChangeTest):
                question, kind = "any_change", Kind.notice.value
            elif test == watch.test:
                question, kind = signal.questions[watch.question].name, Kind.page.value
            else:
                continue
            unit = assessor.fleet.state.units[number].unit
            key = (unit.guardrail, unit.category, signal.name, question)
            values[key] = max(values.get(key, -1e9), float(logs[test]))
            sums[kind] += float(spent[test])
        self._metrics.log_evidence.replace({key: value for key, value in values.items() if value > -1e9})
        for kind, total in sums.items():
            # A new epoch's tests begin at 0: the counter only ever grows.
            self._metrics.spend.add(max(0.0, total - self._spent.get(kind, 0.0)), kind=kind)
            self._spent[kind] = total

    def _joins(self, assessor: Assessor) -> None:
        shares: dict[tuple[str, ...], float] = {}
        for unit in assessor.fleet.state.units:
            for state in unit.epoch.joins if unit.epoch is not None else ():
                key = (unit.unit.guardrail, unit.unit.category, SIGNALS[state.signal].name)
                shares[key] = max(shares.get(key, 0.0), state.share)
        self._metrics.join_misses.replace(shares)
