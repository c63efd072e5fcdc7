import numpy as np
import pytest

from detectors import slicewise
from detectors.comparison import Comparison, Outcome
from detectors.slicewise import compare, log_e

OLD = (1000,) * 8


def run(rng, old, new, *, looks=60, step=50, alpha=0.05, equivalence=0.02, mix=None, direction="rise"):
    """Rates by slice; returns the outcome after each look, and the last judgement."""
    before = _table(np.array(OLD[: len(old)]), rng, old)
    after = np.zeros_like(before)
    outcomes = []
    for _ in range(looks):
        n = rng.multinomial(step, mix or [1 / len(new)] * len(new))
        after = after + _table(n, rng, new)
        judged = compare(before, after, [0, 1], alpha=alpha, equivalence=equivalence, direction=direction)
        outcomes.append(judged.outcome)
    return outcomes, judged


def _table(n, rng, rates):
    bad = rng.binomial(n, rates)
    return np.stack((n - bad, bad), axis=1)


def test_a_worse_release_regresses_a_better_one_improves_and_an_equal_one_is_equivalent_in_the_end():
    rng = np.random.default_rng(0)
    assert run(rng, [0.05, 0.1], [0.15, 0.25])[0][-1] == Outcome.REGRESSED
    assert run(rng, [0.15, 0.2], [0.05, 0.05])[0][-1] == Outcome.IMPROVED
    outcomes, judged = run(rng, [0.05, 0.05], [0.05, 0.05], step=400, equivalence=0.05)
    assert outcomes[0] == Outcome.UNDECIDED
    assert outcomes[-1] == Outcome.EQUIVALENT
    assert abs(judged.difference) < 0.05


def test_what_is_worse_is_for_the_caller_to_say():
    rng = np.random.default_rng(1)
    assert run(rng, [0.2], [0.05], direction="fall")[0][-1] == Outcome.REGRESSED
    assert run(rng, [0.05], [0.2], direction="fall")[0][-1] == Outcome.IMPROVED


def test_a_jump_of_the_mix_alone_is_no_difference():
    rng = np.random.default_rng(2)
    outcomes, judged = run(rng, [0.02, 0.3], [0.02, 0.3], mix=[0.1, 0.9], looks=80)
    assert Outcome.REGRESSED not in outcomes
    assert Outcome.IMPROVED not in outcomes
    assert abs(judged.difference) < 0.05  # flat, it would be .16 against .27


def test_a_slice_that_regresses_is_named_while_the_others_stay():
    rng = np.random.default_rng(3)
    outcomes, judged = run(rng, [0.05, 0.05], [0.05, 0.35], mix=[0.9, 0.1])
    assert outcomes[-1] == Outcome.REGRESSED
    assert judged.leading == 1


@pytest.mark.parametrize("rates", [[0.02, 0.2], [0.5], [0.03, 0.1, 0.06, 0.02, 0.3]])
def test_looking_after_every_step_errs_no_more_often_than_alpha(rates):
    rng = np.random.default_rng(4)
    wrong = 0
    for _ in range(100):
        outcomes, _ = run(rng, rates, rates, looks=20, step=100, alpha=0.2, equivalence=1e-6)
        wrong += Outcome.REGRESSED in outcomes
    assert wrong / 100 < 0.2


def test_what_happens_to_all_of_many_slices_takes_few_events_of_each():
    rng = np.random.default_rng(7)
    rates = np.full(8, 0.065)
    found = 0
    for _ in range(20):
        old, new = _table(np.full(8, 100), rng, rates), _table(np.full(8, 100), rng, rates / 5)
        found += (
            compare(old, new, [0, 1], alpha=1e-3, equivalence=0.02, direction="fall").outcome == Outcome.REGRESSED
        )
    assert found >= 10  # by each slice for itself: none of twenty


def test_the_least_of_a_pair_of_stakes_is_no_more_than_it_has_won_at_any_common_mean():
    rng = np.random.default_rng(8)
    for _ in range(200):
        x = np.sort(rng.random(4))
        old, new = rng.integers(0, 60, (2, 4)).astype(float) + 1
        least = slicewise._least(old, new, x)
        for p in (rng.random(3) ** 3 * 0.98 + 0.001)[:, None, None]:
            won = slicewise._won(p, slicewise.STAKES[:, None], x, old, above=False)
            won = won + slicewise._won(p, slicewise.STAKES[None, :], x, new, above=True)
            assert (least <= won + 1e-4).all()


def test_graded_values_are_compared_by_their_means():
    rng = np.random.default_rng(5)
    old = rng.multinomial(2000, [0.8, 0.15, 0.05])
    new = rng.multinomial(2000, [0.6, 0.3, 0.1])
    judged = compare([old], [new], [0, 0.5, 1], alpha=0.01, equivalence=0.02)
    assert judged.outcome == Outcome.REGRESSED
    assert judged.before == pytest.approx(old @ [0, 0.5, 1] / 2000)


def test_sharing_the_unknown_mean_decides_sooner_than_two_intervals():
    rng = np.random.default_rng(6)
    old = np.array([1800, 200])
    new, apart = np.zeros(2, np.int64), Comparison(alpha=0.05, equivalence=0.005)
    apart.update(old=(2000, 200), new=(0, 0))
    shared_at = apart_at = None
    for n in range(50, 6000, 50):
        bad = int(rng.binomial(50, 0.15))
        new = new + np.array([50 - bad, bad])
        judged = compare([old], [new], [0, 1], alpha=0.05, equivalence=0.005)
        if shared_at is None and judged.outcome == Outcome.REGRESSED:
            shared_at = n
        if apart_at is None and apart.update(old=(0, 0), new=(50, bad)).outcome == Outcome.REGRESSED:
            apart_at = n
            break
    assert shared_at is not None
    assert shared_at < 0.7 * (apart_at or 6000)


def test_certain_but_immaterial_differences_are_no_regression():
    judged = compare([[950_000, 50_000]], [[948_000, 52_000]], [0, 1], alpha=0.01, equivalence=0.01)
    assert judged.outcome == Outcome.EQUIVALENT
    assert judged.log_evidence > 5


def test_nothing_is_said_where_no_slice_is_shared():
    judged = compare([[10, 1], [0, 0]], [[0, 0], [10, 9]], [0, 1], alpha=0.05, equivalence=0.02)
    assert (judged.outcome, judged.events) == (Outcome.UNDECIDED, 0)


def test_no_evidence_points_against_what_the_counts_say():
    assert log_e(np.array([50.0, 50.0]), np.array([80.0, 20.0]), np.array([0.0, 1.0])) <= 0


@pytest.mark.parametrize("old", [[[1.5, 1]], [[-1, 2]], [[1, 2, 3]], [[1, 2], [3, 4]]])
def test_tables_that_make_no_sense_are_refused(old):
    with pytest.raises(ValueError, match=r"counts|slices"):
        compare(old, [[1, 2]], [0, 1], alpha=0.05, equivalence=0.02)
