"""Confluent's wire format with JSON, Avro and Protobuf; Avro containers; what hostile records could do with them."""

from __future__ import annotations

import datetime
import io
import json
from pathlib import Path
from typing import Any

import fastavro
import httpx
import pytest
import zstandard
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from monitor.errors import SourceRefused, SourceUnavailable
from monitor.events.envelopes.avro_container import Container
from monitor.events.envelopes.registry import ENVELOPES, envelopes_with
from monitor.events.formats.explain import explain
from monitor.events.formats.format import Context
from monitor.events.formats.reader import Reader
from monitor.events.formats.registry import FORMATS
from monitor.events.reasons import Rejection
from monitor.ingestion.schema_registry import MAX_UNKNOWN, UNKNOWN_FOR_S, RegistryOptions, SchemaRegistry
from monitor.settings.secret import SecretPlace
from tests.unit.events.envelopes.registries import PASSWORD, USER, FakeRegistry

EVENT = {"v": 1, "guardrail": "own", "score": 0.25, "threshold": 0.5, "verdict": "allow", "input_length": 135}
AVRO = {
    "type": "record",
    "name": "Verdict",
    "namespace": "guard",
    "fields": [
        {"name": "v", "type": "int"},
        {"name": "guardrail", "type": "string"},
        {"name": "score", "type": ["null", "double"], "default": None},
        {"name": "threshold", "type": "double"},
        {"name": "verdict", "type": {"type": "enum", "name": "V", "symbols": ["allow", "flag", "deny", "modify"]}},
        {"name": "input_length", "type": "long"},
        {"name": "time", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": None},
    ],
}
TIME = datetime.datetime(2026, 5, 1, 10, tzinfo=datetime.UTC)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def client(fake: FakeRegistry, tmp_path: Path, *, user: str = USER, timer: Clock | None = None) -> SchemaRegistry:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    options = RegistryOptions("http://registry:8081", user, SecretPlace(file=secret))
    return SchemaRegistry(options, transport=httpx.MockTransport(fake.answer), timer=timer or Clock())


def reader(schemas: Any = None) -> Reader:
    return Reader(FORMATS, ENVELOPES if schemas is None else envelopes_with(schemas), Context(), max_depth=32)


def framed(number: int, payload: bytes) -> bytes:
    return b"\0" + number.to_bytes(4, "big") + payload


def avro(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def proto_file(package: str = "guard") -> FileDescriptorProto:
    """syntax proto3; message Other {}  message Batch { message Verdict {...} }"""
    file = FileDescriptorProto(name="x.proto", package=package, syntax="proto3")
    file.message_type.add(name="Other")
    inner = file.message_type.add(name="Batch").nested_type.add(name="Verdict")
    kinds = FieldDescriptorProto
    fields = [
        ("v", kinds.TYPE_INT32),
        ("guardrail", kinds.TYPE_STRING),
        ("score", kinds.TYPE_DOUBLE),
        ("threshold", kinds.TYPE_DOUBLE),
        ("verdict", kinds.TYPE_STRING),
        ("input_length", kinds.TYPE_INT64),
    ]
    for number, (name, kind) in enumerate(fields, 1):
        inner.field.add(name=name, number=number, type=kind, label=kinds.LABEL_OPTIONAL)
    return file


def message(file: FileDescriptorProto, *imports: FileDescriptorProto, **values: Any) -> bytes:
    pool = descriptor_pool.DescriptorPool()
    for one in (*imports, file):
        pool.Add(one)
    found = pool.FindFileByName(file.name).message_types_by_name["Batch"].nested_types_by_name["Verdict"]
    return message_factory.GetMessageClass(found)(**values).SerializeToString()


INDEXES = b"\x04\x02\x00"  # two of them, zigzag: 1, 0


def test_json_behind_the_header_needs_no_registry() -> None:
    [one] = explain(reader(), framed(7, json.dumps(EVENT).encode()))
    assert (one.reason, one.envelopes, one.events) == ("", ["wire-format"], [EVENT])


def test_without_a_registry_avro_is_refused_with_the_way_out() -> None:
    [one] = explain(reader(), framed(7, b"\x02\x06own"))
    assert one.reason == "unknown_format"
    assert one.sentence == (
        "begins with a schema-registry header (schema 7), no JSON in it; set source.schema_registry"
    )


def test_avro_is_read_by_its_schema_which_is_asked_for_once(tmp_path: Path) -> None:
    fake = FakeRegistry()
    number = fake.add("AVRO", AVRO)
    reads = reader(client(fake, tmp_path))
    for _ in range(3):
        [one] = explain(reads, framed(number, avro(AVRO, EVENT | {"time": TIME})))
        assert (one.reason, one.envelopes) == ("", ["wire-format"])
        assert one.events == [EVENT | {"time": "2026-05-01T10:00:00+00:00"}]
    assert fake.asked == ["/schemas/ids/1"]


def test_avro_with_references_is_read(tmp_path: Path) -> None:
    fake = FakeRegistry()
    verdict = AVRO["fields"][4]["type"] | {"namespace": "guard"}  # type: ignore[index]
    fake.add("AVRO", verdict, subject="guard.V")
    fields = [one if one["name"] != "verdict" else one | {"type": "guard.V"} for one in AVRO["fields"]]  # type: ignore[attr-defined]
    reference = {"name": "guard.V", "subject": "guard.V", "version": 1}
    number = fake.add("AVRO", AVRO | {"fields": fields}, references=[reference])
    [one] = explain(reader(client(fake, tmp_path)), framed(number, avro(AVRO, EVENT)))
    assert (one.reason, one.events) == ("", [EVENT])


def test_protobuf_is_read_by_the_message_that_the_indexes_name(tmp_path: Path) -> None:
    fake, file = FakeRegistry(), proto_file()
    number = fake.add("PROTOBUF", file)
    reads = reader(client(fake, tmp_path))
    [one] = explain(reads, framed(number, INDEXES + message(file, **EVENT)))
    assert (one.reason, one.envelopes, one.events) == ("", ["wire-format"], [EVENT])
    [zero] = explain(reads, framed(number, INDEXES + message(file, **EVENT | {"score": 0.0})))
    assert zero.events == [EVENT | {"score": 0.0}]  # a score of 0 is not on the wire
    assert fake.asked == ["/schemas/ids/1", "/schemas/ids/1?format=serialized"]


def test_protobuf_with_references_and_well_known_types_is_read(tmp_path: Path) -> None:
    fake = FakeRegistry()
    shared = FileDescriptorProto(name="shared.proto", package="shared", syntax="proto3")
    level = shared.enum_type.add(name="Verdict")
    for number, name in enumerate(("none", "allow", "deny")):
        level.value.add(name=name, number=number)
    fake.add("PROTOBUF", shared, subject="shared.proto")
    file = proto_file()
    file.dependency.extend(["shared.proto", "google/protobuf/timestamp.proto"])
    inner = file.message_type[1].nested_type[0]
    verdict = next(one for one in inner.field if one.name == "verdict")
    verdict.type, verdict.type_name = FieldDescriptorProto.TYPE_ENUM, ".shared.Verdict"
    inner.field.add(
        name="time", number=20, type=FieldDescriptorProto.TYPE_MESSAGE, type_name=".google.protobuf.Timestamp"
    )
    reference = {"name": "shared.proto", "subject": "shared.proto", "version": 1}
    number = fake.add("PROTOBUF", file, references=[reference])
    stamp = FileDescriptorProto()
    descriptor_pool.Default().FindFileByName("google/protobuf/timestamp.proto").CopyToProto(stamp)
    body = message(file, stamp, shared, **EVENT | {"verdict": "deny", "time": {"seconds": 1_777_629_600}})
    [one] = explain(reader(client(fake, tmp_path)), framed(number, INDEXES + body))
    assert (one.reason, one.events) == ("", [EVENT | {"verdict": "deny", "time": "2026-05-01T10:00:00Z"}])


def test_what_is_not_of_its_schema_is_refused(tmp_path: Path) -> None:
    fake = FakeRegistry()
    of_avro, of_proto = fake.add("AVRO", AVRO), fake.add("PROTOBUF", proto_file())
    of_json = fake.add("JSON", {"type": "object"})
    reads = reader(client(fake, tmp_path))
    whole, good = avro(AVRO, EVENT), INDEXES + message(proto_file(), **EVENT)
    for value, reason in [
        (framed(of_avro, whole[:-1]), "invalid_json"),
        (framed(of_avro, whole + b"x"), "invalid_json"),
        (framed(of_avro, b"\x02\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "invalid_json"),
        (framed(of_proto, good[:-1]), "invalid_json"),
        (framed(of_proto, b"\x04\x02\x08" + good[3:]), "unknown_format"),
        (framed(of_proto, b"\xff" * 11), "invalid_json"),
        (framed(of_json, b"{"), "invalid_json"),
        (framed(99, whole), "unknown_format"),
    ]:
        [one] = explain(reads, value)
        assert (one.reason, one.events) == (reason, []), value
    for at in range(len(whole)):
        assert explain(reads, framed(of_avro, whole[:at] + b"\xff" + whole[at + 1 :]))
        assert explain(reads, framed(of_proto, good[:at] + b"\xff" + good[at + 1 :]))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "record", "name": "R", "fields": [{"name": "r", "type": ["null", "R"]}]},
        {"type": "array", "items": "null"},
        {"type": "array", "items": {"type": "record", "name": "E", "fields": []}},
        "nonsense",
        "{",
    ],
)
def test_schemas_that_a_few_bytes_could_blow_up_are_refused(schema: Any, tmp_path: Path) -> None:
    fake = FakeRegistry()
    number = fake.add("AVRO", schema)
    bomb = b"\x02" * 1_000_000 if "R" in str(schema) else b"\xfe\xff\xff\xff\xff\xff\x01\x00"
    [one] = explain(reader(client(fake, tmp_path)), framed(number, bomb))
    assert one.reason == "unknown_format"


def test_a_registry_that_is_down_or_busy_is_tried_again_and_no_record_given_up(tmp_path: Path) -> None:
    fake = FakeRegistry(down=True)
    number = fake.add("AVRO", AVRO)
    reads = reader(client(fake, tmp_path))
    value = framed(number, avro(AVRO, EVENT))
    with pytest.raises(SourceUnavailable, match="schema registry registry: ConnectError"):
        explain(reads, value)
    fake.down, fake.status = False, 503
    with pytest.raises(SourceUnavailable, match="503"):
        explain(reads, value)
    fake.status = 200
    assert explain(reads, value)[0].events == [EVENT]


def test_a_registry_that_does_not_let_us_in_is_said_without_the_password(tmp_path: Path) -> None:
    fake = FakeRegistry()
    with pytest.raises(SourceRefused, match="answers 401") as refused:
        client(fake, tmp_path, user="other").schema(1)
    assert PASSWORD not in str(refused.value)
    fake.status = 302
    with pytest.raises(SourceRefused, match="check its URL"):
        client(fake, tmp_path).schema(1)


def test_unknown_numbers_are_remembered_for_a_while_and_only_so_many_are_asked_for(tmp_path: Path) -> None:
    fake, clock = FakeRegistry(), Clock()
    registry = client(fake, tmp_path, timer=clock)
    for number in [*range(1_000), *range(1_000)]:
        assert registry.schema(number) is None
    assert len(fake.asked) == MAX_UNKNOWN
    number = fake.add("AVRO", AVRO)
    assert registry.schema(number) is None
    clock.now += UNKNOWN_FOR_S + 1
    assert registry.schema(number) is not None


def container(count: int, codec: str, schema: Any = AVRO, value: Any = EVENT) -> bytes:
    out = io.BytesIO()
    fastavro.writer(out, fastavro.parse_schema(schema), [value] * count, codec=codec, sync_interval=200)
    return out.getvalue()


def zstandard_container(count: int) -> bytes:
    """By hand: fastavro writes this codec with a package of its own only."""
    meta = {"avro.schema": json.dumps(AVRO).encode(), "avro.codec": b"zstandard"}
    objects = zstandard.ZstdCompressor().compress(avro(AVRO, EVENT) * count)
    sizes = avro("long", count) + avro("long", len(objects))
    sync = bytes(range(16))
    return b"Obj\x01" + avro({"type": "map", "values": "bytes"}, meta) + sync + sizes + objects + sync


@pytest.mark.parametrize("codec", ["null", "deflate", "zstandard", "snappy"])
def test_an_avro_container_gives_its_objects(codec: str) -> None:
    value = zstandard_container(50) if codec == "zstandard" else container(50, codec)
    explained = explain(reader(), value)
    assert [one.events for one in explained] == [[EVENT]] * 50
    assert {tuple(one.envelopes) for one in explained} == {("avro-container",)}
    pieces = Container()
    found = [one for at in range(0, len(value), 7) for one in pieces.feed(value[at : at + 7])]
    pieces.end()
    assert len(found) == 50


def test_event_hubs_capture_gives_the_record_in_its_body() -> None:
    fields = [{"name": "SequenceNumber", "type": "long"}, {"name": "Body", "type": ["null", "bytes"]}]
    schema = {"type": "record", "name": "EventData", "fields": fields}
    value = container(2, "null", schema, {"SequenceNumber": 1, "Body": json.dumps(EVENT).encode()})
    assert [one.events for one in explain(reader(), value)] == [[EVENT]] * 2


def test_a_damaged_container_has_one_outcome_and_a_bomb_is_refused() -> None:
    value = container(3, "null")
    for at in range(4, len(value)):
        assert explain(reader(), value[:at] + b"\xff" + value[at + 1 :])
        assert explain(reader(), value[:at])
    text = {"type": "record", "name": "T", "fields": [{"name": "t", "type": "string"}]}
    [one] = explain(reader(), container(1, "deflate", text, {"t": "0" * (40 << 20)}))
    assert one.reason == "too_large"
    head = container(1, "null", {"type": "record", "name": "E", "fields": []}, {})
    with pytest.raises(Rejection):
        Container().feed(head[:-18] + b"\xfe\xff\xff\xff\x0f\x00" + head[-16:])


def test_descriptors_are_what_the_fake_serves() -> None:
    assert descriptor_pb2.FileDescriptorProto.FromString(proto_file().SerializeToString()) == proto_file()
