import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.alternatives import Bank, boundary, material, mixture, sparse
from detectors.evidence import Evidence

LAW = np.array([0.5, 0.3, 0.15, 0.05])
VALUES = [0, 0.25, 0.5, 1]


def bank(level=0.2):
    return material(VALUES, level=level)


def cells_of(counts):
    """(T, tests, strata, bins) to the arguments of advance."""
    tick, test, stratum, bin_ = np.nonzero(counts)
    ptr = np.concatenate(([0], np.cumsum(np.bincount(tick, minlength=len(counts)))))
    return ptr, test, stratum, bin_, counts[tick, test, stratum, bin_]


def part(cells, start, stop):
    ptr, *columns = cells
    inside = slice(ptr[start], ptr[stop])
    return ptr[start : stop + 1] - ptr[start], *(column[inside] for column in columns)


def run(engine, cells, step):
    """Feeds all ticks `step` at a time; resets every alarm; returns (tick, test) of the alarms."""
    alarms, at, ticks = [], 0, len(cells[0]) - 1
    while at < ticks:
        done, alarmed = engine.advance(*part(cells, at, min(at + step, ticks)))
        at += done
        alarms += [(at - 1, int(test)) for test in alarmed]
        for test in alarmed:
            engine.reset(test)
    return alarms


def direct(counts, banks, spend, n_ref):
    """log M after each tick, by the definition, one test (T, S, B)."""
    size, k = len(banks), len(banks[0].log_prior)
    prior = np.exp(banks[0].log_prior)
    own, pooled, out = np.zeros((size, k)), np.zeros(k), []
    for tick in counts:
        n = tick.sum()
        if n:
            w = spend * min(n, n_ref) / n_ref
            log_e = np.array([c @ b.log_e for c, b in zip(tick, banks, strict=True)])
            seen = tick.sum(axis=1) > 0
            own[seen] = (own[seen] + w * size / seen.sum()) * np.exp(log_e[seen])
            pooled = (pooled + w) * np.exp(log_e.sum(axis=0))
        m = own[0] @ prior if size == 1 else 0.5 * (own @ prior).mean() + 0.5 * pooled @ prior
        out.append(np.log(m) if m > 0 else -np.inf)
    return np.array(out)


@pytest.mark.parametrize("strata", [1, 3])
def test_the_engine_computes_the_definition(strata):
    rng = np.random.default_rng(strata)
    counts = rng.poisson(3 * LAW, size=(60, 1, strata, 4))
    banks = [bank(0.15 + 0.05 * s) for s in range(strata)]
    engine = Evidence()
    engine.add(banks, spend=1e-5, n_ref=20)
    expected = direct(counts[:, 0], banks, 1e-5, 20)
    cells = cells_of(counts)
    for t in range(60):
        engine.advance(*part(cells, t, t + 1))
        assert engine.log_evidence_of(0) == pytest.approx(expected[t], abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_alarms_do_not_depend_on_how_ticks_are_grouped_or_cells_ordered(step, seed):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.choice([1, 8]) * LAW * rng.choice([1, 2], (40, 5, 2, 4)))
    cells = cells_of(counts)
    engines = [Evidence(), Evidence(), Evidence()]
    for engine in engines:
        for _ in range(5):
            engine.add([bank(), bank(0.1)], spend=1e-2, n_ref=10)
    ptr, *columns = cells
    order = np.concatenate([a + rng.permutation(b - a) for a, b in itertools.pairwise(ptr)])
    shuffled = (ptr, *(column[order.astype(int)] for column in columns))
    alarms = run(engines[0], cells, 1)
    assert run(engines[1], cells, step) == alarms
    assert run(engines[2], shuffled, step) == alarms
    assert (engines[0].log_evidence() == engines[1].log_evidence()).all()


def test_an_engine_stops_after_the_first_tick_that_alarms():
    engine = Evidence()
    tests = [engine.add([bank()], spend=1e-4, n_ref=10) for _ in range(3)]
    counts = np.zeros((4, 3, 1, 4), dtype=int)
    counts[:, :, 0, 0] = 10
    counts[2, [0, 2], 0, 3] = 40
    done, alarmed = engine.advance(*cells_of(counts))
    assert (done, alarmed.tolist()) == (3, [0, 2])
    assert engine.armed()[tests].tolist() == [False, True, False]


