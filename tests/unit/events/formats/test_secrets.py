"""Nothing of a record is kept but what the allowlist names: secrets put everywhere else are found nowhere."""

from __future__ import annotations

import json
import pickle
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.events.decode import Decoded
from monitor.events.formats.allowlist import leaves
from monitor.events.schema import BY_NAME as CANONICAL
from tests.unit.events.blocks import block_of
from tests.unit.events.formats.marked import KEPT_AS_NAMES, SECRET, marked, put, spots, surrounded
from tests.unit.events.formats.samples import SAMPLES, Sample, every_sample, new_decoder, new_reader


def all_of(decoded: Decoded) -> bytes:
    """Columns, rejections, and the texts of every vocabulary."""
    columns = [getattr(decoded.batch, name) for name in type(decoded.batch).__dataclass_fields__]
    words = [getattr(decoded.batch.vocabulary, name) for name in KEPT_AS_NAMES]
    return pickle.dumps((columns, decoded.rejected, [[one.text(code) for code in range(len(one))] for one in words]))


def decoded(record: Any) -> Decoded:
    return new_decoder().decode(block_of([json.dumps(record).encode()]))


@every_sample
def test_a_secret_in_a_value_that_is_not_kept_as_a_name_is_gone(sample: Sample) -> None:
    if isinstance(sample.record, str) or sample.format == "canonical":
        return  # the canonical decoder's own secrets are tested beside it
    found = new_reader().recognise(sample.value)
    tried = 0
    for path, record in marked(sample):
        tried += 1
        assert SECRET.encode() not in all_of(decoded(record)), path
    assert tried > 0 or found.format is None or not list(spots(sample.record))


@every_sample
def test_secrets_beside_every_field_are_gone(sample: Sample) -> None:
    if not isinstance(sample.record, str):
        assert SECRET.encode() not in all_of(decoded(surrounded(sample)))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_what_the_allowlist_does_not_keep_changes_nothing(sample: Sample, data: st.DataObject) -> None:
    found = new_reader().recognise(sample.value)
    if found.format is None or isinstance(found.record, str) or found.envelopes or found.record != sample.record:
        return
    dropped = [
        path
        for path, (_, kept) in zip(spots(found.record), leaves(found.record, found.format.keep), strict=False)
        if not kept
    ]
    if not dropped or len(list(spots(found.record))) != len(list(leaves(found.record, found.format.keep))):
        return
    changed = put(sample.record, data.draw(st.sampled_from(dropped)), data.draw(st.text(max_size=20)))
    reader = new_reader()
    again = reader.recognise(json.dumps(changed).encode())
    assert reader.events(again) == reader.events(found)


def test_no_format_lets_a_text_field_through_unless_it_is_fingerprinted() -> None:
    for sample in SAMPLES:
        for event in sample.events:
            assert set(event) <= set(CANONICAL)
            assert "text" not in event
            assert "labels" not in event
