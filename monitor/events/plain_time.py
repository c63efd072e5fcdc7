"""RFC 3339 in its plain forms, ``2026-01-31T23:59:59.123Z`` or with ``+hh:mm``, without leaving the buffer."""

from __future__ import annotations

import numpy as np
from numba import njit

from monitor.clock import DAY_MS


@njit(cache=True, nogil=True, forceinline=True)
def _two(buffer, at):  # type: ignore[no-untyped-def]
    """The two digits at ``at`` as a number; a large negative number if they are no digits."""
    tens, ones = np.int64(buffer[at]) - 0x30, np.int64(buffer[at + 1]) - 0x30
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else np.int64(-1_000_000)


@njit(cache=True, nogil=True)
def _days(year, month, day):  # type: ignore[no-untyped-def]
    """Days from 1970-01-01 in the proleptic Gregorian calendar; -1 if there is no such day (or it is before 1970).

    Years begin in March here, so that the leap day is the last one. Source: Hinnant, *chrono-compatible low-level
    date algorithms*, days_from_civil.
    """
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    if year < 1970 or not 1 <= month <= 12:
        return np.int64(-1)
    longest = 31
    if month == 2:
        longest = 29 if leap else 28
    elif month == 4 or month == 6 or month == 9 or month == 11:  # noqa: PLR1714
        longest = 30
    if not 1 <= day <= longest:
        return np.int64(-1)
    if month <= 2:
        year -= 1
    month_from_march = month - 3 if month > 2 else month + 9
    era, year_of_era = year // 400, year % 400
    day_of_year = (153 * month_from_march + 2) // 5 + day - 1
    # 146,097 days in 400 years; 719,468 from 0000-03-01 to 1970-01-01
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


@njit(cache=True, nogil=True)
def plain_time_ms(buffer, start, end):  # type: ignore[no-untyped-def]  # noqa: PLR0911 - a grammar branches
    """Epoch milliseconds, the fraction (0 to 9 digits) cut; -1 if it is not of the plain forms or before 1970."""
    failed = np.int64(-1)
    if not 20 <= end - start <= 35:  # 19 for the second, at most 10 for the fraction and 6 for the offset
        return failed
    if (
        buffer[start + 4] != 0x2D
        or buffer[start + 7] != 0x2D
        or buffer[start + 10] != 0x54
        or buffer[start + 13] != 0x3A
        or buffer[start + 16] != 0x3A
    ):
        return failed
    year = _two(buffer, start) * 100 + _two(buffer, start + 2)
    days = _days(year, _two(buffer, start + 5), _two(buffer, start + 8))
    hour, minute, second = _two(buffer, start + 11), _two(buffer, start + 14), _two(buffer, start + 17)
    if days < 0 or not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
        return failed
    at = start + 19
    milliseconds, weight = np.int64(0), np.int64(100)
    if buffer[at] == 0x2E:
        at += 1
        begin = at
        while at < end and 0x30 <= buffer[at] <= 0x39:
            milliseconds += weight * np.int64(buffer[at] - 0x30)
            weight //= 10
            at += 1
        if at == begin or at - begin > 9:
            return failed
    offset_minutes = np.int64(0)
    if at + 1 == end and buffer[at] == 0x5A:
        pass
    elif at + 6 == end and (buffer[at] == 0x2B or buffer[at] == 0x2D) and buffer[at + 3] == 0x3A:
        hours, minutes = _two(buffer, at + 1), _two(buffer, at + 4)
        if not (0 <= hours <= 23 and 0 <= minutes <= 59):
            return failed
        offset_minutes = hours * 60 + minutes
        if buffer[at] == 0x2D:
            offset_minutes = -offset_minutes
    else:
        return failed
    return days * DAY_MS + ((hour * 60 + minute - offset_minutes) * 60 + second) * 1000 + milliseconds
