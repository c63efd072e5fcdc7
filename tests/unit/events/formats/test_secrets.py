"""Nothing of a record is kept but what the allowlist names: secrets put everywhere else are found nowhere."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.events.decode import Decoded
from monitor.events.formats.allowlist import leaves
from monitor.events.formats.registry import BY_NAME
from monitor.events.schema import BY_NAME as CANONICAL
from tests.unit.events.blocks import block_of
from tests.unit.events.formats.samples import SAMPLES, Sample, every_sample, new_decoder, new_reader

SECRET = "SECRET-4111-1111"
KEPT_AS_NAMES = ("guardrail", "guardrail_version", "category", "model", "model_version", "app", "language", "format")


def all_of(decoded: Decoded) -> bytes:
    """Columns, rejections, and the texts of every vocabulary."""
    columns = [getattr(decoded.batch, name) for name in type(decoded.batch).__dataclass_fields__]
    words = [getattr(decoded.batch.vocabulary, name) for name in KEPT_AS_NAMES]
    return pickle.dumps((columns, decoded.rejected, [[one.text(code) for code in range(len(one))] for one in words]))


def spots(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all values of a record."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from spots(value, (*path, key))
    else:
        yield path


def put(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copied = dict(node) if isinstance(node, dict) else list(node)
    copied[path[0]] = put(copied[path[0]], path[1:], value)
    return copied


def beside(node: Any) -> Any:
    """The record with an unknown, secret field in every object."""
    if isinstance(node, dict):
        return {key: beside(value) for key, value in node.items()} | {f"x-{SECRET}": SECRET, "note": [SECRET, {}]}
    return [beside(item) for item in node] if isinstance(node, list) else node


def decoded(record: Any) -> Decoded:
    return new_decoder().decode(block_of([json.dumps(record).encode()]))


@every_sample
def test_a_secret_in_a_value_that_is_not_kept_as_a_name_is_gone(sample: Sample) -> None:
    if isinstance(sample.record, str) or sample.format == "canonical":
        return  # the canonical decoder's own secrets are tested beside it
    found = new_reader().recognise(sample.value)
    names = {str(value) for event in sample.events for name, value in event.items() if name in KEPT_AS_NAMES}
    tried = 0
    for path in spots(sample.record):
        value = sample.record
        for key in path:
            value = value[key]
        if isinstance(value, str) and any(value in name for name in names):
            continue  # guardrails, models and categories are what Driftline is about
        tried += 1
        assert SECRET.encode() not in all_of(decoded(put(sample.record, path, SECRET))), path
    assert tried > 0 or found.format is None or not list(spots(sample.record))


@every_sample
def test_secrets_beside_every_field_are_gone(sample: Sample) -> None:
    record = sample.record
    if isinstance(record, str):
        return
    marked = beside(record)
    if "*" in json.dumps(_keep(sample)):
        marked = record | {f"x-{SECRET}": SECRET} if isinstance(record, dict) else record
    assert SECRET.encode() not in all_of(decoded(marked))


def _keep(sample: Sample) -> Any:
    return str(BY_NAME[sample.format].keep) if sample.format in BY_NAME else ""


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_what_the_allowlist_does_not_keep_changes_nothing(sample: Sample, data: st.DataObject) -> None:
    found = new_reader().recognise(sample.value)
    if found.format is None or isinstance(found.record, str) or found.envelopes:
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
