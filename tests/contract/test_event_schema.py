"""The published schema, the decoder and the README describe the same canonical event."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import monitor.events
from monitor.events.batch import Vocabulary
from monitor.events.decode import Decoder
from monitor.events.reasons import Reason
from monitor.events.schema import FIELDS, ROUNDING, Field, Kind, json_schema
from tests.unit.events.blocks import NOW_MS, block_of

README = (Path(monitor.events.__file__).parent / "README.md").read_text(encoding="utf-8")
SCHEMA = json_schema()
DECODER = Decoder(Vocabulary.bounded(), bytes(16))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def values(field: Field) -> st.SearchStrategy[Any]:
    """ASCII values on both sides of the field's limits, of its type and of others."""
    others = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.just([]), st.just({}))
    near = st.sampled_from([field.minimum - 1, field.minimum, field.maximum, field.maximum + 1])
    words = st.sampled_from((*field.words, "nowhere", "")) if field.words else st.just("")
    lengths = near.map(lambda length: "x" * max(0, min(length, 600)))
    sized = near.map(lambda size: ["r"] * max(0, min(size, 300)))
    labels = near.map(lambda size: {str(i): "l" for i in range(max(0, min(size, 40)))})
    of_kind: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.version: st.sampled_from([1, 1.0, 2, "1"]),
        Kind.word: lengths,
        Kind.identifier: lengths,
        Kind.choice: words,
        Kind.flag: st.booleans(),
        Kind.time: st.one_of(near, st.integers(NOW_MS - 9, NOW_MS), st.just("2026-01-01T00:00:00Z")),
        Kind.integer: near,
        Kind.number: st.one_of(near, st.floats(0, 1)),
        Kind.fingerprint: st.sampled_from(["0123456789abcdef", "0123456789ABCDEF", "0123456789abcde", "x" * 16]),
        Kind.text: st.just("text"),
        Kind.rules: sized,
        Kind.labels: labels,
    }
    return st.one_of(of_kind[field.kind], of_kind[field.kind], others, st.just("word"))


EVENTS = st.fixed_dictionaries(
    {"v": st.just(1), "guardrail": st.just("g")},
    optional={field.name: values(field) for field in FIELDS if not field.required} | {"unknown": st.just({"a": [1]})},
)


def rounded(event: dict[str, Any]) -> dict[str, Any]:
    """The event with numbers that a rounding error put outside of their range at its end, as the decoder does."""
    return event | {
        one.name: min(max(value, one.minimum), one.maximum)
        for one in FIELDS
        if one.kind == Kind.number and isinstance(value := event.get(one.name), float)
        if one.minimum - ROUNDING <= value <= one.maximum + ROUNDING
    }


def accepts(event: dict[str, Any]) -> bool:
    return not DECODER.decode(block_of([json.dumps(event).encode()], timestamp_ms=NOW_MS)).rejected


def test_the_schema_is_a_valid_one_and_names_its_version() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"].endswith(":1")
    assert SCHEMA["additionalProperties"] is True
    assert SCHEMA["required"] == ["v", "guardrail"]


@settings(max_examples=300, deadline=None)
@given(EVENTS)
def test_the_decoder_accepts_what_the_schema_allows_and_nothing_else(event: dict[str, Any]) -> None:
    # a string that is no time at all is beyond the schema: "format" only annotates
    if isinstance(event.get("time"), str) and event["time"] in {"word"}:
        event.pop("time")
    assert accepts(event) == VALIDATOR.is_valid(rounded(event)), event


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_schema_and_decoder_agree_on_every_field_alone(field: Field, data: st.DataObject) -> None:
    value = data.draw(values(field))
    if field.kind == Kind.time and value == "word":
        return
    event = {"v": 1, "guardrail": "g", "verdict": "allow"} | {field.name: value}
    assert accepts(event) == VALIDATOR.is_valid(rounded(event)), event


def readme_rows() -> dict[str, list[str]]:
    rows = (re.split(r"(?<!\\)\|", line)[1:-1] for line in README.splitlines() if line.startswith("| `"))
    cells = [[cell.strip() for cell in row] for row in rows]
    return {row[0].strip("`"): row for row in cells}


def described(field: Field) -> list[str]:
    """The README's row of a field: name, type, range, meaning, what happens when absent."""
    types = {
        Kind.version: "integer", Kind.word: "string", Kind.identifier: "string", Kind.choice: "string",
        Kind.flag: "boolean", Kind.time: "integer or string", Kind.integer: "integer", Kind.number: "number",
        Kind.fingerprint: "string", Kind.text: "string", Kind.rules: "array of strings", Kind.labels: "object",
    }  # fmt: skip
    if field.words:
        allowed = ", ".join(f"`{word}`" for word in field.words)
    elif field.kind == Kind.version:
        allowed = str(field.minimum)
    elif field.kind == Kind.flag:
        allowed = "`true`, `false`"
    elif field.kind == Kind.fingerprint:
        allowed = "16 hexadecimal digits"
    elif field.kind == Kind.time:
        allowed = "2000 to 9999"
    elif field.kind == Kind.text:
        allowed = "any"
    elif field.kind == Kind.rules:
        allowed = f"at most {field.maximum}"
    elif field.kind == Kind.labels:
        allowed = f"at most {field.maximum}; names 128 bytes, values 512 bytes"
    else:
        allowed = f"{field.minimum:,} to {field.maximum:,} {field.unit}".strip()
    return [f"`{field.name}`", types[field.kind], allowed, field.meaning, field.absent]


def test_the_readme_s_table_has_every_field_as_declared() -> None:
    rows = readme_rows()
    missing = [" | ".join(described(field)) for field in FIELDS if rows.get(field.name) != described(field)]
    assert not missing, "README.md must have these rows:\n" + "\n".join(f"| {row} |" for row in missing)
    assert {name for name in rows if name not in {reason.value for reason in Reason}} == {f.name for f in FIELDS}


def test_the_readme_lists_every_reason() -> None:
    assert {reason.value for reason in Reason} <= set(readme_rows())


def test_the_readme_s_example_is_an_event() -> None:
    example = json.loads(README.split("```json\n")[1].split("```")[0])
    assert VALIDATOR.is_valid(example)
    assert accepts(example)
