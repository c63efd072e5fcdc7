"""Compiled mappings: what the scan reads is what the interpreter reads, and what it is not sure of it leaves."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.events.batch import Verdict, Vocabulary
from monitor.events.decode import Decoded
from monitor.events.formats.compiled_mapping import compiled
from monitor.events.formats.decoder import FormatDecoder
from monitor.events.reasons import Reason
from monitor.settings import Settings
from monitor.wiring.decoding import block_decoder
from tests.unit.events.blocks import KEY, block_of, comparable
from tests.unit.events.formats.samples import sample

RECORD: dict[str, Any] = {
    "id": 41,
    "kind": "check",
    "at": {"seen": 1767225600.25},
    "who": {"name": "toxicity", "release": "3", "a_key_of_more_than_twenty_four_bytes": "output"},
    "found": {"points": 80, "limit": 50, "word": "BLOCK", "hits": ["a", "b"], "late": False},
    "prompt": "tell me a secret",
    "ms": 12.5,
    "tags": {"team": "x"},
}
MAPPING: dict[str, Any] = {
    "when": "kind == 'check' && found != `null`",
    "guardrail": "who.name",
    "guardrail_version": "who.release",
    "stage": "who.a_key_of_more_than_twenty_four_bytes",
    "event_id": "id",
    "request_id": "id",
    "time": "at.seen",
    "score": "found.points",
    "threshold": "found.limit",
    "score_kind": "'quantised'",
    "verdict": "found.word",
    "verdicts": ["BLOCK = deny", "pass = allow", "true = deny", "2 = flag"],
    "refusal": "found.late",
    "rules": "found.hits",
    "labels": "tags",
    "text": "prompt",
    "latency_ms": "ms",
    "highest": 100,
}
CANONICAL_WORDS = {
    "when": "found",
    "guardrail": "'g'",
    "category": "kind",
    "verdict": "found.word",
    "action": "found.act",
    "harmful": "found.late",
    "score": "found.points",
    "score_semantics": "'label_confidence'",
    "fingerprint": "mark",
    "turn": "id",
    "finish_reason": "who.name",
    "language": "found.missing",
}
WHENS = ["found", "kind", "found.hits", "kind != 'call'", "kind == `null`", "found.late == `false`", "ms && kind"]
THRESHOLDS = ["toxicity >= 40", "g/check >= 0.25", "g >= 30"]


def decoder_of(mapping: dict[str, Any], *, scan: bool = True, **source: Any) -> FormatDecoder:
    given_ = Settings.model_validate(
        {
            "source": {"files": {"paths": "x.jsonl"}, "format": "mapping", "mapping": mapping, **source},
            "budget": {"pages": 1},
        },
    )
    decoder = block_decoder(given_, Vocabulary.bounded(), KEY)
    assert isinstance(decoder, FormatDecoder)
    assert decoder._scan is not None
    if not scan:
        decoder._scan = None
    return decoder


def both(mapping: dict[str, Any], *values: bytes, **source: Any) -> tuple[Decoded, int]:
    """The result with the scan, which must be that without it; and how many records the scan read."""
    block = block_of(values)
    fast, slow = decoder_of(mapping, **source), decoder_of(mapping, scan=False, **source)
    found, wanted = fast.decode(block), slow.decode(block)
    assert found.rejected == wanted.rejected
    assert comparable(found.batch) == comparable(wanted.batch)
    assert fast._scan is not None
    return found, int(fast._scan(block).keep.sum())


def as_json(*records: Any) -> list[bytes]:
    return [json.dumps(record, ensure_ascii=False).encode() for record in records]


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, 2, -1, 80, 1e400, 100.0000001, 100.01, 10**17, 10**18, 10**19, 2**53 + 1, 1767225600]),
    st.sampled_from([1767225600123, 1767225600123456, 1767225600123456789, 0.1, 1e-7, 12345678.9, 1e16]),
    st.sampled_from(["", "BLOCK", " block", "Pass", "true", "2", "deny", "check", "input", "K", "a\u0130", "\ud800"]),
    st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01 00:00:00", "1767225600", 'a"\\b', "\x00", "é" * 100]),
    st.sampled_from(["9f3c21aa07d4e6b1", "stop", "nine words that read like a prompt of a user"]),
    st.sampled_from([[], {}, ["a"], [1], {"a": "b"}, {"name": {"x": 1}}, [[]], {"": 1}]),
)
PATHS = [
    ("id",),
    ("kind",),
    ("at",),
    ("at", "seen"),
    ("who", "name"),
    ("who", "a_key_of_more_than_twenty_four_bytes"),
    ("found",),
    ("found", "points"),
    ("found", "limit"),
    ("found", "word"),
    ("found", "act"),
    ("found", "hits"),
    ("found", "late"),
    ("prompt",),
    ("ms",),
    ("tags",),
    ("mark",),
    ("unknown",),
]


def changed(changes: list[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    record = json.loads(json.dumps(RECORD))
    for path, value in changes:
        inner = record
        for key in path[:-1]:
            if not isinstance(inner.get(key), dict):
                inner[key] = {}
            inner = inner[key]
        inner[path[-1]] = value
    return record


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from([MAPPING, CANONICAL_WORDS]),
    st.sampled_from([MAPPING["when"], *WHENS]),
    st.lists(st.lists(st.tuples(st.sampled_from(PATHS), ODD), max_size=3), min_size=1, max_size=4),
    st.booleans(),
)
def test_the_scan_reads_what_the_interpreter_reads(
    mapping: dict[str, Any], when: str, records: list[list[tuple[tuple[str, ...], Any]]], ascii_only: bool
) -> None:
    values = [
        json.dumps(changed(changes), ensure_ascii=ascii_only).replace("Infinity", "1e999").encode(errors="replace")
        for changes in records
    ]
    both(mapping | {"when": when}, *values, thresholds=THRESHOLDS)


@settings(max_examples=250, deadline=None)
@given(st.integers(0, len(json.dumps(RECORD)) - 1), st.binary(max_size=2), st.integers(0, 3))
def test_a_damaged_record_is_read_by_neither_or_by_both(at: int, piece: bytes, cut: int) -> None:
    value = json.dumps(RECORD).encode()
    both(MAPPING, value[:at] + piece + value[at + cut :])


@pytest.mark.parametrize(
    "value",
    [
        b'{"kind": "check", "kind": "call", "who": {"name": "g"}, "found": {"points": 1}}',
        b'{"kind": "check", "who": {"name": "g"}, "who": {}, "found": {"points": 1}}',
        b'{"kind": "check", "who": {"na\\u006de": "g"}, "found": {"points": 1}}',
        b'{"kind": "che\\u0063k", "who": {"name": "g"}, "found": {"points": 1}}',
        b'{"kind": "check", "who": {"name": "g"}, "found": {"points": 1}} {"kind": "check"}',
        b'[{"kind": "check", "who": {"name": "g"}, "found": {"points": 1}}]',
        b'{"kind": "check", "who": {"name": "g"}, "found": {"points": 1}, "n": 1' + b"0" * 4_400 + b"}",
        b'{"kind": "check", "who": {"name": "g"}, "found": {"points": 1}, "n": ' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {"kind": "check"}}',
        b'{"kind": "check", "who": {"name": "g"}, "found": {"other": 1}}',
        b"\xef\xbb\xbf{}",
        b"{}",
        b"",
    ],
)
def test_what_is_unusual_is_left_to_the_interpreter(value: bytes) -> None:
    _, scanned = both(MAPPING, value, json.dumps(RECORD).encode())
    assert scanned == 1


def test_ordinary_records_are_all_read_by_the_scan_in_any_order_of_keys() -> None:
    turned = dict(reversed(RECORD.items()))
    others = [changed([(("found", "word"), True)]), changed([(("at", "seen"), "2026-01-01T00:00:00Z")])]
    pretty = json.dumps(RECORD, indent=2).encode()
    found, scanned = both(MAPPING, *as_json(RECORD, turned, *others), pretty)
    assert (scanned, found.rejected) == (5, [])
    assert found.batch.verdict.tolist() == [Verdict.deny] * 5
    assert found.batch.score.tolist() == [0.8] * 5


def test_records_that_the_mapping_is_not_for_keep_their_place_among_the_others() -> None:
    values = as_json(RECORD, {"kind": "call"}, changed([(("who", "name"), "é\u0001")]), RECORD)
    found, scanned = both(MAPPING, *values)
    assert (scanned, found.batch.offset.tolist()) == (2, [0, 3])
    assert [(why.offset, why.reason) for why in found.rejected] == [
        (1, Reason.unknown_format),
        (2, Reason.out_of_range),
    ]


def test_with_auto_what_may_be_of_another_format_or_canonical_is_left_to_the_reader() -> None:
    lakera = sample("lakera.guard").value
    values = [*as_json(RECORD, RECORD | {"flagged": True}), lakera]
    found, scanned = both(MAPPING, *values, format="auto")
    assert (scanned, len(found.batch)) == (1, 5)
    canonical = as_json({"v": 1, "guardrail": "own"}, RECORD)
    found, _ = both(MAPPING, *canonical, format="auto")
    assert len(found.batch) == 2


@pytest.mark.parametrize(("guardrail", "threshold"), [("toxicity", 0.4), ("g", 0.3), ("other", None)])
def test_thresholds_of_the_settings_are_on_the_scale_of_the_mapping(guardrail: str, threshold: float | None) -> None:
    mapping = {name: text for name, text in MAPPING.items() if name != "threshold"}
    found, scanned = both(mapping, *as_json(changed([(("who", "name"), guardrail)])), thresholds=THRESHOLDS)
    assert scanned == 1
    expected = np.nan if threshold is None else threshold
    assert np.array_equal(found.batch.threshold, [expected], equal_nan=True)


@pytest.mark.parametrize(
    "change",
    [
        {"score": "found.points || `0`"},
        {"verdict": "found.hits[0]"},
        {"text": "'constant'"},
        {"stage": "'nowhere'"},
        {"category": "found"},
        {"when": "found.points > `1`"},
        {"when": "kind || found"},
        {"when": "found.points == `1`"},
        {"when": "kind == 'a\"b'"},
    ],
)
def test_more_than_paths_and_constants_is_not_compiled(change: dict[str, str]) -> None:
    mapping = {name: text for name, text in MAPPING.items() if name not in ("verdicts", "highest")} | change
    when = mapping.pop("when")
    assert compiled(mapping, when=when) is None


def test_a_path_below_a_key_of_another_format_is_not_compiled() -> None:
    assert compiled({"guardrail": "'g'", "verdict": "result.word"}, when="result", aside=["result"]) is None
