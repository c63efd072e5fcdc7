"""A new version is compared with the approved baseline of the one before, by itself."""

from __future__ import annotations

import re

from monitor.incidents.words import sentence
from tests.scenarios.service import Judging, judged, told
from tests.scenarios.story import at, log_of, split

CALM = "00:00 answers: rate=120/min unsafe=5% model=1\n"


def release(outcome):
    """Every finding of the comparison, newest version each."""
    return [finding for finding in outcome.findings if finding.signal == "release_delta"]


def test_a_model_that_is_worse_pages_as_a_regression_and_the_page_ends_when_it_is_rolled_back():
    outcome = told(log_of(CALM + "01:00 answers: model=2 unsafe=20%\n 01:30 answers: model=1 unsafe=5%\n 02:30 end"))
    (page,) = release(outcome)
    assert (page.question, page.kind.value, page.direction.value) == ("model_version", "page", "rise")
    assert at("01:00") <= page.onset_low_ms < page.paged_at_ms < at("01:06")
    assert at("01:44") < page.ended_at_ms < at("01:46")
    assert abs(page.effect.baseline - 0.05) < 0.02
    assert "regressed" in page.evidence.detail
    assert re.fullmatch(
        r"share of requests judged unsafe \d(\.\d)? % -> \d\d(\.\d)? % with model 2 instead of 1 since \d\d:\d\d UTC",
        sentence(page, {}),
    )
    assert ("release", "2, before: 1") in [(share.what, share.name) for share in page.attribution]
    assert page.incident_id is not None


def test_a_model_that_is_the_same_becomes_equivalent_and_pages_nobody():
    outcome = told(log_of("00:00 answers: rate=200/min unsafe=30% model=1\n 00:30 answers: model=2\n 02:00 end"))
    (notice,) = release(outcome)
    assert notice.kind.value == "notice"
    assert "regressed" not in notice.evidence.detail
    assert "verdict_mix/adverse_rise equivalent" in notice.evidence.detail
    assert outcome.pages() == []


def test_a_comparison_that_is_undecided_claims_no_change():
    outcome = told(log_of(CALM + "01:00 answers: model=2\n 01:20 end"))
    (notice,) = release(outcome)
    assert "approved baseline of 1: undecided" in notice.evidence.detail
    assert re.fullmatch(r"model 2 compared with 1, undecided since \d\d:\d\d UTC", sentence(notice, {}))
    assert (notice.direction.value, notice.stratum, notice.evidence.level) == ("change", "", None)


def test_a_release_that_comes_with_another_mix_is_no_regression():
    story = "00:00 answers: rate=200/min model=1 languages=en:70,de:30 unsafe.en=2% unsafe.de=25%\n"
    outcome = told(log_of(story + "01:00 answers: model=2 languages=en:10,de:90\n 03:00 end"))
    (notice,) = release(outcome)
    assert notice.kind.value == "notice"
    assert "regressed" not in notice.evidence.detail


def test_a_regression_in_one_language_names_it():
    story = "00:00 answers: rate=200/min model=1 languages=en:80,de:20\n"
    outcome = told(log_of(story + "01:00 answers: model=2 unsafe.de=30%\n 02:00 end"))
    (page,) = release(outcome)
    assert (page.kind.value, page.stratum) == ("page", "language=de")


def test_a_new_guardrail_version_that_lets_attacks_through_pages_as_a_fall():
    outcome = told(
        log_of("00:00 injection: rate=120/min unsafe=12%\n 01:00 injection: version=2 unsafe=3%\n 02:00 end")
    )
    (page,) = release(outcome)
    assert (page.question, page.kind.value, page.direction.value) == ("guardrail_version", "page", "fall")
    assert page.guardrail_version == "2"
    assert at("01:00") < page.paged_at_ms < at("01:12")  # long before version 2 has a baseline of its own


def test_a_version_that_was_there_from_the_beginning_is_no_release():
    log = log_of(CALM + "00:05 answers: model=2\n 00:10 answers: model=1\n 00:40 answers: model=2\n 01:30 end")
    assert release(told(log)) == []


def test_how_it_is_read_and_judged_and_who_dies_does_not_show():
    story = (
        "00:00 answers: rate=100/min unsafe=5% model=1\n 00:00 injection: rate=100/min unsafe=12%\n"
        "00:40 answers: model=2 unsafe=15%\n 00:45 injection: version=2 unsafe=3%\n"
        "01:10 answers: model=1 unsafe=5%\n"
        "01:20 answers: model=3 unsafe=2%\n 02:30 end"
    )
    log = log_of(story)

    def gist(outcome):
        return [
            (f.id, f.kind, f.onset_low_ms, f.detected_at_ms, f.paged_at_ms, f.ended_at_ms, f.evidence.detail)
            for f in outcome.findings
        ]

    expected = gist(told(log))
    assert len([f for f in expected if "approved baseline of" in f[-1]]) == 3
    for options in (
        {"block_records": 97},
        {"judging": Judging(at_the_end=True)},
        {"judging": Judging(deaths=1, snapshot_ticks=30), "block_records": 700},
        {"judging": Judging(deaths=2), "block_records": 700},
    ):
        assert gist(judged(split(log, 3), **options)) == expected
