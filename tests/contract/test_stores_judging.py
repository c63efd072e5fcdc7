"""The judging side on every database: the lease, sums of counts, baselines, snapshots, the judging transaction."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWaiting
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sqlalchemy import delete

from monitor.counting.clusters import NAMES, few
from monitor.counting.ports import Mark
from monitor.counts.model import Cluster, LoadedCounts, Slice, TickCounts
from monitor.errors import Fenced, NotFound, StoreRefused, StoreUnavailable
from monitor.incidents.model import Severity
from monitor.judging.ports import Baseline, BaselineState, Dismissal, Snapshot
from monitor.signals.layout import Columns, Layout
from monitor.signals.registry import LAYOUT
from monitor.storage.judgement import SNAPSHOTS_KEPT
from monitor.storage.migrate import upgrade
from monitor.storage.stores import Stores, open_stores, stores_on
from monitor.storage.tables import layouts
from tests.contract.stores_fixtures import (
    MishapError,
    Rig,
    a_commit,
    a_slice,
    at_once,
    counted,
    migrated_template,
    rig_fixture,
)

__all__ = ["migrated_template"]  # a fixture
rig = rig_fixture()


@pytest.fixture
def stores(rig: Rig) -> Stores:
    return rig.stores


def lease(stores: Stores, holder: str = "j1", *, now_ms: int = 0, ttl_ms: int = 1000) -> int | None:
    return stores.judge.acquire(holder=holder, now_ms=now_ms, ttl_ms=ttl_ms)


def token_of(stores: Stores) -> int:
    token = lease(stores)
    assert token is not None
    return token


def store_counts(
    stores: Stores, partition: str, *ticks: TickCounts, to_offset: int = 0, layout: Layout = LAYOUT
) -> None:
    stores.counts.register("log", [partition])
    position = stores.counts.claim(partition, owner="w", now_ms=0)
    commit = a_commit(
        partition, position.generation, position.next_offset, to_offset, counts=ticks, layout=layout, closed_before=0
    )
    stores.counts.commit(commit, now_ms=0)


def test_the_lease_has_one_holder_until_it_runs_out(stores: Stores) -> None:
    first = lease(stores, "j1", now_ms=0, ttl_ms=1000)
    assert first is not None
    assert lease(stores, "j2", now_ms=999) is None
    assert lease(stores, "j1", now_ms=999, ttl_ms=1000) == first  # renewed until 1999
    assert lease(stores, "j2", now_ms=1998) is None
    second = lease(stores, "j2", now_ms=1999)
    assert second is not None
    assert second > first
    assert lease(stores, "j1", now_ms=2000) is None


def test_a_released_lease_is_free_at_once_and_its_token_void(stores: Stores) -> None:
    first = token_of(stores)
    stores.judge.release(holder="somebody else")
    assert lease(stores, "j2") is None
    stores.judge.release(holder="j1")
    with pytest.raises(Fenced), stores.judge.judgement(first):
        pass
    again = lease(stores, "j1")
    assert again is not None
    assert again > first


def test_of_judges_that_reach_for_the_lease_at_once_one_gets_it(rig: Rig) -> None:
    judges = [rig.another() for _ in range(5)]
    tokens = at_once(*(partial(lease, each, f"j{number}") for number, each in enumerate(judges)))
    assert len([token for token in tokens if token is not None]) == 1


def test_a_judgement_without_any_lease_is_fenced(stores: Stores) -> None:
    with pytest.raises(Fenced, match="token 1 to None"), stores.judge.judgement(1):
        pass


def test_a_judge_that_has_lost_the_lease_writes_nothing(rig: Rig) -> None:
    old = token_of(rig.stores)
    new = lease(rig.another(), "j2", now_ms=5000)
    with pytest.raises(Fenced, match=f"token {old} to {new}"), rig.stores.judge.judgement(old) as judgement:
        judgement.advance(99, tick_ms=10_000)
    assert rig.stores.judge.judged_before() is None


def test_a_lease_cannot_be_taken_over_in_the_middle_of_a_judgement(rig: Rig) -> None:
    """It has run out, but what its holder is writing goes through whole, before the next judge starts."""
    judge, rival = rig.stores, rig.another()
    token = token_of(judge)

    def take_over() -> tuple[int | None, int | None]:
        return lease(rival, "j2", now_ms=5000), rival.judge.judged_before()

    with ThreadPoolExecutor(1) as pool:
        with judge.judge.judgement(token) as judgement:
            waiting = pool.submit(take_over)
            with pytest.raises(StillWaiting):
                waiting.result(timeout=0.3)
            judgement.advance(7, tick_ms=10_000)
        new, seen_by_rival = waiting.result(timeout=30)
    assert seen_by_rival == 7
    assert new is not None
    assert new > token
    with pytest.raises(Fenced), judge.judge.judgement(token):
        pass


def test_a_judgement_that_fails_leaves_nothing_behind(stores: Stores) -> None:
    token = token_of(stores)

    def judge() -> None:
        with stores.judge.judgement(token) as judgement:
            judgement.advance(3, tick_ms=10_000)
            judgement.save_snapshot(Snapshot(3, "f", b"x"))
            judgement.save_baseline(a_baseline())
            judgement.new_incident(
                key="k",
                guardrail="g",
                severity=Severity.error,
                title="t",
                opened_at_ms=1,
                onset_low_ms=1,
                last_found_ms=1,
            )
            raise MishapError

    with pytest.raises(MishapError):
        judge()
    assert stores.judge.judged_before() is None
    assert stores.judge.snapshot("f") is None
    assert stores.judge.baselines() == []
    with stores.alerts.transaction() as response:
        assert response.incidents() == []


def test_judgement_advances(stores: Stores) -> None:
    token = token_of(stores)
    for judged_before in (3, 10):
        with stores.judge.judgement(token) as judgement:
            judgement.advance(judged_before, tick_ms=10_000)
            assert stores.judge.judged_before() == judged_before  # the judge's own reads see it already
    assert stores.judge.judged_before() == 10


def test_ticks_close_when_every_active_partition_has_closed_them(stores: Stores) -> None:
    assert stores.judge.closed_before() is None
    generations = {}
    stores.counts.register("log", ["a", "b"])
    for name in ("a", "b"):
        generations[name] = stores.counts.claim(name, owner="w", now_ms=0).generation
    stores.counts.commit(a_commit("a", generations["a"], -1, 1, closed_before=20), now_ms=0)
    assert stores.judge.closed_before() is None
    stores.counts.commit(a_commit("b", generations["b"], -1, 1, closed_before=15), now_ms=0)
    assert stores.judge.closed_before() == 15
    stores.counts.commit(a_commit("b", generations["b"], 1, 2, closed_before=2**63 - 1), now_ms=0)
    assert stores.judge.closed_before() == 20


def test_a_partition_that_has_ended_holds_no_tick_open(stores: Stores) -> None:
    stores.counts.register("log", ["a", "b"])
    generation = {name: stores.counts.claim(name, owner="w", now_ms=0).generation for name in ("a", "b")}
    stores.counts.commit(a_commit("a", generation["a"], -1, 1, closed_before=20, mark=Mark.end), now_ms=0)
    assert stores.judge.closed_before() is None
    stores.counts.commit(a_commit("b", generation["b"], -1, 1, closed_before=30), now_ms=0)
    assert stores.judge.closed_before() == 30
    stores.counts.commit(a_commit("b", generation["b"], 1, 1, closed_before=41, mark=Mark.end), now_ms=0)
    assert stores.judge.closed_before() == 41
    stores.counts.claim("a", owner="w", now_ms=1)
    assert stores.judge.closed_before() == 20, "somebody reads it again: it may bring more"


def test_the_judge_does_not_replace_an_approval_that_it_has_not_seen(stores: Stores) -> None:
    by_hand = a_baseline(state=BaselineState.approved, effective_tick=None)
    with stores.judge.approval() as people:
        stored = people.save_baseline(by_hand)
    token = stores.judge.acquire(holder="judge", now_ms=0, ttl_ms=1000)
    assert token is not None
    with pytest.raises(StoreUnavailable), stores.judge.judgement(token) as judgement:
        judgement.save_baseline(a_baseline(state=BaselineState.approved, effective_tick=7))
    states = {one.id: one.state for one in stores.judge.baselines()}
    assert states[stored.id] is BaselineState.approved


def test_no_ticks_are_closed_when_all_partitions_are_retired(stores: Stores) -> None:
    store_counts(stores, "a")
    stores.counts.retire_sources_except([])
    assert stores.judge.closed_before() is None


def test_counts_of_partitions_and_commits_add_up(stores: Stores) -> None:
    store_counts(stores, "a", counted(5, c30=1, c10=2), counted(6, c10=1), to_offset=1)
    store_counts(stores, "a", counted(5, c10=3), counted(4, c7=1), to_offset=2)
    store_counts(stores, "b", counted(5, c20=9, c30=1), TickCounts(9, np.zeros(0, int), np.zeros(0, int)))
    loaded = stores.judge.counts(5, 7)
    assert loaded.tick.tolist() == [5, 5, 5, 6]
    assert loaded.cell.tolist() == [10, 20, 30, 10]
    assert loaded.count.tolist() == [5, 9, 2, 1]
    assert {column.dtype for column in (loaded.tick, loaded.cell, loaded.count)} == {np.dtype(np.int64)}
    assert stores.judge.first_tick() == 4
    assert stores.judge.counts(7, 9).tick.tolist() == []


def test_sums_equal_those_of_a_plain_dictionary(stores: Stores) -> None:
    chance = random.Random(8)
    expected: Counter[tuple[int, int]] = Counter()
    for commit in range(12):
        ticks = []
        for _ in range(6):
            tick, size = chance.randrange(-3, 5), chance.randrange(40)
            cells = [chance.randrange(50) if chance.random() < 0.8 else 2**62 + commit for _ in range(size)]
            counts = [chance.choice([1, 2, 300, 10**12]) for _ in cells]
            ticks.append(TickCounts(tick, np.array(cells, np.int64), np.array(counts, np.int64)))
            for cell, count in zip(cells, counts, strict=True):
                expected[tick, cell] += count
        store_counts(stores, f"p{commit % 3}", *ticks, to_offset=commit)
    loaded = stores.judge.counts(-3, 5)
    got = list(zip(loaded.tick.tolist(), loaded.cell.tolist(), loaded.count.tolist(), strict=True))
    assert got == [(tick, cell, expected[tick, cell]) for tick, cell in sorted(expected)]


# Beyond the columns of every release, whose layout a new database knows.
LENGTH, OLD_MIX, NEW_MIX = Columns("length", 1, 200, 3), Columns("mix", 1, 203, 2), Columns("mix", 2, 205, 2)
OLD, NEW = Layout((LENGTH, OLD_MIX), 256), Layout((LENGTH, NEW_MIX), 256)


def cells_of(loaded: LoadedCounts) -> list[tuple[int, int, int]]:
    return list(zip(loaded.tick.tolist(), loaded.cell.tolist(), loaded.count.tolist(), strict=True))


def test_two_versions_side_by_side_read_of_each_other_what_means_the_same(rig: Rig) -> None:
    """Cell 256 is the events of slice 1, 456 its length, 459 its mix by the old rule, 461 by the new one."""
    store_counts(rig.stores, "a", counted(1, c256=5, c456=4, c459=3), layout=OLD)
    store_counts(rig.stores, "b", counted(1, c256=7, c456=6, c461=2), counted(3, c256=1), layout=NEW)
    new = stores_on(rig.stores.database, layout=NEW).judge
    old = stores_on(rig.stores.database, layout=OLD).judge
    assert cells_of(new.counts(0, 9)) == [(1, 256, 12), (1, 456, 10), (1, 461, 2), (3, 256, 1)]
    assert cells_of(old.counts(0, 9)) == [(1, 256, 12), (1, 456, 10), (1, 459, 3), (3, 256, 1)]
    assert new.uncounted(0, 9) == {"mix": 1}
    assert old.uncounted(0, 9) == {"mix": 3}
    assert new.uncounted(2, 9) == old.uncounted(0, 1) == {}
    assert new.first_tick() == old.first_tick() == 1
    assert list(new.offsets(0, 9)) == ["a", "b"]


def test_cells_of_a_narrower_layout_find_their_slices(rig: Rig) -> None:
    store_counts(rig.stores, "a", counted(1, c210=5, c410=4, c413=3, c420=2), layout=Layout(OLD.columns, 210))
    judge = stores_on(rig.stores.database, layout=NEW).judge
    assert cells_of(judge.counts(0, 9)) == [(1, 256, 5), (1, 456, 4), (1, 512, 2)]


@pytest.mark.parametrize("columns", [Columns("other", 1, 202, 2), Columns("length", 1, 207, 3)])
def test_a_worker_whose_columns_mean_something_else_here_is_refused_and_writes_nothing(
    rig: Rig, columns: Columns
) -> None:
    store_counts(rig.stores, "a", counted(1, c256=5), layout=OLD)
    with pytest.raises(StoreRefused, match=r"length version 1 in columns 200 to 202 there"):
        store_counts(rig.stores, "b", counted(1, c256=5), layout=Layout((columns,), 256))
    assert list(rig.stores.judge.offsets(0, 9)) == ["a"]
    assert rig.stores.reads.totals().commits == 1


def test_counts_of_a_release_that_left_no_layout_behind_are_not_read(rig: Rig) -> None:
    store_counts(rig.stores, "a", counted(1, c256=5), layout=OLD)
    store_counts(rig.stores, "a", counted(2, c256=7), layout=NEW)
    with rig.stores.database.writing() as connection:
        connection.execute(delete(layouts).where(layouts.c.fingerprint == OLD.fingerprint))
    judge = stores_on(rig.stores.database, layout=NEW).judge
    assert judge.first_tick() == 2
    assert cells_of(judge.counts(0, 9)) == [(2, 256, 7)]


def test_offsets_span_the_commits_that_hold_the_ticks(stores: Stores) -> None:
    store_counts(stores, "a", counted(1, c1=1), to_offset=10)
    store_counts(stores, "a", counted(2, c1=1), to_offset=20)
    store_counts(stores, "a", counted(2, c1=1), counted(3, c1=1), to_offset=30)
    store_counts(stores, "a", counted(4, c1=1), to_offset=40)
    store_counts(stores, "b", counted(3, c1=1), to_offset=5)
    assert stores.judge.offsets(2, 4) == {"a": (10, 30), "b": (0, 5)}
    assert stores.judge.offsets(9, 12) == {}


def test_slices_come_after_an_id(stores: Stores) -> None:
    low, high = stores.counts.slice_ids([a_slice("a"), a_slice("b")])
    assert dict(stores.judge.slices(low)) == {high: a_slice("b")}
    assert dict(stores.judge.slices(high)) == {}


def test_the_newest_snapshot_of_the_asked_fingerprint_is_kept(stores: Stores) -> None:
    token = token_of(stores)
    blob = bytes(range(256)) * 400
    for tick in (10, 20, 30):
        with stores.judge.judgement(token) as judgement:
            judgement.save_snapshot(Snapshot(tick, "old", blob + bytes([tick])))
    with stores.judge.judgement(token) as judgement:
        judgement.save_snapshot(Snapshot(12, "new", b"n"))  # a new version starts over at an earlier tick
    assert stores.judge.snapshot("old") == Snapshot(30, "old", blob + bytes([30]))
    assert stores.judge.snapshot("new") == Snapshot(12, "new", b"n")
    assert stores.judge.snapshot("other") is None
    with stores.judge.judgement(token) as judgement:
        for tick in range(SNAPSHOTS_KEPT):
            judgement.save_snapshot(Snapshot(tick, "new", b"n"))
    assert stores.judge.snapshot("old") is None


UNIT = replace(a_slice(), language="", app="", model="", model_version="", format="")


def a_baseline(unit: Slice = UNIT, state: BaselineState = BaselineState.proposed, **other: object) -> Baseline:
    values: dict[str, object] = {
        "id": 0,
        "from_tick": 10,
        "to_tick": 90,
        "effective_tick": None,
        "counts": {3: 500, 2**61: 1, 12: 0},
        "layout": LAYOUT,
        "approved_by": "",
        "reason": "first week \x00",
        "created_at_ms": 1_700_000_000_000,
    }
    return Baseline(unit=unit, state=state, **(values | other))


def saved(stores: Stores, baseline: Baseline) -> Baseline:
    with stores.judge.judgement(token_of(stores)) as judgement:
        return judgement.save_baseline(baseline)


def test_a_baseline_of_another_version_keeps_what_means_the_same(rig: Rig) -> None:
    saved(rig.stores, a_baseline(counts={256: 5, 456: 4, 459: 3}, layout=OLD))
    (baseline,) = stores_on(rig.stores.database, layout=NEW).judge.baselines()
    assert baseline.counts == {256: 5, 456: 4}
    assert baseline.layout == Layout((LENGTH,), 256)
    assert NEW.lacking(baseline.layout) == {"mix"}


def test_an_added_baseline_stands_beside_the_approved_one_and_goes_with_it(stores: Stores) -> None:
    first = saved(stores, a_baseline(state=BaselineState.approved, effective_tick=50))
    added = [saved(stores, a_baseline(state=BaselineState.added, effective_tick=tick)) for tick in (60, 70)]
    assert list(stores.judge.effective_baselines(55, before_too=False)) == added
    assert list(stores.judge.effective_baselines(65, before_too=True)) == [first, *added]
    saved(stores, a_baseline(state=BaselineState.approved, effective_tick=90))
    assert [one.state for one in stores.judge.baselines()] == ["replaced", "replaced", "replaced", "approved"]


def test_the_judge_asks_for_what_has_not_taken_effect_and_gets_nothing_else(stores: Stores) -> None:
    for number in range(3):
        unit = replace(UNIT, guardrail=f"g{number}")
        saved(stores, a_baseline(unit, state=BaselineState.approved, effective_tick=1))
        with stores.judge.approval() as transaction:
            transaction.save_dismissal(Dismissal(f"old-{number}", "ana", "a holiday", 1, effective_tick=number))
    saved(stores, a_baseline())  # proposed
    assert stores.judge.pending_baselines() == stores.judge.pending_dismissals() == []
    waiting = saved(stores, a_baseline(state=BaselineState.approved))
    with stores.judge.approval() as transaction:
        dismissal = transaction.save_dismissal(Dismissal("new", "ana", "a holiday", 1))
    assert stores.judge.pending_baselines() == [waiting]
    assert stores.judge.pending_dismissals() == [dismissal]
    assert [one.finding_id for one in stores.judge.dismissals(since=1)] == ["old-1", "old-2"]
    assert stores.judge.dismissal("new") == dismissal
    assert stores.judge.dismissal("none") is None


def test_a_new_baseline_gets_an_id_and_comes_back_whole(stores: Stores) -> None:
    kept = saved(stores, a_baseline())
    assert kept == a_baseline(id=kept.id, reason="first week \ufffd")
    assert kept.id > 0
    assert stores.judge.baselines() == [kept]


def test_an_approved_baseline_replaces_the_units_earlier_one_only(stores: Stores) -> None:
    approved = BaselineState.approved
    first = saved(stores, a_baseline(state=approved, effective_tick=50))
    neighbour = saved(stores, a_baseline(replace(UNIT, guardrail_version="2"), state=approved))
    proposed = saved(stores, a_baseline())
    second = saved(stores, a_baseline(state=approved, effective_tick=100))
    assert stores.judge.baselines(state=approved) == [neighbour, second]
    assert stores.judge.baselines(state=BaselineState.replaced) == [replace(first, state=BaselineState.replaced)]
    third = saved(stores, replace(proposed, state=approved, approved_by="sam"))
    assert stores.judge.baselines(state=approved) == [neighbour, third]
    assert [each.id for each in stores.judge.baselines()] == [first.id, neighbour.id, proposed.id, second.id]


def test_an_approved_baseline_may_be_updated_in_place(stores: Stores) -> None:
    kept = saved(stores, a_baseline(state=BaselineState.approved))
    effective = saved(stores, replace(kept, effective_tick=123))
    assert stores.judge.baselines() == [effective]
    assert effective.effective_tick == 123


def test_a_units_stratum_is_not_part_of_it(stores: Stores) -> None:
    saved(stores, a_baseline(a_slice(app="x"), state=BaselineState.approved))
    kept = saved(stores, a_baseline(a_slice(app="y"), state=BaselineState.approved))
    assert kept.unit == UNIT
    assert stores.judge.baselines(state=BaselineState.approved) == [kept]


def test_a_baseline_that_is_not_there_cannot_be_updated(stores: Stores) -> None:
    with pytest.raises(NotFound, match="no baseline 77"):
        saved(stores, a_baseline(id=77))


def seen(tick: int, name: int, *, hits: int = 7, senders: int = 1) -> Cluster:
    return Cluster(tick=tick, name=f"{name:016x}", slice_id=5, hits=hits, senders=senders, since_ms=tick * 1000 + 1)


def test_clusters_are_those_that_one_commit_of_everything_would_have_kept(stores: Stores) -> None:
    stores.counts.register("log", ["p", "q"])
    generation = {name: stores.counts.claim(name, owner="w", now_ms=0).generation for name in ("p", "q")}
    many = [seen(3, number) for number in range(1, 31)]
    first, second = few([*many[::2], seen(4, 9)]), few([*many[1::2], seen(3, 1, hits=12, senders=4)])
    stores.counts.commit(a_commit("p", generation["p"], -1, 10, clusters=first), now_ms=0)
    stores.counts.commit(a_commit("p", generation["p"], 10, 20, clusters=second), now_ms=0)
    stores.counts.commit(a_commit("q", generation["q"], -1, 10, clusters=[seen(3, 2**64 - 1)]), now_ms=0)
    together = few([*many, seen(4, 9), seen(3, 1, hits=12, senders=4)])
    assert len([one for one in together if one.tick == 3]) == NAMES
    expected = sorted([*together, seen(3, 2**64 - 1)], key=lambda one: (one.tick, one.name))
    assert list(stores.judge.clusters(3, 5)) == expected
    assert [one.tick for one in stores.judge.clusters(4, 5)] == [4]


def test_a_lease_goes_by_the_database_s_clock_where_it_is_asked_for(any_database_url: str) -> None:
    """A judge whose clock is an hour ahead and that is killed keeps nobody from judging for longer than its lease."""
    hour, ttl = 3_600_000, 300
    upgrade(any_database_url)
    with open_stores(any_database_url, own_clock=True) as stores:
        now = stores.database.clock_ms()
        token = stores.judge.acquire(holder="ahead", now_ms=now + hour, ttl_ms=ttl)
        assert token is not None
        assert stores.judge.acquire(holder="rival", now_ms=now, ttl_ms=ttl) is None
        time.sleep(2 * ttl / 1000)
        assert stores.judge.acquire(holder="rival", now_ms=now, ttl_ms=ttl) == token + 1


def test_a_lease_that_was_dated_before_the_clock_was_set_back_is_over(stores: Stores) -> None:
    token = stores.judge.acquire(holder="killed", now_ms=3_600_000, ttl_ms=1_000)
    assert token is not None
    assert stores.judge.acquire(holder="rival", now_ms=0, ttl_ms=1_000) == token + 1
