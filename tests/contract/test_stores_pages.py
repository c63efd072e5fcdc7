"""What pages and API ask of every database: places in lists, counts, the strongest evidence, credentials."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from monitor.access.model import Answered, Audited, Credential, Kind, Role
from monitor.alerting.ports import EventAction, Notification, Sent
from monitor.incidents.model import Entry, Severity, Status
from monitor.judging.evidence_points import Record
from monitor.judging.ports import Baseline, BaselineState, Strongest
from monitor.judging.view import ALL_TRAFFIC, StreamState
from monitor.signals.registry import LAYOUT
from monitor.storage.stores import Stores
from tests.contract.stores_fixtures import Rig, migrated_template, rig_fixture
from tests.contract.test_stores_evidence import OTHER, UNIT, a_point, a_stream, save

__all__ = ["migrated_template"]  # a fixture
rig = rig_fixture()


@pytest.fixture
def stores(rig: Rig) -> Stores:
    return rig.stores


def opened(stores: Stores, number: int) -> None:
    """So many incidents, every third one critical and closed."""
    with stores.alerts.transaction() as store:
        for place in range(number):
            made = store.new_incident(
                key=f"k{place}",
                guardrail="toxicity",
                severity=Severity.critical if place % 3 == 0 else Severity.warning,
                title="t",
                opened_at_ms=place,
                onset_low_ms=place,
                last_found_ms=place,
            )
            if place % 3 == 0:
                assert store.update_incident(
                    msgspec.structs.replace(made, status=Status.closed), expected=Status.open
                )


def an_entry(incident: int, seq: int, at_ms: int) -> Entry:
    return Entry(
        incident_id=incident,
        seq=seq,
        at_ms=at_ms,
        actor="ann",
        kind="note",
        data={},
        previous_hash="0",
        hash=f"{seq}",
    )


def test_incidents_are_counted_and_read_from_a_place_on(stores: Stores) -> None:
    opened(stores, 7)
    with stores.alerts.reading() as store:
        assert dict(store.count_incidents()) == {
            (Status.closed, Severity.critical): 3,
            (Status.open, Severity.warning): 4,
        }
        assert store.opened_since(5) == (2, 0)
        assert [one.id for one in store.incidents(before=5, limit=3)] == [4, 3, 2]
        assert [one.id for one in store.incidents(before=7, status=[Status.open], limit=9)] == [6, 5, 3, 2]


def test_the_newest_entries_of_all_timelines_come_in_order_of_time(stores: Stores) -> None:
    opened(stores, 3)
    entries = [an_entry(1, 1, 10), an_entry(2, 1, 10), an_entry(1, 2, 30), an_entry(3, 1, 20)]
    with stores.alerts.transaction() as store:
        for entry in entries:
            store.append_entry(entry)
    with stores.alerts.reading() as store:
        assert [(one.at_ms, one.incident_id, one.seq) for one in store.recent_entries(10)] == [
            (10, 1, 1),
            (10, 2, 1),
            (20, 3, 1),
            (30, 1, 2),
        ]
        assert [one.at_ms for one in store.recent_entries(11)] == [20, 30]
        assert [one.at_ms for one in store.recent_entries(0, limit=2)] == [20, 30]


def test_messages_show_how_far_they_have_come(stores: Stores) -> None:
    opened(stores, 2)
    with stores.alerts.transaction() as store:
        for incident, seq in ((1, 2), (1, 1), (2, 1)):
            message = Notification(
                incident_id=incident, seq=seq, channel="pager", deed=EventAction.trigger, dedup_key="k", body={}
            )
            store.enqueue(message)
    (first, _) = stores.outbox.claim(now_ms=0, lease_ms=1_000, limit=2)
    stores.outbox.delivered(first, now_ms=77)
    with stores.alerts.reading() as store:
        sent = store.sent(1)
    usual = Sent(
        seq=1,
        channel="pager",
        deed=EventAction.trigger,
        state="delivered",
        attempts=1,
        error=None,
        delivered_at_ms=77,
    )
    assert sent[0] == usual
    assert [(one.seq, one.state, one.delivered_at_ms) for one in sent[1:]] == [(2, "waiting", None)]


def test_streams_are_counted_and_read_from_a_place_on(stores: Stores) -> None:
    third = replace(UNIT, guardrail_version="9")
    known = [a_stream(), a_stream(OTHER, StreamState.watched), a_stream(third, StreamState.watched)]
    save(stores, Record(tick=6, streams=known, points=[a_point(6, unit=ALL_TRAFFIC)]))
    log = stores.evidence
    assert dict(log.count_streams()) == {StreamState.learning: 1, StreamState.watched: 2}
    every = log.some_streams()
    assert {one.stream.unit.guardrail_version for one in every} == {one.unit.guardrail_version for one in known}
    assert [one.id for one in every] == sorted(one.id for one in every)
    assert [one.id for one in log.some_streams(after=every[0].id, limit=1)] == [every[1].id]
    watched = log.some_streams(states=[StreamState.watched])
    assert {one.stream.state for one in watched} == {StreamState.watched}
    assert [one.stream.unit for one in log.some_streams(guardrail=UNIT.guardrail, states=[StreamState.learning])] == [
        UNIT
    ]
    assert log.stream(every[0].id) == every[0]
    assert log.stream(4_711) is None


def test_the_strongest_evidence_by_guardrail_and_signal(stores: Stores) -> None:
    assert stores.evidence.newest_tick() is None
    points = [
        a_point(5, 3.0),
        a_point(6, -4.0),
        a_point(7, -2.0, question="any_change"),
        a_point(7, -1.0, unit=replace(UNIT, guardrail_version="9")),
        a_point(7, 0.5, signal="coverage"),
    ]
    save(stores, Record(tick=7, points=points))
    assert stores.evidence.newest_tick() == 7
    spent = stores.evidence.spent(6)
    assert [(one.guardrail, one.category) for one in spent] == [(UNIT.guardrail, UNIT.category)]
    assert spent[0].false_alarms == pytest.approx(4e-5)
    assert stores.evidence.strongest(6) == [
        Strongest(guardrail=UNIT.guardrail, signal="coverage", log_evidence=0.5),
        Strongest(guardrail=UNIT.guardrail, signal="verdict_mix", log_evidence=-1.0),
    ]


def test_baselines_are_read_one_by_one_and_from_a_place_on(stores: Stores) -> None:
    def saved(unit, state: BaselineState) -> int:
        made = Baseline(
            id=0,
            unit=unit,
            state=state,
            from_tick=0,
            to_tick=9,
            effective_tick=None,
            counts={3: 4},
            layout=LAYOUT,
            approved_by="ann",
            reason="",
            created_at_ms=1,
        )
        with stores.judge.approval() as transaction:
            return transaction.save_baseline(made).id

    first, second = saved(UNIT, BaselineState.approved), saved(UNIT, BaselineState.approved)
    third = saved(OTHER, BaselineState.proposed)
    judge = stores.judge
    assert [one.id for one in judge.some_baselines()] == [third, second, first]
    assert [one.id for one in judge.some_baselines(before=third, limit=1)] == [second]
    assert [one.state for one in judge.some_baselines(unit=UNIT)] == [BaselineState.approved, BaselineState.replaced]
    assert [one.id for one in judge.some_baselines(states=[BaselineState.proposed])] == [third]
    found = judge.baseline(second)
    assert found is not None
    assert (found.id, dict(found.counts)) == (second, {3: 4})
    assert judge.baseline(99) is None


def test_credentials_the_audit_trail_and_answers(stores: Stores) -> None:
    made = Credential(
        kind=Kind.token,
        digest=b"\x00\xff",
        name="ann \x00",
        role=Role.approver,
        guardrails=("a", "b"),
        made_by="root",
        made_at_ms=1,
        expires_at_ms=10,
    )
    with stores.access.transaction() as store:
        stored = store.add_credential(made)
        assert stored.id > 0
        store.touch_credential(stored.id, now_ms=5)
        store.append_audit(Audited(at_ms=1, by="ann", through="api", act="x", subject="y", detail="\x00"))
        store.keep_answer(b"\x00k", Answered(request=b"\x00", status=200, body=b"\xff"), now_ms=1)
    with stores.access.reading() as store:
        found = store.credential(b"\x00\xff")
        assert found is not None
        assert (found.id, found.role, found.guardrails, found.used_at_ms) == (stored.id, Role.approver, ("a", "b"), 5)
        assert [line.by for line in store.audit()] == ["ann"]
        assert store.answered(b"\x00k") == Answered(request=b"\x00", status=200, body=b"\xff")
    with stores.access.transaction() as store:
        assert [store.end_credential(stored.id, now_ms=6) for _ in range(2)] == [True, False]
        assert not store.end_credential(99, now_ms=6)


def test_who_holds_the_lease_is_shown(stores: Stores) -> None:
    assert stores.reads.lease() is None
    stores.judge.acquire(holder="j1", now_ms=0, ttl_ms=1_000)
    held = stores.reads.lease()
    assert held is not None
    assert (held.holder, held.expires_at_ms) == ("j1", 1_000)
    stores.judge.release(holder="j1")
    assert stores.reads.lease().holder == ""  # type: ignore[union-attr]
