"""The demo: the whole service on this machine, a real attack, and what the on-call person would see.

Real prompts go through real guardrails into an embedded Kafka-protocol broker in accelerated time; the service reads
them from there exactly as in production. The view is made from what the producer did (the truth) and what Driftline
said.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from monitor.access.credentials import issue
from monitor.access.model import Kind, Role
from monitor.clock import DAY_MS
from monitor.demo.broker import EmbeddedBroker
from monitor.demo.classifiers import load_guardrails, load_language_identifier
from monitor.demo.corpus import load_prompts
from monitor.demo.paced_clock import PacedClock
from monitor.demo.producer import produce
from monitor.demo.state import DemoState, Incident, Page, Step
from monitor.demo.traffic import PHASES, TrafficSettings, traffic
from monitor.demo.verdicts import Verdicts
from monitor.demo.wire import Record
from monitor.demo.witness import Witness
from monitor.errors import DriftlineError
from monitor.findings.model import Finding
from monitor.incidents.words import incident_name, title
from monitor.ingestion.worker import WorkerReport
from monitor.judging.judge import JudgeReport
from monitor.settings.model import Settings
from monitor.storage.stores import Stores, open_stores
from monitor.wiring import translate
from monitor.wiring.judge_role import Judging
from monitor.wiring.service import Hooks, Roles, Service

TOPIC: Final = "guardrail-events"
PARTITIONS: Final = 2
GUARDRAIL: Final = "prompt-injection"
ATTACK: Final = "probing"
PERSON: Final = "visitor"
"""Whom the link logs in."""
START_MS: Final = 1_798_704_000_000
"""2026-12-31 08:00 UTC: simulated time is apart from the present."""
RATE: Final = 2.0
"""Requests per simulated second."""
SPEED: Final = 100.0
"""Simulated seconds per real one: 3,100 requests in 16 s, which the classifiers keep up with."""
LOOK_S: Final = 0.1
READY_S: Final = 30.0
FINISH_S: Final = 120.0
"""Real time without progress of judging after which the demo gives up; the end of the stream usually takes one or two
seconds."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Options of a demo run."""

    directory: Path
    seed: int = 7
    speed: float = SPEED
    once: bool = False
    program: str = "driftline"
    """The command line's name on this machine."""
    keep: bool = False
    """Whether the pages stay up at the end, for whoever has the link."""


def settings_of(options: DemoOptions, servers: str) -> Settings:
    """The settings of the demo: those of a newcomer, with ticks that suit the accelerated clock."""
    return Settings.model_validate(
        {
            "source": {
                "kafka": {"servers": servers, "topics": [TOPIC], "fetch_wait": "20ms", "session_timeout": "6s"}
            },
            "budget": {"pages": 1, "per": "month"},
            "database": f"sqlite:///{options.directory / 'driftline.db'}",
            # At 100 times real time a few real milliseconds on the way are a simulated second.
            "ticks": {"length": "10s", "lateness": "10s", "ahead": "10m"},
            "commit_interval": "10s",
            "http": {"port": 0},
            "log": {"level": "info", "format": "json"},
        }
    )


def run_demo(
    options: DemoOptions,
    show: Callable[[DemoState], None],
    *,
    prepare: Callable[[], object],
    wait: Callable[[], None] = lambda: None,
) -> Finding | None:
    """Run it.

    Args:
        options: what to show, and how fast.
        show: called about ten times a second.
        prepare: compiles what the service needs, before simulated time begins to run.
        wait: returns when the pages, which stay up at the end where the options say so, are not needed any more.

    Returns:
        The page of the attack; None if there was none.

    Raises:
        DriftlineError: a part of the demo is missing or fails.
    """
    began = time.monotonic()
    show(_state(message="compiling numerical code, a minute or two the first time", clock="", speed=options.speed))
    prepare()
    show(_state(message="loading real classifiers and real prompts", clock="", speed=options.speed))
    prompts = load_prompts(seed=options.seed)
    guardrails = load_guardrails()
    language = load_language_identifier()
    _fresh(options.directory)
    with EmbeddedBroker() as broker:
        show(_state(message="starting broker and service", clock="", speed=options.speed))
        _create_topic(broker.bootstrap_servers)
        settings = settings_of(options, broker.bootstrap_servers)
        stage = _Stage(settings, options)
        records = traffic(
            TrafficSettings(seed=options.seed, start_ms=START_MS, rate=RATE),
            prompts=prompts,
            guardrails=guardrails,
            language=language,
        )
        with stage.service_running():
            stage.wait_ready()
            stage.clock.start()
            with stage.producer_running(records, broker.bootstrap_servers):
                stage.watch(show, began=began)
            if options.keep and stage.attack_page is not None:
                stage.hold(wait)
        return stage.attack_page


