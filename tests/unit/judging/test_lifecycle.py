"""One life of a finding: raised, continued or upgraded, ended."""

from __future__ import annotations

import msgspec
import pytest

from monitor.findings.model import Effect, Finding, Kind
from monitor.judging.findings.lifecycle import Case
from tests.unit.alerting.record import MINUTE, T0, notice, page

QUARTER = 15 * MINUTE


def case_that_ended(finding: Finding, at_ms: int) -> Case:
    case = Case()
    case.raise_(finding, reopen_ms=QUARTER)
    case.end(at_ms)
    return case


def test_what_is_raised_is_open_until_it_ends_once():
    case = Case()
    found = case.raise_(page("a"), reopen_ms=QUARTER)
    assert (found.id, case.open) == ("a", found)
    (ended,) = case.end(T0 + QUARTER)
    assert (ended.id, ended.ended_at_ms) == ("a", T0 + QUARTER)
    assert (case.open, case.last) == (None, ended)
    assert case.end(T0 + 2 * QUARTER) == []


@pytest.mark.parametrize(("later_ms", "name"), [(0, "a"), (QUARTER, "a"), (QUARTER + 1, "b")])
def test_again_within_a_quarter_of_an_hour_is_the_same_finding(later_ms, name):
    case = case_that_ended(page("a"), T0 + 5 * MINUTE)
    worse = msgspec.structs.replace(
        page("b", paged=T0 + 5 * MINUTE + later_ms), effect=Effect(baseline=0.1, current=0.9, ratio=9.0)
    )
    found = case.raise_(worse, reopen_ms=QUARTER)
    assert (found.id, found.ended_at_ms, found.effect.current) == (name, None, 0.9)
    assert found.detected_at_ms == (T0 + 2 * MINUTE if name == "a" else T0 + 5 * MINUTE + later_ms)


def test_another_question_is_another_finding_however_soon():
    case = case_that_ended(notice("rise", question="volume_rise"), T0 + 5 * MINUTE)
    assert case.raise_(notice("fall", question="volume_fall"), reopen_ms=QUARTER).id == "fall"


def test_a_rule_that_pages_by_now_does_not_go_on_as_a_notice():
    case = case_that_ended(notice("quiet"), T0 + 5 * MINUTE)
    found = case.raise_(page("loud", question=notice().question), reopen_ms=QUARTER)
    assert (found.id, found.kind) == ("loud", Kind.page)


def test_a_page_that_takes_over_a_notice_did_not_begin_after_it_was_detected():
    """Seen at 200,000 as a notice; the page's own excursion began at 400,000."""
    seen = msgspec.structs.replace(
        notice("seen"), onset_low_ms=100_000, onset_high_ms=150_000, detected_at_ms=200_000
    )
    found = Case().raise_(
        msgspec.structs.replace(page("paged", onset=400_000, paged=500_000)), reopen_ms=QUARTER, notice=seen
    )
    assert (found.id, found.detected_at_ms, found.paged_at_ms) == ("seen", 200_000, 500_000)
    assert (found.onset_low_ms, found.onset_high_ms) == (100_000, 150_000)


def test_a_notice_of_long_ago_is_another_change():
    seen = msgspec.structs.replace(notice("seen"), detected_at_ms=T0)
    later = page("paged", onset=T0 + QUARTER, paged=T0 + 2 * QUARTER)
    assert Case().raise_(later, reopen_ms=QUARTER, notice=seen).id == "paged"


def test_an_open_notice_that_gets_worse_is_a_page_under_its_id():
    case = Case()
    case.raise_(notice("release"), reopen_ms=QUARTER)
    found = case.update(page("release", paged=T0 + 9 * MINUTE))
    assert (found.id, found.kind, found.detected_at_ms) == ("release", Kind.page, notice().detected_at_ms)
    assert case.open == found
    with pytest.raises(AssertionError, match="nothing is open"):
        Case().update(found)
