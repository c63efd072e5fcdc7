"""Killed at any instant, the response loses and doubles nothing: the end is the same as if nothing had happened."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from monitor.alerting.inbound.receive import receive
from monitor.errors import Refused
from monitor.incidents.case import Functional, Verdict
from monitor.incidents.containment import MeasureRule
from monitor.incidents.playbook import Action
from monitor.storage.stores import Stores
from tests.stories.crashing import CrashActuator, CrashAlerts, CrashOutbox, CrashReceiver, Fuse, KilledError
from tests.stories.handling import SOURCES, body_of, signed
from tests.stories.world import World
from tests.unit.alerting.record import MINUTE, T0, ended, page, sqlite_stores

BEGIN = T0 + 2 * MINUTE
RULE = MeasureRule(
    name="tighten", action=Action.tighten_threshold, approvers=frozenset({"ben"}), lasts_ms=20 * MINUTE
)
Deed = Callable[[World], None]
F1 = page("f1", guardrail="jailbreak")


def until(minutes: int) -> Deed:
    """Time passes up to so many minutes after the beginning; the claims of a killed process run out in it."""

    def pass_(world: World) -> None:
        world.fast_forward(max(0, BEGIN + minutes * MINUTE - world.now_ms))

    return pass_


def act(name: str, who: str, number: int = 1, **more: object) -> Deed:
    return lambda world: world.acts(name, who, number, **more)


def triage(world: World) -> None:
    """Unless it was done: it may be done again, and whoever is told of an error looks first."""
    with world.stores.alerts.transaction() as store:
        judged = store.case(1).verdict is not None
    if not judged:
        world.acts("triage", "ann", 1, text="in the log", verdict=Verdict.true_positive, functional=Functional.medium)


def report(world: World) -> None:
    body = body_of("HighErrors", firing=True, labels={"guardrail": "jailbreak"}, at_ms=BEGIN)
    headers = signed("grafana", body, BEGIN + 3 * MINUTE)
    assert (
        receive(
            world.stores.alerts, SOURCES, "grafana", headers, body, now_ms=world.now_ms, policy=world.policy
        ).status
        == 200
    )
    world.settle()


SCRIPT: tuple[Deed, ...] = (
    lambda world: world.finds(F1),
    until(3),
    report,
    until(7),
    act("acknowledge", "ann"),
    until(9),
    triage,
    until(11),
    act("propose", "ann", text="contain it", rule=RULE),
    until(13),
    act("approve", "ben", text="", rules={"tighten": RULE}),
    until(15),
    lambda world: world.finds(ended(F1, BEGIN + 14 * MINUTE)),
    until(40),
    act("resolve", "ann", text="it is over"),
    until(42),
    act("close", "ann", text="limit the rate"),
    until(45),
)


@dataclasses.dataclass(frozen=True)
class End:
    """What must be the same, whatever happened on the way."""

    incidents: list[tuple[int, str, str]]
    entries: Counter[tuple[str, str]]
    messages: frozenset[tuple[str, str, str]]
    asked: tuple[tuple[str, str], ...]
    waiting: int


def told(blows_at: int | None) -> tuple[End, Fuse]:
    fuse = Fuse(blows_at)
    with sqlite_stores() as stores:
        world = alive(stores, fuse, None)
        for deed in SCRIPT:
            try:
                deed(world)
            except KilledError:
                world = alive(stores, fuse, world)
                again(deed, world)
        world.stores = stores  # what follows is the test's own
        world.verified()
        return end(world, stores), fuse


def again(deed: Deed, world: World) -> None:
    """Whoever did it sees an error and does it again: it is done now, or was done before."""
    try:
        deed(world)
    except Refused:
        world.settle()


def alive(stores: Stores, fuse: Fuse, before: World | None) -> World:
    """A process on the same database; what is outside of it is as it was."""
    torn = dataclasses.replace(
        stores, alerts=CrashAlerts(stores.alerts, fuse), outbox=CrashOutbox(stores.outbox, fuse)
    )
    world = World(torn, BEGIN if before is None else before.now_ms)
    world.rules = {"tighten": RULE}
    if before is None:
        world.channels = {name: CrashReceiver(name, fuse=fuse) for name in world.channels}
        world.actuator = CrashActuator(fuse=fuse)
    else:
        world.channels, world.actuator, world.findings = before.channels, before.actuator, before.findings
    return world


def end(world: World, stores: Stores) -> End:
    with stores.alerts.transaction() as store:
        incidents = [(each.id, each.status.value, each.severity.value) for each in store.incidents()]
        entries: Counter[tuple[str, str]] = Counter(
            (entry.kind, entry.actor) for each in store.incidents() for entry in store.timeline(each.id)
        )
    messages = {
        (name, each.deed.value, str(timeline_of(each.body)["kind"]))
        for name, receiver in world.channels.items()
        for each in receiver.got
    }
    for name, receiver in world.channels.items():
        bodies: dict[int, Any] = {}
        for each in receiver.got:
            assert bodies.setdefault(each.seq, each.body) == each.body, f"{name}: another message under one number"
    asked = tuple(sorted(world.actuator.asked.items()))
    return End(incidents, entries, frozenset(messages), asked, stores.outbox.backlog())


def timeline_of(body: Any) -> dict[str, object]:
    found: dict[str, object] = body["timeline"]
    return found


CALM, CALM_FUSE = told(None)


def test_the_story_goes_through_everything_that_is_sent_or_committed() -> None:
    assert CALM.incidents == [(1, "closed", "error")]
    assert CALM.waiting == 0
    assert CALM.asked == (("M-1-do", "do"), ("M-1-undo", "undo"))
    assert {"opened", "paged", "alert_received", "acknowledged", "evidence", "closed"} <= {k for k, _ in CALM.entries}
    assert CALM_FUSE.passed > 100
    assert {"before a commit", "after a claim", "after a measure was sent"} <= set(CALM_FUSE.places)


def instants(places: Sequence[str]) -> list[int]:
    """One in the middle of each kind of instant."""
    found: dict[str, list[int]] = {}
    for number, place in enumerate(places, start=1):
        found.setdefault(place, []).append(number)
    return sorted(numbers[len(numbers) // 2] for numbers in found.values())


def test_killed_at_each_kind_of_instant_the_end_is_the_same() -> None:
    for instant in instants(CALM_FUSE.places):
        found, fuse = told(instant)
        assert found == CALM, f"killed at {instant}, {fuse.places[instant - 1]}"


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(4))
def test_killed_at_any_instant_the_end_is_the_same(shard: int) -> None:
    for instant in range(1 + shard, CALM_FUSE.passed + 1, 4):
        found, fuse = told(instant)
        assert found == CALM, f"killed at {instant}, {fuse.places[instant - 1]}"
