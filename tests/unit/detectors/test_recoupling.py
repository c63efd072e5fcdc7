import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.recoupling import Recoupler, _key, _uniform, declared, seed_of, split_of
from tests.unit.detectors.test_evidence import part

LAW = np.array([0.6, 0.25, 0.1, 0.05])


def table(rng, ticks=30, rows=4, n=20):
    return rng.multinomial(n, LAW, size=(ticks, rows))


def cells_of(counts):
    tick, row, bin_ = np.nonzero(counts)
    ptr = np.concatenate(([0], np.cumsum(np.bincount(tick, minlength=len(counts)))))
    return ptr, row, bin_, counts[tick, row, bin_]


def recoupler(rng, rows=4, history=500):
    out = Recoupler()
    for i in range(rows):
        out.add(LAW, seed=seed_of("stream", i), reference=rng.multinomial(history, LAW))
    return out


def recouple(r, cells, start=0):
    ptr, *columns = cells
    return r.recouple(ptr, np.arange(start, start + len(ptr) - 1), *columns)


def dense(out, ticks, rows):
    ptr, row, bin_, count = out
    made = np.zeros((ticks, rows, len(LAW)), dtype=int)
    np.add.at(made, (np.repeat(np.arange(ticks), np.diff(ptr)), row, bin_), count)
    return made


def test_surrogates_keep_each_ticks_number_of_events_and_the_bag_grows_by_the_real_ones():
    rng = np.random.default_rng(0)
    r, counts = recoupler(rng), table(rng)
    before = np.array([r.reference(i) for i in range(4)])
    made = dense(recouple(r, cells_of(counts)), 30, 4)
    assert (made.sum(axis=2) == 20).all()
    assert (np.array([r.reference(i) for i in range(4)]) == before + counts.sum(axis=0)).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_batches_give_what_single_ticks_and_single_rows_give(step, seed):
    counts = table(np.random.default_rng(seed))
    whole, batched, single = (recoupler(np.random.default_rng(seed + 1)) for _ in range(3))
    cells = cells_of(counts)
    expected = dense(recouple(whole, cells), 30, 4)
    for start in range(0, 30, step):
        stop = min(start + step, 30)
        out = recouple(batched, part(cells, start, stop), start)
        assert (dense(out, stop - start, 4) == expected[start:stop]).all()
    for row in reversed(range(4)):
        for tick in range(30):
            assert (single.surrogates(row, counts[tick, row], tick) == expected[tick, row]).all()


def test_a_retracted_batch_leaves_no_trace():
    rng = np.random.default_rng(2)
    counts = table(rng)
    cells = cells_of(counts)
    once, twice = recoupler(np.random.default_rng(3)), recoupler(np.random.default_rng(3))
    expected = dense(recouple(once, cells), 30, 4)
    recouple(twice, cells)
    ptr, *columns = cells
    twice.retract(ptr, np.arange(30), *columns, keep=11)
    again = dense(recouple(twice, part(cells, 11, 30), 11), 19, 4)
    assert (again == expected[11:]).all()
    assert all((once.reference(i) == twice.reference(i)).all() for i in range(4))


def test_only_the_last_batch_can_be_retracted_and_only_once():
    rng = np.random.default_rng(8)
    ptr, *columns = cells_of(table(rng))
    r = recoupler(rng)
    r.recouple(ptr, np.arange(30), *columns)
    with pytest.raises(ValueError, match="last recouple"):
        r.retract([0, 1], [29], [0], [0], [1], keep=0)
    r.retract(ptr, np.arange(30), *columns, keep=3)
    with pytest.raises(ValueError, match="last recouple"):
        r.retract(ptr, np.arange(30), *columns, keep=3)


def test_a_declared_law_that_is_off_loses_next_to_nothing_of_the_counts():
    # p0 = .05, q = .045: with fresh ties a tenth of the rare events is thinned away at random; carried ties keep
    # the surrogates in step with the real counts, but for the tenth that the two laws differ by
    rng = np.random.default_rng(9)
    r = Recoupler()
    r.add([0.955, 0.045], seed=1, reference=[950_000, 50_000])
    real = rng.binomial(50, 0.05, 4000)
    made = np.array([r.surrogates(0, [50 - x, x], tick)[1] for tick, x in enumerate(real)])
    blocks = real.reshape(-1, 40).sum(axis=1), made.reshape(-1, 40).sum(axis=1)
    lost = np.var(blocks[1] - 0.9 * blocks[0]) / np.var(blocks[1])
    assert lost < 0.04  # .1 with fresh ties


