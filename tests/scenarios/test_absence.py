"""What is not there: silence of one guardrail, of all of them, thin streams, volume."""

from __future__ import annotations

from tests.scenarios.service import told
from tests.scenarios.story import MINUTE_MS, at, log_of

PAIR = """
00:00 injection: rate=60/min
00:00 toxicity:  rate=60/min
"""


def test_a_guardrail_that_falls_silent_while_its_siblings_are_busy_pages_by_rule():
    outcome = told(log_of(PAIR + "01:30 toxicity: rate=0/min\n 02:00 toxicity: rate=60/min\n 02:20 end"))
    (page,) = outcome.pages()
    assert (page.guardrail, page.signal, page.question, page.promise.value) == (
        "toxicity",
        "coverage",
        "silence",
        "rule",
    )
    assert at("01:30") < page.paged_at_ms <= at("01:37")
    assert at("02:00") < page.ended_at_ms <= at("02:01")


def test_a_silent_source_is_a_notice_only():
    outcome = told(
        log_of(
            PAIR + "01:30 injection: rate=0/min\n 01:30 toxicity: rate=0/min\n"
            "03:30 injection: rate=60/min\n 03:30 toxicity: rate=60/min\n 04:00 end"
        )
    )
    assert outcome.pages() == []
    silent = [n for n in outcome.notices() if n.question == "source_silent"]
    assert [n.detected_at_ms for n in silent] == [at("01:45")]


def test_a_thin_stream_never_pages_for_the_passage_of_time():
    outcome = told(
        log_of(
            """
            00:00 injection: rate=60/min
            00:00 toxicity:  rate=20/min
            02:00 injection: rate=0.2/min
            02:00 toxicity:  rate=0.02/min
            72:00 end
            """
        )
    )
    assert outcome.pages() == []


def test_a_guardrail_that_always_was_thin_is_not_silent_between_two_events():
    outcome = told(
        log_of(
            """
            00:00 injection: rate=120/min
            00:00 rare:      rate=1/min
            06:00 end
            """
        )
    )
    assert outcome.pages() == []


def test_a_surge_of_volume_is_a_notice_once():
    outcome = told(log_of(PAIR + "02:00 toxicity: rate=400/min\n 02:20 toxicity: rate=60/min\n 02:40 end"))
    assert outcome.pages() == []
    (surge,) = [n for n in outcome.notices() if n.question.startswith("volume")]
    assert (surge.guardrail, surge.question) == ("toxicity", "volume_rise")
    assert at("02:05") <= surge.detected_at_ms <= at("02:10")
    assert 4 < surge.effect.ratio < 9


def test_a_guardrail_that_appears_later_is_no_surge_of_volume():
    outcome = told(log_of("00:00 injection: rate=60/min\n 02:00 toxicity: rate=60/min\n 04:00 end"))
    assert [n for n in outcome.notices() if n.question.startswith("volume")] == []
    assert at("04:00") - at("02:00") > 6 * 5 * MINUTE_MS  # long enough for the rule to have an opinion
