"""Reading single values of a vendor's record: kinds checked, lengths cut, nothing quoted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

from monitor.events.instant import rfc3339_ms
from monitor.events.reasons import Reason, Rejection
from monitor.events.schema import FIRST_TIME_MS, LAST_TIME_MS, MAX_RULES, MAX_WORD_BYTES, ROUNDING

T = TypeVar("T")
_YEAR_2286_MS: Final = 10_000_000_000_000
_SHORT: Final = MAX_WORD_BYTES // 4
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_NUMERAL: Final = re.compile(r"\s{0,4}[+-]?[0-9]{1,20}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,2})?\s{0,4}", re.ASCII)
_FLAGS: Final[dict[Any, bool]] = {"true": True, "false": False, "1": True, "0": False, 1: True, 0: False}


def word(value: Any) -> str | None:
    """A name: text or a whole number, without control characters, cut to what a vocabulary takes."""
    if type(value) is str and len(value) <= _SHORT and value.isascii() and value.isprintable():  # nearly every name
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**18 else None
    if not isinstance(value, str) or not value:
        return None
    plain = _CONTROL.sub(" ", value)
    if len(plain) * 4 > MAX_WORD_BYTES:
        plain = plain.encode("utf-8", "replace")[:MAX_WORD_BYTES].decode("utf-8", "ignore")
    return plain.encode("utf-8", "replace").decode() if not plain.isascii() else plain


def joined(*parts: Any) -> str:
    """Names joined by slashes, empty ones left out, cut as one name."""
    return word("/".join(part for part in map(word, parts) if part)) or "unnamed"


def identifier(value: Any) -> str | None:
    """An identifier: text or a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**18 else None
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) and value else None


def number(value: Any) -> float | None:
    """A finite number; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def numeral(value: Any) -> float | None:
    """A finite number, also as text that spells it; None for everything else."""
    if isinstance(value, str):
        return float(value) if _NUMERAL.fullmatch(value) else None
    return number(value)


def milliseconds(seconds: Any) -> float | None:
    """A duration in seconds as milliseconds; None if it is none, or negative."""
    read = numeral(seconds)
    return None if read is None or read < 0 else read * 1000.0


def required_number(value: Any, name: str, *, low: float, high: float) -> float:
    """A number in a range, or text that spells it; ``93%`` is .93. A rounding error outside of it is the range's end.

    Raises:
        Rejection: it is none, or out of range. Text is not quoted: it may be anything.
    """
    if type(value) is float and low <= value <= high:  # nearly every score
        return value
    percent = isinstance(value, str) and value.endswith("%") and (low, high) == (0.0, 1.0)
    read = numeral(value[:-1].rstrip() if percent else value)
    if read is None:
        raise Rejection(Reason.wrong_type, f"{name} must be a number")
    read = read / 100.0 if percent else read
    slack = ROUNDING * (high - low)
    if not low - slack <= read <= high + slack:
        raise Rejection(Reason.out_of_range, f"{name} is {read:.10g}; allowed is {low:g} to {high:g}")
    return min(max(read, low), high)


def share(value: Any, name: str) -> float | None:
    """A number from 0 to 1, as :func:`required_number`; None if there is none.

    Raises:
        Rejection: there is one, and it is no number, or out of range.
    """
    return None if value is None or value == "" else required_number(value, name, low=0.0, high=1.0)


def flag(value: Any, name: str) -> bool:
    """True or false, also as text or as 1 and 0.

    Raises:
        Rejection: it is neither.
    """
    if isinstance(value, bool):
        return value
    known = _FLAGS.get(value.strip().lower() if isinstance(value, str) else value) if _is_plain(value) else None
    if known is None:
        raise Rejection(Reason.wrong_type, f"{name} must be true or false")
    return known


def optional_flag(value: Any, name: str) -> bool | None:
    """The same as :func:`flag`; None if there is none.

    Raises:
        Rejection: there is one, and it is neither true nor false.
    """
    if value is True or value is False:  # nearly every flag
        return value
    return None if value is None or value == "" else flag(value, name)


def choose(value: Any, table: Mapping[str, T], name: str) -> T:
    """Meaning of a closed vocabulary's word; upper and lower case are the same.

    Raises:
        Rejection: the word is not in the table. It is not quoted: it may be anything.
    """
    known = table.get(value.lower()) if isinstance(value, str) else None
    if known is None:
        raise Rejection(Reason.unknown_value, f"{name} is not one of {', '.join(table)}")
    return known


def seconds_ms(value: Any) -> int | None:
    """Epoch seconds, as a number or text that spells it, to epoch milliseconds; None if it is no plausible time.

    Where a source has changed to another unit, the magnitude shows it: see :func:`instant`.
    """
    read = numeral(value)
    return None if read is None else _by_magnitude(read)


def nanoseconds_ms(value: Any) -> int | None:
    """Epoch nanoseconds, in OTLP JSON a string of digits, to epoch milliseconds; 0 is none, other units as above."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) <= 19 else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return _plausible(value // 1_000_000) or _by_magnitude(value)


def instant(value: Any) -> int | None:
    """A time in any of the usual forms: RFC 3339, or epoch seconds to nanoseconds by magnitude, also as text.

    The years 2000 to 2286 in seconds, milliseconds, microseconds and nanoseconds are ranges that do not overlap. A
    time without an offset is none: nobody knows whose clock it was.
    """
    if isinstance(value, str) and (ms := rfc3339_ms(value)) is not None:
        return _plausible(ms)
    read = numeral(value)
    return None if read is None else _by_magnitude(read)


def _by_magnitude(value: float) -> int | None:
    for unit in (1000.0, 1.0, 1e-3, 1e-6):
        ms = _plausible(value * unit)
        if ms is not None and ms < _YEAR_2286_MS:
            return ms
    return None


def http_date(value: Any) -> int | None:
    """The ``Date`` header of HTTP as epoch milliseconds."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        return _plausible(parsedate_to_datetime(value).timestamp() * 1000.0)
    except (ValueError, OverflowError, TypeError):
        return None


def duration_ms(start: Any, end: Any) -> float | None:
    """Milliseconds between two RFC 3339 times; also if neither has an offset, since then both lack the same one."""
    pair = [text for text in (start, end) if isinstance(text, str)]
    if len(pair) != 2:
        return None
    read = [rfc3339_ms(text) for text in pair]
    if None in read:
        read = [rfc3339_ms(f"{text}Z") for text in pair]
    first, last = read
    return float(last - first) if first is not None and last is not None and last >= first else None


def names(values: Any) -> list[str] | None:
    """Names of rules that hit, of which only the number is kept."""
    if not isinstance(values, list):
        return None
    return [value for value in values if isinstance(value, str)][:MAX_RULES]


def strongest(words: Iterable[str | None], order: tuple[str, ...]) -> str | None:
    """The last of the words in this order."""
    present = [order.index(text) for text in words if text in order]
    return order[max(present)] if present else None


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _plausible(ms: float) -> int | None:
    return int(ms) if math.isfinite(ms) and FIRST_TIME_MS <= ms <= LAST_TIME_MS else None
