import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detectors.attribution import decompose

X = [0, 0.5, 1]
tables = arrays(np.int64, (3, 3), elements=st.integers(0, 50)).filter(lambda a: a.sum() > 0)


@settings(deadline=None)  # a busy machine is no fault of the code
@given(tables, tables)
def test_mix_and_behaviour_sum_to_the_change(before, after):
    found = decompose(before, after, X)
    assert found.mix + found.behaviour == pytest.approx(found.change, abs=1e-12)
    assert sum(part.amount for part in found.strata_mix) == pytest.approx(found.mix, abs=1e-12)
    assert sum(part.amount * X[part.index] for part in found.bins) == pytest.approx(found.behaviour, abs=1e-12)
    assert found.after == pytest.approx(after.sum(axis=0) @ X / after.sum(), abs=1e-12)


def test_a_pure_change_of_mix_has_no_behaviour():
    before = np.array([[90, 0, 10], [10, 0, 90]])
    found = decompose(before, before * [[1], [5]], X)
    assert found.behaviour == pytest.approx(0)
    assert found.mix > 0


def test_a_pure_change_of_behaviour_names_its_stratum_and_bins():
    before = np.array([[90, 0, 10], [95, 0, 5]])
    after = np.array([[90, 0, 10], [75, 0, 25]])
    found = decompose(before, after, X)
    assert found.mix == pytest.approx(0)
    assert found.strata_behaviour[0].index == 1
    assert found.strata_behaviour[0].share == pytest.approx(1)
    assert {part.index for part in found.bins[:2]} == {0, 2}


def test_a_stratum_never_seen_before_counts_as_mix():
    found = decompose([[100, 0, 0], [0, 0, 0]], [[100, 0, 0], [0, 0, 100]], X)
    assert found.behaviour == 0
    assert found.mix == pytest.approx(found.change)
