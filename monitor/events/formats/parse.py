"""Parses a record's bytes for a reader: JSON, a classifier's bare words, or bytes that are neither."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

import msgspec
import numpy as np

from monitor.events.general import nesting_depth

MAX_TEXT: Final = 256
"""Longest bare text that is looked at: Llama Guard answers ``unsafe`` and a list of 14 short codes."""
_DECODE: Final = msgspec.json.Decoder().decode
_ENCODE: Final = msgspec.json.Encoder().encode


def parse(value: bytes, *, max_depth: int) -> Any:
    """The JSON of a record; a str if it is short bare text; the bytes themselves if neither, or nested too deep.

    Depth is measured before anything recurses.
    """
    if nesting_depth(np.frombuffer(value, np.uint8)) > max_depth:
        return value
    try:
        return _DECODE(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:  # what msgspec does not take and JSON allows: half a surrogate pair, numbers without end
        return _STRICT.decode(value.decode("utf-8"))
    except (ValueError, RecursionError):
        return _bare(value)


def encoded(value: Any) -> bytes:
    """JSON of plain values. Half of a surrogate pair, which JSON has and UTF-8 has not, stays an escape; integers of
    any length are written."""
    try:
        return _ENCODE(value)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(value).encode("ascii")


def parsed_text(text: Any, *, max_depth: int) -> Any:
    """JSON that a record holds as a string; None if it is none."""
    if not isinstance(text, str):
        return None
    found = parse(text.encode("utf-8", "replace"), max_depth=max_depth)
    return None if isinstance(found, bytes) else found


def _bare(value: bytes) -> str | bytes:
    if len(value) > MAX_TEXT or not value.isascii() or b"\0" in value:
        return value
    text = value.decode("ascii").strip()
    return text if text and text.replace("\n", "").replace("\r", "").isprintable() else value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_STRICT: Final = json.JSONDecoder(parse_constant=_constant)
