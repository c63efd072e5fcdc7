"""Captures, measures, action items, alerts from elsewhere and heads, on every database."""

from __future__ import annotations

import msgspec
import pytest

from monitor.alerting.inbound.model import KnownAlert
from monitor.alerting.ports import AlertStore
from monitor.incidents import lifecycle
from monitor.incidents.actions import ActionItem
from monitor.incidents.containment import Measure, MeasureState
from monitor.incidents.evidence import Capture, Moment
from monitor.incidents.model import Incident, Severity
from monitor.incidents.playbook import Action
from monitor.incidents.redaction import redact
from monitor.incidents.timeline import Head, verify
from monitor.storage.stores import Stores
from tests.contract.stores_fixtures import Rig, migrated_template, rig_fixture

__all__ = ["migrated_template"]  # a fixture
rig = rig_fixture()


@pytest.fixture
def stores(rig: Rig) -> Stores:
    with rig.stores.alerts.transaction() as store:
        opened(store)
    return rig.stores


def opened(store: AlertStore, key: str = "k", *, exercise: bool = False) -> Incident:
    incident = store.new_incident(
        key=key,
        guardrail="toxicity",
        severity=Severity.error,
        title="t",
        opened_at_ms=5,
        onset_low_ms=1,
        last_found_ms=4,
        exercise=exercise,
    )
    lifecycle.note(store, incident.id, actor="ann", now_ms=10, text="first \x00 look")
    return incident


def measure(**more: object) -> Measure:
    whole = Measure(
        id=0,
        incident_id=1,
        rule="tighten",
        action=Action.tighten_threshold,
        state=MeasureState.proposed,
        reason="r",
        proposed_by="ann",
        proposed_ms=5,
        due_ms=50,
    )
    return msgspec.structs.replace(whole, **more)


def item(**more: object) -> ActionItem:
    whole = ActionItem(
        id=0, incident_id=1, text="t", owner="ann", due_ms=90, added_by="ben", added_ms=5, remind_ms=60
    )
    return msgspec.structs.replace(whole, **more)


def test_a_capture_is_asked_for_once_and_made_once(stores: Stores) -> None:
    wanted = Capture(incident_id=1, finding_id="f1", moment=Moment.found, due_ms=7)
    with stores.alerts.transaction() as store:
        store.request_capture(wanted)
        store.request_capture(msgspec.structs.replace(wanted, due_ms=99))
        assert store.due_captures(now_ms=6, limit=9) == []
        assert store.due_captures(now_ms=7, limit=9) == [wanted]
        assert store.captures(1) == []
        made = msgspec.structs.replace(wanted, due_ms=None, seq=2, document='{"a": "\\u0000"}')
        store.save_capture(made)
        store.request_capture(wanted)
        assert store.due_captures(now_ms=99, limit=9) == []
        assert store.captures(1) == [made]
        assert store.capture(1, "f1", Moment.ended) is None


def test_measures_and_action_items_are_numbered_found_and_due_in_order(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        late, early = store.new_measure(measure(due_ms=80)), store.new_measure(measure())
        assert (late.id, early.id) == (1, 2)
        assert store.measures(1) == [early, late]
        assert store.measures(2) == []
        assert store.due_measures(now_ms=100, limit=9) == [early, late]
        store.save_measure(msgspec.structs.replace(early, state=MeasureState.taken, due_ms=None))
        assert store.due_measures(now_ms=100, limit=9) == [late]
        assert store.measure(3) is None
        one = store.new_action(item())
        assert store.due_actions(now_ms=59, limit=9) == []
        assert store.due_actions(now_ms=60, limit=9) == [one]
        store.save_action(msgspec.structs.replace(one, remind_ms=None, done_ms=70, done_by="ann"))
        assert store.due_actions(now_ms=99, limit=9) == []
        assert [each.done_by for each in store.actions()] == ["ann"]


def test_an_alert_from_elsewhere_is_known_by_source_and_fingerprint(stores: Stores) -> None:
    alert = KnownAlert(source="grafana", fingerprint="ab", incident_id=1, name="HighErrors", started_ms=5)
    with stores.alerts.transaction() as store:
        store.save_known_alert(alert)
        store.save_known_alert(msgspec.structs.replace(alert, ended_ms=9))
        assert store.known_alert("grafana", "ab") == msgspec.structs.replace(alert, ended_ms=9)
        assert store.known_alert("other", "ab") is None
        assert len(store.known_alerts(1)) == 1


def test_a_request_is_taken_once_within_its_window(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        assert store.first_time("d", now_ms=1000, window_ms=100)
        assert not store.first_time("d", now_ms=1100, window_ms=100)
        assert store.first_time("d", now_ms=1301, window_ms=100), "forgotten when no request of then is genuine now"


def test_two_processes_take_one_request_once(rig: Rig, stores: Stores) -> None:
    other = rig.another()
    with stores.alerts.transaction() as store:
        assert store.first_time("d", now_ms=1000, window_ms=100)
    with other.alerts.transaction() as store:
        assert not store.first_time("d", now_ms=1000, window_ms=100)


def test_heads_are_those_that_have_grown_since(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        opened(store, "second")
        heads = dict(store.heads_since(0, known={}, limit=9))
        assert heads == {n: Head(1, store.timeline(n)[-1].hash) for n in (1, 2)}
        lifecycle.note(store, 2, actor="ann", now_ms=500, text="more")
        assert [n for n, _ in store.heads_since(100, known={1: 1, 2: 1}, limit=9)] == [2]
        assert store.heads_since(100, known={1: 1, 2: 2}, limit=9) == []


def test_a_redaction_is_stored_and_the_chain_holds(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        redact(store, 1, actor="kim", now_ms=20, text="a name", seq=1)
    with stores.alerts.transaction() as store:
        entries = store.timeline(1)
    assert "look" not in str(entries[0].data)
    assert verify(entries) is None


def test_an_incident_is_found_by_its_key_and_knows_that_it_is_an_exercise(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        made = opened(store, "drill", exercise=True)
        assert store.incident_by_key("drill") == made
        assert store.incident_by_key("none") is None
        assert [each.exercise for each in store.incidents()] == [True, False]
        assert store.first_delivered(1) is None
