"""Texts of another shape: seen although no score and no verdict says anything."""

from __future__ import annotations

import pytest

from monitor.counts.units import is_whole
from monitor.signals.registry import SIGNALS
from tests.scenarios.service import Outcome, told
from tests.scenarios.story import at, log_of

PROMPTS = """
00:00 injection: rate=120/min length=60 scripts=latin:97,mixed:2,cyrillic:1 suffix=.1% late=5% rules=1%
00:00 toxicity:  rate=120/min
"""
ANSWERS = "00:00 toxicity: rate=120/min stage=output length=600 refusal=8% cut=2%\n"


def signals_of(findings) -> set[str]:
    return {finding.signal for finding in findings}


def seen(outcome: Outcome, signal: str) -> list[int]:
    return [notice.detected_at_ms for notice in outcome.notices() if notice.signal == signal]


@pytest.mark.parametrize(
    ("change", "signal", "minutes"),
    [
        ("suffix=10%", "input_disorder", 6),
        ("length=300", "input_length", 5),
        ("scripts=latin:80,mixed:5,cyrillic:15", "input_script", 8),
        ("late=30%", "input_turn", 8),
        ("rules=12%", "input_rules", 8),
        ("lift=.2", "score_shift", 2),
    ],
)
def test_a_change_of_what_is_asked_is_noticed_and_wakes_nobody(change: str, signal: str, minutes: int):
    outcome = told(log_of(PROMPTS + f"01:00 injection: {change}\n 01:30 end"))
    assert outcome.pages() == []
    first, *_ = seen(outcome, signal)
    assert at("01:00") < first <= at(f"01:{minutes:02}")
    assert signals_of(outcome.notices()) == {signal}


def test_quiet_traffic_of_every_shape_stays_quiet():
    outcome = told(log_of(PROMPTS + ANSWERS.replace("toxicity", "answers") + "03:00 end"))
    assert outcome.pages() == []
    assert outcome.notices() == []
    tested = {
        watch.signal for unit in outcome.judge.assessor.fleet.state.units for watch in unit.epoch.any_change_tests
    }
    assert len(tested) >= 11  # so the quiet is not for want of a test


def test_a_model_that_stops_refusing_pages():
    outcome = told(log_of(ANSWERS + "01:00 toxicity: refusal=1%\n 02:00 end"))
    (page,) = outcome.pages()
    assert (page.signal, page.question, page.direction.value) == ("output_refusal", "refusal_fall", "fall")
    assert at("01:00") < page.paged_at_ms < at("01:10")
    assert page.effect.current < 0.5 * page.effect.baseline


def test_a_model_that_refuses_what_it_answered_pages_and_the_page_ends_with_it():
    outcome = told(log_of(ANSWERS + "01:00 toxicity: refusal=30%\n 01:20 toxicity: refusal=8%\n 02:00 end"))
    (page,) = outcome.pages()
    assert (page.signal, page.question) == ("output_refusal", "refusal_rise")
    assert at("01:00") < page.paged_at_ms < at("01:03")
    assert at("01:20") < page.ended_at_ms < at("01:40")


@pytest.mark.parametrize(("change", "signal"), [("length=1200", "output_length"), ("cut=15%", "output_finish")])
def test_answers_of_another_shape_are_noticed_and_wake_nobody(change: str, signal: str):
    outcome = told(log_of(ANSWERS + f"01:00 toxicity: {change}\n 01:30 end"))
    assert outcome.pages() == []
    first, *_ = seen(outcome, signal)
    assert at("01:00") < first <= at("01:05")


def test_a_signal_whose_fields_a_stream_never_carries_is_unavailable_with_the_reason_and_not_zero():
    outcome = told(log_of(PROMPTS + "00:40 end"))
    units = outcome.judge.assessor.fleet.state.units
    epochs = {unit.unit.guardrail: unit.epoch for unit in units if not is_whole(unit.unit)}
    assert epochs["injection"].unavailable["output_length"].startswith("the guardrail judges no outputs")
    assert "input_length" not in epochs["injection"].unavailable
    assert "carry neither input_length nor text" in epochs["toxicity"].unavailable["input_length"]
    assert "output_refusal/refusal_fall" in epochs["toxicity"].unavailable
    kept = {signal.name for signal, table in zip(SIGNALS, epochs["toxicity"].baseline, strict=True) if table}
    assert kept == {"boundary_proximity", "verdict_mix", "coverage", "contradictions", "score_shift"}
