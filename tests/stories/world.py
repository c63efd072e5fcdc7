"""A team, its channels and a clock that only the story moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.alerting.announce import announce
from monitor.alerting.channels.base import ChannelError
from monitor.alerting.deliver import deliver_step
from monitor.alerting.escalation.step import escalation_step
from monitor.alerting.policy import AlertPolicy, Route
from monitor.alerting.ports import EventAction, Notification
from monitor.alerting.respond import respond
from monitor.clock import HOUR_MS, ManualClock
from monitor.findings.model import Finding
from monitor.incidents import casework, lifecycle, regroup
from monitor.incidents.model import Incident
from monitor.incidents.timeline import verify
from monitor.oncall.policy import Deadline, Plan, Policy, Step
from monitor.oncall.rotation import Rotation, Unit
from monitor.oncall.schedule import Layer, Schedule, Window
from monitor.oncall.zones import local
from monitor.storage.stores import Stores

STEP_MS = 30_000
MOST_STEPS = 1000
"""Of one passing of time: 8 h 20 min in half minutes."""
MINUTE_MS = 60_000
PEOPLE = ("ann", "ben", "kim")
DAILY = Rotation(people=("ann", "ben"), zone="Europe/Berlin", first_local_ms=local(2026, 10, 1, 9), unit=Unit.day)


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

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

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
        room = next(each for each in (lifecycle, casework, regroup) if act in vars(each))
        with self.stores.alerts.transaction() as store:
            done = getattr(room, act)(store, incident_id, actor=who, now_ms=self.now_ms, **more)
            for change in done if isinstance(done, tuple) else (done,):
                announce(store, change)
        self.settle()

    def fast_forward(self, length_ms: int) -> None:
        """Let time pass in half minutes, days in larger steps, with the jobs of the service running in it."""
        end = self.now_ms + length_ms
        step = max(STEP_MS, length_ms // MOST_STEPS)
        while self.now_ms < end:
            self.clock.advance(min(step, end - self.now_ms))
            self.settle()

    def settle(self) -> None:
        """What the service's timers do within a second."""
        escalation_step(self.stores.alerts, now_ms=self.now_ms, policy=self.policy)
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
