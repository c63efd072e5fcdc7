"""Runs of safety suites on every database, and the finding that a regression becomes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from monitor.alerting.policy import AlertPolicy, Route
from monitor.errors import NotFound, Refused
from monitor.evals.model import Pairs, Result, Run, RunState, Worse
from monitor.evals.record import approve, record
from monitor.incidents.model import Status
from monitor.storage.stores import Stores
from tests.contract.stores_fixtures import MishapError, Rig, migrated_template, rig_fixture

__all__ = ["migrated_template"]  # a fixture
rig = rig_fixture()
POLICY = AlertPolicy(routes=(Route(channel="pager"),))


@pytest.fixture
def stores(rig: Rig) -> Stores:
    return rig.stores


def a_run(k: int = 10, *, at_ms: int = 5, **other: Any) -> Run:
    usual: dict[str, Any] = {
        "id": 0,
        "model": "assistant",
        "version": "1",
        "state": RunState.recorded,
        "recorded_by": "ana",
        "recorded_at_ms": at_ms,
        "results": (Result(suite="advbench", metric="harmful", n=500, k=k),),
    }
    return Run(**(usual | other))


def recorded(stores: Stores, run: Run):
    with stores.evals.transaction() as store:
        return record(store, run, margin=0.02, guardrail=None, against=None, policy=POLICY)


def approved(stores: Stores, run: Run) -> Run:
    with stores.evals.transaction() as store:
        return approve(store, store.save_run(run).id, actor="ben", reason="", now_ms=6, policy=POLICY)


def test_a_run_comes_back_as_it_was_stored(stores: Stores) -> None:
    result = Result(
        suite="s",
        metric="m",
        slice="näh",
        worse=Worse.when_low,
        n=3,
        k=2,
        items={"a": True, "b": False},
        pairs=Pairs(better=1, worse=0, same=2),
    )
    run = a_run(results=(result,), reason="why")
    with stores.evals.transaction() as store:
        stored = store.save_run(run)
    assert stored == msgspec.structs.replace(run, id=stored.id)
    assert stored.id > 0
    with stores.evals.transaction() as store:
        assert store.run(stored.id) == stored
        assert store.run(stored.id + 1) is None
        with pytest.raises(NotFound):
            store.save_run(msgspec.structs.replace(run, id=stored.id + 1))


def test_a_model_has_one_approved_run_and_each_its_own(stores: Stores) -> None:
    first = approved(stores, a_run())
    other = approved(stores, a_run(model="other"))
    second = approved(stores, a_run(version="2"))
    with stores.evals.transaction() as store:
        assert [run.id for run in store.runs()] == [second.id, other.id, first.id]
        assert [run.id for run in store.runs(model="assistant", limit=1)] == [second.id]
        assert store.run(first.id).state is RunState.replaced
        assert store.approved_run("assistant") == second
        assert store.approved_run("other") == other
        assert store.approved_run("nobody's") is None


def test_an_exception_stores_neither_run_nor_finding(stores: Stores) -> None:
    approved(stores, a_run())

    def fails() -> None:
        with stores.evals.transaction() as store:
            said = record(store, a_run(120), margin=0.02, guardrail=None, against=None, policy=POLICY)
            assert len(said.findings) == 1
            raise MishapError

    with pytest.raises(MishapError):
        fails()
    with stores.evals.transaction() as store:
        assert len(store.runs()) == 1
        assert list(store.findings()) == []


def test_a_regression_opens_an_incident_and_a_run_that_is_fine_again_ends_it(stores: Stores) -> None:
    assert recorded(stores, a_run()).comparison is None
    approved(stores, a_run())
    worse = recorded(stores, a_run(120, version="2", at_ms=7))
    assert worse.comparison.outcome == "regressed"
    (finding,) = worse.findings
    assert (finding.guardrail, finding.signal, finding.question) == ("assistant", "evals", "advbench/harmful")
    assert finding.trouble.value == "model_regression"
    fine = recorded(stores, a_run(12, version="3", at_ms=8))
    assert fine.comparison.outcome == "undecided"  # 500 items cannot show more; measured, it is where it was
    with stores.alerts.transaction() as store:
        (incident,) = store.incidents()
        assert incident.status is Status.open
        assert store.timeline(incident.id)[0].kind == "opened"
        assert store.finding(finding.id).ended_at_ms == 8
    assert stores.outbox.backlog() > 0


def test_approving_the_worse_run_ends_its_regression(stores: Stores) -> None:
    approved(stores, a_run())
    worse = recorded(stores, a_run(120, version="2", at_ms=7))
    with stores.evals.transaction() as store:
        approve(store, worse.run.id, actor="ben", reason="known", now_ms=9, policy=POLICY)
        assert store.finding(worse.findings[0].id).ended_at_ms == 9
        with pytest.raises(Refused, match="already"):
            approve(store, worse.run.id, actor="ben", reason="", now_ms=9, policy=POLICY)
    assert recorded(stores, a_run(118, version="3", at_ms=10)).comparison.outcome != "regressed"
