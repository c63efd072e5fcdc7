import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from detectors.discrete import binomial_inverse, binomial_pmf, hypergeometric_pit, hypergeometric_pmf


def exact_hypergeometric(x, success, failure, n):
    return float(Fraction(math.comb(success, x) * math.comb(failure, n - x), math.comb(success + failure, n)))


@pytest.mark.parametrize(
    ("x", "success", "failure", "n"),
    [(3, 10, 20, 8), (0, 5, 10**6, 200), (40, 4000, 60_000, 300), (5, 5, 95, 50), (70, 100_000, 900_000, 500)],
)
def test_hypergeometric_probabilities_agree_with_exact_fractions(x, success, failure, n):
    assert hypergeometric_pmf(x, success, failure, n) == pytest.approx(
        exact_hypergeometric(x, success, failure, n), rel=1e-11
    )


@pytest.mark.parametrize(("success", "failure", "n"), [(3, 6400, 64), (4000, 64_000, 50), (10**6, 9 * 10**8, 33)])
def test_few_draws_from_a_large_population_are_transformed_to_the_last_digits(success, failure, n):
    for x in range(3):
        tail, lower = hypergeometric_pit(x, success, failure, n, 0.5)
        assert lower
        below = sum(exact_hypergeometric(k, success, failure, n) for k in range(x))
        assert tail == pytest.approx(below + exact_hypergeometric(x, success, failure, n) / 2, rel=1e-12)


def test_hypergeometric_probabilities_of_a_billion_agree_with_the_binomial_limit():
    # drawing 30 of 1e9 is drawing with replacement to 1e-6
    for x in range(10):
        assert hypergeometric_pmf(x, 10**8, 9 * 10**8, 30) == pytest.approx(stats.binom.pmf(x, 30, 0.1), rel=1e-5)


def test_binomial_probabilities_agree_with_scipy():
    rng = np.random.default_rng(0)
    for _ in range(500):
        n, p = int(10 ** rng.uniform(0, 5)), rng.beta(0.5, 0.5)
        x = int(rng.binomial(n, p))
        assert binomial_pmf(x, n, p) == pytest.approx(stats.binom.pmf(x, n, p), rel=1e-9)


def test_transforms_agree_with_scipy_in_the_bulk_and_in_the_tails():
    rng = np.random.default_rng(1)
    for _ in range(700):
        population = int(10 ** rng.uniform(1, 6))
        success = int(rng.integers(0, population + 1))
        n = int(rng.integers(0, min(population, 2000) + 1))
        law = stats.hypergeom(population, success, n)
        low, high = max(0, n - (population - success)), min(n, success)
        x = int(rng.integers(low, high + 1))
        v = rng.random()
        tail, lower = hypergeometric_pit(x, success, population - success, n, v)
        expected = law.cdf(x - 1) + v * law.pmf(x) if lower else law.sf(x) + (1 - v) * law.pmf(x)
        assert tail == pytest.approx(expected, rel=1e-7, abs=1e-250)


def test_the_inverse_brackets_the_tail_it_was_given():
    rng = np.random.default_rng(2)
    for _ in range(2000):
        n, p = int(10 ** rng.uniform(0, 5)), rng.uniform(1e-6, 1 - 1e-6)
        tail, lower = rng.random() * 10 ** -rng.uniform(0, 100), bool(rng.random() < 0.5)
        x, within = binomial_inverse(tail, lower, n, p)
        law = stats.binom(n, p)
        if lower:
            assert law.cdf(x) >= tail * (1 - 1e-8)
            assert x == 0 or law.cdf(x - 1) <= tail * (1 + 1e-8)
        else:
            assert law.sf(x - 1) >= tail * (1 - 1e-8)
            assert x == n or law.sf(x) <= tail * (1 + 1e-8)
        step = (tail - law.cdf(x - 1)) if lower else (law.sf(x - 1) - tail)
        assert 0 <= within <= 1
        assert within == pytest.approx(step / law.pmf(x), abs=1e-6)


@pytest.mark.parametrize(("x", "n", "p"), [(0, 0, 0.3), (0, 10, 1e-12), (10, 10, 1 - 1e-13)])
def test_degenerate_laws_have_one_answer(x, n, p):
    assert binomial_inverse(0.5, True, n, p)[0] == x


def test_largest_sizes_promised_are_handled():
    tail, lower = hypergeometric_pit(50_700, 5 * 10**8, 5 * 10**8, 100_000, 0.5)
    expected = stats.norm.sf(50_700, 50_000, math.sqrt(100_000 * 0.25 * (1 - 1e-4)))
    assert not lower
    assert tail == pytest.approx(expected, rel=0.01)
    assert abs(binomial_inverse(tail, lower, 100_000, 0.5)[0] - 50_700) <= 1
