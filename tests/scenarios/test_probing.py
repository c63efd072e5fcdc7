"""Somebody feels for the edge of a guardrail's decision."""

from __future__ import annotations

from tests.scenarios.service import told
from tests.scenarios.story import MINUTE_MS, at, log_of

CALM = """
00:00 injection: rate=60/min
00:00 toxicity:  rate=60/min
"""


def story(*more: str) -> str:
    return CALM + "\n".join(more)


def test_probing_pages_within_two_minutes_with_onset_and_effect_and_ends_soon_after():
    outcome = told(log_of(story("01:30 injection: near=20%", "01:50 injection: near=1%", "02:30 end")))
    (page,) = outcome.pages()
    assert (page.guardrail, page.signal, page.question) == ("injection", "boundary_proximity", "near_threshold")
    assert at("01:30") < page.paged_at_ms < at("01:32")
    assert page.onset_low_ms <= at("01:30") <= page.onset_high_ms
    assert page.onset_high_ms - page.onset_low_ms < 2 * MINUTE_MS
    assert page.effect.ratio > 5
    assert 0.02 < page.effect.low < 0.2 < page.effect.high < 0.6  # the truth is 20 %
    assert at("01:50") < page.ended_at_ms < at("02:00")
    assert [incident.guardrail for incident in outcome.incidents] == ["injection"]
    assert page.offsets["log-0"][0] < page.offsets["log-0"][1]


def test_after_the_end_it_is_armed_again_and_a_second_attack_is_a_finding_of_its_own():
    outcome = told(
        log_of(
            story(
                "01:30 injection: near=20%",
                "01:50 injection: near=1%",
                "03:00 injection: near=20%",
                "03:10 injection: near=1%",
                "03:40 end",
            )
        )
    )
    first, second = outcome.pages()
    assert first.id != second.id
    assert first.ended_at_ms < at("02:00")
    assert at("03:00") < second.paged_at_ms < at("03:02")
    assert second.onset_low_ms >= at("02:59")
    assert second.ended_at_ms is not None


def test_a_lull_of_a_few_minutes_continues_the_finding():
    outcome = told(
        log_of(
            story(
                "01:30 injection: near=20%",
                "01:40 injection: near=1%",
                "01:50 injection: near=20%",
                "02:00 injection: near=1%",
                "02:40 end",
            )
        )
    )
    (page,) = outcome.pages()
    assert at("01:30") < page.paged_at_ms < at("01:35")
    assert at("02:00") < page.ended_at_ms < at("02:10")
    assert len(outcome.incidents) == 1


def test_a_second_different_drift_is_found_while_nobody_has_dealt_with_the_first():
    outcome = told(
        log_of(story("01:30 injection: near=20%", "02:00 injection: unsafe=40%", "02:30 end")),
    )
    first, second = outcome.pages("injection")
    assert first.signal == "boundary_proximity"
    assert (second.signal, second.question) == ("verdict_mix", "adverse_rise")
    assert at("02:00") < second.paged_at_ms < at("02:02")


def test_nothing_happens_where_nothing_changes():
    outcome = told(log_of(story("04:00 end"), seed=5))
    assert outcome.pages() == []
    assert len(outcome.notices()) <= 1  # one a day is the budget
    assert outcome.incidents == []
