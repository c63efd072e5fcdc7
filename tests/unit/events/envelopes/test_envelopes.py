"""A conformance suite: every envelope, around records of several formats, gives what the bare record gives."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.events.envelopes.peel import MAX_ENVELOPES, MAX_EXPANDED, MAX_PARTS
from monitor.events.envelopes.registry import ENVELOPES
from monitor.events.formats.explain import explain
from monitor.events.formats.registry import FORMATS
from monitor.events.reasons import Reason
from tests.unit.events.blocks import block_of
from tests.unit.events.envelopes import wraps
from tests.unit.events.envelopes.wraps import TIME, TIME_MS, WRAPS
from tests.unit.events.formats.samples import SAMPLES, Sample, new_decoder, new_reader, read, sample

CANONICAL = {"v": 1, "guardrail": "own", "score": 0.25, "threshold": 0.5, "verdict": "allow", "stage": "input"}
INSIDE = {
    "canonical": CANONICAL,
    **{
        name: sample(name).record
        for name in ("litellm.list", "lakera.guard", "openai-moderation.flagged", "azure-openai.completion")
    },
}
FILLED = {"event_id", "request_id", "time", "app", "session_id", "v"}
every_wrap = pytest.mark.parametrize("name", WRAPS)


def unfilled(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in event.items() if key not in FILLED} for event in events]


@every_wrap
@pytest.mark.parametrize("inside", INSIDE)
def test_a_record_in_an_envelope_is_read_like_the_bare_one(name: str, inside: str) -> None:
    wrap, envelopes = WRAPS[name]
    value = wrap(INSIDE[inside])
    bare = [event for one in explain(new_reader(), json.dumps(INSIDE[inside]).encode()) for event in one.events]
    [explained] = explain(new_reader(), value)
    assert (explained.reason, explained.envelopes) == ("", envelopes)
    assert bare
    assert unfilled(explained.events) == unfilled(bare)
    for event, alone in zip(explained.events, bare, strict=True):
        assert {key: event[key] for key in alone if key != "v"} == {key: alone[key] for key in alone if key != "v"}
    decoded = new_decoder().decode(block_of([value]))
    assert (len(decoded.batch), decoded.rejected) == (len(bare), [])


@every_wrap
def test_in_an_envelope_every_format_is_read_like_bare(name: str) -> None:
    """The first sample of each format that is an object, all in one block."""
    firsts = {one.format: one for one in reversed(SAMPLES) if isinstance(one.record, dict) and not in_envelope(one)}
    assert len(firsts) >= len(FORMATS) - 1
    decoded = new_decoder().decode(block_of([WRAPS[name][0](one.record) for one in firsts.values()]))
    assert [(why.row, why.sentence) for why in decoded.rejected] == []
    guardrails = [decoded.batch.vocabulary.guardrail.text(code) for code in decoded.batch.guardrail.tolist()]
    expected = [(row, event["guardrail"]) for row, one in enumerate(firsts.values()) for event in one.events]
    assert list(zip(decoded.batch.offset.tolist(), guardrails, strict=True)) == expected


def in_envelope(one: Sample) -> bool:
    return bool(new_reader().recognise(one.value).envelopes)


def test_every_envelope_is_in_the_suite() -> None:
    shown = {envelope for _, envelopes in WRAPS.values() for envelope in envelopes}
    elsewhere = {"several", "otlp-protobuf", "bedrock-invocation-log", "wire-format", "avro-container"}
    assert shown <= {one.name for one in ENVELOPES} <= shown | elsewhere


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("fluent_bit", {"time": TIME_MS, "app": "chat"}),
        ("fluent_bit_parsed", {"time": TIME_MS}),
        ("fluent_bit_cri", {"time": TIME_MS}),
        ("cri", {"time": TIME_MS}),
        ("vector", {"time": TIME_MS}),
        ("logstash", {"time": TIME_MS, "app": "chat"}),
        ("datadog", {"app": "chat"}),
        ("datadog_archive", {"time": TIME_MS, "app": "chat"}),
        ("structured_logger", {"time": TIME_MS, "app": "chat"}),
        ("ecs_original", {"time": TIME_MS, "app": "chat"}),
        ("fluentd_pair", {"time": TIME_MS}),
        ("loki", {"time": TIME_MS, "app": "chat"}),
        ("otel_text", {"time": TIME_MS, "app": "chat"}),
        ("otel_map", {"time": TIME_MS}),
        ("cloudwatch", {"time": TIME_MS, "event_id": "canonical:3#0"}),
        ("kinesis", {"time": TIME_MS, "event_id": "canonical:shard:49#0"}),
        ("firehose", {"time": TIME_MS}),
        ("eventbridge", {"time": TIME_MS, "event_id": "canonical:e#0"}),
        ("sns", {"time": TIME_MS, "event_id": "canonical:m#0"}),
        ("sqs_lambda", {"time": TIME_MS, "event_id": "canonical:m#0", "session_id": "conversation"}),
        ("google_logging", {"time": TIME_MS, "event_id": "canonical:i#0", "app": "chat"}),
        ("pubsub", {"time": TIME_MS, "event_id": "canonical:1#0", "session_id": "conversation"}),
        ("azure_batch", {"time": TIME_MS}),
        ("debezium", {"time": TIME_MS}),
        ("splunk", {"time": TIME_MS}),
        ("batch_openai", {"event_id": "canonical:batch_req_1#0", "request_id": "r"}),
        ("batch_vertex", {"time": TIME_MS}),
    ],
)
def test_what_an_envelope_knows_fills_what_the_record_lacks_and_no_more(name: str, known: dict[str, Any]) -> None:
    [event] = read(WRAPS[name][0](CANONICAL))
    assert event == CANONICAL | known
    own = {"time": "2026-04-01T00:00:00Z", "app": "own", "event_id": "own", "session_id": "own", "request_id": "own"}
    assert read(WRAPS[name][0](CANONICAL | own)) == [CANONICAL | own]


def canonical(name: str) -> dict[str, Any]:
    return CANONICAL | {"guardrail": name}


BATCHES = {
    "array": lambda records: json.dumps(records).encode(),
    "ndjson": lambda records: b"\n".join(json.dumps(one).encode() for one in records) + b"\n",
    "concatenated": lambda records: b"".join(json.dumps(one).encode() for one in records),
    "text sequence": lambda records: b"".join(b"\x1e" + json.dumps(one).encode() + b"\n" for one in records),
    "pretty": lambda records: b"\n".join(json.dumps(one, indent=1).encode() for one in records),
    "event hubs": lambda records: json.dumps({"records": records}).encode(),
    "cloudwatch": lambda records: json.dumps(
        {
            "messageType": "DATA_MESSAGE",
            "logGroup": "g",
            "logEvents": [{"id": str(i), "message": json.dumps(one)} for i, one in enumerate(records)],
        }
    ).encode(),
    "firehose": lambda records: json.dumps(
        {"records": [{"data": base64.b64encode(json.dumps(one).encode()).decode()} for one in records]}
    ).encode(),
    "sqs": lambda records: json.dumps(
        {"Records": [{"messageId": str(i), "body": json.dumps(one)} for i, one in enumerate(records)]}
    ).encode(),
    "otel": lambda records: json.dumps(
        {
            "resourceLogs": [
                {"scopeLogs": [{"logRecords": [{"body": {"stringValue": json.dumps(r)}} for r in records]}]}
            ]
        }
    ).encode(),
}


@pytest.mark.parametrize("batch", BATCHES)
def test_each_record_of_a_batch_is_read_or_has_its_own_reason(batch: str) -> None:
    records = [
        canonical("a"),
        {"no": "format"},
        sample("lakera.guard").record,
        {"v": 1, "guardrail": "b", "score": 7},
    ]
    value = BATCHES[batch](records)
    explained = explain(new_reader(), value)
    assert [(one.format, one.reason) for one in explained] == [
        ("canonical", ""),
        ("unreadable", "unknown_format"),
        ("lakera", ""),
        ("canonical", "out_of_range"),
    ]
    decoded = new_decoder().decode(block_of([value], first_offset=5))
    names = [decoded.batch.vocabulary.guardrail.text(code) for code in decoded.batch.guardrail]
    assert names == ["a", "lakera", "lakera", "lakera"]
    assert [(why.row, why.offset, why.reason) for why in decoded.rejected] == [
        (0, 5, Reason.unknown_format),
        (0, 5, Reason.out_of_range),
    ]
    assert decoded.rejected[0].sentence.startswith("record 2 of 4 in this one: ")


def test_rejections_for_the_same_reason_are_one_letter_that_counts_them() -> None:
    decoded = new_decoder().decode(block_of([json.dumps([{"x": 1}, CANONICAL, {"x": 2}, {"x": 3}]).encode()]))
    assert len(decoded.batch) == 1
    [why] = decoded.rejected
    assert (why.times, why.sentence[:33]) == (3, "record 1 of 4 in this one and 2 m")


def test_records_of_one_batch_have_ids_of_their_own() -> None:
    value = json.dumps({"Type": "Notification", "MessageId": "m", "Message": json.dumps([CANONICAL] * 3)}).encode()
    ids = [event["event_id"] for event in read(value)]
    assert ids == ["canonical:m/0#0", "canonical:m/1#0", "canonical:m/2#0"]
    assert read(value) == read(value)


def test_a_broken_line_does_not_swallow_the_next_one() -> None:
    value = json.dumps(canonical("a")).encode() + b'\n{"v": 1, "guardrail": \n' + json.dumps(canonical("b")).encode()
    assert [(one.format, one.reason) for one in explain(new_reader(), value)] == [
        ("canonical", ""),
        ("unreadable", "invalid_json"),
        ("canonical", ""),
    ]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"messageType": "CONTROL_MESSAGE", "logGroup": "", "logEvents": [{"id": "", "message": "x"}]}, "no_verdict"),
        ({"schema": None, "payload": None}, "no_verdict"),
        ({"before": CANONICAL, "after": None, "source": {}, "op": "d"}, "no_verdict"),
        ({"messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": []}, "no_verdict"),
        ({"log": '{"v": 1, "guardrail": "cut of'}, "invalid_json"),
        ({"log": f"{TIME} stdout P " + json.dumps(CANONICAL)}, "invalid_json"),
        ({"log": "GET /health 200"}, "unknown_format"),
        ({"message": "GET /health 200"}, "unknown_format"),
        ({"log": "[" * 200}, "too_deep"),
        ({"id": "b", "custom_id": "1", "response": None, "error": {"code": "batch_expired"}}, "not_judged"),
        ({"custom_id": "1", "result": {"type": "expired"}}, "not_judged"),
        ({"event": "login", "user": "x"}, "unknown_format"),
    ],
)
def test_what_holds_no_record_has_a_reason(value: Any, reason: str) -> None:
    [one] = explain(new_reader(), json.dumps(value).encode())
    assert (one.reason, one.events) == (reason, [])
    [why] = new_decoder().decode(block_of([json.dumps(value).encode()])).rejected
    assert why.reason == reason


def test_a_record_that_is_of_a_format_is_not_taken_for_an_envelope() -> None:
    beside = {"message": json.dumps(CANONICAL), "log": json.dumps(CANONICAL), "records": [CANONICAL]}
    for name in ("lakera.guard", "openai-moderation.flagged", "litellm.list"):
        bare = sample(name)
        assert read(json.dumps(bare.record | beside).encode()) == bare.events
    assert read(json.dumps(CANONICAL | beside).encode()) == []  # as it stands: the canonical decoder's


def nested(times: int) -> bytes:
    value: Any = CANONICAL
    for _ in range(times):
        value = {"log": json.dumps(value)}
    return json.dumps(value).encode()


def test_envelopes_are_opened_so_deep_and_no_deeper() -> None:
    assert len(read(nested(MAX_ENVELOPES))) == 1
    [one] = explain(new_reader(), nested(MAX_ENVELOPES + 1))
    assert one.reason == "too_deep"


def bomb(times: int, size: int) -> bytes:
    data = b'{"v": 1, "pad": "' + b"0" * size + b'"}'
    for _ in range(times):
        data = gzip.compress(data)
    return data


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (bomb(1, 2 * MAX_EXPANDED), "too_large"),
        (bomb(3, 2 * MAX_EXPANDED), "too_large"),
        (bomb(MAX_ENVELOPES + 2, 10), "too_deep"),
        (gzip.compress(b"{" * 100_000, mtime=0), "too_deep"),
        (gzip.compress(json.dumps(CANONICAL).encode(), mtime=0)[:-9], "invalid_json"),
        (b"\x1f\x8b\x08" + b"\xff" * 60, "invalid_json"),
        (json.dumps([{"x": 1}] * (MAX_PARTS + 1)).encode(), "out_of_range"),
        (b"{}" * (MAX_PARTS + 1), "out_of_range"),
    ],
)
def test_bombs_are_refused_with_a_reason(value: bytes, reason: str) -> None:
    [one] = explain(new_reader(), value)
    assert one.reason == reason


def test_many_small_bombs_are_not_one_large_one() -> None:
    one = base64.b64encode(bomb(1, MAX_EXPANDED // 2)).decode()
    explained = explain(new_reader(), json.dumps({"records": [{"data": one}] * 20}).encode())
    assert len(explained) == 20
    assert {part.reason for part in explained[2:]} == {"too_large"}


@every_wrap
def test_damaged_at_every_byte_a_record_has_one_outcome(name: str) -> None:
    whole = WRAPS[name][0](CANONICAL)
    values = [whole[:at] for at in range(1, len(whole))]
    values += [whole[:at] + b"\x00" + whole[at + 1 :] for at in range(len(whole))]
    values += [whole[:at] + b'"' + whole[at + 1 :] for at in range(len(whole))]
    decoded = new_decoder().decode(block_of(values))
    seen = {*decoded.batch.offset.tolist(), *(why.offset for why in decoded.rejected)}
    assert seen == set(range(len(values)))
    assert all(len(why.sentence) < 300 for why in decoded.rejected)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(list(WRAPS)), max_size=7), st.sampled_from(sorted(INSIDE)), st.data())
def test_envelopes_in_any_order_and_damaged_anywhere_have_one_outcome(
    names: list[str], inside: str, data: st.DataObject
) -> None:
    value = json.dumps(INSIDE[inside]).encode()
    for name in names:
        try:
            value = WRAPS[name][0](json.loads(value))
        except ValueError:  # it is no JSON any more: what is left can only be put into text
            value = gzip.compress(value)
    values = [value]
    for _ in range(3):
        at = data.draw(st.integers(0, len(value) - 1))
        values.append(value[:at] + data.draw(st.binary(max_size=3)) + value[at + 1 :])
    decoded = new_decoder().decode(block_of(values))
    assert {*decoded.batch.offset.tolist(), *(why.offset for why in decoded.rejected)} == set(range(len(values)))


@every_wrap
def test_no_value_of_an_envelope_is_quoted(name: str) -> None:
    secret = "SECRET-4111-1111"
    record = {"text": secret, "prompt": secret, secret: 1}
    explained = explain(new_reader(), WRAPS[name][0](record))
    assert all(one.reason and secret not in one.sentence for one in explained)
    decoded = new_decoder().decode(block_of([WRAPS[name][0](record), WRAPS[name][0](CANONICAL | {"v": secret})]))
    assert len(decoded.rejected) == 2
    assert all(secret not in why.sentence for why in decoded.rejected)


def test_half_a_surrogate_pair_in_an_envelope_is_read_like_a_bare_one() -> None:
    record = CANONICAL | {"text": "cut \ud83d", "x\ud83d": 1}
    for wrap in (wraps.fluent_bit, wraps.array, wraps.kafka_connect):
        [one] = explain(new_reader(), wrap(record))
        assert (one.reason, one.events[0]["text"]) == ("", "(5 long, dropped)")
        "\n".join(one.dropped).encode()
        assert len(new_decoder().decode(block_of([wrap(record)])).batch) == 1
