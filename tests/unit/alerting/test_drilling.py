"""A drill of every type is typed as what it is meant to be, by the rules that type real findings."""

from __future__ import annotations

import pytest

from monitor.alerting import drilling
from monitor.alerting.policy import AlertPolicy, Route
from monitor.errors import NotFound
from monitor.findings.model import IncidentType
from tests.unit.alerting.record import T0, Judge, page, sqlite_stores


@pytest.mark.parametrize("kind", list(IncidentType), ids=lambda kind: kind.value)
def test_a_drill_is_of_its_type_and_marked(kind: IncidentType) -> None:
    with sqlite_stores() as stores, stores.alerts.transaction() as store:
        policy = AlertPolicy(routes=(Route(channel="chat"),))
        incident = drilling.start(store, kind, actor="kim", now_ms=T0, policy=policy)
        other = drilling.start(store, kind, actor="kim", now_ms=T0 + 60_000, policy=policy)
    assert incident.trouble is kind
    assert incident.exercise
    assert other.id != incident.id, "each exercise is an incident of its own"


def test_an_unknown_type_is_named_with_those_that_there_are() -> None:
    with pytest.raises(NotFound, match="fail_open"):
        drilling.kind_of("melt")


def test_what_was_found_is_never_classified_or_judged_with_what_was_made_up() -> None:
    with sqlite_stores() as stores:
        policy = AlertPolicy(routes=(Route(channel="chat"),))
        with stores.alerts.transaction() as store:
            drilling.start(store, IncidentType.attack_wave, actor="kim", now_ms=T0, policy=policy)
        Judge(stores).finds(page("f1"))
        with stores.alerts.transaction() as store:
            assert [each.id for each in store.findings_around(None, from_ms=0, to_ms=2**60)] == ["f1"]
        token = stores.judge.acquire(holder="j", now_ms=0, ttl_ms=1_000)
        assert token is not None
        with stores.judge.judgement(token) as judgement:
            assert [each.id for each in judgement.open_pages()] == ["f1"]
