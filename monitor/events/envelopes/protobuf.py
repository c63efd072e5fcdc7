"""Protobuf messages of a registry's schema to plain JSON values.

Fields without presence have their default where the message leaves it out, as in proto3: a score of 0 and a false are
not on the wire. Of fields with presence only those that are there are read.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message

# The files that every .proto may import: loading them puts them into the default pool.
from google.protobuf import any_pb2, duration_pb2, empty_pb2, struct_pb2, timestamp_pb2, wrappers_pb2  # noqa: F401 # isort: skip

from monitor.events.envelopes.schemas import Schema
from monitor.events.reasons import Reason, Rejection

MAX_REFERENCES: Final = 100
_WELL_KNOWN: Final = "google.protobuf."


def message_types(schema: Schema) -> FileDescriptor:
    """The file of a schema, with what it imports.

    Raises:
        Rejection: it is none.
    """
    if "message" in schema.text and "{" in schema.text:  # neither is in base64
        raise Rejection(
            Reason.unknown_format,
            "protobuf: the registry gives the schema's source and not its descriptor (format=serialized)",
        )
    pool = descriptor_pool.DescriptorPool()
    try:
        return _file(pool, "schema.proto", schema, {})
    except (DecodeError, TypeError, KeyError, ValueError, binascii.Error, RecursionError):
        raise Rejection(Reason.unknown_format, "protobuf: the schema cannot be read") from None


def read_protobuf(file: FileDescriptor, payload: bytes) -> dict[str, Any]:
    """The message behind the path of message indexes that the wire format puts before it.

    Raises:
        Rejection: there is no such message type, or the bytes are not of it.
    """
    path, begin = _indexes(payload)
    try:
        types = list(file.message_types_by_name.values())
        found: Descriptor = types[path[0]]
        for index in path[1:]:
            found = found.nested_types[index]
        return _plain(message_factory.GetMessageClass(found).FromString(payload[begin:]))
    except IndexError:
        raise Rejection(Reason.unknown_format, "protobuf: the schema has no message of this index") from None
    except (DecodeError, ValueError, TypeError, RecursionError):
        raise Rejection(Reason.invalid_json, "protobuf: the data are not of their schema") from None


def _file(
    pool: descriptor_pool.DescriptorPool, name: str, schema: Schema, known: dict[str, FileDescriptor]
) -> FileDescriptor:
    if len(known) > MAX_REFERENCES:
        raise ValueError("too many references")
    proto = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(schema.text, validate=True))
    proto.name = name
    for imported in proto.dependency:
        if imported in known:
            continue
        if imported in schema.references:
            known[imported] = _file(pool, imported, schema.references[imported], known)
        else:
            known[imported] = _well_known(pool, imported)
    pool.Add(proto)
    return pool.FindFileByName(name)


def _well_known(pool: descriptor_pool.DescriptorPool, name: str) -> FileDescriptor:
    proto = descriptor_pb2.FileDescriptorProto()
    descriptor_pool.Default().FindFileByName(name).CopyToProto(proto)
    for imported in proto.dependency:
        _well_known(pool, imported)
    pool.Add(proto)
    return pool.FindFileByName(name)


def _indexes(payload: bytes) -> tuple[list[int], int]:
    """The path to the message type and where the message begins; a single 0 byte is the path [0]."""
    count, at = _varint(payload, 0)
    if not 0 <= count <= 32:
        raise Rejection(Reason.invalid_json, "protobuf: no message indexes before the message")
    path = []
    for _ in range(count):
        index, at = _varint(payload, at)
        if index < 0:
            raise Rejection(Reason.invalid_json, "protobuf: a negative message index")
        path.append(index)
    return path or [0], at


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    raw = shift = 0
    while at < len(payload) and shift < 64:
        raw |= (payload[at] & 0x7F) << shift
        at += 1
        if payload[at - 1] < 0x80:
            return (raw >> 1) ^ -(raw & 1), at
        shift += 7
    raise Rejection(Reason.invalid_json, "protobuf: ends within the message indexes")


def _plain(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            below = field.message_type.fields_by_name["value"]
            plain[field.name] = {str(key): _value(below, value[key]) for key in value}
        elif field.is_repeated:
            plain[field.name] = [_value(field, one) for one in value]
        elif not field.has_presence or message.HasField(field.name):
            plain[field.name] = _value(field, value)
    return plain


def _value(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        known = field.message_type.full_name.startswith(_WELL_KNOWN)
        return MessageToDict(value) if known else _plain(value)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return value if named is None else named.name
    return None if isinstance(value, bytes) else value
