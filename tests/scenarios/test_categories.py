"""Which harms are found: a guardrail's mix over all of its categories."""

from __future__ import annotations

from monitor.signals.signal import ALL
from tests.scenarios.service import judged, told
from tests.scenarios.story import at, log_of, split

CALM = """
00:00 filter: rate=240/min unsafe=30% harms=hate:60,violence:30,pii:10
00:00 other:  rate=60/min
"""


def test_another_mix_of_harms_is_noticed_of_the_guardrail_as_a_whole_and_wakes_nobody():
    outcome = told(log_of(CALM + "01:00 filter: harms=hate:30,violence:30,pii:40\n 01:30 end"))
    assert outcome.pages() == []
    first = outcome.notices()[0]
    assert {(n.guardrail, n.category, n.signal) for n in outcome.notices()} == {("filter", ALL, "category_mix")}
    assert at("01:00") < first.detected_at_ms < at("01:10")
    assert first.effect.bins == ("personal data",)
    assert first.effect.what == "share of unsafe judgements with category personal data"


def test_the_same_mix_of_more_harm_is_no_change_of_the_mix():
    outcome = told(log_of(CALM + "01:00 filter: unsafe=60%\n 01:40 end"))
    assert "category_mix" not in {n.signal for n in outcome.notices()}


def test_the_guardrail_s_own_events_are_counted_once():
    log = log_of(CALM + "00:50 end")
    outcome = told(log)
    state = outcome.judge.assessor.fleet.state
    whole = [unit for unit in state.units if unit.unit.category == ALL]
    assert [(unit.unit.guardrail, unit.epoch is not None) for unit in whole] == [("filter", True)]
    own = sum(b"filter" in record.value for record in log)
    share = own / (len(log) - own)
    assert abs(state.guardrails["filter"].share / share - 1) < 0.1


def test_a_mix_that_is_spread_over_partitions_is_found_as_the_same():
    log = log_of(CALM + "01:00 filter: harms=hate:30,violence:30,pii:40\n 01:20 end")
    one, three = told(log), judged(split(log, 3), block_records=50)
    assert [(n.id, n.detected_at_ms) for n in one.notices()] == [(n.id, n.detected_at_ms) for n in three.notices()]
    assert one.notices()
