"""The service: the roles that one process plays, started together and stopped together."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector

from monitor.clock import Clock
from monitor.counting.tick import tick_ms_of
from monitor.errors import SettingsError, TryAgain
from monitor.ingestion.worker import WorkerReport
from monitor.judging.baselines import approved_slices
from monitor.judging.judge import JudgeReport
from monitor.metrics import Metrics
from monitor.settings.model import Settings
from monitor.signals.registry import LAYOUT
from monitor.storage.stores import Stores, open_stores
from monitor.web.backend import Backend
from monitor.web.health import Check, Served, serve
from monitor.wiring import translate
from monitor.wiring.channels import channels
from monitor.wiring.count_role import Counting, worker_name
from monitor.wiring.grafana import grafana_job
from monitor.wiring.handling import Handling, InboundDoor, inbound_sources, measure_receivers, measure_rules, setup_of
from monitor.wiring.jobs import LONGEST_PAUSE_S, STALE_S, Job, Jobs
from monitor.wiring.judge_role import Judging
from monitor.wiring.observe import Observer
from monitor.wiring.pages import backend_of, forget_access, site_of
from monitor.wiring.trouble import Trouble

GAUGES_EVERY_S: Final = 1.0
FORGET_ACCESS_EVERY_S: Final = 3_600.0
BEHIND_S: Final = 120.0
"""Event time by which judging may be behind counting: a step takes a second, a busy machine a few."""
_LOG: Final = structlog.stdlib.get_logger("driftline.service")


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of this process."""

    count: bool = True
    judge: bool = True
    pages: bool = True
    """Pages and API beside metrics and health."""


@dataclass(slots=True)
class Hooks:
    """Called after every step; for the demo and tests."""

    on_counted: Callable[[WorkerReport], None] = lambda report: None
    on_judged: Callable[[JudgeReport, Judging], None] = lambda report, judging: None


