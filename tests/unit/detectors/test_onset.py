import numpy as np
import pytest

from detectors.alternatives import material
from detectors.level import mean_limit
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
    size = effect([900, 100], [0, 1], baseline=0.05)
    assert size.ratio == pytest.approx(2)
    assert size.ratio_low < 2 < size.ratio_high
    assert size.low < 0.1 < size.high


def test_an_effect_on_a_rate_of_zero_is_infinite_not_an_error():
    assert effect([9, 1], [0, 1], baseline=0).ratio == np.inf


def test_graded_values_have_their_effect_too_and_a_later_start_costs_width():
    early, late = (effect([400, 500, 100], [0, 0.5, 1], baseline=0.2, start=start) for start in (1, 1000))
    assert early.current == late.current == pytest.approx(0.35)
    assert late.low < early.low < 0.35 < early.high < late.high


def test_the_interval_covers_although_onset_and_moment_were_chosen_and_the_usual_one_does_not():
    # false alarms: the mean never moved, and whatever excursion looks largest is picked, in all 400 runs
    rng = np.random.default_rng(1)
    bank = material([0, 1], level=0.06)
    covered = naive = 0
    for _ in range(400):
        ones = rng.binomial(50, 0.05, 200)
        counts = np.stack((50 - ones, ones), axis=1)
        end = int(np.argmax([onset_of(counts[: t + 1], bank).log_evidence for t in range(0, 200, 4)])) * 4 + 1
        best = onset_of(counts[:end], bank).best
        picked = counts[best:end].sum(axis=0)
        size = effect(picked, [0, 1], baseline=0.05, start=best + 1)
        covered += size.low <= 0.05 <= size.high
        sides = [mean_limit(picked[1], picked.sum(), confidence=0.975, upper=up) for up in (False, True)]
        naive += sides[0] <= 0.05 <= sides[1]
    assert covered / 400 > 0.97
    assert naive / 400 < 0.9


@pytest.mark.parametrize("bad", [{"start": 0}, {"choices": 0}, {"baseline": 2.0}])
def test_effects_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match="start and choices"):
        effect([9, 1], [0, 1], **({"baseline": 0.1} | bad))


def test_an_excursion_starts_after_the_last_rest():
    assert excursion([-9, -5, -9.5, -7, -3], rest=-9) == 3
    assert excursion([-5, -4], rest=-9) == 0


def test_log_e_values_must_be_finite():
    with pytest.raises(ValueError, match="finite"):
        onset([0.1, np.nan])
