"""Local times that exist once, twice or never."""

from __future__ import annotations

import pytest

from monitor.clock import HOUR_MS
from monitor.oncall.zones import UnusableTime, local, parsed_local, wall_clock

BERLIN = wall_clock("Europe/Berlin")
SKIPPED = local(2026, 3, 29, 2, 30)
DOUBLED = local(2026, 10, 25, 2, 30)


def test_a_skipped_time_becomes_the_first_instant_that_exists() -> None:
    change = BERLIN.first_instant(local(2026, 3, 29, 3, 0))
    assert BERLIN.text(change) == "2026-03-29T03:00:00+02:00"
    assert BERLIN.first_instant(SKIPPED) == BERLIN.last_instant(SKIPPED) == change
    assert BERLIN.changes(change - HOUR_MS, change + HOUR_MS) == [change]


def test_a_doubled_time_has_a_first_and_a_last_instant_an_hour_apart() -> None:
    assert BERLIN.last_instant(DOUBLED) - BERLIN.first_instant(DOUBLED) == HOUR_MS
    assert BERLIN.local_ms(BERLIN.first_instant(DOUBLED)) == BERLIN.local_ms(BERLIN.last_instant(DOUBLED)) == DOUBLED


@pytest.mark.parametrize(
    ("zone", "when", "why", "offered"),
    [
        ("Europe/Berlin", SKIPPED, "does not exist", ("2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00")),
        ("Europe/Berlin", DOUBLED, "exists twice", ("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00")),
        (
            "Australia/Lord_Howe",
            local(2026, 4, 5, 1, 45),
            "exists twice",
            ("2026-04-05T01:45:00+11:00", "2026-04-05T01:45:00+10:30"),
        ),
        (
            "Pacific/Apia",
            local(2011, 12, 30, 12, 0),
            "does not exist",
            ("2011-12-29T12:00:00-10:00", "2011-12-31T12:00:00+14:00"),
        ),
    ],
)
def test_a_typed_time_that_is_skipped_or_doubled_is_refused_with_both_instants_offered(
    zone: str, when: int, why: str, offered: tuple[str, str]
) -> None:
    clock = wall_clock(zone)
    with pytest.raises(UnusableTime, match=why) as refused:
        clock.typed_instant(when)
    assert all(each in str(refused.value) for each in offered)
    assert tuple(clock.text(each) for each in refused.value.instants_ms) == offered


def test_a_typed_time_that_exists_once_is_taken() -> None:
    assert BERLIN.text(BERLIN.typed_instant(parsed_local("2026-12-01 09:00"))) == "2026-12-01T09:00:00+01:00"


def test_what_is_no_zone_or_no_local_time_is_refused() -> None:
    with pytest.raises(ValueError, match="no IANA time zone"):
        wall_clock("Mars/Olympus")
    with pytest.raises(ValueError, match="leave it out"):
        parsed_local("2026-12-01T09:00Z")
    with pytest.raises(ValueError, match="years"):
        BERLIN.first_instant(local(2150, 1, 1))