class Service:
    """Runs the roles until stopped."""

    def __init__(
        self,
        settings: Settings,
        roles: Roles,
        *,
        clock: Clock,
        env: Mapping[str, str],
        hooks: Hooks | None = None,
        wait: bool = True,
    ) -> None:
        """Args:
        wait: whether to wait for a database or a log that cannot be reached at the start.
        """
        self._settings = settings
        self._roles = roles
        self._clock = clock
        self._env = env
        self._hooks = hooks or Hooks()
        self._metrics = Metrics(CollectorRegistry())
        ProcessCollector(registry=self._metrics.registry)  # memory, CPU, files: what each process shows of itself
        self._observer = Observer(
            self._metrics,
            translate.judge_rule(settings),
            clock,
            controls=settings.controls,
            channels=[channel.name for channel in settings.alerts.channels],
        )
        self._wait = wait
        self._counted_at = time.monotonic()
        self._jobs = self._jobs_of([])
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._opening = Trouble("opening the database", longest_s=LONGEST_PAUSE_S)
        self._stores: Stores | None = None
        self._counting: Counting | None = None
        self._pages = roles.pages and settings.http.enabled and settings.http.pages
        self._backend: Backend | None = None
        self._inbound: InboundDoor | None = None
        """Where other tools send to; None where the settings name none, or this process does not judge."""
        if roles.judge and settings.response.inbound:
            sources = inbound_sources(settings, env)
            self._inbound = InboundDoor(sources, translate.alert_policy(settings), clock=clock)
        self.http_address: str | None = None
        """The address of metrics and health, once it runs."""

    def stop(self) -> None:
        """End :meth:`run` soon, from another thread or a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Run until stopped, or until a source that ends has ended and everything is judged.

        Health is served from the first moment: while database and log are waited for, the service is not ready.

        Raises:
            SettingsError, SourceRefused, StoreRefused: trying again will not help.
            TryAgain: the database or the log cannot be reached, and nobody wants to wait for it.
        """
        with ExitStack() as opened:
            opened.enter_context(self._http())
            self._stores = stores = self._open_stores(opened)
            if stores is None:
                return
            if self._pages:
                self._backend = backend_of(stores, self._settings, self._clock)
            _refuse_other_ticks(stores, self._settings)
            if self._inbound is not None:
                self._inbound.stores = stores
            self._counting = counting = self._counter(stores)
            judging = opened.enter_context(self._judge(stores)) if self._roles.judge else None
            gauges = Job("gauges", GAUGES_EVERY_S, self._gauges)
            forget = Job("access", FORGET_ACCESS_EVERY_S, lambda: forget_access(stores.access, self._clock))
            jobs, leads = ([], lambda: False) if judging is None else (judging.jobs(), lambda: judging.leads)
            forgetting = [forget] if self._pages else []
            self._jobs = self._jobs_of([*jobs, *self._grafana(), gauges, *forgetting], leads=leads)
            opened.enter_context(self._jobs.running())
            _LOG.info("started", database=stores.database.name, roles=self._names(), http=self.http_address)
            if counting is not None:
                counting.run(self._stop, self._counted, on_alive=self._counting_alive, wait=self._wait)
            else:
                self._stop.wait()
        if self._failure is not None:
            raise self._failure
        _LOG.info("stopped")

    def _names(self) -> list[str]:
        return [name for name in ("count", "judge", "pages") if getattr(self._roles, name)]

    def _open_stores(self, opened: ExitStack) -> Stores | None:
        """The stores, once the database answers; None if the service is stopped before."""
        url = self._settings.open_database_url(self._env)
        while not self._stop.is_set():
            try:
                stores = opened.enter_context(open_stores(url, layout=LAYOUT, own_clock=True))
            except TryAgain as error:
                if not self._wait:
                    raise
                pause = self._opening.failed(error)
                self._counting_alive()
                self._stop.wait(pause)
            else:
                self._opening.over()
                return stores
        return None

    def _counter(self, stores: Stores) -> Counting | None:
        if not self._roles.count:
            return None
        approved = approved_slices(stores.judge)
        return Counting(
            self._settings,
            stores.counts,
            approved=approved,
            clock=self._clock,
            env=self._env,
            deployment=lambda: stores.deployment,
        )

    @contextmanager
    def _judge(self, stores: Stores) -> Iterator[Judging]:
        policy = translate.alert_policy(self._settings)
        sending = channels(self._settings, clock=self._clock, env=self._env)
        judging = Judging(
            stores,
            translate.judge_rule(self._settings),
            translate.retention_rule(self._settings),
            policy,
            sending,
            translate.evidence_retention(self._settings),
            # Two processes under one name (a pod that was replaced while cut off) must not share the lease's token.
            holder=f"{worker_name(self._settings)}/{secrets.token_hex(4)}",
            clock=self._clock,
            on_judged=lambda report, seconds: self._judged(report, seconds, judging),
            on_delivered=self._observer.delivered,
            on_alive=self._job_alive,
            handling=Handling(
                stores,
                policy,
                clock=self._clock,
                tick_ms=self._settings.ticks.length.ms,
                setup=setup_of(self._settings),
                rules=measure_rules(self._settings),
                receivers=measure_receivers(self._settings, clock=self._clock, env=self._env),
                anchor_file=self._settings.response.anchor_file,
                channels=sending,
            ),
        )
        try:
            yield judging
        finally:
            judging.close(finish=self._failure is None)

    def _grafana(self) -> list[Job]:
        job = grafana_job(self._settings, self._env) if self._roles.judge else None
        return [] if job is None else [job]

    def _jobs_of(self, jobs: list[Job], *, leads: Callable[[], bool] = lambda: False) -> Jobs:
        return Jobs(jobs, self._metrics, leads=leads, on_failure=self._fail)

    @contextmanager
    def _http(self) -> Iterator[None]:
        http = self._settings.http
        if not http.enabled:
            yield
            return
        with self._served(http.host, http.port) as address:
            self.http_address = address
            yield

    def _served(self, host: str, port: int) -> AbstractContextManager[str]:
        registry = self._metrics.registry
        if not self._pages:
            checks = {"alive": self._alive_checks, "ready": self._ready_checks}
            return serve(host, port, registry, **checks, inbound=self._inbound)
        from monitor.web.server import serve_site  # noqa: PLC0415 - takes half a second to load; counting needs none

        served = Served(registry, self._alive_checks, self._ready_checks)
        site = site_of(self._settings, served, self._clock, backend=lambda: self._backend, inbound=self._inbound)
        return serve_site(host, port, site)

    def _alive_checks(self) -> list[Check]:
        process = Check("process", lambda: None)  # it answers; its jobs begin once the database is open
        counting = [Check("count", self._stuck)] if self._roles.count else []
        return [process, *counting, *self._jobs.healthy()]

    def _ready_checks(self) -> list[Check]:
        checks = [Check("database", self._database)]
        if self._roles.count:
            checks.append(Check("source", self._source))
        if self._roles.judge:
            checks.append(Check("judging", self._behind))
        return [*checks, *self._jobs.ready()]

    def _database(self) -> str | None:
        """Whether the database answers; opening it has checked its schema."""
        if self._stores is None:
            return self._opening.reason or "not opened yet"
        self._stores.judge.judged_before()
        return None

    def _source(self) -> str | None:
        return "not begun yet" if self._counting is None else self._counting.reason

    def _behind(self) -> str | None:
        if self._stores is None:
            return "not begun yet"
        seconds = _judge_lag_s(self._stores, self._settings)
        return f"{seconds:.0f} s of event time behind what is counted" if seconds > BEHIND_S else None

    def _stuck(self) -> str | None:
        age = time.monotonic() - self._counted_at
        return f"no heartbeat for {age:.0f} s" if age > STALE_S else None

    def _job_alive(self, name: str) -> None:
        self._jobs.alive(name)

    def _counting_alive(self) -> None:
        self._counted_at = time.monotonic()

    def _fail(self, error: Exception) -> None:
        """Raised again by :meth:`run`, which ends the process."""
        self._failure = error
        self._stop.set()

    def _counted(self, report: WorkerReport) -> None:
        self._counting_alive()
        if self._counting is not None:
            self._observer.counted(report, self._counting.slices)
        self._hooks.on_counted(report)

    def _judged(self, report: JudgeReport, seconds: float, judging: Judging) -> None:
        self._observer.judged(report, seconds)
        self._hooks.on_judged(report, judging)

    def _gauges(self) -> None:
        stores, metrics = self._stores, self._metrics
        if self._counting is not None:
            metrics.counting_paused.set(float(self._counting.reason is not None))
        if stores is None:
            return
        metrics.deployment_info.set(1, deployment=self._settings.alerts.deployment, database=stores.deployment)
        metrics.clock_difference.set((self._clock.now_ms() - stores.database.clock_ms()) / 1000)
        if self._roles.judge:
            metrics.judge_lag.set(_judge_lag_s(stores, self._settings))
            self._observer.stored(stores)


def _judge_lag_s(stores: Stores, settings: Settings) -> float:
    """Event time that is counted and closed, and not judged, in seconds; 0 where nothing was judged yet."""
    closed, judged = stores.judge.closed_before(), stores.judge.judged_before()
    behind = 0 if closed is None or judged is None else max(0, closed - judged)
    return behind * settings.ticks.length.ms / 1000


def _refuse_other_ticks(stores: Stores, settings: Settings) -> None:
    """Counts are by tick: a judge or worker whose ticks have another length would read them as another time.

    Raises:
        SettingsError: naming both lengths.
    """
    ours = settings.ticks.length.ms
    for state in stores.reads.tick_states():
        theirs = tick_ms_of(state)
        if theirs not in (0, ours):
            raise SettingsError(
                f"ticks.length: is {ours} ms, but database {stores.database.name} was counted in ticks of "
                f"{theirs} ms; set it back, or begin with another database"
            )
