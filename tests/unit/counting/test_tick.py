"""Ticks: late, early, idle, ended; clocks that cannot be believed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.counting.tick import CONFIRMATIONS, LONGEST_MARGIN_MS, TickAssigner, TickRule

RULE = TickRule(tick_ms=1_000, lateness_ms=200, ahead_ms=5_000)
T0 = 1_700_000_000_000
YEAR = 365 * 86_400_000


def assign(assigner: TickAssigner, times, *, stamps=None, clock=None, use=None):
    n = len(times)
    stamps = np.full(n, -1, np.int64) if stamps is None else np.asarray(stamps, np.int64)
    use = np.ones(n, np.bool_) if use is None else np.asarray(use, np.bool_)
    ticks, late, future, _ = assigner.assign(np.asarray(times, np.int64), stamps, use, clock_ms=clock)
    return ticks.tolist(), late, future


def stamped(times, *, assigner=None, clock=None, lag=0):
    """Events whose records carry a timestamp, the event's own time unless lagging."""
    return assign(assigner or TickAssigner(RULE), times, stamps=[t + lag for t in times], clock=clock)


def begun(at=T0) -> TickAssigner:
    """An assigner that knows its time, by record timestamps."""
    assigner = TickAssigner(RULE)
    stamped([at], assigner=assigner)
    return assigner


