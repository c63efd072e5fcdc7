"""A change that comes and goes is one notice; one that comes much later is another."""

from __future__ import annotations

from monitor.findings.model import Finding, Kind
from tests.unit.judging.ticks import BASE, RULE, Lab, column, verdicts

QUARTER = RULE.reopen_ms // RULE.tick_ms


def lengths(short: int) -> dict[int, int]:
    """A thousand events, so many of them shorter than the others."""
    return verdicts(1_000) | {column("output_length", 4): short, column("output_length", 8): 1_000 - short}


def notices(lab: Lab) -> list[Finding]:
    return [one for one in lab.found if one.kind is Kind.notice and one.signal == "output_length"]


def told_back_and_forth() -> Lab:
    lab = Lab({1: BASE})
    for _ in range(40):
        lab.tick({1: lengths(900)})
    for number in range(60):
        lab.tick({1: lengths(100 if number // 5 % 2 == 0 else 900)})
    return lab


def test_back_and_forth_within_a_quarter_of_an_hour_is_one_notice() -> None:
    lab = told_back_and_forth()
    seen = notices(lab)
    assert len(seen) > 2
    assert len({one.id for one in seen}) == 1
    assert len({(one.detected_at_ms, one.onset_low_ms, one.onset_high_ms) for one in seen}) == 1
    assert lab.again(lab.now) == lab.found


def test_the_same_change_long_after_is_another_notice() -> None:
    lab = told_back_and_forth()
    before = {one.id for one in notices(lab)}
    for _ in range(2 * QUARTER):
        lab.tick({1: lengths(900)})
    for _ in range(20):
        lab.tick({1: lengths(100)})
    assert len({one.id for one in notices(lab)} - before) == 1
