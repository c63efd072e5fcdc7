"""Avro binary data to plain JSON values, by fastavro; what data or schema could make it do is bounded before.

Source: avro.apache.org/docs/1.12.0/specification.
"""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
import zlib
from collections.abc import Iterable
from io import BytesIO
from struct import error as StructError  # noqa: N812 - it is an exception
from typing import Any, Final

import fastavro
from fastavro.schema import SchemaParseException

from monitor.events.reasons import Reason, Rejection

MAX_SCHEMA_BYTES: Final = 1 << 20
MAX_NODES: Final = 10_000
MAX_DEPTH: Final = 32
FAULTS: Final = (
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    StructError,
    RecursionError,
    MemoryError,
    zlib.error,
    SchemaParseException,
    fastavro.schema.UnknownType,
)
"""Errors that fastavro raises on invalid schemas and data."""
_ALONE: Final = frozenset({"boolean", "int", "long", "float", "double", "bytes", "string", "enum", "fixed"})
Parsed = Any


def parsed_schema(text: str, references: Iterable[str] = ()) -> Parsed:
    """A schema, ready to read with.

    Args:
        text: JSON.
        references: schemas that it names, in an order in which each names only earlier ones.

    Raises:
        Rejection: it is no schema; it contains itself, so that data could nest without end; or it has arrays whose
            elements take no bytes, so that a few bytes could be millions of them.
    """
    named: dict[str, Any] = {}
    try:
        for reference in references:
            fastavro.parse_schema(_json(reference), named)
        schema = fastavro.parse_schema(_json(text), named)
        _check(schema, named, (), [MAX_NODES])
    except FAULTS:
        raise Rejection(Reason.unknown_format, "avro: the schema cannot be read") from None
    return schema


def read_avro(schema: Parsed, stream: BytesIO) -> Any:
    """The next value of the stream as plain JSON: times as RFC 3339, decimals as numbers, bytes only if text.

    Raises:
        Rejection: the bytes are not of this schema.
    """
    try:
        return _plain(fastavro.schemaless_reader(stream, schema, None))
    except FAULTS:
        raise Rejection(Reason.invalid_json, "avro: the data are not of their schema") from None


def _json(text: str) -> Any:
    if len(text) > MAX_SCHEMA_BYTES:
        raise ValueError("too long")
    try:
        return json.loads(text)
    except ValueError:
        return text  # a registry gives the schema "string" without its quotes


def _check(schema: Any, named: dict[str, Any], inside: tuple[str, ...], room: list[int]) -> bool:  # noqa: PLR0911
    """Whether a value of this schema takes at least one byte."""
    room[0] -= 1
    if room[0] < 0 or len(inside) > MAX_DEPTH:
        raise ValueError("too large")
    if isinstance(schema, list):
        for one in schema:
            _check(one, named, (*inside, ""), room)
        return True  # the branch
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "null":
        return False
    if kind in _ALONE:
        return kind != "fixed" or bool(schema["size"] > 0)
    if kind in ("array", "map"):
        if (
            not _check(schema["items" if kind == "array" else "values"], named, (*inside, ""), room)
            and kind == "array"
        ):
            raise ValueError("elements without bytes")
        return True
    if kind in ("record", "error"):
        name = schema["name"]
        if name in inside:
            raise ValueError("contains itself")
        sizes = [_check(one["type"], named, (*inside, name), room) for one in schema["fields"]]
        return any(sizes)
    if isinstance(kind, dict | list):
        return _check(kind, named, (*inside, ""), room)
    if kind in inside:
        raise ValueError("contains itself")
    return _check(named[kind], named, inside, room)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return value.decode("utf-8") if _is_utf8(value) else None
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    return str(value) if isinstance(value, uuid.UUID) else value


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
