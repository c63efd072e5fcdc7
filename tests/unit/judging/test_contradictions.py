"""A log that contradicts itself is counted, and above a limit it is a finding."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.findings.model import Finding, Kind
from monitor.judging.followers.contradictions import BLOCK, follow_contradictions
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import JudgeState
from monitor.signals.contradictions import SIGNAL
from tests.unit.batches import batch

RULE = JudgeSettings(tick_ms=10_000)


def named(**columns: object) -> list[str | None]:
    codes = SIGNAL.code(batch(**columns)).tolist()
    return [None if code < 0 else SIGNAL.bins[code] for code in codes]


def test_a_verdict_on_the_other_side_of_the_threshold_than_its_score_contradicts() -> None:
    consistent, passed, caught = SIGNAL.bins
    assert named(score=[0.9, 0.9, 0.1, 0.1, 0.9, 0.1], threshold=0.5, verdict=[2, 0, 0, 2, 1, 3]) == [
        consistent,
        passed,
        consistent,
        caught,
        consistent,
        caught,
    ]


def test_a_score_on_the_threshold_agrees_with_both_verdicts() -> None:
    assert set(named(score=[0.5, 0.5, 0.5004, 0.4996], threshold=0.5, verdict=[0, 2, 0, 2])) == {"consistent"}


def test_nothing_is_said_of_an_event_that_lacks_one_of_the_three_or_was_not_judged() -> None:
    nan = float("nan")
    assert (
        named(score=[nan, 0.9, 0.9, 0.9], threshold=[0.5, nan, 0.5, 0.5], verdict=[0, 0, -1, 0], status=[0, 0, 0, 2])
        == [None] * 4
    )


def follow(
    ticks: list[tuple[int, int]], *, steps: list[int] | None = None, rule: JudgeSettings = RULE
) -> tuple[list[Finding], JudgeState]:
    """(consistent, contradicting) verdicts per tick of one guardrail, judged in steps of so many ticks."""
    state = JudgeState(judged_before=0, units=[], guardrails={})
    found: list[Finding] = []
    start = 0
    for size in steps or [len(ticks)]:
        part = ticks[start : start + size]
        table = np.array([[[agree, passed, 0]] for agree, passed in part], np.int64)
        numbers = np.arange(start, start + len(part))
        found += follow_contradictions(state, rule, ticks=numbers, guardrails=["shield"], table=table)
        start += size
    return found, state


def test_above_the_limit_it_is_a_notice_once_and_says_how_many_of_which_kind() -> None:
    found, _ = follow([(100, 0)] * 5 + [(90, 10)] * 20)
    (notice,) = found
    assert (notice.guardrail, notice.signal, notice.question) == ("shield", "contradictions", "contradiction_share")
    assert notice.kind is Kind.notice
    assert notice.onset_low_ms == 5 * RULE.tick_ms
    assert notice.detected_at_ms == 7 * RULE.tick_ms  # two ticks make a block of 200
    assert notice.effect.current == pytest.approx(0.1)
    assert "20 passed above the threshold" in notice.evidence.detail


def test_a_few_contradictions_are_no_finding_and_are_forgotten_with_their_block() -> None:
    found, state = follow([(99, 1)] * 50 + [(100, 0)] * 5)
    assert found == []
    assert state.contradictions == {}


def test_a_page_ends_with_a_block_that_agrees() -> None:
    paging = JudgeSettings(tick_ms=10_000, contradictions="page")
    found, state = follow([(80, 20)] * 4 + [(100, 0)] * 4, rule=paging)
    first, last = found
    assert first.kind is Kind.page
    assert first.ended_at_ms is None
    assert (last.id, last.ended_at_ms) == (first.id, 6 * paging.tick_ms)
    assert state.contradictions == {}


def test_it_can_be_turned_off() -> None:
    assert follow([(0, 100)] * 9, rule=JudgeSettings(contradictions="off"))[0] == []


@pytest.mark.parametrize("steps", [[1] * 60, [7] * 9, [59, 1], [2, 30, 28]])
def test_how_the_ticks_are_cut_into_steps_does_not_show(steps: list[int]) -> None:
    rng = np.random.default_rng(3)
    ticks = [
        (int(n) - int(n) * bad // 10, int(n) * bad // 10)
        for n, bad in zip(rng.integers(0, BLOCK // 2, 60), np.repeat([0, 2, 0, 3, 0, 1], 10), strict=True)
    ]
    paging = JudgeSettings(contradictions="page")
    whole, state = follow(ticks, rule=paging)
    assert len(whole) >= 4
    assert follow(ticks, steps=steps, rule=paging) == (whole, state)