def test_an_event_counts_in_the_tick_of_its_time_and_closes_the_ticks_before_it():
    assigner = TickAssigner(RULE)
    ticks, late, future = stamped([T0, T0 + 999, T0 + 1_000], assigner=assigner)
    assert (ticks, late, future) == ([T0 // 1000, T0 // 1000, T0 // 1000 + 1], 0, 0)
    assert assigner.closed_before == T0 // 1000  # 200 ms of lateness hold the first tick open
    stamped([T0 + 1_200], assigner=assigner)
    assert assigner.closed_before == T0 // 1000 + 1


def test_a_late_event_counts_in_the_oldest_open_tick_and_is_counted_as_late():
    assigner = begun()
    stamped([T0 + 3_300], assigner=assigner)
    ticks, late, future = stamped([T0 + 100], assigner=assigner)
    assert (ticks, late, future) == ([T0 // 1000 + 3], 1, 0)


def test_an_event_within_the_lateness_counts_in_its_own_tick():
    assigner = begun()
    stamped([T0 + 1_100], assigner=assigner)
    assert stamped([T0 + 950], assigner=assigner) == ([T0 // 1000], 0, 0)


@pytest.mark.parametrize("clock", [None, T0 + 10_000])
def test_a_clock_a_year_ahead_closes_nothing_and_counts_in_the_present(clock):
    assigner = begun()
    before = assigner.closed_before
    ticks, late, future = assign(assigner, [T0 + YEAR], stamps=[T0 + 10], clock=clock)
    assert (ticks, late, future) == ([T0 // 1000], 0, 1)
    assert assigner.closed_before == before


def test_a_producer_whose_record_timestamps_are_a_year_ahead_too_is_held_to_the_readers_clock():
    assigner = begun()
    ticks, _, future = assign(assigner, [T0 + YEAR] * 100, stamps=[T0 + YEAR] * 100, clock=T0 + 50)
    assert future == 100
    assert set(ticks) == {T0 // 1000}
    assert assigner.closed_before == begun().closed_before


def test_a_clock_a_year_behind_is_late_and_counts_in_the_present():
    assigner = begun()
    assert stamped([T0 - YEAR], assigner=assigner) == ([assigner.closed_before], 1, 0)


def test_after_a_night_without_traffic_a_file_goes_on_once_enough_events_agree():
    assigner = TickAssigner(RULE)
    evening = [T0 + 100 * i for i in range(100)]
    morning = [T0 + 30_000_000 + 100 * i for i in range(100)]
    assign(assigner, evening)
    ticks, late, future = assign(assigner, morning)
    assert future == CONFIRMATIONS - 1
    assert late == 0
    assert ticks[CONFIRMATIONS - 1 :] == [t // 1000 for t in morning[CONFIRMATIONS - 1 :]]


def test_a_broken_clock_among_the_first_events_of_the_morning_closes_nothing_beyond_it():
    assigner = TickAssigner(RULE)
    assign(assigner, [T0 + 100 * i for i in range(100)])
    morning = [T0 + 30_000_000 + 100 * i for i in range(60)]
    mixed = [t + YEAR if i % 4 == 3 else t for i, t in enumerate(morning)]
    assert mixed[CONFIRMATIONS - 1] > T0 + YEAR  # it is the very event that completes the confirmation
    assign(assigner, mixed)
    assert assigner.closed_before == (morning[-2] - 200) // 1000


@pytest.mark.parametrize("shift", [YEAR, -YEAR])
@pytest.mark.parametrize("broken", [{0}, {1}, {0, 1, 2}, {5, 9, 19}])
def test_a_file_that_begins_with_a_broken_clock_is_read_as_one_that_does_not(shift, broken):
    assigner = TickAssigner(RULE)
    times = [T0 + 100 * i for i in range(100)]
    assign(assigner, [t + shift if i in broken else t for i, t in enumerate(times)])
    assert assigner.closed_before == (times[-1] - 200) // 1000


def test_in_a_thin_file_every_event_is_far_ahead_of_the_one_before_and_still_counts_in_its_own_tick():
    rng = np.random.default_rng(1)
    times = T0 + rng.exponential(240_000, 2_000).cumsum().astype(np.int64)  # every four minutes; 5 s may be ahead
    ticks, late, future = assign(TickAssigner(RULE), times)
    assert (late, future) == (0, 0)
    assert ticks == (times // 1000).tolist()


def test_a_thin_file_still_does_not_believe_a_clock_that_is_days_ahead():
    rng = np.random.default_rng(2)
    times = T0 + rng.exponential(3_600_000 * 3, 200).cumsum().astype(np.int64)
    assigner = TickAssigner(RULE)
    assign(assigner, times)
    before = assigner.closed_before
    _, _, future = assign(assigner, [int(times[-1]) + LONGEST_MARGIN_MS + 1])
    assert (future, assigner.closed_before) == (1, before)


def test_idle_closes_every_tick_up_to_the_clock():
    assigner = TickAssigner(RULE)
    assigner.idle(T0)
    assert assigner.closed_before == (T0 - 200) // 1000
    assert stamped([T0 - 5_000], assigner=assigner, clock=T0) == ([(T0 - 200) // 1000], 1, 0)


def test_an_idle_mark_of_the_past_changes_nothing():
    assigner = begun()
    before = assigner.state()
    assigner.idle(T0 - 60_000)
    assert assigner.state() == before


def test_the_end_closes_the_newest_tick_and_without_any_record_nothing_is_open():
    assigner = begun()
    assigner.end()
    assert assigner.closed_before == T0 // 1000 + 1
    empty = TickAssigner(RULE)
    empty.end()
    assert empty.closed_before == 0


@pytest.mark.parametrize("n", [1, 2, 3, 7, 19])
def test_the_end_of_a_short_file_closes_all_that_it_held(n):
    assigner = TickAssigner(RULE)
    ticks, _, _ = assign(assigner, [T0 + 700 * i for i in range(n)])
    assert assigner.closed_before is None
    assigner.end()
    assert assigner.closed_before == ticks[-1] + 1


def test_events_that_are_not_used_leave_no_trace():
    plain, mixed = begun(), begun()
    assign(plain, [T0 + 500], stamps=[T0 + 500])
    ticks, _, _ = assign(mixed, [T0 + YEAR, T0 + 500], stamps=[T0, T0 + 500], use=[False, True])
    assert plain.state() == mixed.state()
    assert ticks[0] == 0


JUMPS = st.sampled_from([0, 1, 37, 400, 1_000, 4_999, 5_001, 60_000, 90_000_000, YEAR, -1, -300, -2_000, -YEAR])
EVENTS = st.lists(st.tuples(JUMPS, st.sampled_from([None, 0, -50, 700, YEAR])), max_size=80)


def unrolled(events):
    """Jumps around a time that goes on by 100 ms per event."""
    times = [T0 + 100 * i + jump for i, (jump, _) in enumerate(events)]
    stamps = [-1 if lag is None else T0 + 100 * i + lag for i, (_, lag) in enumerate(events)]
    return times, stamps


@given(events=EVENTS, cuts=st.sets(st.integers(0, 80)), clock=st.sampled_from([None, T0 + 3_000, T0 + 100_000]))
def test_any_batches_and_restarts_give_what_single_events_give(events, cuts, clock):
    times, stamps = unrolled(events)
    one = TickAssigner(RULE)
    singles = [assign(one, [t], stamps=[s], clock=clock) for t, s in zip(times, stamps, strict=True)]
    edges = sorted({0, len(times)} | {c for c in cuts if c < len(times)})
    many, got, late, future = TickAssigner(RULE), [], 0, 0
    for a, b in pairwise(edges):
        many = TickAssigner(RULE, many.state())  # as after a restart
        part = assign(many, times[a:b], stamps=stamps[a:b], clock=clock)
        got, late, future = got + part[0], late + part[1], future + part[2]
    assert got == [ticks[0] for ticks, _, _ in singles]
    assert (late, future) == (sum(s[1] for s in singles), sum(s[2] for s in singles))
    assert many.state() == one.state()


@given(events=EVENTS, clock=st.sampled_from([None, T0 + 3_000]))
def test_no_event_counts_in_a_closed_tick_and_closed_ticks_never_open_again(events, clock):
    times, stamps = unrolled(events)
    assigner, closed = TickAssigner(RULE), None
    for t, s in zip(times, stamps, strict=True):
        ticks, _, _ = assign(assigner, [t], stamps=[s], clock=clock)
        assert closed is None or ticks[0] >= closed
        assert closed is None or assigner.closed_before >= closed
        closed = assigner.closed_before


@given(events=EVENTS)
def test_nothing_beyond_the_readers_clock_ever_closes_a_tick(events):
    times, stamps = unrolled(events)
    assigner, clock = TickAssigner(RULE), T0 + 2_000
    assign(assigner, times, stamps=stamps, clock=clock)
    assert assigner.closed_before is None or assigner.closed_before <= (clock + RULE.ahead_ms) // 1000
