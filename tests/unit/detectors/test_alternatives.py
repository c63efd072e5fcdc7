import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.alternatives import (
    Bank,
    Reason,
    Unavailable,
    boundary,
    crowding,
    growth,
    limit,
    material,
    mixture,
    sparse,
    swings,
)
from detectors.bins import KernelBins

KERNEL = KernelBins(bandwidth=0.1, levels=6)
levels = st.floats(1e-4, 1 - 1e-4)
laws = st.lists(st.floats(1e-4, 1), min_size=14, max_size=14).map(lambda p: np.array(p) / sum(p))


@settings(deadline=None)  # a busy machine is no fault of the code
@given(levels, st.sampled_from(["rise", "fall"]))
def test_the_material_e_value_has_mean_one_at_the_level(level, direction):
    e = np.exp(material([0, 1], level=level, direction=direction).log_e)
    assert np.allclose((1 - level) * e[0] + level * e[1], 1, atol=1e-9)


@settings(deadline=None)  # a busy machine is no fault of the code
@given(levels, laws, st.sampled_from(["rise", "fall"]))
def test_the_material_e_value_is_fair_for_every_law_on_the_approved_side(level, law, direction):
    mean = law @ KERNEL.values
    if direction == "rise" and level >= KERNEL.values.max():
        with pytest.raises(Unavailable, match="beyond"):
            material(KERNEL.values, level=level, direction=direction)
        return
    e = np.exp(material(KERNEL.values, level=level, direction=direction).log_e)
    approved = mean <= level if direction == "rise" else mean >= level
    assert approved == bool((law @ e <= 1 + 1e-9).all()) or np.isclose(mean, level)


@settings(deadline=None)  # a busy machine is no fault of the code
@given(levels)
def test_a_test_for_falls_loses_on_every_rise(level):
    log_e = material([0, 1], level=level, direction="fall").log_e
    assert (log_e[1] < 0).all()
    assert (log_e[0] > 0).all()


@settings(deadline=None)  # a busy machine is no fault of the code
@given(laws)
def test_known_law_banks_have_mean_one_under_it(law):
    for bank in (boundary(law, KERNEL.values), swings(law), sparse(law), sparse(law, bump=1.5)):
        assert np.allclose(law @ np.exp(bank.log_e), 1, atol=1e-9)


def test_sizes_are_weighed_as_they_are_told_whatever_their_order():
    law = np.array([0.6, 0.3, 0.1])
    banks = [
        (boundary(law, [0, 0.5, 1], ratios={2.0: 3.0, 1.5: 1.0}), ["1.5x", "2x"], 1),
        (crowding(law, [0, 0.5, 1], contaminations={0.2: 3.0, 0.1: 1.0}), ["+0.1", "+0.2"], 2),
        (sparse(law, contaminations={0.2: 3.0, 0.1: 1.0}), ["+0.1", "+0.2"], 3),
    ]
    for bank, ends, times in banks:
        assert [name.split(" ")[-1] for name in bank.names] == ends * times
        assert np.exp(bank.log_prior) * times == pytest.approx([0.25, 0.75] * times)
    for weight in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="weights must be positive"):
            sparse(law, contaminations={0.1: weight})


def test_a_bump_reaches_as_far_as_it_is_told():
    law = np.full(9, 1 / 9)
    e = np.exp(sparse(law, contaminations=[0.5], bump=1.5).log_e[:, 4])
    moved = (e - 0.5) * 2 / 9  # where the half that moved went
    assert moved == pytest.approx(np.array([0, 0, 0.5, 1.5, 2.5, 1.5, 0.5, 0, 0]) / 6.5)
    for bump in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match="bump"):
            sparse(law, bump=bump)


def test_bets_on_an_unknown_baseline_fade_into_the_next_smaller_of_their_kind():
    law = np.array([0.6, 0.3, 0.1])
    one, two = boundary(law, [0, 0.5, 1], ratios=(1.5, 2.0)), sparse(law, contaminations=(0.01, 0.1))
    into, pace = mixture([(1, one), (1, two)]).fades
    assert into.tolist() == [0, 0, 2, 2, 4, 4, 6, 6]
    assert pace == pytest.approx([0, 1 / np.log(2), *[0, 1 / np.log(10)] * 3])
    assert material([0, 1], level=0.1).fades[1].max() == 0


@given(laws)
def test_growth_has_mean_one_and_multiplies_the_odds_of_one_bin(law):
    bank = growth(law, growths={1.5: 2.0, 4.0: 1.0})
    assert law @ np.exp(bank.log_e) == pytest.approx(np.ones(2 * len(law)))
    drifted = law * np.exp(bank.log_e[:, 1])  # bin 0, 4 times
    odds = drifted[0] / (1 - drifted[0]) / (law[0] / (1 - law[0]))
    assert odds == pytest.approx(4, rel=1e-6)
    assert np.exp(bank.log_prior[:2]) * len(law) == pytest.approx([2 / 3, 1 / 3])
    with pytest.raises(ValueError, match="weights must be positive"):
        growth(law, growths={1.5: 0.0})


