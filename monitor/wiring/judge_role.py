"""The judging role: judge, deliver and keep the gauges, as timers of one scheduler.

Every job is an idempotent step that claims what it works on by compare-and-set, so a job that is missed, late or run
twice changes nothing: the timers only say how soon things happen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from monitor.alerting.channels.base import Channel
from monitor.alerting.deliver import Delivered, deliver_step
from monitor.alerting.policy import AlertPolicy
from monitor.alerting.respond import respond, still_going_on
from monitor.clock import Clock
from monitor.errors import TryAgain
from monitor.judging.judge import Judge, JudgeReport, PresentPolicy, Step
from monitor.judging.judge_settings import JudgeSettings
from monitor.storage.stores import Stores

JUDGE_EVERY_S: Final = 0.1
DELIVER_EVERY_S: Final = 0.2
MOST_STEPS: Final = 200
"""Steps in one go when catching up; then the timer comes round and others get their turn."""
_LOG: Final = structlog.stdlib.get_logger("driftline.judging")


class Judging:
    """One judge and one deliverer on one database."""

    def __init__(
        self,
        stores: Stores,
        rule: JudgeSettings,
        policy: AlertPolicy,
        channels: Mapping[str, Channel],
        *,
        holder: str,
        clock: Clock,
        on_judged: Callable[[JudgeReport, float], None],
        on_delivered: Callable[[Delivered], None],
        on_alive: Callable[[str], None],
    ) -> None:
        self._stores = stores
        self._channels = channels
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
                tell=lambda store, finding, now_ms: still_going_on(store, finding, now_ms=now_ms, policy=policy),
            ),
        )

    def _judging_now_ms(self) -> int:
        """Asked for from inside long steps: the judge is alive."""
        self._on_alive("judge")
        return self._clock.now_ms()

    def judge_step(self) -> None:
        """Judge all that is closed."""
        for _ in range(MOST_STEPS):
            began = time.perf_counter()
            try:
                report = self.judge.step(self._clock.now_ms())
            except TryAgain as error:
                _LOG.warning("judging paused", error=str(error))
                return
            self._on_alive("judge")
            self._on_judged(report, time.perf_counter() - began)
            if report.step is not Step.judged:
                return

    def deliver_step(self) -> None:
        """Send all that is due."""
        for _ in range(MOST_STEPS):
            try:
                delivered = deliver_step(self._stores.outbox, self._channels, now_ms=self._clock.now_ms())
            except TryAgain as error:
                _LOG.warning("delivery paused", error=str(error))
                return
            self._on_alive("deliver")
            self._on_delivered(delivered)
            if delivered.claimed == 0:
                return

    def close(self, *, finish: bool) -> None:
        """Finish what is closed and due, unless there was a failure, and give the lease back."""
        if finish:
            self.judge_step()
            self.deliver_step()
        try:
            self.judge.close()
        except TryAgain as error:
            _LOG.warning("lease not given back", error=str(error), consequence="it runs out by itself")
