"""Delays against the oracle: a CUSUM told both laws, tuned to the same spacing. A quick form of the benchmark."""

import numpy as np
import pytest

from tests.benchmarks.detection_families import Binary, Labels, Scores
from tests.benchmarks.detection_oracle import mean_delay
from tests.benchmarks.detection_ours import any_change, material_change
from tests.benchmarks.detection_streams import draw


def ratio(family, method, *, runs=60, after=12_000):
    found = method(draw(family, range(runs), before=2000, after=after, seed=1))
    assert found.exposure == runs * 2000
    delay = np.where(found.delay > 0, found.delay, after)
    return delay.mean() / mean_delay(family)


# bounds: the figures of detectors/README.md plus three standard errors of 60 runs (each about 10 %)
@pytest.mark.parametrize(("after", "most"), [(0.075, 2.1), (0.10, 2.0)])
def test_a_rise_of_a_rate_is_found_within_twice_the_oracles_delay_though_both_laws_are_unknown(after, most):
    assert ratio(Binary(0.05, after), any_change()) < most


def test_scores_that_crowd_the_threshold_are_found_within_twice_the_oracles_delay():
    assert ratio(Scores(0.10), any_change()) < 2.2


def test_a_label_that_grows_is_found_within_a_small_multiple_of_the_oracles_delay():
    law = (0.55 - 0.03, 0.15, 0.10, 0.07, 0.05, 0.04, 0.06, 0.01)
    assert ratio(Labels("doubled", law), any_change()) < 3.5


def test_the_material_test_pays_for_its_margin_and_no_more():
    # against m = 1.1 x level a rise to twice the level has 1.3 times less information
    assert ratio(Binary(0.05, 0.10), material_change(margin=0.1)) < 2.4
