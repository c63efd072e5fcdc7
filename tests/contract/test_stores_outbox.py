"""The outbox on every database: at least once, in order within (incident, channel), claimed by one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest

from monitor.alerting.ports import EventAction, Notification, Pending
from monitor.incidents.model import Severity
from monitor.storage.outbox import MOST_ERROR_CHARACTERS, SqlOutbox
from monitor.storage.stores import Stores
from tests.contract.stores_fixtures import MishapError, Rig, at_once, migrated_template, rig_fixture

__all__ = ["migrated_template"]  # a fixture
rig = rig_fixture()


@pytest.fixture
def stores(rig: Rig) -> Stores:
    with rig.stores.alerts.transaction() as store:
        for number in (1, 2, 3):
            store.new_incident(
                key=f"k{number}",
                guardrail="g",
                severity=Severity.error,
                title="t",
                opened_at_ms=1,
                onset_low_ms=1,
                last_found_ms=1,
            )
    return rig.stores


def a_notification(
    incident_id: int, seq: int, channel: str = "pager", deed: EventAction = EventAction.trigger
) -> Notification:
    body: dict[str, object] = {"summary": f"{incident_id}/{seq} \x00 ✓", "nested": [1, {"a": None}]}
    return Notification(
        incident_id=incident_id, seq=seq, channel=channel, deed=deed, dedup_key=f"k{incident_id}", body=body
    )


def enqueue(stores: Stores, *notifications: Notification) -> None:
    with stores.alerts.transaction() as store:
        for notification in notifications:
            store.enqueue(notification)


def claim(stores: Stores, now_ms: int = 0, *, lease_ms: int = 100, limit: int = 10) -> Sequence[Pending]:
    return stores.outbox.claim(now_ms=now_ms, lease_ms=lease_ms, limit=limit)


def places(claimed: Sequence[Pending]) -> list[tuple[int, int, str]]:
    return [(each.notification.incident_id, each.notification.seq, each.notification.channel) for each in claimed]


def test_a_notification_comes_out_as_it_went_in(stores: Stores) -> None:
    enqueue(stores, a_notification(1, 1))
    [pending] = claim(stores)
    assert pending.notification == a_notification(1, 1)
    assert pending.attempts == 0


def test_a_resolve_never_overtakes_its_trigger(stores: Stores) -> None:
    enqueue(stores, a_notification(1, 5, deed=EventAction.resolve), a_notification(1, 2))
    [trigger] = claim(stores, 0)
    assert trigger.notification.deed is EventAction.trigger
    assert claim(stores, 1) == []  # in flight
    stores.outbox.failed(trigger, error="503", retry_at_ms=50)
    assert claim(stores, 49) == []  # waiting to be tried again
    [trigger] = claim(stores, 50)
    stores.outbox.delivered(trigger, now_ms=51)
    [resolve] = claim(stores, 51)
    assert resolve.notification.deed is EventAction.resolve


def test_incidents_and_channels_do_not_wait_for_each_other(stores: Stores) -> None:
    enqueue(
        stores,
        a_notification(1, 1),
        a_notification(1, 1, "chat"),
        a_notification(2, 1),
        a_notification(1, 2),
        a_notification(2, 2, "chat"),
    )
    assert places(claim(stores)) == [(1, 1, "pager"), (1, 1, "chat"), (2, 1, "pager"), (2, 2, "chat")]
    assert stores.outbox.backlog() == 5


def test_a_claim_is_limited(stores: Stores) -> None:
    enqueue(stores, *(a_notification(number, 1) for number in (1, 2, 3)))
    assert places(claim(stores, limit=2)) == [(1, 1, "pager"), (2, 1, "pager")]
    assert places(claim(stores, limit=2)) == [(3, 1, "pager")]


def test_the_same_message_is_enqueued_once(stores: Stores) -> None:
    enqueue(stores, a_notification(1, 1), a_notification(1, 1))
    enqueue(stores, a_notification(1, 1, deed=EventAction.update))
    [pending] = claim(stores)
    assert pending.notification.deed is EventAction.trigger
    assert stores.outbox.backlog() == 1


def test_a_claim_that_runs_out_is_handed_out_again(stores: Stores) -> None:
    enqueue(stores, a_notification(1, 1))
    [first] = claim(stores, 0, lease_ms=100)
    assert claim(stores, 99) == []
    [second] = claim(stores, 100)
    assert (second.id, second.attempts) == (first.id, 1)


def test_whoever_lost_a_claim_cannot_fail_it_for_the_next_one(stores: Stores) -> None:
    enqueue(stores, a_notification(1, 1))
    [slow] = claim(stores, 0, lease_ms=100)
    [quick] = claim(stores, 100)
    stores.outbox.failed(slow, error="gave up", retry_at_ms=None)
    assert stores.outbox.backlog() == 1
    stores.outbox.delivered(quick, now_ms=101)
    assert stores.outbox.backlog() == 0


def test_what_was_delivered_is_delivered_even_after_the_claim_ran_out(stores: Stores) -> None:
    enqueue(stores, a_notification(1, 1))
    [slow] = claim(stores, 0, lease_ms=100)
    [quick] = claim(stores, 100)
    stores.outbox.delivered(slow, now_ms=101)
    stores.outbox.failed(quick, error="receiver says duplicate", retry_at_ms=150)
    assert claim(stores, 1000) == []
    assert stores.outbox.backlog() == 0


def test_giving_up_lets_the_next_one_go_and_is_counted(stores: Stores) -> None:
    enqueue(stores, a_notification(1, 1), a_notification(1, 2))
    [first] = claim(stores)
    stores.outbox.failed(first, error="410 Gone \x00" * 10_000, retry_at_ms=None)
    assert places(claim(stores)) == [(1, 2, "pager")]
    assert isinstance(stores.outbox, SqlOutbox)
    assert (stores.outbox.given_up(), stores.outbox.backlog()) == (1, 1)
    assert MOST_ERROR_CHARACTERS < 10_000


def test_what_was_rolled_back_is_never_sent(stores: Stores) -> None:
    def enqueue_and_fail() -> None:
        with stores.alerts.transaction() as store:
            store.enqueue(a_notification(1, 1))
            raise MishapError

    with pytest.raises(MishapError):
        enqueue_and_fail()
    assert claim(stores) == []


def test_deliverers_at_once_never_hand_out_the_same_message_nor_a_later_one(rig: Rig, stores: Stores) -> None:
    enqueue(stores, *(a_notification(incident, seq) for incident in (1, 2, 3) for seq in range(1, 11)))

    def deliver(mine: Stores) -> list[tuple[int, int]]:
        sent = []
        while mine.outbox.backlog():
            for pending in claim(mine, lease_ms=10**9, limit=2):
                sent.append((pending.notification.incident_id, pending.notification.seq))
                mine.outbox.delivered(pending, now_ms=0)
        return sent

    answers = at_once(*(partial(deliver, rig.another()) for _ in range(3)))
    assert sorted(message for sent in answers for message in sent) == [
        (incident, seq) for incident in (1, 2, 3) for seq in range(1, 11)
    ]
    for sent in answers:
        for incident in (1, 2, 3):
            mine = [seq for number, seq in sent if number == incident]
            assert mine == sorted(mine)
