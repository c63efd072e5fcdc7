"""People and the judge at the same incident at the same moment, on every database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from monitor.alerting.announce import announce
from monitor.alerting.respond import respond
from monitor.errors import Refused, StoreUnavailable
from monitor.incidents import lifecycle, timeline
from monitor.incidents.model import Status
from monitor.storage.stores import Stores
from tests.contract.stores_fixtures import Rig, migrated_template, rig_fixture
from tests.unit.alerting.record import MINUTE, POLICY, T0, Judge, page

__all__ = ["migrated_template"]  # a fixture of the rig on PostgreSQL
rig = rig_fixture()
NOW = T0 + 6 * MINUTE


def _again(change: Callable[[], None]) -> None:
    """As the judge and the command line do: a collision is run again."""
    for _ in range(20):
        try:
            return change()
        except StoreUnavailable:
            continue
    raise AssertionError("never got through")


def _extends(stores: Stores, number: int, hold: Callable[[], object] = lambda: None) -> None:
    def extend() -> None:
        with stores.alerts.transaction() as store:
            respond(store, page(f"f{number}", onset=T0 + number * 1000), now_ms=NOW, policy=POLICY)
            hold()

    _again(extend)


def _acknowledges(stores: Stores, name: str) -> None:
    def acknowledge() -> None:
        with stores.alerts.transaction() as store:
            announce(store, lifecycle.acknowledge(store, 1, actor=name, now_ms=NOW))

    _again(acknowledge)


def test_a_person_acknowledges_while_the_judge_extends_and_nothing_is_lost(rig: Rig) -> None:
    judge, person = Judge(rig.stores), rig.another()
    judge.finds(page())
    extending = threading.Event()

    def hold() -> None:
        """The judge's transaction stays open until the person has begun, or is kept waiting by the database."""
        extending.set()
        waiting.wait(0.3)

    waiting = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        extends = threads.submit(_extends, rig.stores, 2, hold)
        assert extending.wait(10)
        acknowledges = threads.submit(_acknowledges, person, "ana")
        acknowledges.add_done_callback(lambda _: waiting.set())
        extends.result(30)
        acknowledges.result(30)
    (incident,) = judge.incidents()
    assert incident.status is Status.acknowledged
    assert incident.last_found_ms == T0 + 2000 + 2 * MINUTE
    assert sorted(judge.kinds()) == ["acknowledged", "finding_added", "opened"]
    assert timeline.verify(judge.timeline()) is None


def test_many_at_once_leave_one_chain_and_one_acknowledgement(rig: Rig) -> None:
    judge = Judge(rig.stores)
    judge.finds(page())
    refused: list[str] = []

    def acknowledges(name: str) -> None:
        try:
            _acknowledges(rig.stores, name)
        except Refused as error:
            refused.append(str(error))

    with ThreadPoolExecutor(6) as threads:
        work = [threads.submit(_extends, rig.stores, number) for number in range(2, 8)]
        work += [threads.submit(acknowledges, name) for name in ("ana", "bob", "carla")]
        for each in work:
            each.result(60)
    (incident,) = judge.incidents()
    assert incident.status is Status.acknowledged
    assert len(refused) == 2
    assert all(f"by {incident.acknowledged_by}" in text for text in refused)
    assert incident.last_found_ms == T0 + 7000 + 2 * MINUTE
    assert len(judge.timeline()) == 1 + 6 + 1
    assert timeline.verify(judge.timeline()) is None
    sent = [pending.notification.seq for pending in judge.sent()]
    assert sent == sorted(sent) == list(range(1, 9))


@pytest.mark.parametrize("first", ["judge", "person"])
def test_a_page_that_comes_as_a_person_resolves_ends_in_a_state_that_one_order_explains(rig: Rig, first: str) -> None:
    judge = Judge(rig.stores)
    judge.finds(page())

    def resolves() -> None:
        with rig.stores.alerts.transaction() as store:
            announce(store, lifecycle.resolve(store, 1, actor="ana", now_ms=NOW, text="over"))

    def acts() -> list[Callable[[], None]]:
        order = [lambda: _extends(rig.stores, 2), lambda: _again(resolves)]
        return order if first == "judge" else order[::-1]

    with ThreadPoolExecutor(2) as threads:
        for each in [threads.submit(act) for act in acts()]:
            each.result(30)
    (incident,) = judge.incidents()
    expected = {
        Status.resolved: ["opened", "finding_added", "resolved"],
        Status.open: ["opened", "resolved", "reopened"],
    }
    assert judge.kinds() == expected[incident.status]
