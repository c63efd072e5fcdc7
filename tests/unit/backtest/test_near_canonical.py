"""A mapping is proposed for records whose fields are nearly those of the canonical event, and for no others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.backtest.near_canonical import proposed_mapping
from monitor.events.decode import MAX_DEPTH
from monitor.events.formats.explain import explain
from monitor.events.formats.format import Context
from monitor.events.formats.mapping import mapping_format
from monitor.events.formats.reader import Reader

TIME = "2026-01-01T00:00:00Z"


def lines(*records: dict[str, Any]) -> list[bytes]:
    return [json.dumps(record).encode() for record in records]


def read(mapping: dict[str, str], sample: bytes) -> dict[str, Any]:
    reader = Reader((mapping_format(mapping),), (), Context(), max_depth=MAX_DEPTH)
    found = explain(reader, sample)
    assert found.reason == ""
    return found.events[0]


def test_a_canonical_event_without_v_is_mapped_field_by_field() -> None:
    samples = lines(
        {"guardrail": "shield", "time": TIME, "score": 0.2, "verdict": "allow", "request_id": "r", "x": 1}
    )
    mapping = proposed_mapping(samples)
    assert mapping == {
        "guardrail": "guardrail",
        "time": "time",
        "score": "score",
        "verdict": "verdict",
        "request_id": "request_id",
    }


def test_other_names_and_words_are_put_into_ours() -> None:
    samples = lines(
        {"guardrail_name": "shield", "@timestamp": TIME, "risk_score": 0.9, "decision": "BLOCKED", "trace_id": "t"},
        {"guardrail_name": "shield", "@timestamp": TIME, "risk_score": 0, "decision": "passed", "trace_id": "u"},
    )
    mapping = proposed_mapping(samples)
    assert mapping is not None
    assert mapping["time"] == '"@timestamp"'
    first, second = (read(mapping, sample) for sample in samples)
    assert (first["guardrail"], first["score"], first["verdict"], first["request_id"]) == ("shield", 0.9, "deny", "t")
    assert (second["score"], second["verdict"]) == (0, "allow")


def test_a_verdict_of_true_and_false_is_a_denial_where_true() -> None:
    samples = lines(*({"guard": "g", "ts": 1_790_000_000_000, "verdict": value} for value in (True, False)))
    mapping = proposed_mapping(samples)
    assert mapping is not None
    assert [read(mapping, sample)["verdict"] for sample in samples] == ["deny", "allow"]


def test_a_field_that_would_make_records_unreadable_is_left_out() -> None:
    samples = lines({"guardrail": "g", "timestamp": TIME, "score": 0.1, "stage": "somewhere", "language": 7})
    mapping = proposed_mapping(samples)
    assert mapping is not None
    assert mapping.keys() == {"guardrail", "time", "score"}


@pytest.mark.parametrize(
    "samples",
    [
        [],
        [b"not json", b"[1, 2]"],
        lines({"message": "hello"}),
        lines({"guardrail": "g", "time": TIME}),
        lines({"time": TIME, "score": 0.1}),
        lines({"guardrail": "g", "time": "yesterday", "score": 0.1}),
        lines({"guardrail": "g", "time": TIME, "score": 70}),
        [b"{" * 2000],
    ],
)
def test_for_what_is_no_event_nothing_is_proposed(samples: list[bytes]) -> None:
    assert proposed_mapping(samples) is None
