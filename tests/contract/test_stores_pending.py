"""A judged step reads the approvals and dismissals that wait for it, however many there have ever been."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import ColumnElement, select, text

from monitor.counting.ports import Mark
from monitor.judging.judge import Judge, Step
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.ports import Baseline, BaselineState, Dismissal
from monitor.signals.registry import COLUMNS, LAYOUT
from monitor.storage import baselines as baseline_rows
from monitor.storage import judging
from monitor.storage.response_tables import dismissals
from monitor.storage.stores import Stores, stores_on
from monitor.storage.tables import baselines
from tests.contract.stores_fixtures import Rig, a_commit, a_slice, counted, migrated_template, rig_fixture

__all__ = ["migrated_template"]  # a fixture
rig = rig_fixture()
UNIT = replace(a_slice(), language="", app="", model="", model_version="", format="")
EVER = 200


def a_baseline(number: int, effective_tick: int | None) -> Baseline:
    unit = replace(UNIT, guardrail=f"g{number}")
    return Baseline(
        0, unit, BaselineState.approved, 1, 9, effective_tick, {COLUMNS: 500}, LAYOUT, "ana", "a normal week", 1
    )


def history(stores: Stores) -> None:
    """What has taken effect long ago, and a closed tick after it."""
    with stores.judge.approval() as store:
        for number in range(EVER):
            store.save_baseline(a_baseline(number, effective_tick=9))
            store.save_dismissal(Dismissal(f"f{number}", "ana", "a holiday", 1, effective_tick=9))
    stores.counts.slice_ids([a_slice()])
    stores.counts.register("log", ["p"])
    counts(stores, 10, 20)


def counts(stores: Stores, *ticks: int) -> None:
    """Another commit; ticks up to its last one are closed."""
    position = stores.counts.claim("p", owner="w", now_ms=0)
    commit = a_commit(
        "p",
        position.generation,
        position.next_offset,
        position.next_offset + 10,
        counts=[counted(tick, **{f"c{COLUMNS}": 10}) for tick in ticks],
        closed_before=ticks[-1],
        mark=Mark.data,
    )
    stores.counts.commit(commit, now_ms=0)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is made of rows of the two tables, one entry for each row."""
    seen: list[str] = []
    from_row = baseline_rows.from_row

    def noted(row: Any, *more: Any) -> Baseline:
        seen.append(f"baseline {row.guardrail}")
        return from_row(row, *more)

    def note(**values: Any) -> Dismissal:
        seen.append(f"dismissal {values['finding_id']}")
        return Dismissal(**values)

    monkeypatch.setattr(baseline_rows, "from_row", noted)
    monkeypatch.setattr(judging, "Dismissal", note)
    return seen


def test_a_step_decodes_what_waits_and_nothing_else(rig: Rig, decoded: list[str]) -> None:
    history(rig.stores)
    store = stores_on(rig.stores.database, layout=LAYOUT)
    judge = Judge(store.judge, JudgeSettings(), lambda _store, finding, _now: finding, holder="j")
    assert judge.step(0).step is Step.judged  # rebuilds: reads what holds
    counts(rig.stores, 30)
    decoded.clear()
    assert judge.step(0).step is Step.judged
    assert decoded == []
    with rig.stores.judge.approval() as transaction:
        transaction.save_baseline(a_baseline(EVER, effective_tick=None))
        transaction.save_dismissal(Dismissal("new", "ana", "a holiday", 1))
    counts(rig.stores, 40)
    decoded.clear()
    assert judge.step(0).step is Step.judged
    # Read once, and what was approved once more as it is written down with its tick.
    assert sorted(decoded) == [f"baseline g{EVER}", f"baseline g{EVER}", "dismissal new"]
    counts(rig.stores, 50)
    decoded.clear()
    assert judge.step(0).step is Step.judged
    assert decoded == []


@pytest.mark.parametrize(
    ("index", "waits"),
    [
        (
            "ix_baselines_effective_tick",
            (baselines.c.state == BaselineState.approved) & baselines.c.effective_tick.is_(None),
        ),
        ("ix_dismissals_effective_tick", dismissals.c.effective_tick.is_(None)),
    ],
)
def test_the_question_has_an_index(rig: Rig, index: str, waits: ColumnElement[bool]) -> None:
    table = baselines if "baselines" in index else dismissals
    key = table.c.id if table is baselines else table.c.finding_id
    history(rig.stores)
    with rig.stores.database.writing() as connection:
        if rig.kind == "postgres":
            connection.execute(text("ANALYZE"))  # SQLite reads a table as small as this whole once it knows that
    with rig.stores.database.reading() as connection:
        query = select(table).where(waits).order_by(key)
        plain = query.compile(connection.engine, compile_kwargs={"literal_binds": True}).string
        if rig.kind == "postgres":
            connection.execute(text("SET LOCAL enable_seqscan = off"))  # a small table is read whole otherwise
        explain = "EXPLAIN" if rig.kind == "postgres" else "EXPLAIN QUERY PLAN"
        plan = " ".join(str(row) for row in connection.execute(text(f"{explain} {plain}")))
    assert index in plan
