"""Who asks is not how it is judged."""

from __future__ import annotations

from tests.scenarios.service import told
from tests.scenarios.story import at, log_of

CALM = """
00:00 injection: rate=120/min languages=en:70,de:30 unsafe.en=2% unsafe.de=25% near.en=1% near.de=6%
"""


def test_a_jump_of_the_mix_alone_pages_nobody_and_is_no_change_either():
    outcome = told(log_of(CALM + "01:00 injection: languages=en:20,de:80\n 05:00 end"))
    assert outcome.pages() == []
    assert len(outcome.notices()) <= 1


def test_a_drift_inside_one_language_names_it_though_the_mix_hides_it():
    # English goes from 2 % to 12 % while German leaves: the share judged unsafe over all is what it was
    outcome = told(log_of(CALM + "01:00 injection: languages=en:97,de:3 unsafe.en=12%\n 01:30 end"))
    page = outcome.pages()[0]
    assert (page.signal, page.question) == ("verdict_mix", "adverse_rise")
    assert at("01:00") < page.paged_at_ms < at("01:05")
    names = [share.name for share in page.attribution if share.what == "stratum"]
    assert "language=en" in (page.stratum, *names[:1])


def test_a_drift_under_a_moved_mix_stays_open_until_it_ends():
    outcome = told(
        log_of(
            CALM + "01:00 injection: languages=en:90,de:10 unsafe.en=12% unsafe.de=45%\n"
            "02:00 injection: unsafe.en=2% unsafe.de=25%\n 02:40 end"
        )
    )
    pages = [page for page in outcome.pages() if page.question == "adverse_rise"]
    assert len(pages) == 1
    assert at("02:00") < pages[0].ended_at_ms < at("02:15")
