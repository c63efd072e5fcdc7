import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bins import MISSING, CodedBins, HistogramBins, KernelBins, unit_values


@settings(deadline=None)  # a busy machine is no fault of the code
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=50), st.integers(1, 20))
def test_every_distance_gets_a_bin_and_only_nan_gets_none(distances, levels):
    rule = KernelBins(bandwidth=0.1, levels=levels)
    codes = rule.codes(np.array(distances, dtype=np.float64))
    assert codes.dtype == np.int16
    assert ((codes == MISSING) == np.isnan(distances)).all()
    assert (codes[codes != MISSING] < len(rule.names)).all()


@settings(deadline=None)  # a busy machine is no fault of the code
@given(st.floats(-0.2, 0.2))
def test_the_value_of_a_bin_is_the_kernel_weight_to_half_a_step(distance):
    rule = KernelBins(bandwidth=0.1, levels=6)
    weight = max(0.0, 1 - abs(distance) / 0.1)
    value = rule.values[rule.codes(np.array([distance]))[0]]
    assert abs(value - weight) <= 0.5 / 6 + 1e-9


def test_bins_below_and_above_the_threshold_are_told_apart():
    rule = KernelBins(bandwidth=0.1, levels=3)
    below, above = rule.codes(np.array([-1e-9, 0.0]))
    assert rule.names[below] == "below 1"
    assert rule.names[above] == "above 1"


def test_histogram_codes_agree_with_numpy_histogram():
    rng = np.random.default_rng(0)
    values = rng.beta(0.5, 3, 10_000)
    rule = HistogramBins.equal(0, 1, 20)
    expected, _ = np.histogram(values, bins=np.asarray(rule.edges))
    assert (np.bincount(rule.codes(values), minlength=20) == expected).all()


def test_unknown_categories_are_pooled_and_missing_ones_are_dropped():
    rule = CodedBins(names=("allow", "deny", "other"), values=np.array([0, 1, 1]))
    assert rule.codes(np.array([1, 7, -1, 0])).tolist() == [1, 2, -1, 0]


@pytest.mark.parametrize("bad", [[], [0.5, np.nan], [1.2], [-0.1]])
def test_values_outside_the_unit_interval_are_refused(bad):
    with pytest.raises(ValueError, match="values"):
        unit_values(bad)


@pytest.mark.parametrize("bandwidth", [0, -1, np.nan, np.inf])
def test_a_bandwidth_must_be_a_distance(bandwidth):
    with pytest.raises(ValueError, match="bandwidth"):
        KernelBins(bandwidth=bandwidth)


def test_edges_must_rise():
    with pytest.raises(ValueError, match="rising"):
        HistogramBins(edges=(0, 0.5, 0.5, 1))


def test_values_cannot_be_changed_behind_the_rule():
    rule = KernelBins(bandwidth=0.1)
    with pytest.raises(ValueError, match="read-only"):
        rule.values[0] = 1
