"""Requests are counted once, and nobody exhausts memory or budget by inventing names; counts made by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from monitor.counts.cuts import between, joined
from monitor.counts.model import LoadedCounts, Slice
from monitor.judging.assess import Assessor
from monitor.judging.judge_settings import RELEASE_SHARE, JudgeSettings
from monitor.judging.release.appear import FOLLOWED
from monitor.judging.release.follow import COMPARED, START
from monitor.judging.state import JudgeState
from monitor.judging.traffic.mix_monitor import FRESH
from monitor.signals import verdict_mix
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS

RULE = JudgeSettings(baseline_events=400, baseline_ticks=4)
ALLOW = OFFSETS["verdict_mix"] + verdict_mix.SIGNAL.bins.index("allow/allow")
BASE = Slice("shield", "1", "", "output", "continuous", "p_unsafe", 500, "en", "", "", "1", "")


def assessor_of(slices: dict[int, Slice]) -> tuple[Assessor, Callable[[int, dict[int, int]], list]]:
    """An assessor, and how to give it one tick of events by slice."""
    past: list[LoadedCounts] = [LoadedCounts(*(np.zeros(0, np.int64),) * 3)]

    def history(from_tick: int, to_tick: int) -> LoadedCounts:
        return joined([between(counts, from_tick, to_tick) for counts in past])

    assessor = Assessor(RULE, history, state=JudgeState(judged_before=0, units=[], guardrails={}))
    assessor.learn_slices(slices)

    def tick(number: int, events: dict[int, int]) -> list:
        cells = sorted((s * COLUMNS + c, n) for s, n in events.items() for c in (EVENTS_COLUMN, ALLOW))
        cell, count = (np.array(column, np.int64) for column in zip(*cells, strict=True))
        past.append(LoadedCounts(np.full(len(cell), number, np.int64), cell, count))
        return assessor.advance(past[-1], number + 1).findings

    return assessor, tick


def test_a_request_that_four_guardrails_judge_is_one_request():
    names = ("a", "b", "c", "d")
    slices = {
        1 + 2 * i + j: dataclasses.replace(BASE, guardrail=name, language=language)
        for i, name in enumerate(names)
        for j, language in enumerate(("en", "de"))
    }
    assessor, tick = assessor_of(slices)
    for number in range(8):
        tick(number, {s: (60 if s % 2 else 40) + (s < 3) for s in slices})
    mix = assessor.fleet.state.traffic.mix
    assert mix is not None
    assert mix.references == {"": "a\x1f\x1foutput"}
    assert mix.known == {"language=en": 4 * 61, "language=de": 4 * 41}
    assert [sum(one.named) for one in mix.recent] == [102] * 4


def test_invented_languages_take_a_bounded_amount_of_memory_and_still_page_together():
    slices = {1: BASE} | {2 + i: dataclasses.replace(BASE, language=f"x{i}") for i in range(2_000)}
    assessor, tick = assessor_of(slices)
    found = []
    for number in range(60):
        invented = {2 + (number * 37 + i) % 2_000: 1 for i in range(20)} if number >= 10 else {}
        found += tick(number, {1: 100} | invented)
    mix = assessor.fleet.state.traffic.mix
    assert mix is not None
    assert len(mix.fresh) <= FRESH + 1
    assert max(len(one.new) for one in mix.recent) <= FRESH + 1
    assert [f.question for f in found if f.kind.value == "page" and f.signal == "traffic_mix"] == ["new_slices_surge"]


@pytest.fixture
def many() -> tuple[Assessor, list]:
    slices = {1: BASE} | {2 + i: dataclasses.replace(BASE, model_version=f"v{i}") for i in range(400)}
    assessor, tick = assessor_of(slices)
    found = []
    for number in range(12):
        found += tick(number, {1: 100})
    for number in range(12, 16):
        found += tick(number, {1: 100} | {2 + i: START for i in range(400)})
    return assessor, found


def test_invented_versions_are_followed_and_compared_only_as_far_as_there_is_room(many):
    assessor, found = many
    following = assessor.fleet.state.releases.following.values()
    assert len(following) <= FOLLOWED
    assert sum(one.start_tick is not None for one in following) == COMPARED
    assert len([f for f in found if f.signal == "release_delta"]) == COMPARED
    assert {f.kind.value for f in found if f.signal == "release_delta"} == {"notice"}


def test_all_releases_together_spend_no_more_than_their_share(many):
    assessor, _ = many
    state = assessor.fleet.state.releases
    assert len(state.grants) == COMPARED
    assert sum(grant.alpha for grant in state.grants.values()) <= RELEASE_SHARE * RULE.pages * 1.001
    least = min(one.alpha for one in state.following.values() if one.start_tick is not None)
    assert least > 1e-5  # 64 invented versions cost the next one 8 more units of log evidence, not its chance
