"""A notice that becomes a page keeps its id and the moment it was first seen; it did not begin after that."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from monitor.counts.cuts import between
from monitor.counts.model import LoadedCounts, Slice
from monitor.judging.assess import Assessor
from monitor.judging.followers.alarms import upgraded
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import JudgeState
from monitor.signals import verdict_mix
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS
from tests.unit.alerting.record import MINUTE, T0, notice, page


def test_a_page_whose_own_excursion_began_later_has_the_onset_of_the_notice():
    seen = notice("seen")  # first seen two minutes after its onset
    found = upgraded(seen, page("paged", onset=T0 + 5 * MINUTE))
    assert (found.id, found.detected_at_ms, found.paged_at_ms) == ("seen", T0 + 2 * MINUTE, T0 + 7 * MINUTE)
    assert (found.onset_low_ms, found.onset_high_ms) == (T0, T0 + MINUTE)


def test_a_page_that_knows_better_when_it_began_says_so_up_to_when_it_was_seen():
    wide = msgspec.structs.replace(page("paged", onset=T0 + MINUTE), onset_high_ms=T0 + 4 * MINUTE)
    found = upgraded(notice("seen"), wide)
    assert (found.onset_low_ms, found.onset_high_ms) == (T0 + MINUTE, T0 + 2 * MINUTE)


@pytest.mark.parametrize(("turns", "promise"), [(1, "proved"), (6, "rule")])
def test_a_notice_promises_nothing_where_the_baseline_s_events_come_together(turns, promise):
    rng = np.random.default_rng(5)
    rate = np.where(np.arange(120) < 80, 0.1, 0.3)  # a baseline of 60 ticks, then calm, then a drift
    deny = rng.binomial(60 // turns, rate) * turns
    columns = (EVENTS_COLUMN, *(OFFSETS["verdict_mix"] + verdict_mix.SIGNAL.bins.index(b) for b in BINS))
    table = np.stack((np.full(120, 60), 60 - deny, deny), axis=1)
    order = np.argsort(columns)
    tick, cell = np.repeat(np.arange(120), 3), np.tile(np.asarray(columns)[order] + COLUMNS, 120)
    counts = LoadedCounts(tick, cell.astype(np.int64), table[:, order].ravel())
    rule = JudgeSettings(baseline_events=3600, baseline_ticks=20, silence="off", volume="off")
    state = JudgeState(judged_before=0, units=[], guardrails={})
    assessor = Assessor(rule, lambda start, end: between(counts, start, end), state=state)
    assessor.learn_slices({1: Slice("a", "1", "", "output", "continuous", "p_unsafe", 500, "", "", "", "", "")})
    found = assessor.advance(counts, 120).findings
    told = {f.promise.value for f in found if (f.signal, f.question, f.kind.value) == NOTICE}
    assert told == {promise}
    assert {f.promise.value for f in found if f.question == "adverse_rise"} <= {"proved"}


BINS = ("allow/allow", "deny/block")
NOTICE = ("verdict_mix", "any_change", "notice")
