"""A notice that becomes a page keeps its id and the moment it was first seen; it did not begin after that."""

from __future__ import annotations

import msgspec

from monitor.pipeline.alarms import upgraded
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
