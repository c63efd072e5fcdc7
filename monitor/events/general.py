"""The general decoder: any one record, by the standard library's JSON parser; slow, complete, and the yardstick.

The scanner leaves to it every record that is odd or wrong, so this is the only place that rejects, and the
sentence that a person reads is made here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

import numpy as np

from detectors.compiled import njit
from monitor.events.batch import ScoreSemantics, Strings
from monitor.events.instant import rfc3339_ms
from monitor.events.reasons import Reason, Rejection
from monitor.events.schema import (
    BY_NAME,
    FIELDS,
    MAX_IDENTIFIER_BYTES,
    MAX_WORD_BYTES,
    ROUNDING,
    VERSION,
    Field,
    Kind,
)

_SHOWN: Final = 40
"""Characters of a number that a sentence may quote."""
_WORD_LIKE: Final = re.compile(r"[A-Za-z]{1,16}([_-][A-Za-z]{1,16})?", re.ASCII)
_TIME_LIKE: Final = re.compile(r"[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}.?[0-9:.,+Zz-]{0,24}", re.ASCII)
_VERSION_LIKE: Final = re.compile(r"v?[0-9]{1,3}(\.[0-9]{1,3}){0,2}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_HEX: Final = re.compile(r"[0-9a-fA-F]{16}")
_MAX_DIGITS: Final = 40
"""Longest integer that is read as one. Every range ends far below; the parser must not be made to multiply."""


def read(value: bytes, *, has_timestamp: bool, max_depth: int) -> dict[str, str | bytes | int | float]:
    """Decode and check one record.

    Args:
        value: the record's value.
        has_timestamp: whether the record itself has a time.
        max_depth: how deeply objects and arrays may be nested.

    Returns:
        what the event says by field name, absent and dropped fields left out: vocabulary strings as str,
        identifiers and the text as UTF-8 bytes, numbers as float, everything else as an integer that is not
        negative (choices by code, booleans 0 and 1, times in epoch milliseconds, rules by their count).

    Raises:
        Rejection: the record is not an acceptable event.
    """
    record = _parse(value, max_depth=max_depth)
    if record.get("v") is None:
        _missing("v")
    _read_version(BY_NAME["v"], record.pop("v"))  # first: another version may mean other things by the same names
    seen: dict[str, Any] = {}
    for name, raw in record.items():
        if raw is not None and name in _READER:
            field, reader = _READER[name]
            read_value = reader(field, raw)
            if read_value is not None:
                seen[name] = read_value
    if "guardrail" not in seen:
        _missing("guardrail")
    if "time" not in seen and not has_timestamp:
        raise Rejection(Reason.no_time, "neither the event nor the record has a time")
    if seen.get("score_semantics") == ScoreSemantics.label_confidence and "score" in seen and "verdict" not in seen:
        raise Rejection(
            Reason.missing_field, "verdict is missing: a score that is a label's confidence needs the label"
        )
    if "harmful" in seen and "verdict" not in seen:
        raise Rejection(
            Reason.missing_field, "verdict is missing: a label (harmful) needs the verdict that it is about"
        )
    return seen


def _parse(value: bytes, *, max_depth: int) -> dict[str, Any]:
    if nesting_depth(np.frombuffer(value, np.uint8)) > max_depth:
        raise Rejection(Reason.too_deep, f"nested more than {max_depth} deep")
    try:
        record = _JSON.decode(value.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Rejection(Reason.invalid_json, f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise Rejection(Reason.invalid_json, f"{error.msg} at character {error.pos}") from None
    if not isinstance(record, dict):
        raise Rejection(Reason.not_an_object, f"{_type_name(record)} instead of an object")
    return record


@njit(cache=True, nogil=True)
def nesting_depth(value):  # type: ignore[no-untyped-def]
    """Deepest nesting of brackets outside of strings, so that no parser has to recurse to find out."""
    depth, deepest, i, in_string = 0, 0, 0, False
    while i < value.size:
        byte = value[i]
        if in_string:
            if byte == 0x5C:
                i += 1
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in (0x5B, 0x7B):
            depth += 1
            deepest = max(deepest, depth)
        elif byte in (0x5D, 0x7D):
            depth -= 1
        i += 1
    return deepest


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _constant(name: str) -> NoReturn:
    raise Rejection(Reason.invalid_json, f"{name} is not JSON")


_CODES: Final = {field.name: field.spellings for field in FIELDS}
_JSON: Final = json.JSONDecoder(parse_int=_integer, parse_constant=_constant)


def _missing(name: str) -> NoReturn:
    raise Rejection(Reason.missing_field, f"{name} is required and missing")


def _type_name(value: object) -> str:
    names = {
        dict: "an object",
        list: "an array",
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")


def _quoted(text: str, like: re.Pattern[str]) -> str:
    """The text, if it is like what belongs there and only wrong; else its length: it may be anybody's secret."""
    return ascii(text) if like.fullmatch(text) else f"a text of {len(text)} characters"


def _wrong_type(field: Field, value: object, wanted: str) -> NoReturn:
    raise Rejection(Reason.wrong_type, f"{field.name} must be {wanted}, not {_type_name(value)}")


def _out_of_range(field: Field, shown: object, *, unit: str = "") -> NoReturn:
    allowed = f"{field.minimum} to {field.maximum} {unit or field.unit}".rstrip()
    raise Rejection(Reason.out_of_range, f"{field.name} is {str(shown)[:_SHOWN]}; allowed is {allowed}")


