"""The judging role: judge, deliver, and remove what is old, each a job.

Every step is idempotent and claims what it works on by compare-and-set: the periods only say how soon things happen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from monitor.alerting.breaker import Breakers
from monitor.alerting.channels.base import Channel
from monitor.alerting.deliver import Delivered, deliver_step
from monitor.alerting.escalation.step import escalation_step
from monitor.alerting.policy import AlertPolicy
from monitor.alerting.respond import respond, still_going_on
from monitor.clock import Clock
from monitor.errors import TryAgain
from monitor.judging.evidence_record import EvidenceRecorder, EvidenceRetention, forget
from monitor.judging.judge import Judge, JudgeReport, PresentPolicy, Step
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.retention import Retained, RetentionRule
from monitor.oncall.policy import weaknesses
from monitor.storage.stores import Stores
from monitor.wiring.handling import Handling
from monitor.wiring.jobs import Job

JUDGE_EVERY_S: Final = 0.1
DELIVER_EVERY_S: Final = 0.2
ESCALATE_EVERY_S: Final = 1.0
COVERAGE_EVERY_S: Final = 86_400.0
FORGET_EVERY_S: Final = 600.0
RETAIN_EVERY_S: Final = 300.0
MOST_STEPS: Final = 200
"""Steps in one go when catching up; then the timer comes round and others get their turn."""
_LOG: Final = structlog.stdlib.get_logger("driftline.judging")


class Judging:
    """One judge and one deliverer on one database."""

    def __init__(
        self,
        stores: Stores,
        rule: JudgeSettings,
        retention: RetentionRule,
        policy: AlertPolicy,
        channels: Mapping[str, Channel],
        evidence_retention: EvidenceRetention,
        *,
        holder: str,
        clock: Clock,
        on_judged: Callable[[JudgeReport, float], None],
        on_delivered: Callable[[Delivered], None],
        on_alive: Callable[[str], None],
        handling: Handling | None = None,
    ) -> None:
        self._stores = stores
        self._handling = handling
        self._tick_ms = rule.tick_ms
        self._retention = retention
        self._evidence_retention = evidence_retention
        self._policy = policy
        self.leads = False
        """Whether this process held the judge's lease at its last step."""
        self._channels = channels
        self._breakers = Breakers()
        self._clock = clock
        self._on_judged = on_judged
        self._on_delivered = on_delivered
        self._on_alive = on_alive
        self.judge = Judge(
            stores.judge,
            rule,
            lambda store, finding, now_ms: respond(store, finding, now_ms=now_ms, policy=policy),
            holder=holder,
            now_ms=self._judging_now_ms,
            caught_up=PresentPolicy(
                within_ms=policy.notify_within_ms,
                notify=lambda store, finding, now_ms: still_going_on(store, finding, now_ms=now_ms, policy=policy),
            ),
            recorder=EvidenceRecorder(rule, evidence_retention),
        )

    def jobs(self) -> list[Job]:
        """The periodic jobs of this role."""
        return [
            Job("judge", JUDGE_EVERY_S, self.judge_step),
            Job("deliver", DELIVER_EVERY_S, self.deliver_step),
            Job("escalate", ESCALATE_EVERY_S, self.escalate_step),
            Job("coverage", COVERAGE_EVERY_S, self.coverage_step, at_once=True),
            Job("forget", FORGET_EVERY_S, self.forget_step, leader_only=True),
            Job("retain", RETAIN_EVERY_S, self.retain_step, leader_only=True),
            *(self._handling.jobs() if self._handling is not None else ()),
        ]

    def _judging_now_ms(self) -> int:
        """Clock for long steps; reading it also reports a heartbeat."""
        self._on_alive("judge")
        return self._clock.now_ms()

    def judge_step(self) -> None:
        """Judge all that is closed.

        Raises:
            TryAgain: the database did not answer.
        """
        for _ in range(MOST_STEPS):
            began = time.perf_counter()
            try:
                report = self.judge.step(self._clock.now_ms())
            except BaseException:
                self.leads = False  # who holds the lease is unknown until the next step
                raise
            self.leads = report.step is not Step.standby
            self._on_alive("judge")
            self._on_judged(report, time.perf_counter() - began)
            if report.step is not Step.judged:
                return

    def deliver_step(self) -> None:
        """Send all that is due.

        Raises:
            TryAgain: the database did not answer.
        """
        for _ in range(MOST_STEPS):
            delivered = deliver_step(
                self._stores.outbox, self._channels, now_ms=self._clock.now_ms(), breakers=self._breakers
            )
            self._on_alive("deliver")
            self._on_delivered(delivered)
            if delivered.claimed == 0:
                return

    def escalate_step(self) -> None:
        """Page people by the escalation policy, until an acknowledgement.

        Raises:
            TryAgain: the database did not answer.
        """
        escalation_step(self._stores.alerts, now_ms=self._clock.now_ms(), policy=self._policy)

    def coverage_step(self) -> None:
        """Log what would let a page end in silence within the next 30 days."""
        for each in weaknesses(self._policy.plan, self._clock.now_ms()):
            _LOG.warning("a page may reach nobody", weakness=each, see="driftline oncall check")

    def forget_step(self) -> None:
        """Remove evidence and levels that are older than the retention.

        Raises:
            TryAgain: the database did not answer.
        """
        judged = self._stores.judge.judged_before()
        forget(self._stores.evidence, judged, self._evidence_retention, tick_ms=self._tick_ms)

    def retain_step(self) -> None:
        """Roll up old counts and remove expired records, while this process is the judge.

        Raises:
            TryAgain: the database did not answer.
        """
        done = self.judge.retain(self._retention, self._clock.now_ms())
        if done is not None and done != Retained():
            _LOG.info("rolled up", hours=done.hours, commits=done.commits, notifications=done.notifications)

    def close(self, *, finish: bool) -> None:
        """Judge the closed ticks and deliver what is due, unless there was a failure; then release the lease."""
        for step in (self.judge_step, self.deliver_step) if finish else ():
            try:
                step()
            except TryAgain as error:
                _LOG.warning("not finished before the stop", error=str(error), consequence="the next start goes on")
        try:
            self.judge.close()
        except TryAgain as error:
            _LOG.warning("lease not given back", error=str(error), consequence="it runs out by itself")
