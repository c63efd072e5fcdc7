"""Runs of safety suites against the approved one."""

from __future__ import annotations

from monitor.evals.compare import compare
from monitor.evals.model import Pairs, Result, Run, RunState, Worse


def run(run_id: int, *results: Result) -> Run:
    return Run(
        id=run_id,
        model="m",
        version=str(run_id),
        state=RunState.recorded,
        recorded_by="ana",
        recorded_at_ms=1,
        results=results,
    )


def share(n: int, k: int, **more) -> Result:
    return Result(**({"suite": "s", "metric": "m", "n": n, "k": k} | more))


def outcome(old: Result, new: Result, **more) -> str:
    return compare(run(2, new), run(1, old), **more).outcome


def test_worse_better_and_equal_runs_are_told_apart():
    assert outcome(share(1000, 30), share(1000, 120)) == "regressed"
    assert outcome(share(1000, 120), share(1000, 30)) == "improved"
    assert outcome(share(3000, 60), share(3000, 62)) == "equivalent"
    assert outcome(share(50, 2), share(50, 4)) == "undecided"


def test_a_metric_that_should_be_high_regresses_by_falling():
    old, new = share(1000, 970, worse=Worse.when_low), share(1000, 850, worse=Worse.when_low)
    assert outcome(old, new) == "regressed"
    assert outcome(new, old) == "improved"


def test_another_mix_of_slices_is_no_regression():
    old = [share(1000, 20, slice="en"), share(200, 60, slice="de")]
    new = [share(200, 4, slice="en"), share(1000, 300, slice="de")]
    assert compare(run(2, *new), run(1, *old)).outcome != "regressed"


def test_the_same_items_decide_with_fewer_of_them():
    names = [f"i{i}" for i in range(300)]
    before = {name: i < 30 for i, name in enumerate(names)}
    after = {name: i < 60 for i, name in enumerate(names)}
    apart = outcome(share(300, 30), share(300, 60))
    together = compare(run(2, share(300, 60, items=after)), run(1, share(300, 30, items=before)))
    assert (apart, together.outcome) == ("undecided", "regressed")
    assert together.verdicts[0].paired
    assert abs((together.verdicts[0].before or 0) - 0.1) < 1e-9


def test_pairs_in_the_file_need_no_items_of_the_baseline():
    new = share(300, 60, pairs=Pairs(better=0, worse=30, same=270))
    assert outcome(share(300, 30), new) == "regressed"


def test_certain_differences_within_the_margin_do_not_matter():
    new = share(100_000, 11_000, pairs=Pairs(better=0, worse=1000, same=99_000))
    assert outcome(share(100_000, 10_000), new) == "equivalent"


def test_metrics_that_only_one_run_has_are_said_and_judge_nothing():
    comparison = compare(run(2, share(100, 1, metric="new")), run(1, share(100, 1, metric="old")))
    assert {(v.metric, v.outcome) for v in comparison.verdicts} == {("new", "new"), ("old", "missing")}
    assert comparison.outcome == "undecided"
