"""Passing trouble of one loop: a pause that grows, one log line when it begins and ends, one a minute in between.

    trouble = Trouble("judging")
    ...
    except TryAgain as error:
        trouble.failed(error)      # logged once; trouble.due() is false for a while
    else:
        trouble.over()             # logged once

The reason can be read from any thread, for /readyz.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
SUMMARY_EVERY_S: Final = 60.0


class Trouble:
    """The trouble that keeps one loop from working, if any."""

    def __init__(
        self, what: str, *, longest_s: float = LONGEST_PAUSE_S, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Args:
        what: the loop's name, in the log lines: ``judging paused``.
        longest_s: longest pause between two tries.
        monotonic: seconds, of a clock that nobody sets.
        """
        self._what = what
        self._longest_s = longest_s
        self._monotonic = monotonic
        self._log = structlog.stdlib.get_logger(f"driftline.{what}")
        self._lock = threading.Lock()
        self._since: float | None = None
        self._logged = self._next_try = 0.0
        self._tries = 0
        self._text = ""

    @property
    def reason(self) -> str | None:
        """Since when, and why; None while all is well."""
        with self._lock:
            if self._since is None:
                return None
            return f"paused for {self._monotonic() - self._since:.0f} s: {self._text}"

    def due(self) -> bool:
        """Whether it is time for another try."""
        with self._lock:
            return self._since is None or self._monotonic() >= self._next_try

    def failed(self, error: Exception) -> float:
        """A try failed; the seconds until the next."""
        with self._lock:
            now = self._monotonic()
            self._text = str(error) or type(error).__name__
            begins = self._since is None
            if begins:
                self._since, self._tries = now, 0
            pause = min(FIRST_PAUSE_S * 2.0 ** min(self._tries, 30), self._longest_s)
            self._tries += 1
            self._next_try = now + pause
            if begins:
                self._logged = now
                self._log.warning(f"{self._what} paused", error=self._text, seconds=pause)
            elif now - self._logged >= SUMMARY_EVERY_S:
                self._logged = now
                seconds = round(now - (self._since or now))
                self._log.warning(f"{self._what} still paused", error=self._text, seconds=seconds, tries=self._tries)
            return pause

    def over(self) -> None:
        """A try succeeded."""
        with self._lock:
            if self._since is None:
                return
            seconds = round(self._monotonic() - self._since)
            self._since = None
            self._log.info(f"{self._what} goes on", seconds=seconds, tries=self._tries)