class _Stage:
    """The parts on stage, and what is seen of them."""

    def __init__(self, settings: Settings, options: DemoOptions) -> None:
        self.clock = PacedClock(start_ms=START_MS, speed=options.speed)
        self.verdicts = Verdicts(guardrail=GUARDRAIL)
        self._options = options
        self._settings = settings
        self._witness = Witness(guardrail=GUARDRAIL, quiet_phases=frozenset({"baseline", "normal"}))
        self._opened: Incident | None = None
        self._events = 0
        self._judged_ms = 0
        self._owned = threading.Event()
        self._stop = threading.Event()
        self._produced = threading.Event()
        self._failure: Exception | None = None
        self._service = Service(
            settings, Roles(), clock=self.clock, env={}, hooks=Hooks(on_counted=self._counted, on_judged=self._judged)
        )

    def _counted(self, report: WorkerReport) -> None:
        self._events += report.tally.events
        if report.owned == PARTITIONS:
            self._owned.set()

    def _judged(self, report: JudgeReport, judging: Judging) -> None:
        self.verdicts.take(report)
        if report.judged_before is not None:
            self._judged_ms = report.judged_before * self._settings.ticks.length.ms
            self.clock.judged_to(self._judged_ms)

    @contextmanager
    def service_running(self) -> Iterator[None]:
        """The service in a thread of its own."""
        with self._thread("service", self._service.run):
            try:
                yield
            finally:
                self._service.stop()

    @contextmanager
    def producer_running(self, records: Iterator[Record], servers: str) -> Iterator[None]:
        """The producer in a thread of its own."""

        def produce_all() -> None:
            produce(
                self._witness.watch(records),
                bootstrap_servers=servers,
                topic=TOPIC,
                now_ms=self.clock.now_ms,
                stop=self._stop,
                on_progress=lambda progress: None,
            )
            self._produced.set()

        with self._thread("producer", produce_all):
            try:
                yield
            finally:
                self._stop.set()

    @contextmanager
    def _thread(self, name: str, work: Callable[[], object]) -> Iterator[None]:
        def guarded() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - raised again in the main thread
                self._failure = error

        thread = threading.Thread(target=guarded, name=name)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._service.stop()
            thread.join()
            self._raise()

    def _raise(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def wait_ready(self) -> None:
        """Until the worker owns its partitions: a group takes a moment to form."""
        deadline = time.monotonic() + READY_S
        while not self._owned.wait(LOOK_S):
            self._raise()
            if time.monotonic() > deadline:
                raise DriftlineError(f"the service did not start reading within {READY_S:.0f} s")

    def watch(self, show: Callable[[DemoState], None], *, began: float) -> None:
        """Show until the page's incident is there (``once``), or the stream is over and all of it is judged.

        Raises:
            DriftlineError: judging has not come to the end of the stream in time.
        """
        progress: tuple[int, float] | None = None
        while True:
            self._raise()
            over = self._produced.is_set() and self._judged_ms > self._witness.last_ms
            # after the question whether it is over: the last frame shows all that was found
            state = self._look(began)
            show(state)
            if over or (state.incident is not None and self._options.once):
                return
            if self._produced.is_set():
                if progress is None or self._judged_ms > progress[0]:
                    progress = (self._judged_ms, time.monotonic())
                if time.monotonic() - progress[1] > FINISH_S:
                    behind_s = (self._witness.last_ms - max(self._judged_ms, START_MS)) / 1000
                    raise DriftlineError(
                        f"nothing was judged for {FINISH_S:.0f} s, and the last {behind_s:,.0f} simulated seconds "
                        "are not judged: this machine is too busy for the demo"
                    )
            time.sleep(LOOK_S)

    @property
    def attack_page(self) -> Finding | None:
        """The first page since the attack began; None if the attack was not paged."""
        attacked_ms = self._witness.first_ms(ATTACK)
        if attacked_ms is None:
            return None
        return next((page for page in self.verdicts.pages if (page.paged_at_ms or 0) > attacked_ms), None)

    def _look(self, began: float) -> DemoState:
        found = self.verdicts.first_page
        elapsed = max(time.monotonic() - began, 1e-3)
        steps = tuple(
            Step(name=phase.name, done=min(1.0, self._witness.requests(phase.name) / phase.requests))
            for phase in PHASES
        )
        current = next((step.name for step in steps if step.done < 1), PHASES[-1].name)
        return DemoState(
            clock=_clock(self.clock.now_ms()),
            speed=self._options.speed,
            steps=steps,
            message=_MESSAGES[current] if self.verdicts.learned or current != "baseline" else _MESSAGES["learning"],
            events=self._events,
            events_per_second=self._events / elapsed,
            promise="at most one false page a month",
            histogram=self._witness.histogram(learned=self.verdicts.learned),
            evidence=self.verdicts.evidence,
            page=None if found is None else self._page(found),
            incident=None if found is None else self._incident(found),
        )

    def _page(self, found: Finding) -> Page:
        paged_at = found.paged_at_ms or found.detected_at_ms
        asked = self._witness.requests(ATTACK, before_ms=paged_at)
        policy = translate.alert_policy(self._settings)
        return Page(
            title=title(found, policy.phrases),
            detail=f"{found.effect.current:.2g} now, {found.evidence.level or 0:.2g} approved; "
            f"began {_clock(found.onset_low_ms)} to {_clock(found.onset_high_ms)}",
            after=f"after {asked} requests of the attack" if asked else "before the attack: a false alarm",
        )

    def hold(self, wait: Callable[[], None]) -> None:
        """Keep the service up until ``wait`` returns; time stands still, so that what is shown stays as it is."""
        self.clock.stand_still()
        wait()
        self._raise()

    def _incident(self, found: Finding) -> Incident | None:
        if self._opened is None:
            self._opened = self._looked_up(found)
        return self._opened

    def _link(self, stores: Stores, incident_id: int) -> str:
        """Logs a browser in and leads to the incident's page; of this run, by its clock."""
        with stores.access.transaction() as store:
            _, secret = issue(
                store,
                kind=Kind.link,
                name=PERSON,
                role=Role.admin,
                lifetime_ms=DAY_MS,
                made_by=PERSON,
                now_ms=self.clock.now_ms(),
                random=secrets.token_bytes,
            )
        return f"{self._service.http_address}/login?code={secret}&to=/incidents/{incident_id}"

    def _looked_up(self, found: Finding) -> Incident | None:
        url = self._settings.open_database_url({})
        with open_stores(url) as stores:
            with stores.alerts.reading() as store:
                stored = store.finding(found.id)
                number = None if stored is None else stored.incident_id
                incident = None if number is None else store.incident(number)
            if incident is None:
                return None
            link = self._link(stores, incident.id) if self._options.keep else ""
        return Incident(
            name=incident_name(incident.id),
            severity=incident.severity.value,
            address=f"{self._options.program} incidents show {incident.id} --database {url}",
            link=link,
        )


_MESSAGES: Final = {
    "learning": "learning what is normal: the first 1,600 requests",
    "baseline": "the baseline is approved; watching",
    "normal": "ordinary traffic",
    ATTACK: "half of the requests now feel for the edge of the decision",
}


def _clock(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%H:%M:%S}"


def _state(*, message: str, clock: str, speed: float) -> DemoState:
    return DemoState(clock=clock, speed=speed, steps=(), message=message, events=0, events_per_second=0.0, promise="")


def _create_topic(servers: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=servers)
    try:
        for name, partitions in ((TOPIC, PARTITIONS), (f"{TOPIC}.dead", 1)):
            admin.create_topics([NewTopic(name, num_partitions=partitions, replication_factor=1)])
    finally:
        admin.close()


def _fresh(directory: Path) -> None:
    """Every demo starts with an empty database."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.glob("driftline.db*"):
        path.unlink()
