"""What hangs together over minutes shows in blocks of ticks, and nowhere else."""

import numpy as np
import pytest

from detectors.dependence import ALONE, measure, measure_bins
from detectors.level import LevelReason, propose
from tests.statistics.together import COMMON, DAY_TICKS, bursts, conversations

HOUR_TICKS = 360


def table(traffic, ticks, seed=0):
    number, adverse = traffic(np.random.default_rng(seed), ticks)
    at = np.flatnonzero(number)
    return np.stack((number - adverse, adverse), axis=1)[at], at


def test_independent_events_come_alone():
    counts, at = table(conversations(1, COMMON), DAY_TICKS)
    assert measure(counts, [0, 1], ticks=at) == ALONE


@pytest.mark.parametrize(("turns", "least", "most"), [(5, 2, 5), (10, 4, 8), (20, 4, 16)])
def test_conversations_show_in_blocks_that_are_longer_than_they_are(turns, least, most):
    # the design effect of geometric numbers of turns is 1 + 2 (turns - 1) x .29, the intraclass correlation of COMMON
    counts, at = table(conversations(turns, COMMON), DAY_TICKS)
    found = measure(counts, [0, 1], ticks=at)
    assert least < found.together <= found.design < most
    assert found.scale >= 64
    assert measure(counts[:, ::-1], [1, 0], ticks=at) == found


def test_a_burst_within_one_tick_shows_in_single_ticks():
    counts, at = table(bursts(5, 1, 0.05), DAY_TICKS)
    found = measure(counts, [0, 1], ticks=at)
    assert (found.scale, round(found.together)) == (1, 5)


def test_ticks_that_were_put_together_show_the_same():
    counts, at = table(conversations(10, COMMON), DAY_TICKS)
    coarse = at // 4
    edges = np.flatnonzero(np.diff(coarse, prepend=-1))
    four = measure(np.add.reduceat(counts, edges, axis=0), [0, 1], ticks=coarse[edges] * 4)
    assert four.together == pytest.approx(measure(counts, [0, 1], ticks=at).together, rel=0.05)


def test_a_season_is_in_the_scatter_of_sums_but_not_of_their_differences():
    rng, at = np.random.default_rng(1), np.arange(2 * DAY_TICKS)
    rate = 0.05 * (1 + 0.8 * np.sin(at * 2 * np.pi / DAY_TICKS))
    adverse = rng.binomial(5, rate)
    found = measure(np.stack((5 - adverse, adverse), axis=1), [0, 1])
    assert found.together < 2
    assert found.design > 10


def test_of_an_hour_the_trend_says_what_longer_blocks_would_show():
    found = [measure(*_values(table(bursts(20, 6, 0.05), HOUR_TICKS, seed))) for seed in range(10)]
    assert np.median([one.trend for one in found]) > np.median([one.design for one in found]) > 5


def _values(counts_and_ticks):
    return counts_and_ticks[0], [0, 1]


def test_the_bin_that_shows_most_counts_and_rare_ones_do_not():
    counts, at = table(bursts(5, 1, 0.05), DAY_TICKS)
    rare = np.zeros((len(counts), 1), np.int64)
    rare[:10] = 1
    assert measure_bins(np.hstack((counts, rare)), ticks=at).together == pytest.approx(5, rel=0.2)
    assert measure_bins(rare, ticks=at) == ALONE


def test_nothing_and_no_scatter_are_alone_and_ticks_must_rise():
    assert measure(np.zeros((5, 2)), [0, 1]) == ALONE
    assert measure(np.full((100, 2), [5, 0]), [0, 1]) == ALONE
    with pytest.raises(ValueError, match="rising"):
        measure(np.ones((3, 2)), [0, 1], ticks=[0, 0, 1])
    with pytest.raises(ValueError, match="shape"):
        measure(np.ones(3), [0, 1])


def test_a_provisional_level_is_wider_and_says_so():
    counts, at = table(conversations(1, COMMON), HOUR_TICKS)
    firm, provisional = (propose(counts, [0, 1], ticks=at, provisional=which) for which in (False, True))
    assert provisional.limit > firm.limit
    assert (firm.provisional, provisional.provisional) == (False, True)
    assert (firm.design, provisional.design) == (1.0, 2.0)


def test_where_hours_differ_the_level_is_that_of_the_worst_ones():
    rng, at = np.random.default_rng(2), np.arange(DAY_TICKS)
    hours = at // HOUR_TICKS
    adverse = rng.binomial(5, np.where(hours < 18, 0.01, 0.1))
    counts = np.stack((5 - adverse, adverse), axis=1)
    level = propose(counts, [0, 1], ticks=at, hours=hours)
    assert level.reason is LevelReason.SEASONAL
    assert level.season == pytest.approx(0.1, rel=0.1)
    assert level.level > 0.1
    steady = rng.binomial(5, 0.05, DAY_TICKS)
    assert np.isnan(propose(np.stack((5 - steady, steady), axis=1), [0, 1], hours=hours).season)
