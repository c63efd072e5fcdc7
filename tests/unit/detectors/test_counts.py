from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.counts import add_up, cells, filled
from detectors.recoupling import Recoupler

EXTREME = st.sampled_from([-(2**63), -1, 0, 1, 2**63 - 1])


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 3), max_size=4),
    st.data(),
    st.sampled_from([st.integers(0, 2), st.integers(-(2**40), 2**40), EXTREME]),
)
def test_cells_come_out_tick_by_tick_sorted_by_key_and_equal_keys_as_they_came(sizes, data, keys):
    ptr = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
    columns = [data.draw(st.lists(keys, min_size=sum(sizes), max_size=sum(sizes))) for _ in range(2)]
    place = list(range(sum(sizes)))
    expected = [
        cell
        for start, stop in pairwise(ptr.tolist())
        for cell in sorted(zip(*(column[start:stop] for column in (*columns, place)), strict=True))
    ]
    out_ptr, *out = cells(ptr, *columns, place)
    assert out_ptr.tolist() == ptr.tolist()
    assert list(zip(*(column.tolist() for column in out), strict=True)) == expected


@pytest.mark.parametrize(
    ("ptr", "columns", "message"),
    [
        ([0, 1], ([0.0], [1]), "integer"),
        ([0, 1], ([0], [np.nan]), "integer"),
        ([0, 1], ([0], [-1]), "negative"),
        ([0, 2], ([0], [1]), "rise"),
        ([1, 1], ([0], [1]), "rise"),
        ([0, 2, 1], ([0], [1]), "rise"),
        ([], ([0], [1]), "rise"),
        ([0, 1], ([0, 1], [1]), "one length"),
        ([0, 1], ([[0]], [1]), "integer"),
    ],
)
def test_what_is_no_table_of_counts_is_refused(ptr, columns, message):
    with pytest.raises(ValueError, match=message):
        cells(ptr, *columns)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    ("row", "bin_", "count", "message"),
    [
        (-1, 0, 1, "row that does not exist"),
        (2, 0, 1, "row that does not exist"),
        (3, 0, 1, "row that does not exist"),
        (2**62, 0, 1, "row that does not exist"),
        (0, -1, 1, "a bin"),
        (0, 2, 1, "a bin"),
        (1, 2**62, 1, "a bin"),
        (1, 1, 2**63 - 1, "fresh reference"),
    ],
)
def test_one_bad_cell_anywhere_is_refused_and_changes_nothing(place, row, bin_, count, message):
    recoupler = Recoupler()
    for seed in range(3):
        recoupler.add([0.5, 0.5], seed=seed, reference=[3, 4])
    recoupler.remove(2)
    good = [(0, 0, 5), (1, 1, 5)]
    good.insert(place, (row, bin_, count))
    before = recoupler.snapshot()
    with pytest.raises(ValueError, match=message):
        recoupler.recouple([0, 3], [0], *zip(*good, strict=True))
    after = recoupler.snapshot()
    assert all((before[key] == after[key]).all() for key in before)


def test_surrogate_cells_come_in_the_order_of_rows_and_bins_although_the_rarest_bin_is_drawn_first():
    recoupler = Recoupler()
    for seed in range(20):
        recoupler.add([0.7, 0.2, 0.1], seed=seed, reference=[70, 20, 10])
    row, bin_ = np.divmod(np.arange(60), 3)
    ptr, out_row, out_bin, _ = recoupler.recouple([0, 60], [0], row, bin_, np.full(60, 10))
    assert ptr.tolist() == [0, len(out_row)]
    assert len(out_row) > 40
    assert (np.diff(out_row * 3 + out_bin) > 0).all()


def test_events_add_up_in_every_column_that_they_name_and_unused_ones_nowhere():
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 5, 300), rng.integers(-1, 7, (3, 300)).astype(np.int32)
    use = rng.random(300) < 0.7
    sums = np.ones((5, 7), dtype=np.int64)
    add_up(rows, columns, use, sums)
    expected = np.ones((5, 7), dtype=np.int64)
    for column in columns:
        said = use & (column >= 0)
        np.add.at(expected, (rows[said], column[said]), 1)
    assert (sums == expected).all()


@given(st.lists(st.sampled_from([0, 0, 1, 2**40]), max_size=24))
@settings(deadline=None)
def test_filled_cells_are_those_of_numpy(numbers):
    table = np.array(numbers, dtype=np.int64).reshape(-1, 2 if len(numbers) % 2 == 0 else 1)
    row, column, number = filled(table)
    at = np.nonzero(table)
    assert (row.tolist(), column.tolist(), number.tolist()) == (at[0].tolist(), at[1].tolist(), table[at].tolist())
