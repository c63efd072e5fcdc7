"""The decoder of all formats: whole records, their rows and offsets, canonical blocks untouched, any batching."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.events.batch import Vocabulary
from monitor.events.decode import Decoder
from monitor.events.envelopes.registry import ENVELOPES
from monitor.events.formats import registry
from monitor.events.formats.decoder import FormatDecoder
from monitor.events.formats.format import Context
from monitor.events.formats.reader import Reader
from monitor.events.reasons import Reason
from tests.unit.events import blocks
from tests.unit.events.blocks import KEY, NOW_MS, block_of, comparable, event
from tests.unit.events.formats.samples import SAMPLES, new_decoder, new_reader, sample

MODERATION = sample("openai-moderation.flagged").record
CANONICAL = json.dumps(event(event_id="a", score=0.5)).encode()


def moderation(**scores: Any) -> bytes:
    return json.dumps(MODERATION | {"results": [{"categories": {}, "category_scores": scores}]}).encode()


def test_a_record_of_which_one_event_is_refused_is_refused_as_a_whole() -> None:
    decoded = new_decoder().decode(block_of([moderation(a=0.1, b=0.2), moderation(a=0.1, b=2), moderation(c=0.3)]))
    assert decoded.batch.offset.tolist() == [0, 0, 2]
    assert [(why.row, why.reason) for why in decoded.rejected] == [(1, Reason.out_of_range)]
    assert decoded.rejected[0].sentence.startswith("category_scores is 2")


def test_events_carry_offset_and_time_of_their_record_and_rejections_their_row() -> None:
    block = block_of([CANONICAL, b"{}", moderation(a=0.1, b=0.2), None, b"[", moderation(a=2)], first_offset=70)
    decoded = new_decoder().decode(block)
    assert decoded.batch.offset.tolist() == [70, 72, 72]
    assert decoded.batch.time_ms.tolist() == [NOW_MS] * 3
    assert decoded.batch.next_offset == 76
    assert [(why.row, why.offset, why.reason) for why in decoded.rejected] == [
        (1, 71, Reason.unknown_format),
        (3, 73, Reason.null_value),
        (4, 74, Reason.invalid_json),
        (5, 75, Reason.out_of_range),
    ]


def test_without_any_time_a_record_is_refused_like_a_canonical_one() -> None:
    decoded = new_decoder().decode(block_of([moderation(a=0.1)], timestamp_ms=-1))
    assert [why.reason for why in decoded.rejected] == [Reason.no_time]


def test_a_block_of_canonical_events_never_meets_a_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Reader, value: bytes) -> None:
        raise AssertionError("a reader was asked")

    monkeypatch.setattr(Reader, "parts", refuse)
    values = [json.dumps(event(event_id=str(i), score=i / 100)).encode() for i in range(100)]
    ours = new_decoder().decode(block_of(values))
    theirs = blocks.new_decoder().decode(block_of(values))
    assert comparable(ours.batch) == comparable(theirs.batch)


def test_one_odd_record_in_a_canonical_block_leaves_the_others_to_the_scanner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bytes] = []
    parts = Reader.parts

    def watch(self: Reader, value: bytes, **known: Any) -> Any:
        asked.append(value)
        return parts(self, value, **known)

    monkeypatch.setattr(Reader, "parts", watch)
    odd = moderation(a=0.1, b=0.2)
    decoded = new_decoder().decode(block_of([CANONICAL] * 50 + [odd, b"{}"] + [CANONICAL] * 50))
    assert asked == [odd, b"{}"]
    assert decoded.batch.offset.tolist() == [*range(51), 50, *range(52, 102)]
    assert [(why.row, why.reason) for why in decoded.rejected] == [(51, Reason.unknown_format)]


def test_broken_canonical_events_keep_the_canonical_decoder_s_reasons() -> None:
    values = [CANONICAL, b'{"v":2}', b'{"v":1}', b'{"guardrail":"g"}', b'{"v":1,', b"", b"true", b"[1,2]"]
    ours = new_decoder().decode(block_of(values)).rejected
    theirs = blocks.new_decoder().decode(block_of(values)).rejected
    assert ours == theirs


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([*(one.value for one in SAMPLES), CANONICAL, b"{}", b"[1", b"x"]), max_size=12),
    st.data(),
)
def test_the_same_records_give_the_same_events_however_they_are_cut_into_blocks(
    values: list[bytes], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(values)))
    decoder = new_decoder()
    whole = decoder.decode(block_of(values))
    parts = [decoder.decode(block_of(values[:cut])), decoder.decode(block_of(values[cut:], first_offset=cut))]
    for name in (
        "offset",
        "time_ms",
        "score",
        "threshold",
        "guardrail",
        "category",
        "verdict",
        "event_id",
        "session_id",
    ):
        joined = np.concatenate([getattr(part.batch, name) for part in parts])
        assert np.array_equal(joined, getattr(whole.batch, name), equal_nan=joined.dtype.kind == "f"), name
    assert [(why.offset, why.reason) for part in parts for why in part.rejected] == [
        (why.offset, why.reason) for why in whole.rejected
    ]


def test_each_format_of_a_partition_is_told_once_with_why() -> None:
    told: list[tuple[str, str, str]] = []
    decoder = FormatDecoder(
        Decoder(Vocabulary.bounded(), KEY),
        new_reader(),
        max_bytes=1 << 20,
        on_format=lambda partition, name, why: told.append((partition, name, why)),
    )
    for _ in range(2):
        decoder.decode(block_of([b'"safe"', moderation(a=0.1), b'"unsafe\\nS1"']))
    assert told == [
        ("events-0", "llama-guard", "safe or unsafe"),
        ("events-0", "openai-moderation", "has results[].category_scores of OpenAI's model"),
    ]


def test_a_set_format_takes_every_record_for_it() -> None:
    only = Reader((registry.BY_NAME["openai-moderation"],), ENVELOPES, Context(), max_depth=32)
    decoder = FormatDecoder(Decoder(Vocabulary.bounded(), KEY), only, max_bytes=1 << 20, auto=False)
    decoded = decoder.decode(block_of([moderation(a=0.1), CANONICAL, sample("lakera.guard").value, b"[1", b"7"]))
    assert decoded.batch.offset.tolist() == [0]
    assert [why.reason for why in decoded.rejected] == [
        Reason.no_verdict,
        Reason.no_verdict,
        Reason.invalid_json,
        Reason.not_an_object,
    ]


def test_too_long_a_record_is_refused_before_it_is_parsed() -> None:
    decoder = FormatDecoder(Decoder(Vocabulary.bounded(), KEY, max_bytes=100), new_reader(), max_bytes=100)
    decoded = decoder.decode(block_of([moderation(a=0.1) + b" " * 100]))
    assert [why.reason for why in decoded.rejected] == [Reason.too_large]


def test_two_formats_that_name_a_request_alike_are_not_taken_for_repetitions() -> None:
    azure = sample("azure-openai.completion").record | {"id": "chatcmpl-1"}
    litellm = sample("litellm.list").record | {"id": "chatcmpl-1"}
    batch = new_decoder().decode(block_of([json.dumps(azure).encode(), json.dumps(litellm).encode()])).batch
    assert len(set(batch.event_id.tolist())) == len(batch)
    assert len(set(batch.request_id.tolist())) == 1
