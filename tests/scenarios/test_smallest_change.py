"""What a stream can show within a day is told with its levels: by its present traffic and its share of the budget."""

from __future__ import annotations

from dataclasses import replace

from monitor.pipeline.rule import JudgeRule, SignalRule
from monitor.wiring.baselines import LevelView, views
from tests.scenarios.service import service
from tests.scenarios.story import log_of

RULE = JudgeRule()


def shown(stores, rule: JudgeRule = RULE, *, streams: int | None = None) -> dict[str, LevelView]:
    (one,) = views(stores.judge, rule, stores.judge.baselines(), streams=streams)
    return {f"{level.signal}/{level.question}": level for level in one.levels}


def test_the_smallest_change_goes_by_present_traffic_and_by_the_share_of_the_budget():
    with service([log_of("00:00 a: rate=300/min unsafe=5%\n 00:30 a: rate=30/min\n 01:50 end")]) as built:
        built.run()
        alone, crowded = shown(built.stores), shown(built.stores, streams=500)
        heavy = shown(built.stores, replace(RULE, signals=(("verdict_mix", SignalRule(weight=500.0)),)))
        off = shown(built.stores, replace(RULE, signals=(("verdict_mix", SignalRule(enabled=False)),)))
    with service([log_of("00:00 a: rate=300/min unsafe=5%\n 01:50 end")]) as built:
        built.run()
        busy = shown(built.stores)
    rise = "verdict_mix/adverse_rise"
    beyond = [level.minimum_detectable / level.limit for level in (busy[rise], alone[rise])]
    assert 1 < beyond[0] < beyond[1]
    assert heavy[rise].minimum_detectable < alone[rise].minimum_detectable < crowded[rise].minimum_detectable
    assert "switched off" in off[rise].reason


def test_a_baseline_that_is_too_small_for_a_rare_rate_says_so():
    with service([log_of("00:00 a: rate=300/min unsafe=5% timeout=0.1%\n 00:20 end")]) as built:
        built.run()
        levels = shown(built.stores)
    assert levels["coverage/not_run_rise"].too_small
    assert not levels["verdict_mix/adverse_rise"].too_small
