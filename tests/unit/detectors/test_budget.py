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


def test_newcomers_share_the_reserve_however_many_they_are():
    budget = Budget(alarms=1, period_s=MONTH)
    few = budget.allot(10, known={"a": 1, "b": 3}, newcomers={"n1": 1}, reserve=0.2)
    many = budget.allot(10, known={"a": 1, "b": 3}, newcomers={f"n{i}": 1 for i in range(1000)}, reserve=0.2)
    assert few["b"] == many["b"] == pytest.approx(3 * few["a"])
    assert sum(few.values()) == pytest.approx(budget.per_tick(10)) == pytest.approx(sum(many.values()))


def test_a_retired_stream_leaves_its_share_to_the_rest():
    budget = Budget(alarms=1, period_s=MONTH)
    before = budget.allot(10, known={"a": 1, "b": 1}, newcomers={})
    after = budget.allot(10, known={"a": 1}, newcomers={})
    assert after["a"] == pytest.approx(2 * before["a"])
    assert sum(after.values()) == pytest.approx(budget.per_tick(10))


def test_the_reserve_is_lent_out_while_nobody_is_new_and_all_is_for_newcomers_while_nobody_is_known():
    budget = Budget(alarms=1, period_s=MONTH)
    assert budget.allot(10, known={"a": 1}, newcomers={}) == budget.allot(10, known={}, newcomers={"a": 1})
    both = budget.allot(10, known={"a": 1}, newcomers={"n": 7})
    assert both["n"] == pytest.approx(both["a"] / 9)


def test_a_stream_cannot_be_known_and_new():
    with pytest.raises(ValueError, match="differ"):
        Budget(alarms=1, period_s=MONTH).allot(10, known={"a": 1}, newcomers={"a": 1})
