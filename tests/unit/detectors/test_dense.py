import numpy as np
import pytest
from scipy.special import gammaln

from detectors.dense import DenseEvidence

LAW = np.array([0.6, 0.3, 0.1])


def advance(engine, counts, test=0):
    return engine.advance([0, 3], [test] * 3, [0, 1, 2], counts)


def definition(counts, w, kappa):
    """log M by the formula: one start per tick, none merged."""
    value, since = [], []
    for tick in counts:
        value.append(w)
        since.append(np.zeros(3))
        for j in range(len(value)):
            a = kappa * LAW + since[j]
            log_e = (gammaln(a + tick) - gammaln(a)).sum() - gammaln(a.sum() + tick.sum()) + gammaln(a.sum())
            value[j] *= np.exp(log_e - tick @ np.log(LAW))
            since[j] = since[j] + tick
    return np.log(sum(value))


@pytest.mark.parametrize("n", [20, 400])
def test_the_engine_computes_the_dirichlet_mixture(n):
    counts = np.random.default_rng(0).multinomial(n, LAW, size=8)
    engine = DenseEvidence(3, concentrations=[30.0])
    engine.add(LAW, spend=1e-12, n_ref=n)
    for tick in counts:
        advance(engine, tick)
    assert engine.log_evidence()[0] == pytest.approx(definition(counts, 1e-12, 30.0), abs=1e-6)


def test_thinning_keeps_the_value_of_the_starts_that_it_drops():
    # at e = 1 M is the sum of all spend, however many starts were merged: counts in exact proportion to q,
    # and a prior so strong that predictions stay at q
    engine = DenseEvidence(3, starts=4, concentrations=[1e12])
    engine.add(LAW, spend=1e-4, n_ref=10)
    for _ in range(200):
        advance(engine, [6, 3, 1])
    assert np.exp(engine.log_evidence()[0]) == pytest.approx(200 * 1e-4, rel=1e-3)


def test_the_bet_has_mean_one_under_q():
    rng = np.random.default_rng(1)
    tests, ticks = 3000, 12
    engine = DenseEvidence(3, starts=5)
    for _ in range(tests):
        engine.add(LAW, spend=1e-9, n_ref=10)
    for _ in range(ticks):
        counts = rng.multinomial(10, LAW, size=tests)
        engine.advance([0, counts.size], np.repeat(np.arange(tests), 3), np.tile([0, 1, 2], tests), counts.ravel())
    m = np.exp(engine.log_evidence()) / (ticks * 1e-9)
    assert abs(m.mean() - 1) < 4.5 * m.std() / np.sqrt(tests)


def test_a_diffuse_drift_is_found_and_its_direction_named():
    rng = np.random.default_rng(2)
    engine = DenseEvidence(3)
    engine.add(LAW, spend=1e-3, n_ref=50)
    drifted = np.array([0.45, 0.42, 0.13])
    alarmed = [advance(engine, counts)[1].tolist() for counts in rng.multinomial(50, drifted, size=40)]
    assert [0] in alarmed
    assert (np.sign(engine.drifted(0) - LAW) == [-1, 1, 1]).all()


def test_batches_are_single_ticks_and_a_restored_engine_continues_exactly():
    rng = np.random.default_rng(3)
    counts = rng.multinomial(20, LAW, size=(60, 2))
    one, many = DenseEvidence(3, starts=6), DenseEvidence(3, starts=6)
    for engine in (one, many):
        engine.add(LAW, spend=1e-6, n_ref=20)
        engine.add([0.5, 0.35, 0.15], spend=1e-100, n_ref=20)
    ptr = np.arange(61) * 6
    columns = np.tile([0, 0, 0, 1, 1, 1], 60), np.tile([0, 1, 2], 120), counts.ravel()
    many.advance(ptr, *columns)
    for t in range(60):
        if t == 30:
            one = DenseEvidence.restore(one.snapshot())
        one.advance([0, 6], *(column[6 * t : 6 * t + 6] for column in columns))
    assert (one.log_evidence() == many.log_evidence()).all()
    assert (one.total_spend() == many.total_spend()).all()


def test_silence_spends_nothing():
    engine = DenseEvidence(3)
    engine.add(LAW, spend=0.4, n_ref=10)
    for _ in range(100):
        advance(engine, [0, 0, 0])
    assert engine.total_spend()[0] == 0
    assert engine.log_evidence()[0] == -np.inf


def test_an_enormous_surprise_alarms_without_overflow():
    for n in (256, 100_000):
        engine = DenseEvidence(2)
        engine.add([1 - 1e-6, 1e-6], spend=1e-9, n_ref=10)
        assert engine.advance([0, 1], [0], [1], [n])[1].tolist() == [0]
        assert np.isfinite(engine.log_evidence()).all()


def test_removed_tests_free_their_place():
    engine = DenseEvidence(3)
    first = engine.add(LAW, spend=1e-3, n_ref=5)
    advance(engine, [5, 5, 5])
    engine.remove(first)
    with pytest.raises(ValueError, match="does not exist"):
        advance(engine, [5, 5, 5])
    assert engine.add(LAW, spend=1e-3, n_ref=5) == first
    assert engine.log_evidence()[first] == -np.inf
