"""A team, its channels and a clock that only the story moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import text

from monitor.alerting.announce import announce
from monitor.alerting.channels.base import ChannelError
from monitor.alerting.containing import contain_step
from monitor.alerting.deliver import deliver_step
from monitor.alerting.escalation.step import escalation_step
from monitor.alerting.inbound.model import Reply
from monitor.alerting.policy import AlertPolicy, Route
from monitor.alerting.ports import EventAction, Notification
from monitor.alerting.reminding import remind_step
from monitor.alerting.respond import respond
from monitor.clock import HOUR_MS, ManualClock
from monitor.findings.model import Finding
from monitor.incidents import actions, casework, containment, lifecycle, redaction, regroup
from monitor.incidents.containment import MeasureRule
from monitor.incidents.evidence import Setup
from monitor.incidents.model import Incident
from monitor.incidents.timeline import verify
from monitor.judging.capture import capture_step
from monitor.oncall.policy import Deadline, Plan, Policy, Step
from monitor.oncall.rotation import Rotation, Unit
from monitor.oncall.schedule import Layer, Schedule, Window
from monitor.oncall.zones import local
from monitor.storage.stores import Stores

STEP_MS = 30_000
DUE = " UNION ALL ".join(
    f"SELECT {column} AS at FROM {table}"
    for table, column in (
        ("escalations", "wakes_ms"),
        ("captures", "due_ms"),
        ("measures", "due_ms"),
        ("action_items", "due_ms"),
        ("(SELECT due_at_ms FROM outbox WHERE state = 'waiting')", "due_at_ms"),
    )
)
SETUP = Setup(version="0.0", settings={"budget": {"pages": 1}})
MINUTE_MS = 60_000
PEOPLE = ("ann", "ben", "kim")
DAILY = Rotation(people=("ann", "ben"), zone="Europe/Berlin", first_local_ms=local(2026, 10, 1, 9), unit=Unit.day)


@dataclass
class Actuator:
    """What carries measures out, and keeps what it was asked for, once per key."""

    down: bool = False
    refuses: bool = False
    asked: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    longest_ms: int = 100

    def request(self, document: Mapping[str, object], *, key: str) -> str:
        self.requests += 1
        if self.down or self.refuses:
            raise ChannelError("the receiver does not do it", permanent=self.refuses)
        self.asked[key] = str(document["verb"])
        return "200 done"


@dataclass
class Receiver:
    """A channel that keeps what it got, and fails while it is down."""

    name: str
    down: bool = False
    got: list[Notification] = field(default_factory=list)
    longest_ms: int = 100

    def send(self, notification: Notification, *, attempt: int) -> None:
        if self.down:
            raise ChannelError(f"{self.name} is down", permanent=False)
        self.got.append(notification)


def schedule(*, gap: bool = False, fallback: str | None = "kim") -> Schedule:
    """Ann and Ben by the day, from nine in Berlin; with a gap nobody from 22:00 to 06:00 and no fallback."""
    day = Window(days=frozenset(range(7)), begin_ms=6 * HOUR_MS, end_ms=22 * HOUR_MS)
    layer = Layer(name="rota", rotation=DAILY, windows=(day,) if gap else ())
    return Schedule(name="guardrails", zone="Europe/Berlin", layers=(layer,), fallback=None if gap else fallback)


def plan(*, gap: bool = False, contacts: Mapping[str, tuple[str, ...]] | None = None, catch_all: bool = True) -> Plan:
    """On call first, then everybody; a page in the chat as the last step."""
    steps = [Step(name="first", wait_ms=5 * MINUTE_MS, schedules=("guardrails",))]
    if catch_all:
        steps.append(Step(name="all", wait_ms=10 * MINUTE_MS, people=("kim",), next_of=("guardrails",)))
    return Plan(
        contacts={name: (f"{name}-phone",) for name in PEOPLE} if contacts is None else contacts,
        schedules={"guardrails": schedule(gap=gap)},
        policies={"default": Policy(name="default", steps=tuple(steps), rounds=2, last_resort=("chat",))},
        policy="default",
        deadlines={
            name: Deadline(acknowledge_ms=15 * MINUTE_MS, resolve_ms=8 * HOUR_MS, acknowledgement_ms=4 * HOUR_MS)
            for name in ("critical", "error", "warning")
        },
    )


class World:
    """What a story acts upon; messages are taken out of a receiver by expecting them."""

    def __init__(self, stores: Stores, at_ms: int) -> None:
        self.stores = stores
        self.clock = ManualClock(at_ms)
        self.channels = {name: Receiver(name) for name in ("chat", *(f"{person}-phone" for person in PEOPLE))}
        self.policy = AlertPolicy(routes=(Route(channel="chat"),), plan=plan())
        self.findings: dict[str, Finding] = {}
        self.actuator = Actuator()
        self.rules: dict[str, MeasureRule] = {}
        self.reply: Reply | None = None
        self.alerts: dict[str, int] = {}
        """When each alert of another tool began."""

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    def _due_ms(self) -> int:
        """When the service has something to do next; never, if nothing is due."""
        with self.stores.database.reading() as connection:
            times = connection.execute(text(f"SELECT min(at) FROM ({DUE})")).scalar_one()
        return 2**62 if times is None else int(times)

    def uses(self, new: Plan) -> None:
        """Another plan from now on."""
        self.policy = AlertPolicy(routes=self.policy.routes, plan=new)

    def finds(self, finding: Finding) -> None:
        """The judge's part: respond, in a transaction of its own."""
        self.findings[finding.id] = finding
        with self.stores.alerts.transaction() as store:
            respond(store, finding, now_ms=self.now_ms, policy=self.policy)
        self.settle()

    def acts(self, act: str, who: str, incident_id: int, **more: object) -> None:
        """A person's part."""
        rooms = (lifecycle, casework, regroup, containment, actions, redaction)
        room = next(each for each in rooms if act in vars(each))
        with self.stores.alerts.transaction() as store:
            done = getattr(room, act)(store, incident_id, actor=who, now_ms=self.now_ms, **more)
            for change in done if isinstance(done, tuple) else (done,):
                if isinstance(change, lifecycle.Change):
                    announce(store, change)
        self.settle()

    def fast_forward(self, length_ms: int) -> None:
        """Let time pass, with the service's jobs run at each half minute in which one of them has something to do."""
        end = self.now_ms + length_ms
        while self.now_ms < end:
            halves = max(1, -(-(self._due_ms() - self.now_ms) // STEP_MS))
            self.clock.advance(min(halves * STEP_MS, end - self.now_ms))
            self.settle()

    def settle(self) -> None:
        """What the service's timers do within a few seconds."""
        alerts, now = self.stores.alerts, self.now_ms
        escalation_step(alerts, now_ms=now, policy=self.policy)
        contain_step(alerts, dict.fromkeys(self.rules, self.actuator), self.rules, now_ms=now, policy=self.policy)
        remind_step(alerts, now_ms=now, policy=self.policy)
        capture_step(alerts, self.stores.judge, self.stores.evidence, now_ms=now, tick_ms=10_000, setup=SETUP)
        self.deliver()

    def deliver(self) -> None:
        """Send all that is due."""
        while deliver_step(self.stores.outbox, self.channels, now_ms=self.now_ms).claimed:
            pass

    def expect(self, channel: str, action: str, saying: str = "") -> Notification:
        """The next message of this channel is of this kind and holds these words; it is taken out."""
        got = self.channels[channel].got
        assert got, f"{channel} got nothing, expected {action}"
        notification = got.pop(0)
        assert notification.deed is EventAction(action), f"{channel} got {notification.deed}, expected {action}"
        assert saying in str(notification.body), f"{saying!r} is not in {notification.body}"
        return notification

    def expect_nothing(self, channel: str) -> None:
        """Nothing more has come in."""
        left = [each.deed.value for each in self.channels[channel].got]
        assert not left, f"{channel} also got {left}"

    def incident(self, number: int) -> Incident:
        with self.stores.alerts.transaction() as store:
            found = store.incident(number)
        assert found is not None, f"there is no incident {number}"
        return found

    def kinds(self, number: int) -> list[str]:
        with self.stores.alerts.transaction() as store:
            return [entry.kind for entry in store.timeline(number)]

    def verified(self) -> None:
        """Every timeline holds, whatever happened."""
        with self.stores.alerts.transaction() as store:
            for incident in store.incidents():
                assert verify(store.timeline(incident.id)) is None
