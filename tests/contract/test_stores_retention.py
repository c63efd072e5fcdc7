"""Ticks become hours and commits become days: sums stay, what is needed stays, the rest goes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import func, select

from monitor.alerting.ports import EventAction, Notification
from monitor.clock import DAY_MS
from monitor.counting.ports import Tally
from monitor.counts.model import Cluster, LoadedCounts, TickCounts
from monitor.errors import Fenced
from monitor.incidents.model import Severity
from monitor.judging.ports import Baseline, BaselineState
from monitor.judging.retention import Retained, RetentionRule, retain
from monitor.signals.layout import Columns, Layout
from monitor.signals.registry import LAYOUT
from monitor.storage.response_tables import outbox
from monitor.storage.stores import Stores, stores_on
from monitor.storage.tables import clusters, hour_counts, tick_counts, tick_ledger
from tests.contract.stores_fixtures import Rig, a_commit, a_slice, migrated_template, rig_fixture

__all__ = ["migrated_template"]  # a fixture
rig = rig_fixture()
PER_HOUR = 360
RULE = RetentionRule(tick_ms=10_000, ticks_ms=DAY_MS, hours_ms=10 * DAY_MS, ledger_ms=DAY_MS, outbox_ms=DAY_MS)
UNIT = replace(a_slice(), language="", app="", model="", model_version="", format="")


@pytest.fixture
def stores(rig: Rig) -> Stores:
    return rig.stores


def count(stores: Stores, *ticks: int, layout: Layout = LAYOUT, at_ms: int = 0, partition: str = "p") -> None:
    """A commit of one event in each of two slices per tick, and one record that could not be read."""
    stores.counts.register("log", [partition])
    position = stores.counts.claim(partition, owner="w", now_ms=0)
    cells = np.array([layout.width, 2 * layout.width], np.int64)
    commit = a_commit(
        partition,
        position.generation,
        position.next_offset,
        position.next_offset + 2 * len(ticks) + 1,
        counts=[TickCounts(tick, cells, np.ones(2, np.int64)) for tick in ticks],
        layout=layout,
        tally=Tally(events=2 * len(ticks), rejected={"not_json": 1}),
        clusters=[Cluster(tick, f"{tick:016x}", 1, 9, 2) for tick in ticks[:1]],
    )
    stores.counts.commit(commit, now_ms=at_ms)


def step(stores: Stores, *, safe: int, judged_before: int, now_ms: int = 0, rule: RetentionRule = RULE) -> Retained:
    token = stores.judge.acquire(holder="j", now_ms=0, ttl_ms=1_000)
    assert token is not None
    return retain(lambda: stores.judge.judgement(token), rule, safe=safe, judged_before=judged_before, now_ms=now_ms)


def total(counts: LoadedCounts) -> int:
    return int(counts.count.sum())


def rows(stores: Stores, table: object) -> int:
    with stores.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]


def test_old_ticks_become_hours_with_the_same_sums(stores: Stores) -> None:
    old, new = range(0, 3 * PER_HOUR, 10), range(9_000, 9_100, 10)
    for start in range(0, len(old), 20):
        count(stores, *old[start : start + 20], partition=f"p{start % 3}")
    count(stores, *new)
    before = stores.judge.counts(0, 10_000)
    assert step(stores, safe=9_000, judged_before=9_100).hours == 1  # a day of ticks stays: up to 9,100 - 8,640
    assert step(stores, safe=9_000, judged_before=11_000).hours == 2
    after = stores.judge.counts(0, 10_000)
    assert total(after) == total(before)
    assert after.tick.tolist()[:6] == [0, 0, PER_HOUR, PER_HOUR, 2 * PER_HOUR, 2 * PER_HOUR]
    assert after.where(after.tick >= 9_000).tick.tolist() == before.where(before.tick >= 9_000).tick.tolist()
    assert rows(stores, hour_counts) == 3
    assert rows(stores, tick_counts) == len(new)
    assert stores.judge.first_tick() == 9_000
    assert step(stores, safe=9_000, judged_before=11_000) == Retained()


def test_what_the_judge_still_needs_is_not_touched(stores: Stores) -> None:
    count(stores, *range(0, 2 * PER_HOUR, 10))
    assert step(stores, safe=PER_HOUR - 1, judged_before=20_000).hours == 0
    assert step(stores, safe=PER_HOUR, judged_before=20_000).hours == 1
    assert stores.judge.first_tick() == PER_HOUR


def test_the_ticks_of_an_approved_baseline_stay_ticks_until_it_is_replaced(stores: Stores) -> None:
    count(stores, *range(0, 3 * PER_HOUR, 10))
    window = Baseline(0, UNIT, BaselineState.approved, 370, 500, 600, {256: 5}, LAYOUT, "ana", "a calm hour", 1)
    with stores.judge.approval() as store:
        kept = store.save_baseline(window)
    before = stores.judge.counts(370, 500)
    step(stores, safe=9_000, judged_before=20_000)
    assert rows(stores, hour_counts) == 2
    after = stores.judge.counts(370, 500)
    assert (after.tick.tolist(), after.count.tolist()) == (before.tick.tolist(), before.count.tolist())
    assert stores.judge.first_tick() is None  # a rebuild does not begin with what is left of a window
    step(stores, safe=90_000, judged_before=200_000)  # older than the hours that are kept
    assert stores.judge.counts(0, 9_000).tick.min() == 370
    with stores.judge.approval() as store:
        store.save_baseline(replace(kept, state=BaselineState.replaced))
    step(stores, safe=90_000, judged_before=200_000)
    assert total(stores.judge.counts(0, 9_000)) == 0


def test_hours_of_two_versions_lie_side_by_side(rig: Rig) -> None:
    old = Layout((Columns("mix", 1, 200, 2),), 256)
    new = Layout((Columns("mix", 2, 202, 2),), 256)
    count(rig.stores, 5, 6, layout=old)
    count(rig.stores, 7, layout=new)
    step(rig.stores, safe=9_000, judged_before=20_000)
    judge = stores_on(rig.stores.database, layout=new).judge
    assert judge.counts(0, 9).count.tolist() == [3, 3]
    assert judge.uncounted(0, 9) == {"mix": 0}


def test_the_ledger_s_totals_are_the_same_by_the_day(stores: Stores) -> None:
    for number in range(40):
        count(stores, number, at_ms=number * DAY_MS // 10, partition=f"p{number % 2}")
    before = stores.reads.totals()
    assert step(stores, safe=0, judged_before=0, now_ms=3 * DAY_MS).commits == 20
    assert stores.reads.totals() == before
    assert rows(stores, tick_ledger) == 20
    assert step(stores, safe=0, judged_before=0, now_ms=4 * DAY_MS).commits == 10
    assert stores.reads.totals() == before
    assert before.commits == 40
    assert before.rejected == {"not_json": 40}


def test_names_of_clusters_go_with_their_ticks(stores: Stores) -> None:
    count(stores, 5)
    count(stores, 9_000)
    step(stores, safe=9_000, judged_before=20_000)
    assert rows(stores, clusters) == 1


def test_delivered_notifications_go_and_those_that_wait_or_were_given_up_stay(stores: Stores) -> None:
    with stores.alerts.transaction() as store:
        incident = store.new_incident(
            key="k",
            guardrail="g",
            severity=Severity.error,
            title="t",
            opened_at_ms=1,
            onset_low_ms=1,
            last_found_ms=1,
        )
        for seq in range(3):
            for channel in ("a", "b"):
                message = {"channel": channel, "deed": EventAction.trigger, "dedup_key": "k", "body": {}}
                store.enqueue(Notification(incident_id=incident.id, seq=seq, **message))
    for _ in range(2):
        for pending in stores.outbox.claim(now_ms=10, lease_ms=10, limit=9):
            if pending.notification.channel == "a":
                stores.outbox.delivered(pending, now_ms=20)
            else:
                stores.outbox.failed(pending, error="gone", retry_at_ms=None)
    assert step(stores, safe=0, judged_before=0, now_ms=DAY_MS + 20).notifications == 0
    assert step(stores, safe=0, judged_before=0, now_ms=DAY_MS + 21).notifications == 2
    assert (rows(stores, outbox), stores.outbox.backlog(), stores.outbox.given_up()) == (4, 2, 2)


def test_whoever_has_lost_the_lease_rolls_up_nothing(rig: Rig) -> None:
    count(rig.stores, *range(0, PER_HOUR, 10))
    token = rig.stores.judge.acquire(holder="j1", now_ms=0, ttl_ms=1_000)
    assert token is not None
    assert rig.stores.judge.acquire(holder="j2", now_ms=5_000, ttl_ms=1_000) is not None
    with pytest.raises(Fenced):
        retain(lambda: rig.stores.judge.judgement(token), RULE, safe=9_000, judged_before=20_000, now_ms=0)
    assert rows(rig.stores, hour_counts) == 0
