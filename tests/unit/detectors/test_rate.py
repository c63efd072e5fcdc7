import numpy as np
import pytest

from detectors.rate import RateReason, expected_events, silence, volume


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
    fired = [volume(int(draw[-1]), draw[:-1]).fires for draw in rng.negative_binomial(5, 0.05, (2000, 41))]
    assert np.mean(fired) < 0.003


@pytest.mark.parametrize("bad", [np.nan, -1.0, np.inf])
def test_expectations_must_be_numbers_of_events(bad):
    with pytest.raises(ValueError, match="finite"):
        expected_events(share=bad, siblings=1)
