"""Recoupling makes the null exact: the surrogates' joint law is the declared one, whatever reference and truth."""

from itertools import product
from math import factorial

import numpy as np
import pytest
from scipy import stats

from detectors.alternatives import boundary, mixture, sparse
from detectors.recoupling import Recoupler, declared, seed_of
from tests.statistics.streams import cells_of


def outcomes(n, bins):
    return [c for c in product(range(n + 1), repeat=bins) if sum(c) == n]


def multinomial(c, q):
    return factorial(sum(c)) * np.prod([p**k / factorial(k) for p, k in zip(q, c, strict=True)])


@pytest.mark.parametrize("history", [0, 3, 40])
def test_surrogates_of_successive_ticks_are_independent_draws_from_q(history):
    # small references and a q far from the truth: any dependence on the history would show
    rng = np.random.default_rng(history)
    q, truth, rows = np.array([0.2, 0.5, 0.3]), np.array([0.7, 0.1, 0.2]), 40_000
    r = Recoupler()
    for i in range(rows):
        r.add(q, seed=seed_of("joint", history, i), reference=rng.multinomial(history, truth))
    counts = np.stack([rng.multinomial(n, truth, size=rows) for n in (2, 3, 2)])
    ptr, *columns = cells_of(counts)
    ptr, row, bins, count = r.recouple(ptr, np.arange(3), *columns)
    made = np.zeros_like(counts)
    np.add.at(made, (np.repeat(np.arange(3), np.diff(ptr)), row, bins), count)
    sets = [outcomes(n, 3) for n in (2, 3, 2)]
    joint = list(product(*sets))
    place = {c: i for i, c in enumerate(joint)}
    seen = np.bincount([place[tuple(tuple(made[t, i]) for t in range(3))] for i in range(rows)], minlength=len(joint))
    law = np.array([np.prod([multinomial(c, q) for c in cs]) for cs in joint])
    # pool cells below 5 expected, as the chi-square approximation wants
    rare = law * rows < 5
    observed = np.append(seen[~rare], seen[rare].sum())
    expected = np.append(law[~rare], law[rare].sum()) * rows
    if expected[-1] == 0:
        observed, expected = observed[:-1], expected[:-1]
    assert stats.chisquare(observed, expected).pvalue > 1e-4


def test_surrogates_of_strata_are_uncorrelated():
    rng = np.random.default_rng(9)
    q = np.array([0.9, 0.1])
    r = Recoupler()
    for s in range(2):
        r.add(q, seed=seed_of("stream", s), reference=rng.multinomial(300, q))
    made = np.array([[r.surrogates(s, rng.multinomial(30, q), tick)[1] for s in range(2)] for tick in range(6000)])
    assert abs(np.corrcoef(made.T)[0, 1]) < 4 / np.sqrt(6000)


def e_values(law, truth, *, history, rows, n, seed, bank):
    """(rows, ticks, K) e-values of three recoupled ticks."""
    rng = np.random.default_rng(seed)
    r = Recoupler()
    for i in range(rows):
        r.add(law, seed=seed_of("e", seed, i), reference=rng.multinomial(history, truth))
    counts = rng.multinomial(n, truth, size=(3, rows))
    ptr, *columns = cells_of(counts)
    ptr, row, bins, count = r.recouple(ptr, np.arange(3), *columns)
    made = np.zeros_like(counts)
    np.add.at(made, (np.repeat(np.arange(3), np.diff(ptr)), row, bins), count)
    return np.exp(made @ bank.log_e)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_e_values_have_mean_one_given_q_in_both_directions(quantile):
    # the trap: q estimated from 200 events of the reference itself gave a mean of 2.3 at ratio 2 in q's lowest tenth
    truth = np.array([0.94, 0.06])
    rng = np.random.default_rng(1)
    splits = rng.binomial(200, truth[1], 2000)
    rare = int(np.quantile(splits, quantile))
    law = declared([200 - rare, rare])
    # small bets: products of large ones have means that no simulation of this size can estimate
    fall = sparse(law, contaminations=(0.01, 0.03))
    bank = mixture([(1, boundary(law, [0, 1], ratios=(1.5, 2.0))), (1, fall)])
    e = e_values(law, truth, history=200, rows=30_000, n=10, seed=int(10 * quantile), bank=bank)
    for tick in range(3):
        error = e[tick].std(axis=0) / np.sqrt(len(e[tick]))
        assert (np.abs(e[tick].mean(axis=0) - 1) < 4.5 * error).all()
    product_ = e.prod(axis=0)
    spread = product_.std(axis=0) / np.sqrt(len(product_))
    assert (np.abs(product_.mean(axis=0) - 1) < 4.5 * spread).all()


def test_e_values_have_mean_one_over_splits_and_bags_together():
    truth = np.array([0.7, 0.2, 0.07, 0.03])
    means, errors = [], []
    for seed in range(40):
        law = declared(np.random.default_rng(100 + seed).multinomial(200, truth))
        bank = sparse(law, contaminations=(0.03, 0.1))
        e = e_values(law, truth, history=200, rows=1000, n=10, seed=200 + seed, bank=bank)[2]
        means.append(e.mean(axis=0)[2:8])  # bins keep their place, so alternatives can be averaged over splits
        errors.append(e.std(axis=0)[2:8] / np.sqrt(len(e)))
    mean = np.mean(means, axis=0)
    error = np.sqrt((np.array(errors) ** 2).sum(axis=0)) / len(errors)
    assert (np.abs(mean - 1) < 4.5 * error).all()
