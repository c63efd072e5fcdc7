import numpy as np
import pytest
from scipy import stats

from detectors.alternatives import Unavailable
from detectors.level import LevelReason, bursts, dispersion, mean_limit, minimum_detectable, propose


def test_the_limit_of_a_share_is_clopper_pearsons():
    interval = stats.binomtest(7, 1600).proportion_ci(confidence_level=0.98, method="exact")
    assert mean_limit(7, 1600, confidence=0.99, upper=True) == pytest.approx(interval.high)
    assert mean_limit(7, 1600, confidence=0.99, upper=False) == pytest.approx(interval.low)


def test_a_rise_is_defended_above_the_limit_and_a_fall_below_it():
    rise = propose([1500, 100], [0, 1])
    fall = propose([1500, 100], [0, 1], direction="fall")
    assert fall.limit < fall.level < rise.rate == fall.rate < rise.level < rise.limit
    assert rise.limit == pytest.approx(rise.level * 1.25 + 0.005)
    assert rise.reason == LevelReason.PROPOSED


@pytest.mark.parametrize("counts", [[800, 80], [1590, 10], [0, 0]])
def test_a_small_baseline_says_that_it_is_learning(counts):
    assert propose(counts, [0, 1]).reason == LevelReason.LEARNING


def test_a_fall_from_almost_nothing_says_that_it_cannot_be_tested():
    level = propose([9980, 20], [0, 1], direction="fall")
    assert level.reason == LevelReason.UNAVAILABLE
    with pytest.raises(Unavailable):
        _ = level.limit


def test_wander_widens_the_margin_and_chance_does_not():
    rng = np.random.default_rng(0)
    still = rng.binomial(100, 0.1, 200)
    rates = 0.1 * rng.lognormal(0, 0.4, 200)
    wandering = rng.binomial(100, rates)
    calm = propose(np.stack([100 - still, still], axis=1), [0, 1])
    wild = propose(np.stack([100 - wandering, wandering], axis=1), [0, 1])
    assert calm.margin == 0.25
    assert calm.wander == 0
    assert wild.reason == LevelReason.WIDENED
    assert wild.margin == pytest.approx(0.4, abs=0.1)
    assert wild.level > calm.level


def test_dispersion_of_independent_events_is_one_in_99_of_100_baselines():
    rng = np.random.default_rng(1)
    x = np.array([0.0, 0.5, 1.0])
    designs = [dispersion(rng.multinomial(80, [0.7, 0.2, 0.1], 60).astype(float), x)[0] for _ in range(1000)]
    assert np.mean(np.array(designs) > 1) < 0.02


def test_a_rare_event_in_a_thin_tick_is_no_wander_and_a_slow_wander_of_thin_ticks_is_seen():
    rng, x = np.random.default_rng(2), np.array([0.0, 1.0])

    def widened(rate: float, swing: float) -> bool:
        events = rng.poisson(2.0, 800)
        rates = rate * (1 + swing * np.repeat([1.0, -1.0], 400))
        hits = rng.binomial(events, rates)
        return dispersion(np.stack([events - hits, hits], axis=1).astype(float), x)[1] > 0

    assert np.mean([widened(0.005, 0.0) for _ in range(500)]) < 0.02
    assert np.mean([widened(0.1, 0.8) for _ in range(200)]) > 0.8


def test_a_busier_stream_detects_less_and_a_larger_budget_too():
    def smallest(events, spend):
        return minimum_detectable(0.01, events_per_day=events, spend_per_day=spend)

    assert 0.01 < smallest(1e6, 1 / 30) < smallest(1e4, 1 / 30) < smallest(1e3, 1 / 30)
    assert smallest(1e4, 1) < smallest(1e4, 1 / 30)
    assert np.isnan(smallest(1, 1e-6))


def test_detectable_falls_mirror_rises():
    rise = minimum_detectable(0.2, events_per_day=1e4, spend_per_day=0.1)
    fall = minimum_detectable(0.8, direction="fall", events_per_day=1e4, spend_per_day=0.1)
    assert fall == pytest.approx(1 - rise)


@pytest.mark.parametrize("counts", [[1, np.nan], [1, -1], [1, 2, 3]])
def test_counts_that_make_no_sense_are_refused(counts):
    with pytest.raises(ValueError, match="counts"):
        propose(counts, [0, 1])


def conversations(rng, ticks, rate, turns):
    """60 events a tick, in conversations all of whose turns are judged alike."""
    bad = rng.binomial(60 // turns, rate, ticks) * turns
    return np.stack((60 - bad, bad), axis=1).astype(float)


@pytest.mark.parametrize("turns", [2, 5, 10])
def test_conversations_that_are_judged_alike_are_as_many_events_as_they_have_turns(turns):
    rng = np.random.default_rng(turns)
    found = [bursts(conversations(rng, 400, 0.05, turns), np.array([0.0, 1.0])) for _ in range(50)]
    assert np.median(found) == pytest.approx(turns, rel=0.1)


def test_independent_events_come_alone_and_a_season_is_no_burst():
    rng = np.random.default_rng(3)
    x = np.array([0.0, 1.0])
    alone = [bursts(conversations(rng, 60, 0.05, 1), x) for _ in range(200)]
    assert np.mean(np.array(alone) > 1) <= 0.04
    rate = 0.2 * (1 + 0.8 * np.sin(np.arange(400) / 30))
    seasonal = [bursts(np.stack((200 - s, s), axis=1).astype(float), x) for s in rng.binomial(200, rate, (50, 400))]
    assert np.mean(seasonal) < 1.1
    assert bursts(conversations(rng, 10, 0.05, 10), x) == 1.0  # too few ticks to tell


def test_what_comes_in_bursts_shows_less_within_a_day():
    rng = np.random.default_rng(4)
    alike, alone = (
        propose(conversations(rng, 400, 0.05, turns), [0, 1], events_per_day=5000, spend_per_day=1 / 30)
        for turns in (5, 1)
    )
    assert alone.bursts < 1.5 < alike.bursts
    assert alone.minimum_detectable / alone.limit < alike.minimum_detectable / alike.limit
