"""Silence and volume by the tick: what is said does not depend on how many ticks are looked at in one go."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.findings.model import Kind
from monitor.judging.followers import silence
from monitor.judging.followers.silence import follow_silence
from monitor.judging.followers.source_silence import follow_source
from monitor.judging.followers.volume import follow_volume
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import GuardrailState, JudgeState

RULE = JudgeSettings(tick_ms=10_000, silent_ms=60_000, source_silent_ms=120_000, volume_window_ms=60_000)
NAMES = ["a", "b", "c"]


def fresh(share: float = 0.5) -> JudgeState:
    guardrails = {name: GuardrailState(share=share) for name in NAMES}
    return JudgeState(judged_before=0, units=[], guardrails=guardrails)


def run(table, cuts=(), *, rule=RULE, share=0.5):
    """Findings of a (ticks, guardrails) table of events, judged in stretches that end at the cuts."""
    table, state, found = np.asarray(table), fresh(share), []
    edges = [0, *sorted(c for c in set(cuts) if 0 < c < len(table)), len(table)]
    for start, stop in pairwise(edges):
        rows = start + np.flatnonzero(table[start:stop].any(axis=1))
        given = {"ticks": rows, "guardrails": NAMES, "events": table[rows]}
        if rule.silence != "off":
            found += follow_silence(state, rule, **given)
        if rule.volume != "off":
            found += follow_volume(state, rule, **given)
        found += follow_source(state, rule, ticks=rows, from_tick=start, to_tick=stop)
    return found, state


def said(findings):
    return sorted(
        (f.guardrail, f.question, f.detected_at_ms, f.ended_at_ms or 0, f.evidence.detail) for f in findings
    )


RAISED_ANEW = [((0, 0, 60), 6), ((0, 1, 0), 1), ((0, 0, 0), 17), ((0, 0, 60), 4)]
BUSY = st.sampled_from([0, 0, 1, 9, 60])
STRETCH = st.tuples(st.tuples(BUSY, BUSY, BUSY), st.integers(1, 15))
TABLES = st.lists(STRETCH, min_size=1, max_size=12).map(
    lambda parts: np.array([row for row, times in parts for _ in range(times)])
)


@settings(deadline=None)  # hundreds of ticks one by one
@example(  # raised anew after a quiet source, later than it would have been over: no end before it is raised
    table=np.concatenate([np.tile(row, (times, 1)) for row, times in RAISED_ANEW]), cuts=set(), share=0.5
)
@given(table=TABLES, cuts=st.sets(st.integers(0, 180)), share=st.sampled_from([0.0, 0.02, 0.5]))
def test_any_grouping_of_ticks_says_the_same(table, cuts, share):
    same_however_grouped(table, cuts, share)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(silence, "GONE_MS", 200_000)  # within the table, not after a day
        same_however_grouped(table, cuts, share)


def same_however_grouped(table, cuts, share):
    whole, end = run(table, share=share)
    parts, same_end = run(table, cuts, share=share)
    single, _ = run(table, range(len(table)), share=share)
    assert said(parts) == said(whole) == said(single)
    assert same_end == end


def busy(ticks, *columns):
    return np.tile(columns, (ticks, 1))


def test_silence_needs_both_time_and_siblings_that_were_busy():
    quiet_toxicity = np.concatenate((busy(10, 5, 5, 0), busy(40, 0, 5, 0)))
    found, _ = run(quiet_toxicity)
    (silent,) = [f for f in found if f.question == "silence" and f.guardrail == "a"]
    # share .5 of 5 events a tick: 100 expected after 40 ticks
    assert (silent.kind, silent.detected_at_ms) == (Kind.page, 500_000)
    assert [f for f in run(quiet_toxicity[:49])[0] if f.question == "silence" and f.guardrail == "a"] == []


def test_a_guardrail_without_a_baseline_is_never_silent():
    assert [
        f
        for f in run(np.concatenate((busy(10, 5, 5, 0), busy(90, 0, 9, 0))), share=0.0)[0]
        if f.question == "silence"
    ] == []


def test_silence_that_ends_is_said_with_the_tick_that_was_heard():
    found, state = run(np.concatenate((busy(10, 5, 5, 0), busy(50, 0, 5, 0), busy(1, 1, 5, 0))))
    (page, ended) = [f for f in found if f.question == "silence" and f.guardrail == "a"]
    assert page.id == ended.id
    assert ended.ended_at_ms == 610_000
    assert state.guardrails["a"].silence.open is None


@pytest.mark.parametrize(("silence", "kinds"), [("page", ["page"]), ("notice", ["notice"]), ("off", [])])
def test_how_silence_is_said_is_the_teams_choice(silence, kinds):
    rule = JudgeSettings(tick_ms=10_000, silent_ms=60_000, silence=silence, volume="off")
    found, _ = run(np.concatenate((busy(10, 5, 5, 0), busy(50, 0, 5, 0))), rule=rule)
    assert [f.kind.value for f in found if f.guardrail == "a"] == kinds


def test_windows_begin_with_the_first_event_of_the_guardrail():
    late = np.concatenate((busy(120, 5, 0, 0), busy(120, 5, 9, 0)))
    found, state = run(late)
    assert [f for f in found if f.question.startswith("volume")] == []
    assert 0 not in state.guardrails["b"].windows


SEASONAL = JudgeSettings(tick_ms=300_000, silence="off")
WEEK = 7 * 288


def weeks_of(number, seed=1):
    """Busy days, quiet nights at a sixth, quiet weekends; windows scatter by a fifth besides."""
    rng = np.random.default_rng(seed)
    at = np.arange(number * WEEK)
    weekend = ((at // 288 + 3) % 7) >= 5  # the first day is a Thursday
    usual = np.where(weekend, 60, 180) * (1 + 0.7 * np.sin(2 * np.pi * at / 288))
    return rng.poisson(usual * rng.gamma(25, 1 / 25, len(at)))[:, None]


def volumes(table):
    """(tick, question) of what is said of the volume of one guardrail that others are heard beside."""
    counts = np.column_stack((table, np.full(len(table), 500), np.zeros(len(table), int)))
    found, _ = run(counts, rule=SEASONAL)
    return [
        (f.detected_at_ms // SEASONAL.tick_ms - 1, f.question)
        for f in found
        if f.question.startswith("volume") and f.guardrail == "a" and f.ended_at_ms is None
    ]


def test_once_the_hours_of_the_week_are_known_a_morning_as_quiet_as_a_night_is_noticed_and_no_night_is():
    table = weeks_of(6)
    begun = 5 * WEEK + 4 * 288 + 60  # a Monday morning
    fallen = table.copy()
    fallen[begun : begun + 24] //= 6
    calm, found = volumes(table), volumes(fallen)
    assert [tick for tick, _ in calm if tick >= 3 * WEEK] == []
    told = [(tick, question) for tick, question in found if tick >= 3 * WEEK]
    assert {question for _, question in told} == {"volume_fall"}
    assert begun <= told[0][0] <= begun + 3
    # a level of the whole day cannot see it, by a factor of three
    assert fallen[begun : begun + 24].mean() > table[3 * WEEK :].mean() / 3


def test_a_flood_does_not_make_floods_usual_at_once():
    table = weeks_of(5)
    for week in (3, 4):
        at = week * WEEK + 4 * 288 + 60
        table[at : at + 12] *= 50
    assert [question for tick, question in volumes(table) if tick >= 3 * WEEK] == ["volume_rise"] * 2


def test_hours_of_the_week_are_remembered_in_bounded_space():
    counts = np.column_stack((weeks_of(12), np.full(12 * WEEK, 500), np.zeros(12 * WEEK, int)))
    _, state = run(counts, rule=SEASONAL)
    number = np.reshape(state.guardrails["a"].hours, (3, 168))[0]
    assert number.max() <= 8 * 12
    assert number.min() >= 4 * 12
