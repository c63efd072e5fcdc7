"""Escalations, silences and withdrawn pages, the same on every database."""

from __future__ import annotations

import msgspec

from monitor.alerting.escalation.model import Escalation, State
from monitor.alerting.ports import EventAction, Notification
from monitor.alerting.silences import SilenceKind, new_silence
from monitor.incidents.model import Incident, Severity
from tests.contract.stores_fixtures import Rig, migrated_template, rig_fixture

__all__ = ["migrated_template"]
rig = rig_fixture()


def incident(rig: Rig, key: str = "k") -> Incident:
    with rig.stores.alerts.transaction() as store:
        return store.new_incident(
            key=key,
            guardrail="jailbreak",
            severity=Severity.error,
            title="t",
            opened_at_ms=1,
            onset_low_ms=1,
            last_found_ms=1,
        )


def test_what_is_due_is_handed_out_longest_due_first_and_not_before(rig: Rig) -> None:
    first, second = incident(rig, "a"), incident(rig, "b")
    late = Escalation(incident_id=first.id, due_ms=200, severity="error", hold_ms=1)
    early = Escalation(incident_id=second.id, due_ms=300, resolve_by_ms=100, severity="error", hold_ms=1)
    with rig.stores.alerts.transaction() as store:
        store.save_escalation(late)
        store.save_escalation(early)
    with rig.another().alerts.transaction() as store:
        assert store.escalation(first.id) == late
        assert store.escalation(99) is None
        assert list(store.due_escalations(now_ms=99, limit=9)) == []
        assert list(store.due_escalations(now_ms=200, limit=9)) == [second.id, first.id]
        store.save_escalation(msgspec.structs.replace(early, state=State.over))
        assert list(store.due_escalations(now_ms=999, limit=9)) == [first.id]


def test_withdrawn_pages_are_not_handed_out_and_no_longer_wanted(rig: Rig) -> None:
    one = incident(rig)
    with rig.stores.alerts.transaction() as store:
        for seq, deed in ((1, EventAction.trigger), (2, EventAction.page)):
            store.enqueue(
                Notification(incident_id=one.id, seq=seq, channel=f"c{seq}", deed=deed, dedup_key="k", body={})
            )
    claimed = rig.stores.outbox.claim(now_ms=10, lease_ms=5, limit=9)
    assert all(rig.stores.outbox.wanted(pending) for pending in claimed)
    with rig.another().alerts.transaction() as store:
        assert store.withdraw_pages(one.id) == 1
        assert store.withdraw_pages(one.id) == 0
    wanted = {pending.notification.deed: rig.stores.outbox.wanted(pending) for pending in claimed}
    assert wanted == {EventAction.trigger: True, EventAction.page: False}
    again = rig.stores.outbox.claim(now_ms=100, lease_ms=5, limit=9)
    assert [pending.notification.deed for pending in again] == [EventAction.trigger]


def test_silences_are_numbered_found_by_time_and_counted(rig: Rig) -> None:
    silence = new_silence(
        kind=SilenceKind.maintenance,
        author="kim",
        reason="upgrade",
        begin_ms=100,
        end_ms=200,
        guardrails=("jailbreak",),
        now_ms=50,
    )
    with rig.stores.alerts.transaction() as store:
        stored = [store.new_silence(silence), store.new_silence(msgspec.structs.replace(silence, begin_ms=150))]
    assert [each.id for each in stored] == [1, 2]
    with rig.another().alerts.transaction() as store:
        assert [each.id for each in store.silences(at_ms=100)] == [1]
        assert [each.id for each in store.silences(at_ms=199)] == [2, 1]
        assert list(store.silences(at_ms=200)) == []
        store.count_silenced(1, now_ms=120)
        found = store.silence(1)
        assert found is not None
        assert (found.matched, found.last_matched_ms) == (1, 120)
        assert store.silence(3) is None
