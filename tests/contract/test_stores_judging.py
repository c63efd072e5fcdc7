"""The judging side on every database: the lease, sums of counts, baselines, snapshots, the judging transaction."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWaiting
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from monitor.counting.clusters import NAMES, few
from monitor.counting.ports import Mark
from monitor.counts.model import Cluster, Slice, TickCounts
from monitor.errors import Fenced, NotFound, StoreUnavailable
from monitor.incidents.model import Severity
from monitor.judging.ports import Baseline, BaselineState, Snapshot
from monitor.storage.judgement import SNAPSHOTS_KEPT
from monitor.storage.stores import Stores, stores_on
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


def store_counts(stores: Stores, partition: str, *ticks: TickCounts, to_offset: int = 0, layout: str = "v1") -> None:
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
        judgement.advance(99)
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
            judgement.advance(7)
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
            judgement.advance(3)
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
            judgement.advance(judged_before)
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


def test_counts_of_another_column_layout_are_not_mixed_in(rig: Rig) -> None:
    store_counts(rig.stores, "a", counted(1, c1=1), layout="v1")
    store_counts(rig.stores, "b", counted(2, c1=2), layout="v2")
    judge = stores_on(rig.stores.database, layout="v2").judge
    assert judge.counts(0, 9).count.tolist() == [2]
    assert judge.first_tick() == 2
    assert list(judge.offsets(0, 9)) == ["b"]


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
        "layout": "v1",
        "approved_by": "",
        "reason": "first week \x00",
        "created_at_ms": 1_700_000_000_000,
    }
    return Baseline(unit=unit, state=state, **(values | other))


def saved(stores: Stores, baseline: Baseline) -> Baseline:
    with stores.judge.judgement(token_of(stores)) as judgement:
        return judgement.save_baseline(baseline)


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
    return Cluster(tick=tick, name=f"{name:016x}", slice_id=5, hits=hits, senders=senders)


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