def test_a_restored_recoupler_continues_exactly():
    rng = np.random.default_rng(4)
    r = recoupler(rng, rows=5)
    r.remove(2)
    counts = table(rng, rows=5)
    counts[:, 2] = 0
    cells = cells_of(counts)
    recouple(r, part(cells, 0, 10))
    copy = Recoupler.restore(r.snapshot())
    one, other = (recouple(x, part(cells, 10, 30), 10) for x in (r, copy))
    assert all((a == b).all() for a, b in zip(one, other, strict=True))
    assert copy.add(LAW, seed=1) == r.add(LAW, seed=1) == 2


def test_a_tick_that_a_row_has_seen_is_refused():
    r = recoupler(np.random.default_rng(5))
    r.surrogates(0, [1, 0, 2, 0], 7)
    with pytest.raises(ValueError, match="has seen"):
        r.surrogates(0, [1, 0, 2, 0], 7)
    r.surrogates(1, [1, 0, 2, 0], 7)


def test_a_refused_batch_changes_nothing():
    r = recoupler(np.random.default_rng(6))
    r.surrogates(1, [1, 0, 2, 0], 7)
    before = r.snapshot()
    with pytest.raises(ValueError, match="has seen"):
        r.recouple([0, 2], [7], [0, 1], [0, 0], [3, 3])
    with pytest.raises(ValueError, match="fresh reference"):
        r.recouple([0, 1], [8], [0], [0], [10**9])
    after = r.snapshot()
    assert all((before[key] == after[key]).all() for key in before)


def test_a_fresh_bag_forgets_the_history_and_loses_all_power_at_first():
    r = recoupler(np.random.default_rng(7))
    r.reset_reference(0)
    assert r.reference(0).sum() == 0
    assert r.surrogates(0, [0, 0, 0, 20], 1).sum() == 20  # drawn from q: the first tick is all there is to compare
    assert r.reference(0).tolist() == [0, 0, 0, 20]


def test_seeds_differ_by_every_part_of_the_name():
    names = [("a", 1), ("a", 2), ("b", 1), ("a", "1"), ("a1",)]
    assert len({seed_of(*name) for name in names}) == len(names)


def test_uniforms_of_neighbouring_seeds_ticks_and_bins_are_unrelated():
    # 3 x 20,000 pairs: correlations of independent uniforms stay within 4 / sqrt(20000) = .028
    def uniform(seed, tick, bin_):
        return _uniform(np.uint64(_key(np.uint64(seed), tick)), bin_)

    base = [uniform(s, t, b) for s in range(20) for t in range(100) for b in range(10)]
    for ds, dt, db in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        near = [uniform(s + ds, t + dt, b + db) for s in range(20) for t in range(100) for b in range(10)]
        assert abs(np.corrcoef(base, near)[0, 1]) < 0.028
    assert 0 < min(base) < max(base) < 1


def test_a_declared_law_is_positive_and_sums_to_one():
    law = declared([0, 3, 97])
    assert law.min() > 0
    assert law.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("events", "bins", "split"),
    [(0, 2, 0), (1_600, 14, 320), (10_000, 2, 500), (10_000, 14, 1_400), (10_000, 30, 2_000)],
)
def test_a_law_is_declared_by_a_fifth_of_a_short_history_and_by_what_its_bins_need_of_a_long_one(events, bins, split):
    assert split_of(events, bins) == split


@pytest.mark.parametrize(("events", "bins"), [(-1, 2), (100, 1)])
def test_a_split_of_no_history_or_of_a_single_bin_is_refused(events, bins):
    with pytest.raises(ValueError, match="at least 2 bins"):
        split_of(events, bins)


@pytest.mark.parametrize("reference", [[1, 2], [1, -1, 0, 0], [0.5, 0, 0, 0], [10**9, 1, 0, 0]])
def test_bags_that_make_no_sense_are_refused(reference):
    with pytest.raises(ValueError, match="reference"):
        Recoupler().add(LAW, seed=1, reference=reference)
