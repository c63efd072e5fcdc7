"""Confluent's wire format: a 0 byte, the number of a schema in four bytes, and JSON, Avro or Protobuf of that schema.

Source: docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop, wire format. JSON needs no
schema to be read; for Avro and Protobuf it comes from ``source.schema_registry``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, Final

from monitor.events.envelopes.avro import parsed_schema, read_avro
from monitor.events.envelopes.protobuf import message_types, read_protobuf
from monitor.events.envelopes.schemas import Schema, Schemas
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner
from monitor.events.reasons import Reason, Rejection

NAME: Final = "wire-format"
HEADER_BYTES: Final = 5
MAX_KNOWN: Final = 1_000
"""Schemas that are kept ready; a topic has a few."""
_Read = Callable[[bytes], Any]


def wire_format(schemas: Schemas | None) -> Envelope:
    """The envelope, with the registry of the settings; None if there is none: then only JSON is read."""
    known: dict[int, _Read | Rejection] = {}

    def reader_of(number: int) -> _Read | None:
        if schemas is None:
            return None
        if number not in known:
            schema = schemas.schema(number)
            if schema is None:
                return None  # it may be registered later
            if len(known) >= MAX_KNOWN:
                known.clear()
            try:
                known[number] = _reader(schema)
            except Rejection as why:
                known[number] = why
        found = known[number]
        if isinstance(found, Rejection):
            raise found
        return found

    def opened(record: bytes) -> Inner:
        number, payload = int.from_bytes(record[1:HEADER_BYTES], "big"), record[HEADER_BYTES:]
        reads = reader_of(number)
        if reads is not None:
            return reads(payload), Identity()
        if _is_json(payload):
            return payload, Identity()
        if schemas is None:
            raise Rejection(
                Reason.unknown_format,
                f"begins with a schema-registry header (schema {number}), no JSON in it; set source.schema_registry",
            )
        raise Rejection(Reason.unknown_format, f"the schema registry has no schema {number}")

    return Envelope(
        name=NAME,
        title="schema registry (Confluent wire format): JSON, Avro, Protobuf",
        keys=(),
        fits=_fits,
        keep=VALUE,
        open=opened,
        dropped="the schema's number",
    )


def _fits(record: Any) -> str | None:
    if not isinstance(record, bytes) or len(record) <= HEADER_BYTES or record[0] != 0:
        return None
    return "a 0 byte and the number of a schema"


def _is_json(payload: bytes) -> bool:
    return payload[:64].lstrip()[:1] in (b"{", b"[")


def _reader(schema: Schema) -> _Read:
    if schema.kind == "PROTOBUF":
        file = message_types(schema)
        return lambda payload: read_protobuf(file, payload)
    if schema.kind == "AVRO":
        parsed = parsed_schema(schema.text, (one.text for one in _imported(schema)))
        return lambda payload: _avro(parsed, payload)
    return lambda payload: payload


def _avro(parsed: Any, payload: bytes) -> Any:
    stream = BytesIO(payload)
    value = read_avro(parsed, stream)
    if stream.tell() != len(payload):
        raise Rejection(Reason.invalid_json, "avro: bytes are left over, so the data are of another schema")
    return value


def _imported(schema: Schema) -> Iterator[Schema]:
    """The schemas that a schema names, each after those that it names itself."""
    for reference in schema.references.values():
        yield from _imported(reference)
        yield reference


ENVELOPE: Final = wire_format(None)
