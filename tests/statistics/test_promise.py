"""The promise, end to end: what a team is told per month is what comes, through the real Assessor.

Null streams only: whatever is found is false. Every stream may cost one page and one notice a month; the budget of
the fleet is that times the number of streams. By the theorem false alarms never exceed what is spent, in expectation,
as long as the true mean keeps to the approved level (pages) or the stream is exchangeable in its strata (notices).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.budget import poisson_upper_limit
from detectors.recoupling import split_of
from monitor.findings.model import Kind
from monitor.judging.judge_settings import UNITS_SHARE, WHOLE_SHARE, JudgeSettings
from monitor.judging.watching.from_baseline import Window, notice_test
from monitor.signals.registry import OFFSETS, SIGNALS, USED_COLUMNS
from tests.statistics.promise_streams import MONTH_MS, Judged, Normal, Stream, judge

RATES = (0.004, 0.011, 0.05, 0.3)
DAY_TICKS = 48
"""Half an hour each, so that a month is 1,440: what a tick's length costs is measured elsewhere."""


def fleet(*kinds, each: int) -> list[Stream]:
    """Streams of each kind over all pairs of base rates for adverse verdicts and near scores."""
    return [kind(RATES[i % 4], RATES[(i // 4) % 4]) for kind in kinds for i in range(each)]


def steady(adverse, near):
    return Stream((Normal(adverse, near),), lambda rng, ticks: rng.poisson(50, (ticks, 1)))


def thin(adverse, near):
    def events(rng, ticks):
        learning = np.arange(ticks) < DAY_TICKS  # or a month would pass before the baseline is complete
        return rng.poisson(np.where(learning, 40, 0.5))[:, None]

    return Stream((Normal(adverse, near),), events)


def seasonal(adverse, near):
    """Days and nights: volume and mix follow the hour."""

    def events(rng, ticks):
        day = 1 + np.sin(np.arange(ticks) * 2 * np.pi / DAY_TICKS)
        return rng.poisson(np.stack((10 + 25 * day, 40 - 15 * day), axis=1))

    return Stream((Normal(adverse, near), Normal(min(3 * adverse, 0.6), min(2 * near, 0.5))), events)


def mix_jump(adverse, near):
    def events(rng, ticks):
        later = (np.arange(ticks) > ticks // 2)[:, None]
        return rng.poisson(np.where(later, (10, 20, 30), (35, 15, 10)))

    return Stream(
        (Normal(adverse, near), Normal(min(4 * adverse, 0.7), near), Normal(adverse, min(4 * near, 0.7))), events
    )


KINDS = (steady, thin, seasonal, mix_jump)


def rule_for(streams: int, **more) -> JudgeSettings:
    minutes = 30 * 48 // DAY_TICKS
    rule = JudgeSettings(
        tick_ms=minutes * 60_000, pages=streams, notices=streams, notice_period_ms=MONTH_MS, reopen_ms=0
    )
    return replace(rule, **more)


def kept(outcome: Judged, streams: int, months: float) -> None:
    promise = streams * months
    assert outcome.stream_months > 0.8 * promise
    assert outcome.notice_spend > 0.1 * promise  # the budget is in use
    kept_within(outcome, promise)


def kept_within(outcome: Judged, promise: float) -> None:
    pages, notices = outcome.count(Kind.page), outcome.count(Kind.notice)
    print(
        f"{outcome.stream_months:.0f} stream-months watched: {pages} false pages (upper limit "
        f"{poisson_upper_limit(pages):.1f}, spent {outcome.page_spend:.1f}), {notices} false notices (limit "
        f"{poisson_upper_limit(notices):.1f}, spent {outcome.notice_spend:.1f}), promised {promise:.0f} each"
    )
    assert outcome.page_spend <= promise
    assert outcome.notice_spend <= promise
    assert poisson_upper_limit(pages) <= promise
    assert poisson_upper_limit(notices) <= promise


def test_two_hundred_null_streams_keep_a_page_and_a_notice_a_month_each():
    streams = fleet(*KINDS, each=50)
    kept(judge(streams, rule_for(len(streams)), seed=1, ticks=30 * DAY_TICKS), len(streams), 1)


def test_streams_that_appear_and_retire_keep_the_promise_of_the_whole_fleet():
    # a quarter is there from the start to the end; the others begin in the first half and stop in the second
    def comes_and_goes(adverse, near):
        def events(rng, ticks):
            begin, end = rng.integers(0, ticks // 2), rng.integers(ticks // 2 + 2 * DAY_TICKS, ticks)
            at = np.arange(ticks)
            return np.where((at >= begin) & (at < end), rng.poisson(50, ticks), 0)[:, None]

        return Stream((Normal(adverse, near),), events)

    streams = [*fleet(steady, each=48), *fleet(comes_and_goes, each=144)]
    outcome = judge(streams, rule_for(len(streams)), seed=7, ticks=30 * DAY_TICKS)
    kept_within(outcome, len(streams))
    assert outcome.page_spend > 0.5 * len(streams)  # who stops leaves its share to the others
    assert outcome.notice_spend > 0.5 * len(streams)
    per_tick = (UNITS_SHARE + WHOLE_SHARE) * len(streams) * 30 * 60 / (30 * 86400)
    assert outcome.page_spends == pytest.approx(per_tick)


def test_a_stratum_that_nobody_has_seen_raises_no_more_than_is_promised():
    # from the middle on a third of the traffic is in a language that no baseline holds, judged as the others are
    def stranger(adverse, near):
        def events(rng, ticks):
            later = (np.arange(ticks) > ticks // 2)[:, None]
            return rng.poisson(np.where(later, (20, 14, 16), (30, 20, 0)))

        one, other = Normal(adverse, near), Normal(min(2 * adverse, 0.6), near)
        return Stream((one, other, Normal((one.adverse * 3 + other.adverse * 2) / 5, near)), events)

    streams = fleet(stranger, each=96)
    outcome = judge(streams, rule_for(len(streams)), seed=8, ticks=30 * DAY_TICKS)
    kept_within(outcome, len(streams))


def test_levels_that_wander_by_a_tenth_stay_within_the_pages():
    # not exchangeable, so notices may come; a page is about the level, and the margin is for that
    def wandering(adverse, near):
        return Stream((Normal(adverse, near),), lambda rng, ticks: rng.poisson(50, (ticks, 1)), wander=0.1)

    streams = fleet(wandering, each=48)
    outcome = judge(streams, rule_for(len(streams)), seed=2, ticks=30 * DAY_TICKS)
    assert outcome.page_spend <= len(streams)
    assert poisson_upper_limit(outcome.count(Kind.page)) <= len(streams)


def test_the_same_fleet_does_page_when_its_levels_triple():
    # without this the tests above would pass with a dead test
    streams = fleet(steady, seasonal, each=32)
    drifted = [
        replace(stream, later=tuple(Normal(min(3 * s.adverse + 0.02, 0.9), s.near) for s in stream.strata))
        for stream in streams
    ]
    outcome = judge(drifted, rule_for(len(streams)), seed=3, ticks=12 * DAY_TICKS)
    found = {f.guardrail for f in outcome.findings if f.question == "adverse_rise" and f.kind is Kind.page}
    assert len(found) >= 0.95 * len(streams)
    changed = 6 * DAY_TICKS * 1_800_000
    false = [f for f in outcome.findings if f.kind is Kind.page and f.detected_at_ms <= changed]
    assert len(false) <= poisson_upper_limit(0) * 2


def test_a_drift_that_goes_on_is_hardly_ever_said_to_have_ended():
    streams = fleet(steady, each=32)
    drifted = [
        replace(s, later=tuple(Normal(min(3 * n.adverse + 0.03, 0.9), n.near) for n in s.strata)) for s in streams
    ]
    days = 20
    outcome = judge(drifted, rule_for(len(streams), ends_per_day=0.1), seed=4, ticks=days * DAY_TICKS)
    ends = sum(outcome.ends.values())
    open_days = sum(outcome.open_ms.values()) / 86_400_000
    assert open_days > 0.8 * len(streams) * days / 2
    assert poisson_upper_limit(ends) <= 0.1 * open_days


def test_the_spend_of_all_armed_tests_is_the_budget_of_a_tick_whatever_was_found():
    streams = fleet(*KINDS, each=4)
    rule = rule_for(len(streams))
    outcome = judge(streams, rule, seed=5, ticks=3 * DAY_TICKS)
    per_tick = rule.pages * rule.tick_ms / rule.page_period_ms  # a part of it is held for other questions
    assert outcome.page_spends == pytest.approx((UNITS_SHARE + WHOLE_SHARE) * per_tick)
    assert outcome.notice_spends == pytest.approx(UNITS_SHARE * per_tick)


def test_the_declared_law_of_notices_comes_from_a_split_that_is_not_in_the_reference():
    rng = np.random.default_rng(6)
    table = rng.poisson(3, (40, 2, USED_COLUMNS))
    window = Window(np.arange(40), ("a", "(rest)"), table)
    later = table.copy()
    for signal in SIGNALS:  # other bins, as many events
        columns = slice(OFFSETS[signal.name], OFFSETS[signal.name] + len(signal.bins))
        later[20:, :, columns] = later[20:, :, columns][:, :, ::-1]
    # random counts are no joins that go well, and what is counted only makes no bets
    for signal in (i for i, kind in enumerate(SIGNALS) if kind.alternatives and not kind.misses):
        per_tick = window.signal(SIGNALS[signal]).sum(axis=(1, 2)).cumsum()
        cut = int(np.searchsorted(per_tick, split_of(int(per_tick[-1]), 2 * len(SIGNALS[signal].bins)))) + 1
        one, two = notice_test(window, signal), notice_test(Window(window.ticks, window.strata, later), signal)
        for s in range(2):
            split = window.signal(SIGNALS[signal])[:cut, s].sum(axis=0)
            assert (one.references[s] + split == window.signal(SIGNALS[signal])[:, s].sum(axis=0)).all()
        assert cut < 20  # the later ticks are in the reference alone: they cannot move q
        assert all((a == b).all() for a, b in zip(one.laws, two.laws, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_at_full_length_with_short_ticks_the_promise_is_kept_too(seed):
    streams = [*fleet(*KINDS, each=50)]
    rule = rule_for(len(streams), tick_ms=600_000)
    kept(judge(streams, rule, seed=100 + seed, ticks=3 * 30 * DAY_TICKS), len(streams), 1)
