"""Paging when processes die or meet: nothing is lost, nothing is doubled, and what is withdrawn is not sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from monitor.alerting.announce import announce
from monitor.alerting.deliver import deliver_step
from monitor.alerting.escalation.step import escalation_step
from monitor.alerting.policy import AlertPolicy
from monitor.alerting.ports import Alerts, AlertStore, EventAction, Notification
from monitor.incidents import lifecycle
from monitor.incidents.timeline import verify
from monitor.oncall.policy import Plan, Policy, Step
from tests.unit.alerting.record import T0, Judge, page, sqlite_stores

NOW = T0 + 180_000
PLAN = Plan(
    contacts={"ann": ("phone",)},
    policies={"p": Policy(name="p", steps=(Step(name="first", wait_ms=60_000, people=("ann",)),))},
    policy="p",
)
POLICY = AlertPolicy(plan=PLAN)


@dataclass
class DyingAlerts(Alerts):
    """Commits ``lives`` transactions; the next one dies right before its commit."""

    inner: Alerts
    lives: int

    @contextmanager
    def transaction(self) -> Iterator[AlertStore]:
        with self.inner.transaction() as store:
            yield store
            self.lives -= 1
            if self.lives < 0:
                raise KeyboardInterrupt


@pytest.mark.parametrize("lives", [0, 1, 2])
def test_a_step_that_dies_before_any_commit_is_done_once_by_the_next(lives: int) -> None:
    """Two incidents are due: one transaction reads them, one each pages."""
    with sqlite_stores() as stores:
        judge = Judge(stores, POLICY)
        judge.finds(page("f1"))
        judge.finds(page("f2", guardrail="toxicity"))
        with pytest.raises(KeyboardInterrupt):
            escalation_step(DyingAlerts(stores.alerts, lives), now_ms=NOW, policy=POLICY)
        for _ in range(2):
            escalation_step(stores.alerts, now_ms=NOW, policy=POLICY)
        assert sorted(judge.deeds("phone")) == [(1, "page"), (2, "page")]
        for number in (1, 2):
            assert judge.kinds(number).count("paged") == 1
            assert verify(judge.timeline(number)) is None


def test_a_step_in_two_processes_at_once_pages_once() -> None:
    with sqlite_stores() as stores:
        judge = Judge(stores, POLICY)
        judge.finds(page("f1"))
        assert escalation_step(stores.alerts, now_ms=NOW, policy=POLICY) == 1
        assert escalation_step(stores.alerts, now_ms=NOW, policy=POLICY) == 0
        assert judge.deeds("phone") == [(1, "page")]


def test_a_page_that_is_claimed_when_somebody_acknowledges_is_not_sent() -> None:
    with sqlite_stores() as stores:
        judge = Judge(stores, POLICY)
        judge.finds(page("f1"))
        judge.finds(page("f2", guardrail="toxicity"))
        escalation_step(stores.alerts, now_ms=NOW, policy=POLICY)

        class Phone:
            """While the first page is being sent, the other incident is acknowledged."""

            longest_ms = 100
            got: list[Notification] = []  # noqa: RUF012

            def send(self, notification: Notification, *, attempt: int) -> None:
                self.got.append(notification)
                if len(self.got) == 1:
                    other = 3 - notification.incident_id
                    with stores.alerts.transaction() as store:
                        announce(store, lifecycle.acknowledge(store, other, actor="ben", now_ms=NOW))

        phone = Phone()
        while deliver_step(stores.outbox, {"phone": phone}, now_ms=NOW).claimed:
            pass
        assert [each.deed for each in phone.got] == [EventAction.page, EventAction.acknowledge]
        assert {each.incident_id for each in phone.got} == {1, 2}


def test_without_a_policy_nobody_is_paged() -> None:
    with sqlite_stores() as stores:
        judge = Judge(stores)
        judge.finds(page("f1"))
        assert escalation_step(stores.alerts, now_ms=NOW, policy=judge.policy) == 0
