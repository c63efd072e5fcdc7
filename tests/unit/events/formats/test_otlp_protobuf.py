"""OTLP protobuf gives what the same export as OTLP JSON gives."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from monitor.events.reasons import Reason
from tests.unit.events.blocks import block_of
from tests.unit.events.formats.samples import new_decoder, read, sample


def protobuf(record: dict[str, Any], message: Message) -> bytes:
    """OTLP JSON writes ids as hexadecimal digits, the protobuf library's JSON as base64."""
    text = json.dumps(record)
    for name in ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"):
        text = text.replace(f'"{name}"', f'"{base64.b64encode(bytes.fromhex(name)).decode()}"')
    return ParseDict(json.loads(text), message).SerializeToString()


@pytest.mark.parametrize(
    ("name", "message"),
    [("otel.log-batch", ExportLogsServiceRequest()), ("otel.guardrail-newest", ExportTraceServiceRequest())],
)
def test_protobuf_and_json_say_the_same(name: str, message: Message) -> None:
    one = sample(name)
    assert read(protobuf(one.record, message)) == one.events


def test_an_export_without_verdicts_and_bytes_that_are_no_export_are_refused() -> None:
    empty = ExportLogsServiceRequest()
    empty.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=1).body.string_value = "secret"
    decoded = new_decoder().decode(block_of([empty.SerializeToString(), b"\x0a\xff\xff", b"\x0a\x05abc"]))
    assert [why.reason for why in decoded.rejected] == [Reason.no_verdict, Reason.invalid_json, Reason.invalid_json]
    assert all("secret" not in why.sentence for why in decoded.rejected)


def test_a_log_whose_body_is_a_record_is_read() -> None:
    export = ExportLogsServiceRequest()
    log = export.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=1_777_629_600_000_000_000)
    log.body.string_value = sample("lakera.guard").value.decode()
    lakera = [event | {"time": event.get("time", 1_777_629_600_000)} for event in sample("lakera.guard").events]
    assert read(export.SerializeToString()) == lakera


def test_json_that_begins_with_a_line_feed_is_still_json() -> None:
    assert read(b"\n" + sample("otel.evaluation").value) == sample("otel.evaluation").events
