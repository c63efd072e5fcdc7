"""The service: the roles that one process plays, started together and stopped together."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from prometheus_client import CollectorRegistry

from monitor.clock import Clock
from monitor.errors import TryAgain
from monitor.ingestion.worker import WorkerReport
from monitor.judging.baselines import approved_slices
from monitor.judging.judge import JudgeReport
from monitor.metrics import Metrics
from monitor.settings.model import Settings
from monitor.signals.registry import LAYOUT
from monitor.storage.stores import Stores, open_stores
from monitor.web.health import Check, serve
from monitor.wiring import translate
from monitor.wiring.channels import channels
from monitor.wiring.count_role import Counting, worker_name
from monitor.wiring.judge_role import DELIVER_EVERY_S, JUDGE_EVERY_S, Judging
from monitor.wiring.observe import Observer

GAUGES_EVERY_S: Final = 1.0
STALE_S: Final = 180.0
"""A loop without a heartbeat for so long is stuck: eight messages to a dead receiver take half of it."""
_LOG: Final = structlog.stdlib.get_logger("driftline.service")


@dataclass(frozen=True, slots=True)
class Roles:
    """What this process does."""

    count: bool = True
    judge: bool = True


@dataclass(slots=True)
class Hooks:
    """Told of every step; for the demo and tests."""

    on_counted: Callable[[WorkerReport], None] = lambda report: None
    on_judged: Callable[[JudgeReport, Judging], None] = lambda report, judging: None


class Service:
    """Runs the roles until told to stop."""

    def __init__(
        self,
        settings: Settings,
        roles: Roles,
        *,
        clock: Clock,
        env: Mapping[str, str],
        hooks: Hooks | None = None,
    ) -> None:
        self._settings = settings
        self._roles = roles
        self._clock = clock
        self._env = env
        self._hooks = hooks or Hooks()
        self._metrics = Metrics(CollectorRegistry())
        self._observer = Observer(self._metrics, translate.judge_rule(settings), clock, controls=settings.controls)
        loops = [*(["count"] if roles.count else []), *(["judge", "deliver", "gauges"] if roles.judge else [])]
        self._beats = {name: time.monotonic() for name in loops}
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self.http_address: str | None = None
        """Where metrics and health are, once it runs."""

    def stop(self) -> None:
        """End :meth:`run` soon, from another thread or a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Run until stopped, or until a source that ends has ended and everything is judged.

        Raises:
            SettingsError, SourceRefused, StoreRefused: trying again will not help.
        """
        with ExitStack() as opened:
            url = self._settings.open_database_url(self._env)
            stores = opened.enter_context(open_stores(url, layout=LAYOUT))
            counting = self._counting(stores)
            judging = opened.enter_context(self._judging(stores)) if self._roles.judge else None
            opened.enter_context(self._http(stores, counting))
            if judging is not None:
                opened.enter_context(self._timers(stores, judging))
            _LOG.info("started", database=stores.database.name, roles=self._names(), http=self.http_address)
            if counting is not None:
                counting.run(self._stop, lambda report: self._counted(report, counting))
            else:
                self._stop.wait()
        if self._failure is not None:
            raise self._failure
        _LOG.info("stopped")

    def _names(self) -> list[str]:
        return [name for name in ("count", "judge") if getattr(self._roles, name)]

    def _counting(self, stores: Stores) -> Counting | None:
        if not self._roles.count:
            return None
        approved = approved_slices(stores.judge)
        return Counting(self._settings, stores.counts, approved=approved, clock=self._clock, env=self._env)

    @contextmanager
    def _judging(self, stores: Stores) -> Iterator[Judging]:
        judging = Judging(
            stores,
            translate.judge_rule(self._settings),
            translate.alert_policy(self._settings),
            channels(self._settings, clock=self._clock, env=self._env),
            # Two processes under one name (a pod that was replaced while cut off) must not share the lease's token.
            holder=f"{worker_name(self._settings)}/{secrets.token_hex(4)}",
            clock=self._clock,
            on_judged=lambda report, seconds: self._judged(report, seconds, judging),
            on_delivered=self._observer.delivered,
            on_alive=self._alive,
        )
        try:
            yield judging
        finally:
            judging.close(finish=self._failure is None)

    @contextmanager
    def _timers(self, stores: Stores, judging: Judging) -> Iterator[None]:
        """Judge, deliver and gauges, each never twice at a time; what was missed is made up by one run."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a step longer than its interval is no news
        scheduler: Any = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        jobs = (
            ("judge", judging.judge_step, JUDGE_EVERY_S),
            ("deliver", judging.deliver_step, DELIVER_EVERY_S),
            ("gauges", lambda: self._gauges(stores), GAUGES_EVERY_S),
        )
        for name, step, seconds in jobs:
            scheduler.add_job(self._beating(name, step), "interval", seconds=seconds, id=name)
        scheduler.start()
        try:
            yield
        finally:
            scheduler.shutdown(wait=True)

    @contextmanager
    def _http(self, stores: Stores, counting: Counting | None) -> Iterator[None]:
        http = self._settings.http
        if not http.enabled:
            yield
            return
        ready = [Check("database", lambda: _answers(stores))]
        if counting is not None:
            ready.append(Check("source", lambda: None if counting.assigned else "no partition has been read yet"))
        alive = [Check(name, partial(self._stuck, name)) for name in self._beats]
        with serve(http.host, http.port, self._metrics.registry, alive=alive, ready=ready) as address:
            self.http_address = address
            yield

    def _stuck(self, name: str) -> str | None:
        age = time.monotonic() - self._beats[name]
        return f"no heartbeat for {age:.0f} s" if age > STALE_S else None

    def _alive(self, name: str) -> None:
        self._beats[name] = time.monotonic()

    def _beating(self, name: str, step: Callable[[], None]) -> Callable[[], None]:
        def beat() -> None:
            self._alive(name)
            try:
                step()
            except Exception as error:  # noqa: BLE001 - raised again by run(), which ends the process
                self._failure = error
                self._stop.set()

        return beat

    def _counted(self, report: WorkerReport, counting: Counting) -> None:
        self._alive("count")
        self._observer.counted(report, counting.slices)
        self._hooks.on_counted(report)

    def _judged(self, report: JudgeReport, seconds: float, judging: Judging) -> None:
        self._observer.judged(report, seconds, judging.judge.assessor)
        self._hooks.on_judged(report, judging)

    def _gauges(self, stores: Stores) -> None:
        try:
            self._observer.stored(stores)
        except TryAgain as error:
            _LOG.debug("gauges not updated", error=str(error))


def _answers(stores: Stores) -> str | None:
    """Whether the database answers; opening it has checked its schema."""
    stores.judge.judged_before()
    return None
