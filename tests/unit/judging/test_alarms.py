"""A notice that becomes a page keeps its id and the moment it was first seen; it did not begin after that."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from monitor.counts.cuts import between
from monitor.counts.model import LoadedCounts, Slice
from monitor.findings.model import Kind
from monitor.judging.assess import Assessor
from monitor.judging.findings.lifecycle import upgraded
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.state import JudgeState
from monitor.signals import verdict_mix
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS
from tests.unit.alerting.record import MINUTE, T0, notice, page
from tests.unit.judging.ticks import BASE, Lab, like, verdicts


def test_a_page_whose_own_excursion_began_later_has_the_onset_of_the_notice():
    seen = notice("seen")  # first seen two minutes after its onset
    found = upgraded(seen, page("paged", onset=T0 + 5 * MINUTE))
    assert (found.id, found.detected_at_ms, found.paged_at_ms) == ("seen", T0 + 2 * MINUTE, T0 + 7 * MINUTE)
    assert (found.onset_low_ms, found.onset_high_ms) == (T0, T0 + MINUTE)


def test_a_page_that_knows_better_when_it_began_says_so_up_to_when_it_was_seen():
    wide = msgspec.structs.replace(page("paged", onset=T0 + MINUTE), onset_high_ms=T0 + 4 * MINUTE)
    found = upgraded(notice("seen"), wide)
    assert (found.onset_low_ms, found.onset_high_ms) == (T0 + MINUTE, T0 + 2 * MINUTE)


@pytest.mark.parametrize(
    ("turns", "span_ms", "notices", "pages"),
    [(1, 0, "proved", "proved"), (6, 0, "rule", "calibrated"), (1, 3_600_000, "provisional", "provisional")],
)
def test_a_promise_is_what_the_baseline_of_the_stream_allows(turns, span_ms, notices, pages):
    rng = np.random.default_rng(5)
    rate = np.where(np.arange(120) < 80, 0.1, 0.5)  # a baseline of 60 ticks, then calm, then a drift
    deny = rng.binomial(60 // turns, rate) * turns
    columns = (EVENTS_COLUMN, *(OFFSETS["verdict_mix"] + verdict_mix.SIGNAL.bins.index(b) for b in BINS))
    table = np.stack((np.full(120, 60), 60 - deny, deny), axis=1)
    order = np.argsort(columns)
    tick, cell = np.repeat(np.arange(120), 3), np.tile(np.asarray(columns)[order] + COLUMNS, 120)
    counts = LoadedCounts(tick, cell.astype(np.int64), table[:, order].ravel())
    rule = JudgeSettings(
        baseline_events=3600, baseline_ticks=20, baseline_span_ms=span_ms, silence="off", volume="off"
    )
    state = JudgeState(judged_before=0, units=[], guardrails={})
    assessor = Assessor(rule, lambda start, end: between(counts, start, end), state=state)
    assessor.learn_slices({1: Slice("a", "1", "", "output", "continuous", "p_unsafe", 500, "", "", "", "", "")})
    found = assessor.advance(counts, 120).findings
    told = {f.promise.value for f in found if (f.signal, f.question, f.kind.value) == NOTICE}
    assert told == {notices}
    assert {f.promise.value for f in found if f.question == "adverse_rise"} == {pages}


BINS = ("allow/allow", "deny/block")
NOTICE = ("verdict_mix", "any_change", "notice")


def paging_lab() -> Lab:
    """Two streams that go wrong in the same tick."""
    lab = Lab({1: BASE, 2: like(guardrail="a guardrail that comes first")})
    for _ in range(12):
        lab.tick({1: verdicts(95, 5), 2: verdicts(95, 5)})
    while not lab.assessor.open_pages():
        lab.tick({1: verdicts(60, 40), 2: verdicts(60, 40)})
    return lab


def test_alarms_of_one_tick_are_reported_by_stream_whoever_was_registered_first():
    found = [one.guardrail for one in paging_lab().found if one.kind is Kind.page]
    assert found == sorted(found)
    assert len(set(found)) == 2


def test_a_page_names_its_question_its_level_and_the_share_that_was_seen():
    page = next(one for one in paging_lab().found if one.kind is Kind.page)
    assert (page.signal, page.question, page.promise.value) == ("verdict_mix", "adverse_rise", "proved")
    assert page.effect.current == pytest.approx(0.4)
    assert page.effect.baseline == pytest.approx(0.05)
    assert page.effect.baseline < page.evidence.level < page.effect.current
    assert page.onset_low_ms <= 12 * 60_000 <= page.onset_high_ms


def test_while_a_page_is_open_no_notice_of_its_signal_is_raised():
    lab = paging_lab()
    before = len(lab.found)
    for _ in range(20):
        lab.tick({1: verdicts(60, 40), 2: verdicts(10, 90)})
    assert [one for one in lab.found[before:] if one.signal == "verdict_mix"] == []
