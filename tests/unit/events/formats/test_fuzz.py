"""Whatever JSON comes: no reader crashes or hangs, and a record gives events or one rejection, never both."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.events.batch import Vocabulary
from monitor.events.decode import Decoder
from monitor.events.envelopes.registry import ENVELOPES
from monitor.events.formats.allowlist import allowed
from monitor.events.formats.decoder import FormatDecoder
from monitor.events.formats.format import Context
from monitor.events.formats.reader import Reader
from monitor.events.formats.registry import FORMATS
from monitor.events.formats.thresholds import Thresholds
from monitor.events.reasons import Reason, Rejection
from tests.unit.events.blocks import KEY, block_of
from tests.unit.events.formats.samples import SAMPLES, new_decoder

WORDS = sorted(
    {
        key
        for sample in SAMPLES
        for key in json.dumps(sample.record).replace("\\", "").split('"')
        if 0 < len(key) < 40 and key.strip(" ,:{}[]")
    }
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.sampled_from(WORDS),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=5)), inner, max_size=4),
    ),
    max_leaves=12,
)
CONTEXT = Context(Thresholds.parse(["openai-moderation >= 0.5", "cloudflare-injection <= 20"]))


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A sample with values replaced here and there."""
    record = json.loads(json.dumps(draw(st.sampled_from(SAMPLES)).record))
    for _ in range(draw(st.integers(1, 3))):
        node = record
        while isinstance(node, dict | list) and node:
            key = (
                draw(st.sampled_from(sorted(node))) if isinstance(node, dict) else draw(st.integers(0, len(node) - 1))
            )
            if not isinstance(node[key], dict | list) or draw(st.integers(0, 3)) == 0:
                node[key] = draw(JSON)
                break
            node = node[key]
    return record


def one_outcome(values: list[bytes], decoder: FormatDecoder) -> None:
    decoded = decoder.decode(block_of(values))
    accepted = set(decoded.batch.offset.tolist())
    refused = {why.offset for why in decoded.rejected}
    partly = {why.offset for why in decoded.rejected if why.sentence.startswith("record ")}  # several records in one
    assert accepted.isdisjoint(refused - partly)
    assert sorted(accepted | refused) == list(range(len(values)))
    assert all(why.row == why.offset and len(why.sentence) < 300 for why in decoded.rejected)
    assert decoded.batch.offset.tolist() == sorted(decoded.batch.offset.tolist())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(damaged(), JSON), min_size=1, max_size=5))
def test_any_json_gives_events_or_a_rejection(records: list[Any]) -> None:
    one_outcome([json.dumps(record).encode() for record in records], new_decoder("llm-guard/Toxicity >= 0.7"))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5))
def test_any_bytes_give_events_or_a_rejection(values: list[bytes]) -> None:
    one_outcome([*values, b"\x0a" + values[0], SAMPLES[0].value[: len(values[0]) * 4]], new_decoder())


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@settings(max_examples=30, deadline=None)
@given(record=st.one_of(damaged(), JSON))
def test_no_reader_raises_anything_but_a_rejection_on_records_of_other_kinds(form: Any, record: Any) -> None:
    if form.fits(record) and isinstance(record, dict):
        assert set(form.keys) & set(record)
    with suppress(Rejection):
        kept = allowed(record, form.keep)
        assert kept is None or isinstance(form.read(kept, CONTEXT), list)
    only = Reader((form,), ENVELOPES, CONTEXT, max_depth=32)
    decoder = FormatDecoder(Decoder(Vocabulary.bounded(), KEY), only, max_bytes=1 << 20, auto=False)
    one_outcome([json.dumps(record).encode()], decoder)


def test_nesting_without_end_is_refused_before_anything_recurses() -> None:
    for value in (b"[" * 500_000, b'{"a":' * 100_000, b'{"assessments":' + b"[" * 900_000):
        decoded = new_decoder().decode(block_of([value]))
        assert [why.reason for why in decoded.rejected] == [Reason.too_deep]


def test_numbers_without_end_are_refused_quickly() -> None:
    value = b'{"id":1,"results":[{"category_scores":{"violence":' + b"9" * 500_000 + b"}}]}"
    began = time.perf_counter()
    decoded = new_decoder().decode(block_of([value]))
    assert len(decoded.rejected) == 1
    assert time.perf_counter() - began < 5.0


def test_arrays_without_end_are_refused() -> None:
    many = [{"type": "HATE", "confidence": "LOW"}] * 17_000
    record = {"action": "NONE", "assessments": [{"contentPolicy": {"filters": many}}]}
    decoded = new_decoder().decode(block_of([json.dumps(record).encode()]))
    assert [why.reason for why in decoded.rejected] == [Reason.out_of_range]
    keys = {"model": "omni-moderation-latest", "results": [{"category_scores": {str(i): 0.5 for i in range(2_000)}}]}
    decoded = new_decoder().decode(block_of([json.dumps(keys).encode()]))
    assert [why.reason for why in decoded.rejected] == [Reason.out_of_range]
