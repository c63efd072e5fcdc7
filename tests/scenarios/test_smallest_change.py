"""What a stream can show within a day is told with its levels: by its present traffic and its share of the budget."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from monitor.cli.baseline import _print
from monitor.counts.units import is_whole
from monitor.judging.baselines import LevelView, views
from monitor.judging.judge_settings import JudgeSettings, SignalRule
from monitor.judging.ports import BaselineState
from tests.scenarios.service import service
from tests.scenarios.story import log_of

RULE = JudgeSettings()


def shown(stores, rule: JudgeSettings = RULE, *, streams: int | None = None) -> dict[str, LevelView]:
    approved = stores.judge.baselines(state=BaselineState.approved)
    (one,) = views(stores.judge, rule, [each for each in approved if not is_whole(each.unit)], streams=streams)
    return {f"{level.signal}/{level.question}": level for level in one.levels}


def test_the_smallest_change_goes_by_present_traffic_and_by_the_share_of_the_budget():
    with service([log_of("00:00 a: rate=300/min unsafe=5%\n 00:30 a: rate=30/min\n 01:50 end")]) as built:
        built.run()
        alone, crowded = shown(built.stores), shown(built.stores, streams=500)
        heavy = shown(built.stores, replace(RULE, signals=(("verdict_mix", SignalRule(weight=500.0)),)))
        shared = shown(built.stores, replace(RULE, weights=(("a", 4.0),)), streams=500)
        off = shown(built.stores, replace(RULE, signals=(("verdict_mix", SignalRule(enabled=False)),)))
    with service([log_of("00:00 a: rate=300/min unsafe=5%\n 01:50 end")]) as built:
        built.run()
        busy = shown(built.stores)
    rise = "verdict_mix/adverse_rise"
    beyond = [level.minimum_detectable / level.limit for level in (busy[rise], alone[rise])]
    assert 1 < beyond[0] < beyond[1]
    assert alone[rise].minimum_detectable < shared[rise].minimum_detectable < crowded[rise].minimum_detectable
    assert heavy[rise].minimum_detectable < alone[rise].minimum_detectable < crowded[rise].minimum_detectable
    assert "switched off" in off[rise].reason


def test_a_baseline_that_is_too_small_for_a_rare_rate_says_so():
    with service([log_of("00:00 a: rate=300/min unsafe=5% timeout=0.1%\n 00:20 end")]) as built:
        built.run()
        levels = shown(built.stores)
    assert levels["coverage/not_run_rise"].too_small
    assert not levels["verdict_mix/adverse_rise"].too_small


def test_a_level_says_how_it_follows_from_the_window(capsys):
    with service([log_of("00:00 a: rate=300/min unsafe=5% timeout=0.1%\n 00:20 end")]) as built:
        built.run()
        store = built.stores.judge
        _print(list(views(store, RULE, store.baselines())), RULE, as_json=False)
        levels = shown(built.stores)
        longer = shown(built.stores, replace(RULE, baseline_span_ms=0))["verdict_mix/adverse_rise"]
    rise, fall = levels["verdict_mix/adverse_rise"], levels["coverage/not_run_rise"]
    assert rise.limit == pytest.approx(rise.level * 1.25 + 0.005)
    assert rise.because.startswith(f"at most {rise.level:.3g} with 99% confidence after 1,6")
    assert rise.because.endswith("+ a floor of 0.005; provisional: as if after 2 times fewer events")
    assert rise.promise == "provisional"
    assert longer.because.endswith("events, + a margin of 25%, + a floor of 0.005")
    assert longer.limit < rise.limit
    assert rise.power.hour is None or rise.power.hour > rise.power.day
    assert rise.limit < rise.power.week < rise.power.day
    assert rise.power.longer_baseline < rise.power.day
    assert rise.power.best(rise.rate)[0] == "a longer baseline"
    out = " ".join(capsys.readouterr().out.split())  # however it is wrapped
    assert re.search(r"by policy: automatic, since .*; 1,\d{3} events whose halves agree", out)
    assert rise.because in out
    assert fall.because in out
    assert re.search(r"provisional: it spans 5 min.* of at least .* \(baseline.span\)", out)
    assert re.search(r"an hour would show \S+ a day \S+ a week \S+ with a longer baseline a day", out)
    assert "warning: too small a baseline for this rate" in out


def test_a_margin_that_the_baseline_s_own_wander_has_widened_says_so():
    story = "\n".join(f"00:{m:02} a: rate=300/min unsafe={1 if m % 4 < 2 else 30}%" for m in range(0, 40, 2))
    with service([log_of(story + "\n 00:40 end")]) as built:
        built.run()
        level = shown(built.stores)["verdict_mix/adverse_rise"]
    assert level.margin > 0.5
    assert "as wide as the baseline itself wanders" in level.because
