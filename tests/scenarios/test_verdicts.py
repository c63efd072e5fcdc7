"""Guardrails that judge otherwise than before, or not at all."""

from __future__ import annotations

from tests.scenarios.service import told
from tests.scenarios.story import at, log_of

CALM = """
00:00 injection: rate=120/min unsafe=10%
00:00 toxicity:  rate=120/min
"""


def test_a_guardrail_that_stops_flagging_pages_as_a_fall():
    outcome = told(log_of(CALM + "01:00 injection: unsafe=0%\n 01:30 end"))
    (page,) = outcome.pages()
    assert (page.guardrail, page.signal, page.question) == ("injection", "verdict_mix", "adverse_fall")
    assert page.direction.value == "fall"
    assert at("01:00") < page.paged_at_ms < at("01:05")
    assert page.effect.current < 0.2 * page.effect.baseline


def test_verdicts_that_are_no_longer_enforced_page():
    outcome = told(log_of(CALM + "01:00 injection: leak=8%\n 01:30 end"))
    (page,) = outcome.pages()
    assert (page.signal, page.question) == ("verdict_mix", "denied_but_allowed")
    assert at("01:00") < page.paged_at_ms < at("01:03")


def test_failing_open_pages_as_coverage_and_not_as_calm():
    outcome = told(log_of(CALM + "01:00 toxicity: timeout=30%\n 01:20 toxicity: timeout=0%\n 01:50 end"))
    (page,) = outcome.pages()
    assert (page.guardrail, page.signal, page.question) == ("toxicity", "coverage", "not_run_rise")
    assert at("01:00") < page.paged_at_ms < at("01:02")
    assert at("01:20") < page.ended_at_ms < at("01:30")


def test_a_guardrail_that_fails_logs_no_score_and_its_failure_still_counts_against_its_stream():
    outcome = told(log_of(CALM + "00:10 injection: timeout=4%\n 01:00 injection: timeout=4%\n 02:00 end"))
    assert outcome.pages() == []  # from before the baseline was complete: this is its normal
    learned = {(b.unit.guardrail, b.unit.score_kind) for b in outcome.baselines}
    assert learned == {("injection", "continuous"), ("toxicity", "continuous")}


def test_a_small_change_is_a_notice_and_pages_nobody():
    # from 10 % to 12 %: real, and below the approved level with its margin
    outcome = told(log_of(CALM + "03:00 injection: unsafe=12%\n 07:00 end"))
    assert outcome.pages() == []
    assert [n.signal for n in outcome.notices("injection")].count("verdict_mix") >= 1
    assert outcome.incidents == []
