"""What the settings say of a signal: switched off, heavier, or judged by one of river's detectors."""

from __future__ import annotations

from functools import cache

import pytest

from monitor.findings.model import Kind, Promise
from monitor.judging.judge_settings import JudgeSettings, SignalRule
from monitor.settings.model import Settings
from monitor.signals.registry import SIGNALS
from monitor.wiring.translate import count_rule, judge_rule
from tests.scenarios.service import NO_SNAPSHOTS, Judging, Outcome, judged, told
from tests.scenarios.story import at, log_of

STORY = """
00:00 injection: rate=120/min
00:40 injection: unsafe=30% near=20%
00:50 injection: unsafe=5% near=1%
01:20 injection: unsafe=30%
01:30 end
"""


@cache
def log():
    return log_of(STORY, seed=4)


def rule_of(**signals) -> JudgeSettings:
    source = {"kafka": {"servers": "a:1", "topics": ["x"]}}
    return judge_rule(Settings(source=source, budget={"pages": 1}, signals=signals))


@cache
def with_river() -> Outcome:
    return told(log(), rule=rule_of(verdict_mix={"detector": "river.PageHinkley", "parameters": {"threshold": 25.0}}))


def test_a_signal_that_is_switched_off_is_not_counted_but_for_joins_that_others_need():
    source, off = {"files": {"paths": ["a.jsonl"]}}, {"enabled": False}

    def left_out(*names: str) -> set[str]:
        signals = dict.fromkeys(names, off)
        return set(count_rule(Settings(source=source, budget={"pages": 1}, signals=signals)).off)

    assert left_out("coverage", "request_join") == {"coverage"}
    joining = [signal.name for signal in SIGNALS if signal.misses]
    assert left_out("request_join", *joining) == {"request_join", *joining}


def test_a_signal_that_is_switched_off_is_never_spoken_of():
    outcome = told(log(), rule=rule_of(verdict_mix={"enabled": False}))
    assert {page.signal for page in outcome.pages()} == {"boundary_proximity"}
    assert all(finding.signal != "verdict_mix" for finding in outcome.findings)


def test_a_river_detector_raises_notices_that_promise_nothing_and_pages_stay_ours():
    found = [f for f in with_river().findings if f.signal == "verdict_mix"]
    assert {f.promise for f in found if f.kind is Kind.notice} <= {Promise.uncalibrated}
    assert any(f.kind is Kind.page and f.promise is Promise.provisional for f in found)
    first = min(found, key=lambda f: f.detected_at_ms)
    assert at("00:40") < first.detected_at_ms < at("00:50")


def test_a_notice_of_a_river_detector_says_so():
    quiet = log_of(
        """
        00:00 injection: rate=600/min
        00:40 injection: unsafe=8%
        01:10 end
        """,
        seed=5,
    )
    outcome = told(quiet, rule=rule_of(verdict_mix={"detector": "river.ADWIN"}))
    notice = next(f for f in outcome.notices() if f.signal == "verdict_mix")
    assert notice.promise is Promise.uncalibrated
    assert "river.ADWIN found a drift" in notice.evidence.detail
    assert notice.detected_at_ms > at("00:40")


@pytest.mark.parametrize("snapshot_ticks", [20, NO_SNAPSHOTS])
def test_a_judge_that_dies_and_is_rebuilt_says_the_same_with_a_river_detector(snapshot_ticks):
    rule = rule_of(verdict_mix={"detector": "river.PageHinkley", "parameters": {"threshold": 25.0}})
    again = judged([log()], rule=rule, block_records=300, judging=Judging(deaths=1, snapshot_ticks=snapshot_ticks))
    assert again.deaths > 3
    assert [(f.id, f.kind, f.detected_at_ms, f.paged_at_ms, f.ended_at_ms) for f in again.findings] == [
        (f.id, f.kind, f.detected_at_ms, f.paged_at_ms, f.ended_at_ms) for f in with_river().findings
    ]


def test_a_heavier_signal_gets_more_of_both_budgets_and_the_whole_stays_the_same():
    spends = {}
    for weight in (1.0, 3.0):
        rule = JudgeSettings(signals=(("coverage", SignalRule(weight=weight)),))
        outcome = told(log()[:4000], rule=rule)
        fleet = outcome.judge._assessor.fleet
        epoch = fleet.state.units[0].epoch
        spends[weight] = {
            watch.signal: fleet.panel.evidence.spend_of(watch.test)
            for watch in (*epoch.page_tests, *epoch.any_change_tests)
        }
    shares = len(epoch.any_change_tests)  # then 3 of shares + 2 instead of 1 of shares
    assert spends[3.0][2] == pytest.approx(spends[1.0][2] * 3 * shares / (shares + 2))
    assert spends[3.0][0] == pytest.approx(spends[1.0][0] * shares / (shares + 2))
