"""Wall clocks: from local time to instants, where clocks are put forward, put back, or skip a day.

An instant is in epoch milliseconds. A local time is what a wall clock shows, in milliseconds since 1970-01-01T00:00
of that clock. Between two changes of its offset a zone is a *stretch* ``(begin, end, offset)``; a local time that
lies in two stretches is ambiguous, one that lies in none is skipped.

Source: the IANA time zone database, through :mod:`zoneinfo`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from monitor.clock import DAY_MS, HOUR_MS
from monitor.errors import Refused

SECOND_MS: Final = 1000
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2100
_PROBE_MS: Final = 12 * HOUR_MS
"""No zone has changed its offset twice within half a day since 1970, so that no change lies unseen between probes."""
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clocks have no zone
_UTC_EPOCH: Final = _EPOCH.replace(tzinfo=UTC)


class Stretch(NamedTuple):
    """A time during which a zone's offset stays the same; ``end_ms`` is exclusive."""

    begin_ms: int
    end_ms: int
    offset_ms: int


class UnusableTime(Refused):
    """A local time that a person typed does not exist, or exists twice.

    Attributes:
        instants_ms: the two instants that could have been meant.
    """

    def __init__(self, message: str, instants_ms: tuple[int, int]) -> None:
        super().__init__(message)
        self.instants_ms = instants_ms


class WallClock:
    """The clock on a wall of one zone.

    Raises:
        ValueError: there is no such zone.
    """

    def __init__(self, zone: str) -> None:
        try:
            self._info = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{zone[:60]!r} is no IANA time zone such as Europe/Berlin") from None
        self.zone = zone
        self._years: dict[int, tuple[list[Stretch], list[int], list[int]]] = {}

    def local_ms(self, at_ms: int) -> int:
        """The wall-clock time at an instant."""
        return at_ms + self._offset_ms(at_ms)

    def first_instant(self, local_ms: int) -> int:
        """When the clock shows this time for the first time; if it never does, the first instant after the gap."""
        stretches, local_ends, _ = self._around(local_ms)
        stretch = stretches[bisect_right(local_ends, local_ms)]
        return max(stretch.begin_ms, local_ms - stretch.offset_ms)

    def last_instant(self, local_ms: int) -> int:
        """When the clock shows this time for the last time; if it never does, the first instant after the gap."""
        stretches, _, local_begins = self._around(local_ms)
        stretch = stretches[bisect_right(local_begins, local_ms) - 1]
        return min(stretch.end_ms, local_ms - stretch.offset_ms)

    def typed_instant(self, local_ms: int) -> int:
        """The one instant at which the clock shows a time that a person typed.

        Raises:
            UnusableTime: there is no such instant, or there are two; both ways out are offered.
        """
        stretches, local_ends, local_begins = self._around(local_ms)
        first, last = bisect_right(local_ends, local_ms), bisect_right(local_begins, local_ms) - 1
        if first == last:
            return local_ms - stretches[first].offset_ms
        earlier, later = sorted(local_ms - stretches[each].offset_ms for each in (first, last))
        why = "exists twice" if first < last else "does not exist"
        because = "put back" if first < last else "put forward"
        raise UnusableTime(
            f"{_EPOCH + timedelta(milliseconds=local_ms):%Y-%m-%d %H:%M} {why} in {self.zone}, where clocks were "
            f"{because}: write {self.text(earlier)} or {self.text(later)}",
            (earlier, later),
        )

    def text(self, at_ms: int) -> str:
        """An instant in this zone, with its offset: ``2026-10-25T02:30:00+02:00``."""
        return (_UTC_EPOCH + timedelta(milliseconds=at_ms)).astimezone(self._info).isoformat(timespec="seconds")

    def changes(self, from_ms: int, to_ms: int) -> list[int]:
        """The instants within ``[from_ms, to_ms)`` at which the offset changes."""
        years = range(_year(from_ms), _year(to_ms) + 1)
        found = {stretch.begin_ms for year in years for stretch in self._year(year)[0][1:]}
        return sorted(each for each in found if from_ms <= each < to_ms)

    def _around(self, local_ms: int) -> tuple[list[Stretch], list[int], list[int]]:
        return self._year(_year(local_ms))

    def _year(self, year: int) -> tuple[list[Stretch], list[int], list[int]]:
        """The stretches of a year and two days on either side, their local ends and their local begins."""
        if year not in self._years:
            if not FIRST_YEAR <= year < LAST_YEAR:
                raise ValueError(f"on-call times lie in the years {FIRST_YEAR} to {LAST_YEAR - 1}, got {year}")
            stretches = self._probe(_year_start_ms(year) - 2 * DAY_MS, _year_start_ms(year + 1) + 2 * DAY_MS)
            ends = [stretch.end_ms + stretch.offset_ms for stretch in stretches]
            begins = [stretch.begin_ms + stretch.offset_ms for stretch in stretches]
            self._years[year] = (stretches, ends, begins)
        return self._years[year]

    def _probe(self, from_ms: int, to_ms: int) -> list[Stretch]:
        stretches: list[Stretch] = []
        begin, offset = from_ms, self._offset_ms(from_ms)
        for probe in range(from_ms + _PROBE_MS, to_ms + 1, _PROBE_MS):
            if self._offset_ms(probe) == offset:
                continue
            seconds = range((probe - _PROBE_MS) // SECOND_MS, probe // SECOND_MS + 1)
            change = seconds[bisect_left(seconds, True, key=self._differs(offset))] * SECOND_MS
            stretches.append(Stretch(begin, change, offset))
            begin, offset = change, self._offset_ms(change)
        return [*stretches, Stretch(begin, to_ms, offset)]

    def _differs(self, offset_ms: int) -> Callable[[int], bool]:
        return lambda second: self._offset_ms(second * SECOND_MS) != offset_ms

    def _offset_ms(self, at_ms: int) -> int:
        at = (_UTC_EPOCH + timedelta(milliseconds=at_ms)).astimezone(self._info)
        offset = at.utcoffset() or timedelta(0)
        return round(offset.total_seconds() * 1000)


@cache
def wall_clock(zone: str) -> WallClock:
    """The clock of a zone; what has been looked up once is kept.

    Raises:
        ValueError: there is no such zone.
    """
    return WallClock(zone)


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    """A local time in milliseconds.

    Raises:
        ValueError: there is no such date.
    """
    return _ms(datetime(year, month, day, hour, minute) - _EPOCH)  # noqa: DTZ001


def parsed_local(text: str) -> int:
    """A local time as a person writes it, ``2026-12-01 09:00`` or with a T.

    Raises:
        ValueError: it is not a local time, or it has an offset.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is not None:
        raise ValueError(f"{text[:40]!r} has an offset; leave it out, the zone is given beside it")
    return _ms(at - _EPOCH)


def calendar(local_ms: int) -> datetime:
    """A local time as a date and time without a zone."""
    return _EPOCH + timedelta(milliseconds=local_ms)


def _ms(length: timedelta) -> int:
    return (length.days * 86_400 + length.seconds) * 1000 + length.microseconds // 1000


def _year(at_ms: int) -> int:
    return calendar(at_ms).year


def _year_start_ms(year: int) -> int:
    return _ms(datetime(year, 1, 1) - _EPOCH)  # noqa: DTZ001
