"""Signals over several guardrails of one request: what they catch, and that they say when they cannot."""

from __future__ import annotations

from functools import cache

from monitor.counts.units import is_whole
from monitor.signals.signal import ALL
from tests.scenarios.requests import Stretch, by_conversation, by_turns, log_of
from tests.scenarios.service import Outcome, judged, told

CALM = Stretch(minutes=60)


def epoch_of(outcome: Outcome, guardrail: str):
    units = [u for u in outcome.judge.assessor.fleet.state.units if u.unit.guardrail == guardrail]
    (unit,) = [u for u in units if u.unit.category != ALL and not is_whole(u.unit)]
    return unit.epoch


@cache
def gaming_log():
    return log_of([CALM, Stretch(minutes=15, gaming=0.5)])


def test_an_attack_that_passes_the_first_layer_pages_as_a_bypass():
    outcome = told(log_of([CALM, Stretch(minutes=15, bypass=0.1)]))
    assert "bypass_rise" in {page.question for page in outcome.pages("safety")}
    assert {page.guardrail for page in outcome.pages()} == {"safety"}


def test_a_first_layer_that_was_skipped_is_told_apart_in_the_bypass():
    outcome = told(log_of([CALM, Stretch(minutes=15, bypass=0.1, skipped=0.6)]))
    (page,) = [page for page in outcome.pages("safety") if page.question == "bypass_rise"]
    assert "not run/unsafe" in {share.name for share in page.attribution if share.what == "bin"}


def test_attacks_that_the_first_layer_stops_are_no_bypass():
    outcome = told(log_of([CALM, Stretch(minutes=15, stopped=0.5)]))
    assert {page.question for page in outcome.pages()} == {"adverse_rise"}
    assert {page.guardrail for page in outcome.pages()} == {"injection"}


def test_harm_under_the_surface_of_a_refusal_pages_as_gaming():
    outcome = told(gaming_log())
    assert "harmful_refusals_rise" in {page.question for page in outcome.pages("safety")}


def test_more_refusals_of_the_same_kind_are_no_gaming():
    outcome = told(log_of([CALM, Stretch(minutes=15, refusals=0.6)]))
    assert "spec_gaming" not in {page.signal for page in outcome.pages()}


def test_topics_keyed_by_conversation_join_as_one_partition_does():
    whole, parts = told(gaming_log()), judged(by_conversation(gaming_log(), 4))
    assert [f.id for f in parts.pages()] == [f.id for f in whole.pages()]
    assert "layer_bypass" not in epoch_of(parts, "safety").unavailable


def test_topics_that_are_not_keyed_make_joined_signals_unavailable_and_say_why():
    outcome = judged(by_turns(gaming_log(), 4))
    epoch = epoch_of(outcome, "safety")
    assert "key the topic by conversation" in epoch.unavailable["layer_bypass"]
    assert "key the topic by conversation" in epoch.unavailable["layer_bypass/bypass_rise"]
    assert "layer_bypass" not in {finding.signal for finding in outcome.findings}
    # the output says itself what it looks like: nothing has to be found for that
    assert "harmful_refusals_rise" in {page.question for page in outcome.pages("safety")}


def test_joins_that_are_lost_later_stop_the_signal_until_they_are_back_and_a_notice_says_so():
    lost = [CALM, Stretch(minutes=20, lost_ids=0.6), Stretch(minutes=20), Stretch(minutes=15, bypass=0.1)]
    outcome = told(log_of(lost))
    (notice,) = [f for f in outcome.findings if f.question == "join_misses"]
    assert (notice.kind, notice.promise, notice.signal) == ("notice", "rule", "layer_bypass")
    assert "log the request id" in notice.evidence.detail
    assert notice.ended_at_ms is not None
    assert notice.ended_at_ms > notice.detected_at_ms
    again = [page for page in outcome.pages("safety") if page.question == "bypass_rise"]
    assert again[-1].paged_at_ms > notice.ended_at_ms
    assert "layer_bypass" not in epoch_of(outcome, "safety").unavailable
