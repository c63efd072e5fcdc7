import numpy as np
import pytest

from detectors.alternatives import material
from detectors.onset import effect, excursion, onset, onset_of


def test_a_sharp_change_is_found_to_the_tick():
    counts = np.tile([48, 2], (40, 1))
    counts[25:] = [35, 15]
    found = onset_of(counts, material([0, 1], level=0.06))
    assert found.first == found.best == found.last == 25


def test_the_interval_holds_the_true_start_in_nine_runs_of_ten():
    rng = np.random.default_rng(0)
    bank = material([0, 1], level=0.06)
    hits = 0
    for _ in range(300):
        ones = np.concatenate((rng.binomial(50, 0.05, 30), rng.binomial(50, 0.12, 20)))
        found = onset_of(np.stack((50 - ones, ones), axis=1), bank)
        hits += found.first <= 30 <= found.last
    assert hits / 300 > 0.9


def test_effect_gives_the_ratio_with_its_interval():
    size = effect(events=1000, mass=100, baseline=0.05)
    assert size.ratio == pytest.approx(2)
    assert size.ratio_low < 2 < size.ratio_high
    assert size.low < 0.1 < size.high


def test_an_effect_on_a_rate_of_zero_is_infinite_not_an_error():
    assert effect(events=10, mass=1, baseline=0).ratio == np.inf


def test_an_excursion_starts_after_the_last_rest():
    assert excursion([-9, -5, -9.5, -7, -3], rest=-9) == 3
    assert excursion([-5, -4], rest=-9) == 0


def test_log_e_values_must_be_finite():
    with pytest.raises(ValueError, match="finite"):
        onset([0.1, np.nan])
