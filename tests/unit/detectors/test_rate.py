import numpy as np
import pytest

from detectors.rate import Hours, RateReason, Season, expected_events, hour_of_week, silence, volume


def test_time_alone_never_makes_a_guardrail_silent():
    verdict = silence(seen=0, expected=expected_events(share=1.0, siblings=0))
    assert not verdict.fires
    assert verdict.reason == RateReason.QUIET_SIBLINGS


def test_a_guardrail_is_silent_when_its_siblings_were_busy():
    verdict = silence(seen=0, expected=expected_events(share=0.5, siblings=60))
    assert verdict.fires
    assert verdict.reason == RateReason.SILENT
    assert verdict.probability == pytest.approx(np.exp(-30))


def test_one_event_breaks_the_silence():
    assert silence(seen=1, expected=1000).reason == RateReason.HEARD


def test_bursty_traffic_is_given_longer():
    assert not silence(seen=0, expected=60, burst=5).fires
    assert silence(seen=0, expected=101, burst=5).fires


def test_volume_reports_surges_and_drops_with_their_reason():
    windows = np.random.default_rng(0).poisson(1000, 50)
    assert volume(3000, windows).reason == RateReason.SURGE
    assert volume(100, windows).reason == RateReason.DROP
    assert volume(1020, windows).reason == RateReason.NORMAL
    assert volume(3000, windows[:4]).reason == RateReason.LEARNING


def test_scatter_in_the_baseline_widens_what_is_normal():
    rng = np.random.default_rng(1)
    steady = rng.poisson(100, 50)
    wild = rng.poisson(100 * rng.gamma(2, 0.5, 50))
    assert volume(220, steady).fires
    assert not volume(220, wild).fires


def test_a_volume_rule_seldom_fires_on_windows_like_its_baseline():
    rng = np.random.default_rng(2)
    fired = [volume(int(draw[-1]), draw[:-1]).fires for draw in rng.negative_binomial(5, 0.05, (600, 41))]
    assert sum(fired) <= 3


@pytest.mark.parametrize("bad", [np.nan, -1.0, np.inf])
def test_expectations_must_be_numbers_of_events(bad):
    with pytest.raises(ValueError, match="finite"):
        expected_events(share=bad, siblings=1)


def weeks(rng, number, dispersion=0.0):
    hours = np.tile(np.arange(168), number)
    level = 200 * (1 + 0.8 * np.sin(hours * 2 * np.pi / 24))
    noise = rng.gamma(1 / dispersion, dispersion, len(hours)) if dispersion else 1.0
    return rng.poisson(level * noise), hours


def test_a_daily_season_is_learned_and_a_quiet_night_is_no_drop():
    rng = np.random.default_rng(3)
    season = Season.fit(*weeks(rng, 4))
    assert season.volume(40, 18).reason == RateReason.NORMAL
    assert season.volume(40, 6).reason == RateReason.DROP
    assert season.volume(360, 6).reason == RateReason.NORMAL
    assert season.volume(360, 18).reason == RateReason.SURGE


def test_a_season_seldom_fires_on_weeks_like_its_baseline():
    rng = np.random.default_rng(4)
    season = Season.fit(*weeks(rng, 4, dispersion=0.05))
    counts, hours = weeks(rng, 6, dispersion=0.05)
    fired = [season.volume(int(c), int(h)).fires for c, h in zip(counts, hours, strict=True)]
    assert sum(fired) <= 3  # of 1,008


def test_a_season_of_a_few_hours_is_learning():
    assert Season.fit([10, 12], [0, 1]).volume(1000, 5).reason == RateReason.LEARNING


def test_hours_of_the_week_start_on_monday():
    assert hour_of_week(0) == 72
    assert hour_of_week(4 * 86400) == 0
    assert hour_of_week(4 * 86400 - 1) == 167
    assert hour_of_week(4 * 86400, offset_s=3600) == 1


def test_sums_kept_window_by_window_give_the_season_of_all_windows_at_once():
    counts, slots = weeks(np.random.default_rng(5), 4, dispersion=0.05)
    whole, kept = Season.fit(counts, slots), Hours()
    for count, hour in zip(counts, slots, strict=True):
        kept = Hours(kept.table())
        kept.add(int(count), int(hour))
    assert kept.season().mean == pytest.approx(whole.mean)
    assert kept.season().dispersion == pytest.approx(whole.dispersion)
    assert 0.03 < whole.dispersion < 0.1


def test_old_weeks_fade():
    hours = Hours()
    for week in range(40):
        for hour in range(168):
            hours.add(100 if week < 20 else 300, hour, most=8)
    assert hours.windows(5) <= 8
    assert hours.season().mean[5] == pytest.approx(300, rel=0.1)


@pytest.mark.parametrize("bad", [np.zeros((2, 168)), np.full((3, 168), np.nan), np.full((3, 168), -1.0)])
def test_sums_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match="sums of windows"):
        Hours(bad)
