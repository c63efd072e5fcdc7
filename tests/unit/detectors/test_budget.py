import numpy as np
import pytest
from scipy import stats

from detectors.budget import Budget, poisson_lower_limit, poisson_upper_limit

MONTH = 30 * 86400.0


def test_a_period_of_ticks_spends_the_budget():
    budget = Budget(alarms=1, period_s=MONTH)
    assert budget.per_tick(10) * MONTH / 10 == pytest.approx(1)


def test_a_split_sums_to_the_whole_and_nothing_goes_to_no_weight():
    split = Budget(alarms=2, period_s=MONTH).split(10, [1, 0, 3])
    assert split.sum() == pytest.approx(2 * 10 / MONTH)
    assert split[1] == 0
    assert split[2] == pytest.approx(3 * split[0])


def test_no_armed_test_spends_nothing():
    assert Budget(alarms=2, period_s=MONTH).split(10, []).sum() == 0


def test_parts_share_the_alarms_and_keep_the_period():
    reserve, rest = Budget(alarms=1, period_s=MONTH).parts([1, 4])
    assert reserve.alarms + rest.alarms == pytest.approx(1)
    assert reserve.alarms == pytest.approx(0.2)
    assert rest.period_s == MONTH


@pytest.mark.parametrize("count", [0, 1, 7, 40])
def test_poisson_limits_leave_out_what_they_say(count):
    upper = poisson_upper_limit(count, 0.95)
    assert stats.poisson.cdf(count, upper) == pytest.approx(0.05)
    lower = poisson_lower_limit(count, 0.95)
    assert lower == 0 if count == 0 else stats.poisson.sf(count - 1, lower) == pytest.approx(0.05)


@pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf])
def test_a_budget_is_a_positive_number_of_alarms(bad):
    with pytest.raises(ValueError, match="alarms"):
        Budget(alarms=bad, period_s=1)
