"""A notice that becomes a page keeps its id and the moment it was first seen; it did not begin after that."""

from __future__ import annotations

from tests.scenarios.service import told
from tests.scenarios.story import at, log_of


def test_a_page_that_follows_a_notice_began_before_it_was_first_seen():
    outcome = told(
        log_of(
            """
            00:00 injection: rate=600/min
            00:10 injection: near=3%
            00:15 injection: near=25%
            00:17 end
            """,
            seed=1,
        )
    )
    page = outcome.pages("injection")[0]
    assert page.detected_at_ms < at("00:15") < page.paged_at_ms  # seen as a notice before it was worth a page
    assert page.onset_low_ms < page.onset_high_ms <= page.detected_at_ms
    assert page.onset_low_ms >= at("00:08")