@given(laws)
def test_swings_have_mean_one_and_multiply_the_odds_of_one_bin_up_or_down(law):
    bank = swings(law, factors=(0.25, 4.0))
    assert law @ np.exp(bank.log_e) == pytest.approx(np.ones(2 * len(law)))
    for k, factor in enumerate((0.25, 4.0)):
        drifted = law * np.exp(bank.log_e[:, k])  # bin 0
        assert drifted[0] / (1 - drifted[0]) == pytest.approx(factor * law[0] / (1 - law[0]), rel=1e-6)
        assert drifted[1:] / drifted[1:].sum() == pytest.approx(law[1:] / law[1:].sum())
    for factors in ((), (1.0,), (0.0, 2.0), (np.nan,)):
        with pytest.raises(ValueError, match="factors must be positive"):
            swings(law, factors=factors)


def test_a_mixture_keeps_the_parts_weights_and_names():
    law = np.full(14, 1 / 14)
    parts = boundary(law, KERNEL.values), sparse(law)
    bank = mixture([(3, parts[0]), (1, parts[1])])
    k = len(parts[0].log_prior)
    assert np.exp(bank.log_prior[:k]).sum() == pytest.approx(0.75)
    assert bank.names == parts[0].names + parts[1].names


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 1.2, np.nan])
def test_a_level_outside_the_unit_interval_is_named_not_tested(level):
    with pytest.raises(Unavailable) as refused:
        material([0, 1], level=level)
    assert refused.value.reason == Reason.LEVEL_OUT_OF_RANGE


def test_a_fall_that_would_end_below_zero_is_named_not_tested():
    with pytest.raises(Unavailable) as refused:
        limit(0.006, margin=0.25, floor=0.005, direction="fall")
    assert refused.value.reason == Reason.FALL_BELOW_FLOOR


def test_values_that_cannot_exceed_the_level_are_named_not_tested():
    with pytest.raises(Unavailable) as refused:
        material([0, 0.1], level=0.2)
    assert refused.value.reason == Reason.NOTHING_BEYOND_LEVEL


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bank_refuses_numbers_that_are_not_evidence(bad):
    with pytest.raises(ValueError, match="NaN or infinite"):
        Bank(np.array([[0.0], [bad]]), np.zeros(1))


def test_a_bank_refuses_weights_that_do_not_sum_to_one():
    with pytest.raises(ValueError, match="sum to 1"):
        Bank(np.zeros((2, 2)), np.log([0.5, 0.6]))


def test_a_fingerprint_changes_with_the_content_and_only_with_it():
    bank = material([0, 1], level=0.1)
    assert bank.fingerprint == material([0, 1], level=0.1 + 1e-13).fingerprint
    assert bank.fingerprint != material([0, 1], level=0.1001).fingerprint
    assert 0 <= bank.fingerprint < 2**63


@settings(deadline=None)  # a busy machine is no fault of the code
@given(laws)
def test_crowding_has_mean_one_and_gains_where_x_is_large(law):
    bank = crowding(law, KERNEL.values)
    assert np.allclose(law @ np.exp(bank.log_e), 1, atol=1e-9)
    assert (bank.log_e[0] < 0).all()
    assert len(bank.names) == len(bank.log_prior)


@pytest.mark.parametrize("turns", [2, 5])
@pytest.mark.parametrize("direction", ["rise", "fall"])
def test_discounted_bets_are_fair_for_bursts_however_their_events_hang_together(turns, direction):
    # all alike is the worst: a fair coin decides over the whole burst
    bank = material([0, 1], level=0.3, direction=direction, bursts=turns)
    alike = 0.7 * np.exp(turns * bank.log_e[0]) + 0.3 * np.exp(turns * bank.log_e[1])
    assert alike == pytest.approx(1, abs=1e-12)
    alone = (0.7 * np.exp(bank.log_e[0]) + 0.3 * np.exp(bank.log_e[1])) ** turns
    assert (alone <= 1 + 1e-12).all()
    plain = material([0, 1], level=0.3, direction=direction)
    assert (0.7 * np.exp(turns * plain.log_e[0]) + 0.3 * np.exp(turns * plain.log_e[1]) > 1.001).all()


@pytest.mark.parametrize("bad", [0.5, 0, np.nan, np.inf])
def test_less_than_one_event_is_no_burst(bad):
    with pytest.raises(ValueError, match="bursts"):
        material([0, 1], level=0.3, bursts=bad)
