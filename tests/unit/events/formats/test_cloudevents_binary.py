"""CloudEvents in binary mode: the envelope in the headers names the events, whatever the value is."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.events.headers import Header, encoded_headers, headers_of, rows_with
from monitor.events.reasons import Reason
from monitor.events.records import RecordBlock
from monitor.ingestion.blocks import concatenate, join_records
from tests.unit.events.blocks import NOW_MS, comparable, event
from tests.unit.events.formats.samples import new_decoder, sample

MODERATION = json.dumps(sample("openai-moderation.flagged").record).encode()
CANONICAL = json.dumps(event(score=0.5)).encode()
TIME = "2026-01-01T00:00:07Z"
CE: list[Header] = [("ce_specversion", b"1.0"), ("ce_id", b"7"), ("ce_source", b"/gate"), ("ce_type", b"verdict")]


def block(*records: tuple[bytes | None, list[Header]]) -> RecordBlock:
    return join_records(
        partition="events-0",
        offsets=range(len(records)),
        timestamps=[NOW_MS] * len(records),
        keys=[b"k"] * len(records),
        values=[value for value, _ in records],
        next_offset=len(records),
        headers=[headers for _, headers in records],
    )


def structured(value: bytes, **more: str) -> bytes:
    head = {"specversion": "1.0", "id": "7", "source": "/gate", "type": "verdict"} | more
    return json.dumps(head | {"data": json.loads(value)}).encode()


def test_both_modes_name_the_same_events() -> None:
    timed = [*CE, ("ce_time", TIME.encode()), ("traceparent", b"00-11")]
    for value in (CANONICAL, MODERATION):
        binary = new_decoder().decode(block((value, timed))).batch
        assert comparable(binary) == comparable(new_decoder().decode(block((structured(value, time=TIME), []))).batch)
        assert binary.event_id.all()


def test_an_event_delivered_twice_has_one_identity_and_another_id_has_another() -> None:
    other = [*CE[:1], ("ce_id", b"8"), *CE[2:]]
    batch = new_decoder().decode(block((CANONICAL, CE), (CANONICAL, CE), (CANONICAL, other))).batch
    first, again, third = batch.event_id.tolist()
    assert first == again != third


def test_headers_that_are_no_envelope_change_nothing() -> None:
    plain = new_decoder().decode(block((CANONICAL, []), (MODERATION, []))).batch
    for headers in (
        [("traceparent", b"00-11")],
        CE[:1],
        [*CE[:2], ("ce_source", None)],
        [*CE[:2], ("ce_source", b"\xff")],
    ):
        assert comparable(new_decoder().decode(block((CANONICAL, headers), (MODERATION, []))).batch) == comparable(
            plain
        )


def test_what_cannot_be_read_is_refused_by_its_own_row() -> None:
    decoded = new_decoder().decode(block((b"{}", CE), (CANONICAL, CE), (None, CE), (b"[", CE), (b"[1]", CE)))
    assert decoded.batch.offset.tolist() == [1]
    assert [(why.row, why.reason) for why in decoded.rejected] == [
        (0, Reason.unknown_format),
        (2, Reason.null_value),
        (3, Reason.invalid_json),
        (4, Reason.not_an_object),
    ]


def test_joined_blocks_keep_their_headers() -> None:
    parts = [block((CANONICAL, [])), block((CANONICAL, CE), (None, [("a", None)]))]
    joined = concatenate(parts)
    assert [joined.headers(row) for row in range(3)] == [[], CE, [("a", None)]]
    assert concatenate([parts[0], parts[0]]).headers_start is None


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(st.lists(st.tuples(TEXT, st.none() | st.binary(max_size=200))))
def test_headers_are_read_as_they_were_written(headers: list[Header]) -> None:
    assert headers_of(encoded_headers(headers)) == headers


@given(st.binary(max_size=60))
def test_bytes_that_are_no_headers_are_refused_or_read_and_never_loop(encoded: bytes) -> None:
    try:
        found = headers_of(encoded)
    except ValueError:
        return
    assert len(found) <= len(encoded)


@given(st.lists(st.binary(max_size=12), max_size=8), st.binary(min_size=1, max_size=3))
def test_rows_that_hold_a_name_are_those_that_hold_it(pieces: list[bytes], name: bytes) -> None:
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    starts = ends - np.array([len(piece) for piece in pieces], np.int64)
    buffer = np.frombuffer(b"".join(pieces), np.uint8)
    expected = [row for row, piece in enumerate(pieces) if name in piece]
    assert rows_with(name, buffer, starts, ends).tolist() == expected