def test_an_alarmed_test_is_deaf_until_it_is_reset():
    engine = Evidence()
    test = engine.add([bank()], spend=1e-4, n_ref=10)
    surge = ([0, 1], [0], [0], [3], [60])
    assert engine.advance(*surge)[1].tolist() == [0]
    spent = engine.total_spend()[test]
    assert engine.advance(*surge)[1].tolist() == []
    assert engine.total_spend()[test] == spent
    engine.reset(test)
    assert engine.log_evidence()[test] == -np.inf
    assert engine.advance(*surge)[1].tolist() == [0]


def test_silence_spends_nothing_and_moves_nothing():
    engine = Evidence()
    engine.add([bank()], spend=0.5, n_ref=10)
    engine.advance([0, 1], [0], [0], [0], [5])
    before = engine.log_evidence(), engine.total_spend()
    engine.advance(np.concatenate((np.zeros(1000, int), [1])), [0], [0], [3], [0])
    assert engine.log_evidence() == before[0]
    assert engine.total_spend() == before[1]


def test_a_thin_tick_spends_in_proportion_and_a_thick_one_no_more_than_a_full_one():
    engine = Evidence()
    engine.add([bank()], spend=1e-3, n_ref=50)
    engine.advance([0, 1], [0], [0], [0], [5])
    assert engine.total_spend()[0] == pytest.approx(1e-4)
    engine.advance([0, 1], [0], [0], [0], [5000])
    assert engine.total_spend()[0] == pytest.approx(1.1e-3)


def test_shifting_ticks_in_time_shifts_the_evidence():
    rng = np.random.default_rng(5)
    counts = rng.poisson(4 * LAW, size=(50, 1, 1, 4))
    plain, late = Evidence(), Evidence()
    for engine in (plain, late):
        engine.add([bank()], spend=1e-6, n_ref=10)
    plain.advance(*cells_of(counts))
    late.advance(*cells_of(np.concatenate((np.zeros((30, 1, 1, 4), int), counts))))
    assert plain.log_evidence() == late.log_evidence()


def test_relabelling_strata_and_bins_changes_nothing():
    rng = np.random.default_rng(6)
    counts = rng.poisson(4 * LAW, size=(50, 1, 3, 4))
    strata, bins = [2, 0, 1], [3, 1, 0, 2]
    law = [LAW, LAW[::-1].copy(), np.full(4, 0.25)]
    plain, moved = Evidence(), Evidence()
    plain.add([material(VALUES, level=v) for v in (0.2, 0.25, 0.3)], spend=1e-6, n_ref=10)
    moved.add([material(np.array(VALUES)[bins], level=(0.2, 0.25, 0.3)[s]) for s in strata], spend=1e-6, n_ref=10)
    plain.advance(*cells_of(counts))
    moved.advance(*cells_of(counts[:, :, strata][:, :, :, bins]))
    assert plain.log_evidence() == pytest.approx(moved.log_evidence(), abs=1e-8)
    assert len(law) == 3


def test_money_fades_into_smaller_bets_as_the_history_grows_and_none_is_made_or_lost():
    # every e-value is 1: M is the spend, whatever moves
    effects = 2.0 ** np.arange(-11, 1)
    prior = np.append(np.full(11, 1e-9), 1 - 11e-9)
    into = np.maximum(np.arange(12) - 1, 0)
    pace = np.append(0, np.full(11, 1 / np.log(2)))
    still = Bank(np.zeros((2, 12)), np.log(prior), fades=(into, pace))
    engine = Evidence()
    fading, lasting = (engine.add([still], spend=1e-3, n_ref=10, history=h) for h in ([100], None))
    for tick in range(20):
        for test in (fading, lasting):
            engine.set_spend(test, 1e-3 if tick == 0 else 0)
            engine.advance([0, 1], [test], [0], [0], [10])
    assert engine.log_evidence() == pytest.approx(np.log([1e-3, 1e-3]), abs=1e-8)
    money = engine.snapshot()["R"].reshape(2, 12) * prior / 1e-3
    # put on effect 1 at a history of 110 events; at 300, the mean of log effect is that of 110 / 300
    assert money @ np.log(effects) == pytest.approx([np.log(110 / 300), 0], abs=1e-6)


def test_a_fresh_bag_is_told_to_the_engine_by_the_number_of_its_events():
    law = [0.95, 0.05]
    engine = Evidence()
    test = engine.add([boundary(law, [0, 1])], spend=1e-3, n_ref=10, history=[5000])
    with pytest.raises(ValueError, match="history"):
        engine.set_history(test, [1, 2])
    with pytest.raises(ValueError, match="history"):
        engine.set_history(test, [np.nan])
    engine.set_history(test, [0])
    engine.advance([0, 1], [test], [0], [0], [10])
    assert np.isfinite(engine.log_evidence_of(test))
    assert engine.snapshot()["history"].tolist() == [10]


