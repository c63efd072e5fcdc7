"""The course of the evidence on every database: written in the judge's transaction, read by anybody, forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.counts.model import Slice
from monitor.judging.evidence_points import EvidencePoint, HourLevel, Record
from monitor.judging.view import ALL_TRAFFIC, StreamState, StreamView
from monitor.storage.stores import Stores
from tests.contract.stores_fixtures import MishapError, Rig, a_slice, migrated_template, rig_fixture

__all__ = ["migrated_template"]  # a fixture
rig = rig_fixture()
STRATUM = {"language": "", "app": "", "model": "", "model_version": "", "format": ""}
UNIT = replace(a_slice(), **STRATUM)
OTHER = replace(a_slice("other \x00 name"), **STRATUM)


@pytest.fixture
def stores(rig: Rig) -> Stores:
    return rig.stores


def save(stores: Stores, *records: Record) -> None:
    token = stores.judge.acquire(holder="j1", now_ms=0, ttl_ms=1000)
    assert token is not None
    with stores.judge.judgement(token) as judgement:
        for record in records:
            judgement.save_record(record)


def a_point(tick: int, log_evidence: float = -4.5, *, unit: Slice = UNIT, **other: object) -> EvidencePoint:
    values = {"signal": "verdict_mix", "question": "adverse_rise", "spent": 1e-5}
    return EvidencePoint(tick=tick, unit=unit, log_evidence=log_evidence, **(values | other))


def a_level(tick: int, mean: float = 0.05, **other: object) -> HourLevel:
    values = {"unit": UNIT, "signal": "verdict_mix", "question": "adverse_rise", "events": 7, "level": 0.04}
    return HourLevel(tick=tick, mean=mean, limit=0.06, **(values | other))


def a_stream(unit: Slice = UNIT, state: StreamState = StreamState.learning, **other: object) -> StreamView:
    return StreamView(unit=unit, state=state, wanted_events=1_600, wanted_ticks=20, **other)


def test_points_come_back_as_they_went_the_oldest_first(stores: Stores) -> None:
    points = [a_point(5), a_point(6, -1.25), a_point(6, -9.0, question="any_change")]
    points.append(a_point(6, -2.0, unit=ALL_TRAFFIC))
    save(stores, Record(tick=6, points=points[:2]), Record(tick=6, points=points[2:]))
    got = stores.evidence.points()
    assert sorted(got, key=repr) == sorted(points, key=repr)
    assert [point.tick for point in got] == [5, 6, 6, 6]


def test_a_point_that_is_written_again_replaces_itself(stores: Stores) -> None:
    save(stores, Record(tick=6, points=[a_point(6, -3.0)], levels=[a_level(0)], streams=[a_stream(events=5)]))
    again = Record(tick=6, points=[a_point(6, -2.0)], levels=[a_level(0, 0.055)], streams=[a_stream(events=9)])
    save(stores, again)
    assert stores.evidence.points() == [a_point(6, -2.0)]
    assert stores.evidence.levels() == [a_level(0, 0.055)]
    assert stores.evidence.streams() == [a_stream(events=9)]


def test_a_question_of_a_guardrail_a_stream_a_signal_and_a_time(stores: Stores) -> None:
    new_version = replace(UNIT, guardrail_version="2")
    points = [a_point(t, unit=unit) for t in (1, 2, 3, 4) for unit in (UNIT, new_version, OTHER)]
    save(stores, Record(tick=4, points=[*points, a_point(4, signal="coverage")]))
    read = stores.evidence.points
    assert {point.unit for point in read(guardrail="toxicity")} == {UNIT, new_version}
    assert [point.tick for point in read(unit=new_version)] == [1, 2, 3, 4]
    assert [point.signal for point in read(signal="coverage")] == ["coverage"]
    assert [point.tick for point in read(unit=UNIT, from_tick=2, to_tick=4)] == [2, 3]
    assert [point.tick for point in read(unit=new_version, limit=2)] == [3, 4]
    assert [point.unit.guardrail for point in read(unit=OTHER)] == ["other \ufffd name"] * 4


def test_levels_by_the_hour_come_back(stores: Stores) -> None:
    save(stores, Record(tick=400, levels=[a_level(0), a_level(360, 0.07)]))
    assert stores.evidence.levels(guardrail="toxicity", from_tick=360) == [a_level(360, 0.07)]
    assert stores.evidence.levels(guardrail="nobody") == []


def test_streams_come_back_whole_in_order_of_their_names_and_all_traffic_is_none_of_them(stores: Stores) -> None:
    watched = a_stream(
        replace(UNIT, guardrail="a"),
        StreamState.watched,
        watched_from=20,
        window=(0, 20),
        unavailable=(("recall", "no labels"),),
        scarce=(("verdict_mix/adverse_rise", 3.0),),
    )
    save(stores, Record(tick=3, streams=[a_stream(events=412), watched], points=[a_point(3, unit=ALL_TRAFFIC)]))
    assert stores.evidence.streams() == [watched, a_stream(events=412)]


def test_what_is_old_is_forgotten(stores: Stores) -> None:
    save(stores, Record(tick=9, points=[a_point(t) for t in range(10)], levels=[a_level(0), a_level(6)]))
    assert stores.evidence.forget(points_before=7, levels_before=6) == 8
    assert [point.tick for point in stores.evidence.points()] == [7, 8, 9]
    assert [level.tick for level in stores.evidence.levels()] == [6]
    assert stores.evidence.forget(points_before=7, levels_before=6) == 0


def test_a_judgement_that_fails_records_nothing(stores: Stores) -> None:
    token = stores.judge.acquire(holder="j1", now_ms=0, ttl_ms=1000)
    assert token is not None

    def fail() -> None:
        with stores.judge.judgement(token) as judgement:
            judgement.save_record(Record(tick=1, points=[a_point(1)], streams=[a_stream()]))
            raise MishapError

    with pytest.raises(MishapError):
        fail()
    assert stores.evidence.points() == []
    assert stores.evidence.streams() == []


def test_many_streams_at_once(stores: Stores) -> None:
    units = [replace(UNIT, guardrail=f"g{n:04}") for n in range(1_200)]
    points = [a_point(1, unit=unit) for unit in units]
    save(stores, Record(tick=1, streams=[a_stream(unit) for unit in units], points=points))
    assert len(stores.evidence.points()) == len(stores.evidence.streams()) == 1_200
