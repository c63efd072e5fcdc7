"""RFC 3339 strings to epoch milliseconds, in full generality (the scanner has its own plain forms)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_RFC3339: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,40}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339_ms(text: str) -> int | None:
    """Epoch milliseconds, the fraction cut to milliseconds; None if it is not RFC 3339 with an offset.

    A leap second (``:60``) is the first second of the next minute, as POSIX time has it.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, offset_hour, offset_minute = match.groups()[6:]
    if second > 60 or (sign and (int(offset_hour) > 23 or int(offset_minute) > 59)):
        return None
    offset = timedelta(hours=int(offset_hour), minutes=int(offset_minute)) if sign else timedelta()
    try:
        at = datetime(year, month, day, hour, minute, tzinfo=timezone(-offset if sign == "-" else offset))
    except ValueError:
        return None
    milliseconds = int((fraction or "").ljust(3, "0")[:3])
    return (at - _EPOCH) // timedelta(milliseconds=1) + second * 1000 + milliseconds