def test_a_restored_engine_continues_exactly():
    rng = np.random.default_rng(7)
    counts = rng.poisson(5 * LAW, size=(200, 6, 2, 4))
    cells = cells_of(counts)
    engine = Evidence()
    for i in range(6):
        engine.add([bank(0.2 + 0.01 * i)] * 2, spend=1e-2 / (i + 1), n_ref=10)
    engine.remove(engine.add([bank()], spend=1e-3, n_ref=5))
    run(engine, part(cells, 0, 100), 7)
    restored = Evidence.restore(engine.snapshot())
    lean = Evidence.restore(engine.snapshot(with_banks=False), banks=lambda test: [bank(0.2 + 0.01 * test)] * 2)
    rest = part(cells, 100, 200)
    alarms = run(engine, rest, 3)
    assert run(restored, rest, 50) == alarms
    assert run(lean, rest, 1) == alarms
    for copy in (restored, lean):
        assert np.array_equal(copy.log_evidence(), engine.log_evidence(), equal_nan=True)
        assert (copy.total_spend() == engine.total_spend()).all()
        assert copy.add([bank()], spend=1, n_ref=1) == 6


def test_evidence_is_not_restored_under_another_bank():
    engine = Evidence()
    engine.add([bank(0.2)], spend=1e-3, n_ref=5)
    with pytest.raises(ValueError, match="replay its counts"):
        Evidence.restore(engine.snapshot(with_banks=False), banks=lambda _: [bank(0.21)])


def test_a_damaged_snapshot_is_refused():
    engine = Evidence()
    engine.add([bank(0.2)], spend=1e-3, n_ref=5)
    snapshot = engine.snapshot()
    snapshot["bank_log_e"] = snapshot["bank_log_e"] + 0.1
    with pytest.raises(ValueError, match="damaged"):
        Evidence.restore(snapshot)


def test_memory_stays_bounded_while_tests_come_and_go():
    engine = Evidence()
    for i in range(2000):
        engine.remove(engine.add([bank(0.1 + 1e-4 * i)] * (1 + i % 3), spend=1e-3, n_ref=5))
    sizes = [len(v) for v in engine.snapshot().values()]
    assert max(sizes) <= 2
    assert engine._state.data.size < 4096
    assert engine._tables.data.size < 4096
    assert engine.log_evidence().shape == (1,)


def test_counts_beyond_any_float_alarm_without_overflow():
    engine = Evidence()
    engine.add([bank()], spend=1e-9, n_ref=10)
    assert engine.advance([0, 1], [0], [0], [3], [100_000])[1].tolist() == [0]
    assert np.isfinite(engine.log_evidence()).all()
    assert engine.leading(0) == (0, int(bank().log_e[3].argmax()))


def test_the_leading_alternative_is_the_one_the_data_came_from():
    law = sparse(LAW)
    engine = Evidence()
    test = engine.add([law, law], spend=1e-3, n_ref=10)
    engine.advance([0, 2], [0, 0], [1, 1], [0, 2], [10, 30])
    component, alternative = engine.leading(test)
    assert component == 1
    assert law.names[alternative].startswith("bin 2")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([0, 1], [5], [0], [0], [1]), "test that does not exist"),
        (([0, 1], [0], [1], [0], [1]), "stratum"),
        (([0, 1], [0], [0], [4], [1]), "bin"),
        (([0, 1], [0], [0], [-1], [1]), "bin"),
        (([0, 1], [0], [0], [0], [-1]), "negative"),
        (([0, 1], [0], [0], [0], [np.nan]), "integer"),
        (([0, 2], [0], [0], [0], [1]), "tick_ptr"),
    ],
)
def test_cells_that_make_no_sense_are_refused_by_name(columns, message):
    engine = Evidence()
    engine.add([bank()], spend=1e-3, n_ref=5)
    with pytest.raises(ValueError, match=message):
        engine.advance(*columns)


@pytest.mark.parametrize("spend", [np.nan, -1e-9, np.inf])
def test_spend_must_be_a_number_of_alarms(spend):
    engine = Evidence()
    with pytest.raises(ValueError, match="spend"):
        engine.add([bank()], spend=spend, n_ref=5)


def test_strata_of_one_test_must_share_their_alternatives():
    other = mixture([(1, material(VALUES, level=0.2, ratios=(2, 4)))])
    with pytest.raises(ValueError, match="other alternatives"):
        Evidence().add([bank(), other], spend=1, n_ref=1)
