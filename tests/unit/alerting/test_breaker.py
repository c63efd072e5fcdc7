"""A receiver that is down is left alone, holds up nobody, and gets everything once it is back."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest

from monitor.alerting.breaker import FAILURES, FIRST_MS, MOST_MS, Breakers
from monitor.alerting.channels.base import ChannelError
from monitor.alerting.deliver import deliver_step
from monitor.alerting.policy import AlertPolicy, Route
from monitor.alerting.ports import Notification
from tests.unit.alerting.record import T0, Judge, page, sqlite_stores


@dataclass
class Receiver:
    down: bool = False
    permanent: bool = False
    tries: int = 0
    got: list[Notification] = field(default_factory=list)
    longest_ms: int = 5_000

    def send(self, notification: Notification, *, attempt: int) -> None:
        self.tries += 1
        if self.down:
            raise ChannelError("down", permanent=self.permanent)
        self.got.append(notification)


def test_it_opens_after_some_failures_in_a_row_longer_each_time_and_lets_one_through_to_see() -> None:
    breakers = Breakers()
    for _ in range(FAILURES):
        assert breakers.wait_ms("a", 0) == 0
        breakers.failed("a", 0)
    assert breakers.wait_ms("a", 0) == FIRST_MS
    assert breakers.open(0) == ["a"]
    assert breakers.wait_ms("b", 0) == 0
    assert breakers.wait_ms("a", FIRST_MS) == 0, "one goes out to see"
    assert breakers.wait_ms("a", FIRST_MS) > 0, "and only one"
    breakers.failed("a", FIRST_MS)
    assert breakers.wait_ms("a", FIRST_MS) == 2 * FIRST_MS
    for _ in range(20):
        breakers.failed("a", 0)
    assert breakers.wait_ms("a", 0) == MOST_MS
    breakers.arrived("a")
    assert breakers.wait_ms("a", 0) == 0
    assert breakers.open(0) == []


def test_success_in_between_keeps_it_closed() -> None:
    breakers = Breakers()
    for _ in range(5):
        breakers.failed("a", 0)
        breakers.arrived("a")
    assert breakers.wait_ms("a", 0) == 0


def test_a_clock_that_was_set_back_does_not_keep_it_open() -> None:
    breakers = Breakers()
    for _ in range(FAILURES):
        breakers.failed("a", 10**9)
    assert breakers.wait_ms("a", 0) == 0


def test_a_dead_receiver_is_tried_a_few_times_and_the_other_one_is_not_held_up() -> None:
    dead, alive = Receiver(down=True), Receiver()
    policy = AlertPolicy(routes=(Route(channel="dead"), Route(channel="alive")))
    breakers = Breakers()
    now = T0 + 10 * 60_000
    with sqlite_stores() as stores:
        judge = Judge(stores, policy)
        for number in range(20):
            judge.finds(page(f"f{number}", guardrail=f"g{number}"))
        channels = {"dead": dead, "alive": alive}
        while deliver_step(stores.outbox, channels, now_ms=now, breakers=breakers).claimed:
            pass
        assert len(alive.got) == 20
        assert dead.tries == FAILURES
        dead.down = False
        for _ in range(100):
            now += 10_000
            while deliver_step(stores.outbox, channels, now_ms=now, breakers=breakers).claimed:
                pass
        assert len(dead.got) == 20, "nothing was lost"
        assert stores.outbox.backlog() == 0


@pytest.mark.parametrize("permanent", [True, False])
def test_what_a_receiver_refuses_for_good_does_not_open_its_circuit(permanent: bool) -> None:
    refusing = Receiver(down=True, permanent=permanent)
    breakers = Breakers()
    with sqlite_stores() as stores:
        judge = Judge(stores, AlertPolicy(routes=(Route(channel="c"),)))
        for number in range(6):
            judge.finds(msgspec.structs.replace(page(f"f{number}", guardrail=f"g{number}"), category=""))
        while deliver_step(stores.outbox, {"c": refusing}, now_ms=T0 + 10 * 60_000, breakers=breakers).claimed:
            pass
    assert refusing.tries == (6 if permanent else FAILURES)
