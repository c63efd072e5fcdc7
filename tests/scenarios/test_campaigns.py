"""The same query again and again: many repeats page, one cluster of them is named."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np

from monitor.counts.model import Cluster, LoadedCounts
from monitor.findings.model import Finding
from monitor.incidents.words import sentence
from monitor.judging import follower
from monitor.judging.followers.campaigns import Campaigns
from monitor.judging.judge_settings import JudgeSettings
from monitor.signals.campaign import YOUNG_BIN
from monitor.signals.registry import COLUMNS, OFFSETS
from tests.scenarios.requests import Stretch, by_conversation, log_of
from tests.scenarios.service import Outcome, judged, told
from tests.scenarios.story import MINUTE_MS, START_MS

CALM = Stretch(minutes=40)
CAMPAIGN_MS = START_MS + 40 * MINUTE_MS


@cache
def log(share: float, minutes: int = 60):
    return log_of([CALM, Stretch(minutes=minutes, campaign=share)])


def campaigns(outcome: Outcome):
    return [f for f in outcome.findings if f.signal == "campaign" and f.question == "cluster_rise"]


def matching(records, until_ms: int) -> int:
    """Requests of the campaign before then."""
    sent = (r for r in records if r.timestamp_ms < until_ms and r.key.startswith(b"sender-"))
    return sum(b'"injection"' in r.value for r in sent)


def test_a_template_at_two_per_cent_is_named_within_ten_matching_requests():
    (found,) = campaigns(told(log(0.02, 10)))
    assert (found.kind, found.promise, found.guardrail) == ("notice", "rule", "injection")
    assert matching(log(0.02, 10), found.detected_at_ms) <= 10


def test_a_template_at_a_thousandth_is_named_while_seven_are_in_memory():
    (found,) = campaigns(told(log(0.001, 200)))
    assert matching(log(0.001, 200), found.detected_at_ms) <= 16
    assert found.effect.current >= found.effect.baseline


def test_seven_of_one_template_over_hours_are_no_campaign_whoever_sent_them():
    slow = sightings_of(hits=7, senders=7, minutes=276)
    assert slow == []
    (quick,) = sightings_of(hits=7, senders=7, minutes=12)
    assert sentence(quick, {}).startswith("7 near-duplicates of one prompt from 7 sessions in 12 min since ")
    assert sightings_of(hits=7, senders=1, minutes=276) == []  # many logs know one session only
    (later,) = sightings_of(hits=9, senders=9, minutes=30)
    assert "9 near-duplicates of one prompt from 9 sessions, the last 7 in 30 min" in later.evidence.detail
    assert (quick.effect.baseline, quick.evidence.level, quick.trouble) == (0.0, None, None)


def sightings_of(*, hits: int, senders: int, minutes: int) -> list[Finding]:
    """What one sighting of a cluster comes to, on a guardrail that is watched."""
    service = told(log(0.0, 10)).judge
    assert service.assessor is not None
    fleet = service.assessor.fleet
    (number,) = [i for i, piece in fleet.slices.items() if piece.guardrail == "injection"][:1]
    tick = fleet.state.judged_before
    since = (tick + 1) * fleet.rule.tick_ms - minutes * MINUTE_MS
    seen = Cluster(tick=tick, name="0" * 16, slice_id=number, hits=hits, senders=senders, since_ms=since)
    column = OFFSETS["campaign"] + YOUNG_BIN
    counts = LoadedCounts(*(np.array([n], np.int64) for n in (tick, number * COLUMNS + column, 1)))
    fleet.clusters = lambda first, last: [seen]
    return Campaigns(fleet).follow(follower.Stretch(fleet, counts, tick, tick + 1))


def test_the_offender_is_named_by_a_keyed_hash_and_how_few_sessions_send_it():
    (found,) = campaigns(told(log(0.02, 10)))
    assert "from 3 sessions" in found.evidence.detail
    assert "please" not in found.evidence.detail
    assert len(found.evidence.detail.partition("cluster ")[2].partition(")")[0]) == 16


def test_a_campaign_ends_when_it_has_been_quiet_for_an_hour():
    ended = log_of([CALM, Stretch(minutes=5, campaign=0.02), Stretch(minutes=90)])
    (found,) = campaigns(told(ended))
    assert found.ended_at_ms is not None
    assert found.ended_at_ms - found.detected_at_ms >= 60 * MINUTE_MS


def test_favourites_that_were_there_while_learning_are_not_told():
    # twenty prompts make up a third of the traffic, before and after
    outcome = told(log_of([Stretch(minutes=60, repeats=0.35)]), rule=JudgeSettings(baseline_events=3_000))
    assert campaigns(outcome) == []
    assert "repetition" not in {page.signal for page in outcome.pages()}


def test_a_team_may_be_paged_for_campaigns_or_not_be_told():
    rule = JudgeSettings()
    paged = told(log(0.02, 10), rule=dataclasses.replace(rule, campaign="page"))
    assert [f.kind for f in campaigns(paged)] == ["page"]
    assert campaigns(told(log(0.02, 10), rule=dataclasses.replace(rule, campaign="off"))) == []


def test_probing_in_variants_pages_as_repetition_once_and_not_once_per_guardrail():
    outcome = told(log_of([CALM, Stretch(minutes=15, campaign=0.2)]))
    found = [page for page in outcome.pages() if page.signal == "repetition"]
    assert [(page.guardrail, page.question, page.promise) for page in found] == [
        ("injection", "near_duplicate_rise", "rule")
    ]


def test_conversations_spread_over_partitions_still_show_their_campaign():
    outcome = judged(by_conversation(log(0.02, 20), 3))
    assert campaigns(outcome)


def test_a_memory_that_fills_is_no_change():
    outcome = told(log_of([Stretch(minutes=150, repeats=0.1)]))
    assert [f.question for f in outcome.findings if f.signal in ("campaign", "repetition")] == [
        "cluster_rise" for _ in campaigns(outcome)
    ]
