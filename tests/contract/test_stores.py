"""What holds for every store on every database: transactions, the counting side, and contention between workers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from monitor.counting.ports import Mark, Position, Tally
from monitor.counts.model import TickCounts
from monitor.errors import Fenced, StoreRefused
from monitor.storage.stores import Stores
from tests.contract.stores_fixtures import (
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


def claimed(stores: Stores, partition: str = "log-0", *, owner: str = "w1") -> Position:
    stores.counts.register("log", [partition])
    return stores.counts.claim(partition, owner=owner, now_ms=1)


def test_an_unread_partition_starts_before_its_first_offset(stores: Stores) -> None:
    assert claimed(stores) == Position("log-0", -1, None, 1, b"")


def test_a_partition_that_nobody_registered_cannot_be_claimed(stores: Stores) -> None:
    with pytest.raises(StoreRefused, match="'ghost' is not registered"):
        stores.counts.claim("ghost", owner="w1", now_ms=1)


def test_registering_again_keeps_the_position(stores: Stores) -> None:
    position = claimed(stores)
    stores.counts.commit(a_commit("log-0", position.generation, -1, 40, closed_before=9), now_ms=2)
    stores.counts.register("log", ["log-0", "log-1"])
    again = stores.counts.claim("log-0", owner="w1", now_ms=3)
    assert (again.next_offset, again.closed_before, again.generation) == (40, 9, 2)


def test_a_commit_moves_offset_closed_ticks_and_state_together(stores: Stores) -> None:
    position = claimed(stores)
    state = bytes(range(256)) * 10
    stores.counts.commit(a_commit("log-0", position.generation, -1, 7, closed_before=3, state=state), now_ms=2)
    stores.counts.commit(a_commit("log-0", position.generation, 7, 12, closed_before=4, state=b"\x00"), now_ms=3)
    assert stores.counts.claim("log-0", owner="w1", now_ms=4) == Position("log-0", 12, 4, 2, b"\x00")


def test_an_idle_mark_commits_without_reading_anything(stores: Stores) -> None:
    position = claimed(stores)
    for closed_before in (5, 6):
        idle = a_commit(
            "log-0", position.generation, -1, -1, closed_before=closed_before, mark=Mark.idle, clock_ms=60
        )
        stores.counts.commit(idle, now_ms=2)
    assert stores.judge.closed_before() == 6
    assert stores.reads.totals().commits == 2


def test_numbers_may_be_numpy_integers(stores: Stores) -> None:
    position = claimed(stores)
    number = np.int64(5)
    commit = a_commit(
        "log-0", position.generation, -1, number, closed_before=number, clock_ms=number, tally=Tally(events=number)
    )
    stores.counts.commit(commit, now_ms=number)
    assert stores.counts.claim("log-0", owner="w1", now_ms=number).next_offset == 5


@pytest.mark.parametrize("offset", [-1, 6, 8])
def test_a_commit_from_another_offset_is_fenced_and_writes_nothing(stores: Stores, offset: int) -> None:
    position = claimed(stores)
    stores.counts.commit(a_commit("log-0", position.generation, -1, 7), now_ms=2)
    before = stores.reads.totals()
    stray = a_commit("log-0", position.generation, offset, 20, counts=[counted(1, c1=1)], tally=Tally(events=1))
    with pytest.raises(Fenced, match="'log-0' is not at offset"):
        stores.counts.commit(stray, now_ms=3)
    assert stores.reads.totals() == before
    assert stores.judge.first_tick() is None


def test_a_zombie_is_fenced_and_writes_nothing(rig: Rig) -> None:
    zombie, worker = rig.stores, rig.another()
    old = claimed(zombie, owner="zombie")
    new = worker.counts.claim("log-0", owner="worker", now_ms=2)
    assert new.generation > old.generation
    with pytest.raises(Fenced):
        zombie.counts.commit(
            a_commit("log-0", old.generation, -1, 9, counts=[counted(1, c1=9)], tally=Tally(events=9)), now_ms=3
        )
    assert worker.reads.totals().commits == 0
    assert worker.judge.first_tick() is None
    worker.counts.commit(a_commit("log-0", new.generation, -1, 9), now_ms=4)
    [view] = worker.reads.partitions()
    assert (view.owner, view.next_offset, view.committed_at_ms) == ("worker", 9, 4)


def test_of_equal_commits_at_once_exactly_one_counts(rig: Rig) -> None:
    position = claimed(rig.stores)
    both = [rig.stores, rig.another(), rig.another()]
    commit = a_commit(
        "log-0", position.generation, -1, 5, counts=[counted(1, c1=5)], tally=Tally(events=5), closed_before=2
    )
    outcomes = at_once(*(partial(each.counts.commit, commit, now_ms=2) for each in both))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Fenced", "Fenced", "NoneType"]
    assert rig.stores.reads.totals().events == 5
    assert rig.stores.judge.counts(0, 10).count.tolist() == [5]


def test_two_workers_that_claim_at_once_get_different_generations_and_the_later_one_wins(rig: Rig) -> None:
    rig.stores.counts.register("log", ["log-0"])
    workers = [rig.stores, rig.another(), rig.another(), rig.another()]
    positions = at_once(*(partial(each.counts.claim, "log-0", owner="w", now_ms=1) for each in workers))
    generations = [position.generation for position in positions]
    assert sorted(generations) == [1, 2, 3, 4]
    outcomes = at_once(
        *(
            partial(each.counts.commit, a_commit("log-0", generation, -1, 1), now_ms=2)
            for each, generation in zip(workers, generations, strict=True)
        )
    )
    winners = [mine for mine, outcome in zip(generations, outcomes, strict=True) if outcome is None]
    assert winners == [4]
    assert all(isinstance(outcome, Fenced) for outcome in outcomes if outcome is not None)


def test_a_commit_that_the_database_refuses_halfway_moves_nothing(stores: Stores) -> None:
    position = claimed(stores)
    stores.counts.commit(a_commit("log-0", position.generation, -1, 7), now_ms=2)
    backwards = a_commit("log-0", position.generation, 7, 3, counts=[counted(1, c1=1)])
    with pytest.raises(StoreRefused):
        stores.counts.commit(backwards, now_ms=3)
    assert stores.counts.claim("log-0", owner="w1", now_ms=4).next_offset == 7
    assert stores.reads.totals().commits == 1


def test_counts_that_cannot_be_right_are_not_stored(stores: Stores) -> None:
    position = claimed(stores)
    with pytest.raises(ValueError, match="negative"):
        stores.counts.commit(a_commit("log-0", position.generation, -1, 3, counts=[counted(1, c1=-1)]), now_ms=2)
    assert stores.reads.totals().commits == 0


def test_a_commit_may_hold_thousands_of_ticks(stores: Stores) -> None:
    position = claimed(stores)
    many = [TickCounts(tick=tick, cells=np.array([tick, 2**62]), counts=np.array([1, tick])) for tick in range(3000)]
    stores.counts.commit(a_commit("log-0", position.generation, -1, 9, counts=many), now_ms=2)
    loaded = stores.judge.counts(0, 3000)
    assert loaded.tick.tolist() == [tick for tick in range(3000) for _ in range(2)]
    assert loaded.cell[-2:].tolist() == [2999, 2**62]
    assert int(loaded.count.sum()) == 3000 + sum(range(3000))


def test_totals_add_up_over_commits(stores: Stores) -> None:
    position = claimed(stores)
    first = Tally(events=10, duplicates=2, rejected={"not_json": 3, "too_long": 1}, gap=4, late=5, future=6)
    second = Tally(events=1, rejected={"not_json": 3, "too_long": 1})
    third = Tally(rejected={"not_json": 1})
    for offset, tally in enumerate([first, second, third]):
        stores.counts.commit(a_commit("log-0", position.generation, offset - 1, offset, tally=tally), now_ms=2)
    totals = stores.reads.totals()
    assert (totals.commits, totals.events, totals.duplicates, totals.gap) == (3, 11, 2, 4)
    assert (totals.late, totals.future) == (5, 6)
    assert totals.rejected == {"not_json": 7, "too_long": 2}


def test_partitions_of_retired_sources_hold_no_tick_open(stores: Stores) -> None:
    new = claimed(stores, "new-0")
    stores.counts.register("old", ["old-0"])
    stores.counts.commit(a_commit("new-0", new.generation, -1, 1, closed_before=8), now_ms=2)
    assert stores.judge.closed_before() is None
    stores.counts.retire_sources_except(["log"])
    assert stores.judge.closed_before() == 8
    assert {view.partition: view.active for view in stores.reads.partitions()} == {"new-0": True, "old-0": False}
    stores.counts.register("old", ["old-0"])
    assert stores.judge.closed_before() is None


def test_without_any_source_all_partitions_are_retired(stores: Stores) -> None:
    claimed(stores)
    stores.counts.retire_sources_except([])
    assert [view.active for view in stores.reads.partitions()] == [False]


def test_slices_get_ids_in_the_order_asked_for(stores: Stores) -> None:
    first, second = stores.counts.slice_ids([a_slice("a"), a_slice("b")])
    assert first != second
    again = stores.counts.slice_ids([a_slice("b"), a_slice("c"), a_slice("a"), a_slice("b")])
    assert (again[0], again[2], again[3]) == (second, first, second)
    assert stores.counts.slice_ids([]) == []
    assert stores.judge.slices() == {first: a_slice("a"), second: a_slice("b"), again[1]: a_slice("c")}


@pytest.mark.parametrize(
    "difference",
    [
        {"guardrail_version": "2"},
        {"category": ""},
        {"stage": "output"},
        {"score_kind": "boolean"},
        {"semantics": "p_safe"},
        {"threshold_milli": -1},
        {"language": "de"},
        {"app": "x"},
        {"model": "x"},
        {"model_version": "x"},
        {"format": "x"},
    ],
    ids=lambda difference: next(iter(difference)),
)
def test_slices_that_differ_in_one_field_are_different(stores: Stores, difference: dict[str, object]) -> None:
    one, other = stores.counts.slice_ids([a_slice(), a_slice(**difference)])
    assert one != other


def test_fields_do_not_run_into_each_other(stores: Stores) -> None:
    ids = stores.counts.slice_ids([a_slice(app="a", model="b"), a_slice(app="ab", model=""), a_slice(app='a","b')])
    assert len(set(ids)) == 3


def test_hostile_slices_are_stored(stores: Stores) -> None:
    hostile = [a_slice("nul\x00"), a_slice("half\ud800"), a_slice("long" * 10_000), a_slice("'; DROP TABLE slices")]
    ids = stores.counts.slice_ids(hostile)
    assert len(set(ids)) == 4
    assert stores.counts.slice_ids(hostile) == ids
    assert stores.judge.slices()[ids[0]].guardrail == "nul\ufffd"


def test_workers_that_register_the_same_slices_at_once_agree_on_their_ids(rig: Rig) -> None:
    wanted = [a_slice(f"g{number}") for number in range(120)]

    def worker(stores: Stores, turn: int) -> Callable[[], dict[str, int]]:
        mine = wanted[turn * 30 :] + wanted[: turn * 30]
        return lambda: {
            each.guardrail: number
            for start in range(0, 120, 7)
            for each, number in zip(
                mine[start : start + 7], stores.counts.slice_ids(mine[start : start + 7]), strict=True
            )
        }

    answers = at_once(*(worker(rig.another(), turn) for turn in range(4)))
    assert all(answer == answers[0] for answer in answers)
    assert len(set(answers[0].values())) == 120
    assert {number: whole.guardrail for number, whole in rig.stores.judge.slices().items()} == {
        number: guardrail for guardrail, number in answers[0].items()
    }


def test_whoever_has_seen_a_slice_never_misses_one_with_a_lower_id(rig: Rig) -> None:
    """The judge asks for slices above the highest id that it knows, while workers are adding."""
    workers = [rig.another() for _ in range(3)]
    seen: dict[int, str] = {}

    def work(stores: Stores, name: str) -> None:
        for number in range(25):
            stores.counts.slice_ids([a_slice(f"{name}-{number}"), a_slice(f"{name}+{number}")])

    def look() -> None:
        new = rig.stores.judge.slices(max(seen, default=0))
        seen.update((number, whole.guardrail) for number, whole in new.items())

    adding = [partial(work, each, f"w{number}") for number, each in enumerate(workers)]
    outcomes = at_once(*adding, lambda: [look() for _ in range(40)])
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    look()
    assert len(seen) == 150