def _utf8(field: Field, value: object) -> bytes:
    """The string's bytes, within its limits."""
    if not isinstance(value, str):
        _wrong_type(field, value, "a string")
    try:
        text = value.encode()
    except UnicodeEncodeError:
        raise Rejection(Reason.wrong_type, f"{field.name} holds half a surrogate pair; it must be Unicode") from None
    if not field.minimum <= len(text) <= field.maximum:
        _out_of_range(field, f"{len(text)} bytes long", unit="bytes")
    return text


def _read_version(field: Field, value: object) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool) and value == VERSION:
        return
    shown = _quoted(value, _VERSION_LIKE) if isinstance(value, str) else _type_name(value)
    if isinstance(value, int | float):
        shown = repr(value)[:_SHOWN]
    raise Rejection(Reason.wrong_version, f"v is {shown}; this decoder reads {VERSION}")


def _read_word(field: Field, value: object) -> str | None:
    """A name. One that cannot be kept is pooled where the event is an event without it: a request may choose its
    language or its app, and must not choose by it whether its guardrail's verdict is counted."""
    if field.required:
        text = _utf8(field, value).decode()
        if _CONTROL.search(text):
            raise Rejection(Reason.out_of_range, f"{field.name} holds a control character")
        return text or None
    if not isinstance(value, str):
        _wrong_type(field, value, "a string")
    too_long = len(value.encode("utf-8", "surrogatepass")) > field.maximum
    if too_long or _CONTROL.search(value) or _SURROGATE.search(value):
        return Strings.OVERFLOW
    return value or None


def _read_identifier(field: Field, value: object) -> bytes | None:
    """An identifier of any length, since only its keyed hash is kept."""
    if not isinstance(value, str):
        _wrong_type(field, value, "a string")
    return value.encode("utf-8", "surrogatepass") or None


def _read_choice(field: Field, value: object) -> int | None:
    if not isinstance(value, str):
        _wrong_type(field, value, "a string")
    if not value:
        return None
    codes = _CODES[field.name]
    code = codes.get(value, codes.get(field.otherwise))
    if code is None:
        raise Rejection(
            Reason.unknown_value, f"{field.name} is {_quoted(value, _WORD_LIKE)}; allowed is {', '.join(field.words)}"
        )
    return code


def _read_flag(field: Field, value: object) -> int:
    if not isinstance(value, bool):
        _wrong_type(field, value, "true or false")
    return int(value)


def _read_integer(field: Field, value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        _wrong_type(field, value, "an integer")
    if not field.minimum <= value <= field.maximum:
        _out_of_range(field, value)
    if not isinstance(value, int):
        raise Rejection(Reason.wrong_type, f"{field.name} is {value!r}; it must be an integer")
    return value


def _read_number(field: Field, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _wrong_type(field, value, "a number")
    if not field.minimum - ROUNDING <= value <= field.maximum + ROUNDING:
        _out_of_range(field, value)
    return float(min(max(value, field.minimum), field.maximum))


def _read_time(field: Field, value: object) -> int | None:
    if not isinstance(value, str):
        if isinstance(value, int | float):
            return _read_integer(field, value)
        _wrong_type(field, value, "integer epoch milliseconds or an RFC 3339 string")
    if not value:
        return None
    milliseconds = rfc3339_ms(value)
    if milliseconds is None:
        raise Rejection(
            Reason.wrong_type, f"time is {_quoted(value, _TIME_LIKE)}; a string must be RFC 3339 with an offset"
        )
    return _read_integer(field, milliseconds)


def _read_fingerprint(field: Field, value: object) -> int | None:
    if not isinstance(value, str):
        _wrong_type(field, value, "a string")
    if not value:
        return None
    if not _HEX.fullmatch(value):
        raise Rejection(Reason.out_of_range, f"{field.name} is not 16 hexadecimal digits")
    return int(value, 16)


def _read_text(field: Field, value: object) -> bytes:
    if not isinstance(value, str):
        _wrong_type(field, value, "a string")
    # half a surrogate pair must not be a way round the fingerprint
    return value.encode("utf-8", "surrogatepass")


def _read_rules(field: Field, value: object) -> int:
    if not isinstance(value, list):
        _wrong_type(field, value, "an array of strings")
    if len(value) > field.maximum:
        _out_of_range(field, f"{len(value)} long", unit="strings")
    for rule in value:
        if not isinstance(rule, str):
            raise Rejection(Reason.wrong_type, f"rules holds {_type_name(rule)}; it must hold strings")
    return len(value)


def _read_labels(field: Field, value: object) -> None:
    if not isinstance(value, dict):
        _wrong_type(field, value, "an object")
    if len(value) > field.maximum:
        _out_of_range(field, f"{len(value)} large", unit="labels")
    for name, label in value.items():
        if not isinstance(label, str):
            raise Rejection(Reason.wrong_type, f"labels holds {_type_name(label)}; it must hold strings")
        for part, limit in ((name, MAX_WORD_BYTES), (label, MAX_IDENTIFIER_BYTES)):
            if len(part.encode("utf-8", "surrogatepass")) > limit:
                raise Rejection(
                    Reason.out_of_range,
                    f"labels holds too long a string; allowed is {MAX_WORD_BYTES} bytes for a name and"
                    f" {MAX_IDENTIFIER_BYTES} for a value",
                )


_READERS: Final[dict[Kind, Callable[[Field, Any], Any]]] = {
    Kind.word: _read_word,
    Kind.identifier: _read_identifier,
    Kind.choice: _read_choice,
    Kind.flag: _read_flag,
    Kind.time: _read_time,
    Kind.integer: _read_integer,
    Kind.number: _read_number,
    Kind.fingerprint: _read_fingerprint,
    Kind.text: _read_text,
    Kind.rules: _read_rules,
    Kind.labels: _read_labels,
}
_READER: Final = {field.name: (field, _READERS[field.kind]) for field in FIELDS if field.kind in _READERS}
