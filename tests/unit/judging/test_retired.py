"""A version that has stopped: what was found of it ends, for no event of it will ever end it."""

from __future__ import annotations

import dataclasses

from monitor.findings.model import Finding, Kind
from tests.unit.alerting.record import page
from tests.unit.judging.test_followers import agreeing, joins
from tests.unit.judging.ticks import BASE, RULE, Cells, Lab, like, verdicts

HOUR = dataclasses.replace(RULE, tick_ms=3_600_000, contradictions="notice")
"""Ticks of an hour: 24 of them are the day after which a stream is taken to have stopped."""
OTHER = 2
CALM = verdicts(95, 5)


def story(calm: Cells, wrong: Cells) -> tuple[Lab, list[Finding]]:
    """A guardrail goes wrong and is never heard again, while another one goes on; and what was open then."""
    lab = Lab({1: BASE, OTHER: like(guardrail="other")}, HOUR)
    for _ in range(12):
        lab.tick({1: calm, OTHER: CALM})
    for _ in range(6):
        lab.tick({1: wrong, OTHER: CALM})
    opened = [one for follower in lab.assessor._followers for one in follower.open()]
    last = lab.now
    for _ in range(20):
        lab.tick({OTHER: CALM})
    still = [one for follower in lab.assessor._followers for one in follower.open()]
    assert still == opened  # a quiet night is no end
    for _ in range(12):
        lab.tick({OTHER: CALM})
    assert [one for follower in lab.assessor._followers for one in follower.open()] == []
    ends = [one.ended_at_ms for one in lab.found if one.ended_at_ms is not None]
    assert all(last + 24 <= end // HOUR.tick_ms <= last + 31 for end in ends)
    return lab, opened


def test_its_pages_end_and_its_tests_are_armed_again():
    lab, opened = story(CALM, verdicts(60, 40))
    assert {one.kind for one in opened} == {Kind.page}
    unit = next(one for one in lab.assessor.fleet.state.units if one.unit.guardrail == "shield")
    assert unit.retired
    assert {test.end_test for test in unit.epoch.page_tests} == {-1}
    engine = lab.assessor.fleet.panel.evidence
    assert all(engine.armed()[test.test] for test in unit.epoch.page_tests)
    assert lab.again(lab.now) == lab.found  # neither does it show how ticks are grouped

    lab.tick({1: CALM, OTHER: CALM})
    assert not unit.retired
    for _ in range(6):
        lab.tick({1: verdicts(60, 40), OTHER: CALM})
    pages = {one.id for one in lab.found if one.kind is Kind.page}
    assert len(pages) == 2 * len(opened)  # it is watched as before, and what it does now is another page


def test_its_contradictions_end():
    _, opened = story(agreeing(100, 0), agreeing(80, 20))
    assert [one.question for one in opened] == ["contradiction_share"]


def test_its_lost_joins_end_and_the_signal_is_tested_again():
    lab, opened = story(joins(100, 0), joins(50, 50))
    assert {one.question for one in opened} == {"join_misses"}
    unit = next(one for one in lab.assessor.fleet.state.units if one.unit.guardrail == "shield")
    assert "layer_bypass" not in unit.epoch.unavailable


def silent(until: int) -> Lab:
    """Two guardrails, one of which is never heard again after 12 hours."""
    lab = Lab({1: BASE, OTHER: like(guardrail="other")}, dataclasses.replace(HOUR, silence="page"))
    for _ in range(12):
        lab.tick({1: CALM, OTHER: CALM})
    while lab.now < until:
        lab.tick({OTHER: CALM})
    return lab


def silences(found: list[Finding]) -> list[Finding]:
    return [one for one in found if one.question == "silence"]


def test_its_silence_ends_a_day_after_its_page_and_is_not_reported_again():
    lab = silent(100)
    page, end = lab.found
    assert (page.question, page.kind, page.id) == ("silence", Kind.page, end.id)
    assert end.ended_at_ms == page.detected_at_ms + 24 * HOUR.tick_ms
    assert lab.assessor.open_pages() == []
    for step in (7, lab.now):
        assert lab.again(step) == lab.found


def test_once_it_is_heard_again_it_can_fall_silent_again():
    lab = silent(100)
    lab.tick({1: CALM, OTHER: CALM})
    for _ in range(3):
        lab.tick({OTHER: CALM})
    (again,) = lab.assessor.open_pages()
    assert again.id != lab.found[0].id
    assert lab.again(lab.now) == lab.found


def test_a_source_outage_ends_no_silence_before_others_are_heard():
    lab = silent(20)
    (page,) = lab.assessor.open_pages()
    for _ in range(48):
        lab.tick({})
    assert lab.assessor.open_pages() == [page]
    lab.tick({OTHER: CALM})
    assert lab.assessor.open_pages() == []
    assert silences(lab.again(lab.now)) == silences(lab.found)


def test_a_silence_that_is_found_late_ends_a_day_later():
    """After an outage of the source the guardrail alone stays away: its stream counts as stopped before its page."""
    lab = silent(12)
    for _ in range(48):
        lab.tick({})
    while not lab.assessor.open_pages():
        lab.tick({OTHER: CALM})
    found = lab.now
    for _ in range(23):
        lab.tick({OTHER: CALM})
    assert len(lab.assessor.open_pages()) == 1
    lab.tick({OTHER: CALM})
    assert lab.assessor.open_pages() == []
    assert [one.ended_at_ms for one in silences(lab.found)] == [None, (found + 24) * HOUR.tick_ms]


def test_what_its_volume_was_said_to_be_ends_with_it_and_its_windows_begin_anew():
    rule = dataclasses.replace(HOUR, volume="notice", volume_window_ms=1_000 * HOUR.tick_ms)
    lab = Lab({1: BASE, OTHER: like(guardrail="other")}, rule)
    for _ in range(12):
        lab.tick({1: CALM, OTHER: CALM})
    memory = lab.assessor.fleet.state.guardrails["shield"]
    memory.volume.raise_(page("v1"), reopen_ms=0)  # as after a window of few events
    last = lab.now
    for _ in range(32):
        lab.tick({OTHER: CALM})
    (ended,) = [one for one in lab.found if one.id == "v1"]
    assert last + 24 <= (ended.ended_at_ms or 0) // rule.tick_ms <= last + 31
    assert memory.window is None
    lab.tick({1: CALM, OTHER: CALM})
    assert memory.in_window == 100
