"""The response record on every database: findings, incidents and timelines in one transaction."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest

from monitor.errors import StoreRefused, StoreUnavailable
from monitor.findings.model import Contribution, Direction, Effect, Evidence, Finding, IncidentType, Kind, Promise
from monitor.incidents.model import Entry, Incident, Severity, Status
from monitor.incidents.ports import ResponseStore
from monitor.storage.stores import Stores
from tests.contract.stores_fixtures import MishapError, Rig, at_once, migrated_template, rig_fixture

__all__ = ["migrated_template"]  # a fixture
rig = rig_fixture()


@pytest.fixture
def stores(rig: Rig) -> Stores:
    return rig.stores


def a_finding(name: str = "f1", **other: Any) -> Finding:
    usual: dict[str, Any] = {
        "guardrail": "toxicity",
        "guardrail_version": "1",
        "category": "abuse",
        "signal": "boundary_proximity",
        "question": "near_threshold",
        "stratum": "",
        "kind": Kind.notice,
        "direction": Direction.rise,
        "promise": Promise.proved,
        "onset_low_ms": 1000,
        "onset_high_ms": 2000,
        "detected_at_ms": 3000,
        "effect": Effect(baseline=0.1, current=0.30000000000000004, ratio=None),
        "evidence": Evidence(log_evidence=1e-300, events=7, level=None, detail="näher \x00 dran"),
        "attribution": (Contribution(what="stratum", name="en", share=0.5),),
        "offsets": {"log-0": (0, 2**53 + 1)},
    }
    return Finding(id=name, **(usual | other))


def opened(store: ResponseStore, guardrail: str = "toxicity", **other: Any) -> Incident:
    usual: dict[str, Any] = {
        "key": "k",
        "severity": Severity.error,
        "title": "t",
        "opened_at_ms": 5,
        "onset_low_ms": 1,
        "last_found_ms": 4,
    }
    return store.new_incident(guardrail=guardrail, **(usual | other))


def an_entry(incident_id: int, seq: int, **other: Any) -> Entry:
    usual: dict[str, Any] = {
        "at_ms": 9,
        "actor": "driftline",
        "kind": "note",
        "data": {},
        "previous_hash": "0" * 64,
        "hash": "1" * 64,
    }
    return Entry(incident_id=incident_id, seq=seq, **(usual | other))


def test_a_finding_comes_back_exactly(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        store.save_finding(a_finding())
    with stores.alerts.transaction() as store:
        assert store.finding("f1") == a_finding()
        assert store.finding("f2") is None


def test_a_finding_is_replaced_in_place(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        store.save_finding(a_finding())
        page = a_finding(kind=Kind.page, paged_at_ms=4000, incident_id=opened(store).id)
        store.save_finding(page)
    with stores.alerts.transaction() as store:
        assert store.findings() == [page]
        assert store.findings(kind=Kind.notice) == []


def test_findings_are_listed_newest_first_by_what_is_asked(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        incident = opened(store)
        store.save_finding(a_finding("old", detected_at_ms=1, kind=Kind.page))
        store.save_finding(a_finding("new", detected_at_ms=9, incident_id=incident.id))
        store.save_finding(a_finding("mid", detected_at_ms=5, kind=Kind.page, incident_id=incident.id))
        assert [each.id for each in store.findings()] == ["new", "mid", "old"]
        assert [each.id for each in store.findings(incident_id=incident.id)] == ["new", "mid"]
        assert [each.id for each in store.findings(kind="page")] == ["mid", "old"]
        assert [each.id for each in store.findings(kind="page", incident_id=incident.id)] == ["mid"]
        assert [each.id for each in store.findings(limit=1)] == ["new"]


def test_incidents_are_numbered_without_gaps_also_after_a_rollback(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        first = opened(store)

    def open_and_fail() -> None:
        with stores.alerts.transaction() as store:
            opened(store)
            raise MishapError

    with pytest.raises(MishapError):
        open_and_fail()
    with stores.alerts.transaction() as store:
        assert [first.id, opened(store).id, opened(store).id] == [1, 2, 3]


def test_findings_of_a_guardrail_around_an_onset_come_back_newest_first(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        store.save_finding(a_finding("early", onset_low_ms=100, detected_at_ms=200))
        store.save_finding(a_finding("in", onset_low_ms=900, detected_at_ms=1100))
        store.save_finding(a_finding("also", onset_low_ms=950, detected_at_ms=1050))
        store.save_finding(a_finding("late", onset_low_ms=2001, detected_at_ms=2100))
        store.save_finding(a_finding("other", guardrail="injection", onset_low_ms=900, detected_at_ms=1100))
        found = store.findings_around(["toxicity"], from_ms=1000, to_ms=2000)
        assert [each.id for each in found] == ["in", "also"]
        assert [each.id for each in store.findings_around(["toxicity"], from_ms=1000, to_ms=2000, limit=1)] == ["in"]
        every = store.findings_around(None, from_ms=1000, to_ms=2000)
        assert [each.id for each in every] == ["in", "other", "also"]


def test_the_type_of_findings_and_incidents_is_kept(stores: Stores) -> None:
    typed = {"trouble": IncidentType.attack_wave, "trouble_rule": "more_unsafe: because"}
    with stores.alerts.transaction() as store:
        store.save_finding(a_finding("typed", stage="input", **typed))
        store.save_finding(a_finding("untyped"))
        incident = opened(store, **typed)
        untyped = opened(store, key="k2")
    with stores.alerts.transaction() as store:
        assert store.finding("typed") == a_finding("typed", stage="input", **typed)
        assert store.finding("untyped") == a_finding("untyped")
        assert store.incident(incident.id) == incident
        assert (incident.trouble, untyped.trouble) == (IncidentType.attack_wave, None)
        changed = msgspec.structs.replace(incident, trouble=IncidentType.probing, trouble_rule="other")
        assert store.update_incident(changed, expected=Status.open)
        assert store.incident(incident.id) == changed


def test_a_new_incident_is_open_and_comes_back_whole(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        made = opened(store, title="T\x00itle", severity=Severity.critical)
    with stores.alerts.transaction() as store:
        kept = store.incident(made.id)
        assert store.incident(99) is None
    assert made.status is Status.open
    assert kept == msgspec.structs.replace(made, title="T\ufffditle")
    assert kept is not None
    assert isinstance(kept.severity, Severity)


def test_an_incident_changes_only_from_the_expected_status(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        incident = opened(store)
        mine = msgspec.structs.replace(
            incident, status=Status.acknowledged, acknowledged_by="sam", acknowledged_at_ms=7
        )
        assert store.update_incident(mine, expected=Status.open)
        late = msgspec.structs.replace(incident, status=Status.resolved, resolved_at_ms=8)
        assert not store.update_incident(late, expected=Status.open)
        assert store.incident(incident.id) == mine
        assert not store.update_incident(msgspec.structs.replace(mine, id=99), expected=Status.acknowledged)


def test_of_two_people_who_acknowledge_at_once_one_is_first(rig: Rig) -> None:
    with rig.stores.alerts.transaction() as store:
        incident = opened(store)

    def acknowledge(stores: Stores, who: str) -> bool:
        with stores.alerts.transaction() as store:
            changed = msgspec.structs.replace(incident, status=Status.acknowledged, acknowledged_by=who)
            return store.update_incident(changed, expected=Status.open)

    answers = at_once(*(partial(acknowledge, rig.another(), who) for who in ("sam", "kim", "lee")))
    assert sorted(answers) == [False, False, True]


def test_incidents_are_listed_newest_first_by_what_is_asked(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        first, second, third = opened(store, "a"), opened(store, "b"), opened(store, "a")
        assert store.update_incident(
            msgspec.structs.replace(second, status=Status.closed, closed_at_ms=1), expected=Status.open
        )
        assert [each.id for each in store.incidents()] == [third.id, second.id, first.id]
        assert [each.id for each in store.incidents(guardrail="a")] == [third.id, first.id]
        assert [each.id for each in store.incidents(status=[Status.closed])] == [second.id]
        assert store.incidents(status=[]) == []
        assert [each.id for each in store.incidents(status=[Status.open, Status.closed], limit=2)] == [3, 2]


def test_a_timeline_comes_back_in_order_and_exactly(stores: Stores) -> None:
    data = {"text": "a\x00b \U0001f600", "number": 0.1, "big": 2**60, "list": [1, None, {"x": True}]}
    with stores.alerts.transaction() as store:
        incident = opened(store)
        assert store.last_entry(incident.id) is None
        entries = [an_entry(incident.id, seq, data=data | {"seq": seq}) for seq in (1, 2, 3)]
        for entry in entries:
            store.append_entry(entry)
        assert store.last_entry(incident.id) == entries[-1]
    with stores.alerts.transaction() as store:
        assert store.timeline(incident.id) == entries
        assert store.timeline(99) == []


def test_a_place_in_the_timeline_that_is_taken_rolls_the_whole_transaction_back(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        incident = opened(store)
        store.append_entry(an_entry(incident.id, 1))

    def append_late() -> None:
        with stores.alerts.transaction() as store:
            store.save_finding(a_finding())
            store.append_entry(an_entry(incident.id, 1, actor="late"))

    with pytest.raises(StoreUnavailable):
        append_late()
    with stores.alerts.transaction() as store:
        assert [entry.actor for entry in store.timeline(incident.id)] == ["driftline"]
        assert store.finding("f1") is None


def test_an_entry_needs_its_incident(stores: Stores) -> None:
    with pytest.raises(StoreRefused), stores.alerts.transaction() as store:
        store.append_entry(an_entry(404, 1))


def test_writers_of_one_timeline_wait_for_each_other(rig: Rig) -> None:
    with rig.stores.alerts.transaction() as store:
        incident = opened(store)

    def write(stores: Stores, who: str) -> None:
        for _ in range(15):
            with stores.alerts.transaction() as store:
                last = store.last_entry(incident.id)
                store.append_entry(an_entry(incident.id, 1 if last is None else last.seq + 1, actor=who))

    outcomes = at_once(*(partial(write, rig.another(), who) for who in ("sam", "kim", "lee")))
    assert outcomes == [None, None, None]
    with rig.stores.alerts.transaction() as store:
        assert [entry.seq for entry in store.timeline(incident.id)] == list(range(1, 46))


def test_incidents_opened_at_once_get_different_numbers_or_are_told_to_try_again(rig: Rig) -> None:
    def open_one(stores: Stores) -> int:
        with stores.alerts.transaction() as store:
            return opened(store).id

    outcomes = at_once(*(partial(open_one, rig.another()) for _ in range(4)))
    numbers = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert all(isinstance(outcome, (int, StoreUnavailable)) for outcome in outcomes)
