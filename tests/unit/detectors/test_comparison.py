import numpy as np
import pytest

from detectors.comparison import Comparison, Outcome, PairedComparison, mean_interval


def unpaired(rng, old, new, ticks, n=50, **rule):
    comparison = Comparison(**rule)
    outcomes = []
    for _ in range(ticks):
        judged = comparison.update(old=(n, int(rng.binomial(n, old))), new=(n, int(rng.binomial(n, new))))
        outcomes.append(judged.outcome)
    return outcomes, judged


def test_a_worse_release_is_called_regressed_and_a_better_one_improved():
    rng = np.random.default_rng(0)
    assert unpaired(rng, 0.05, 0.15, 60)[0][-1] == Outcome.REGRESSED
    assert unpaired(rng, 0.15, 0.05, 60)[0][-1] == Outcome.IMPROVED


def test_equal_releases_become_equivalent_in_the_end():
    rng = np.random.default_rng(1)
    outcomes, judged = unpaired(rng, 0.05, 0.05, 150, n=500, equivalence=0.01)
    assert outcomes[0] == Outcome.UNDECIDED
    assert outcomes[-1] == Outcome.EQUIVALENT
    assert -0.01 < judged.low <= judged.difference <= judged.high < 0.01


def test_looking_after_every_tick_errs_no_more_often_than_alpha():
    # alpha is spent over all looks together: a test that looked 40 times at 20 % each would err nearly always
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(80):
        outcomes, _ = unpaired(rng, 0.1, 0.1, 40, alpha=0.2, equivalence=1e-6)
        wrong += Outcome.REGRESSED in outcomes or Outcome.IMPROVED in outcomes
    assert wrong / 80 < 0.2


def test_pairs_decide_sooner_than_independent_traffic():
    rng = np.random.default_rng(3)
    paired, n_paired = PairedComparison(), 0
    while True:
        worse, better = rng.binomial(50, 0.08), rng.binomial(50, 0.02)
        judged = paired.update(better=int(better), worse=int(worse), same=int(50 - worse - better))
        n_paired += 50
        if judged.outcome == Outcome.REGRESSED:
            break
    outcomes, _ = unpaired(rng, 0.3, 0.36, 200)
    first = outcomes.index(Outcome.REGRESSED) if Outcome.REGRESSED in outcomes else len(outcomes)
    assert n_paired < 50 * (first + 1)


def test_paired_intervals_cover_at_all_times_together():
    rng = np.random.default_rng(4)
    missed = 0
    for _ in range(60):
        paired = PairedComparison(alpha=0.2)
        out = False
        for _ in range(60):
            worse, better = int(rng.binomial(20, 0.1)), int(rng.binomial(10, 0.1))
            judged = paired.update(better=better, worse=worse, same=30 - worse - better)
            out |= not judged.low <= (2.0 - 1.0) / 30 <= judged.high
        missed += out
    assert missed <= 12 + 3 * 3.1


@pytest.mark.parametrize("old", [(10, 11), (10, -1), (1.5, 1)])
def test_sides_that_make_no_sense_are_refused(old):
    with pytest.raises(ValueError, match="side"):
        Comparison().update(old=old, new=(10, 1))


def test_nothing_is_said_of_an_empty_side():
    assert Comparison().update(old=(100, 1), new=(0, 0)).outcome == Outcome.UNDECIDED


def test_an_interval_of_one_mean_covers_at_all_times_together():
    rng = np.random.default_rng(7)
    missed = 0
    for _ in range(100):
        counts = rng.multinomial(20, [0.7, 0.2, 0.1], size=40).cumsum(axis=0)
        bounds = [mean_interval(seen, [0, 0.5, 1], alpha=0.1) for seen in counts]
        missed += not all(low <= 0.2 <= high for low, high in bounds)
    assert missed <= 18  # 10 expected at most
    low, high = mean_interval([700_000, 200_000, 100_000], [0, 0.5, 1], alpha=0.1)
    assert high - low < 0.005


@pytest.mark.parametrize(("counts", "alpha"), [([0, 0], 0.1), ([1, -1], 0.1), ([1, 2, 3], 0.1), ([1, 2], 0.0)])
def test_intervals_of_nothing_are_refused(counts, alpha):
    with pytest.raises(ValueError, match="alpha"):
        mean_interval(counts, [0, 1], alpha=alpha)
