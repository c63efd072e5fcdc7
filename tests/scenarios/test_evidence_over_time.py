"""The course of the evidence is stored once, whatever the judge goes through, and changes no finding."""

from __future__ import annotations

from functools import cache

import msgspec
import pytest

from monitor.counts.units import WHOLE, is_whole
from monitor.judging.evidence_points import EvidencePoint
from monitor.judging.evidence_record import EvidenceRetention
from monitor.judging.view import StreamState
from tests.scenarios.service import NO_SNAPSHOTS, Judging, Outcome, judged
from tests.scenarios.story import at, log_of

STORY = """
00:00 injection: rate=120/min
00:40 injection: unsafe=30% near=20%
00:50 injection: unsafe=5% near=1%
01:20 injection: unsafe=30%
01:30 end
"""


@cache
def told_with(judging: Judging) -> Outcome:
    return judged([log_of(STORY, seed=4)], judging=judging, block_records=300)


def whole() -> Outcome:
    return told_with(Judging(at_the_end=True, retention=EvidenceRetention()))


def rows(points: list[EvidencePoint]) -> dict[tuple[object, ...], float]:
    """Without what an alarm inside a minute says of the minute's spend."""
    assert len({(p.tick, p.unit, p.signal, p.question) for p in points}) == len(points)
    return {(p.tick, p.unit, p.signal, p.question): round(p.log_evidence, 6) for p in points}


@pytest.mark.parametrize(
    "judging",
    [
        Judging(retention=EvidenceRetention()),
        Judging(deaths=1, retention=EvidenceRetention()),
        Judging(deaths=2, snapshot_ticks=20, rival=True, retention=EvidenceRetention()),
    ],
    ids=["step by step", "dying", "dying beside a rival, from snapshots"],
)
def test_a_restart_a_rival_and_a_failed_commit_double_nothing_and_lose_nothing(judging):
    torn = told_with(judging)
    assert rows(torn.points) == rows(whole().points)
    assert torn.levels == whole().levels
    plain = [msgspec.structs.replace(stream, last_tick=None) for stream in torn.streams]
    assert plain == [msgspec.structs.replace(stream, last_tick=None) for stream in whole().streams]


def test_recording_changes_no_finding():
    without = told_with(Judging(at_the_end=True, snapshot_ticks=NO_SNAPSHOTS))
    assert without.findings == whole().findings
    assert (without.points, without.streams) == ([], [])


def test_evidence_climbs_to_each_alarm_of_a_test_and_is_stored_at_it():
    points = rows(whole().points)
    alarms = [f for f in whole().pages() if f.promise == "provisional" and f.paged_at_ms is not None]
    assert alarms
    for page in alarms:
        tick = page.paged_at_ms // 10_000 - 1
        (at_alarm,) = [
            e
            for (t, unit, s, q), e in points.items()
            if (t, s, q) == (tick, page.signal, page.question) and is_whole(unit) == (page.category == WHOLE)
        ]
        assert at_alarm == pytest.approx(page.evidence.log_evidence, abs=1e-6)
        assert at_alarm >= 0
    calm = [e for (t, _, _, q), e in points.items() if q == "adverse_rise" and t * 10_000 < at("00:40")]
    assert len(calm) > 15
    assert max(calm) < -2


def test_the_spend_of_each_question_only_grows():
    spent: dict[tuple[object, ...], float] = {}
    for point in whole().points:
        if is_whole(point.unit):
            continue  # its baseline is refined within the story, and its tests begin anew
        key = (point.unit, point.signal, point.question)
        assert point.spent >= spent.get(key, 0.0)
        spent[key] = point.spent


def test_the_stored_streams_are_those_of_the_judges_view():
    (stream,) = whole().streams
    assert stream.state is StreamState.watched
    assert stream == msgspec.structs.replace(whole().judge.view.streams[0], last_tick=stream.last_tick)
