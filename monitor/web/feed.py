"""What has just happened, for browsers that keep a connection open: one reader of the database for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec
from starlette.concurrency import run_in_threadpool

from monitor.errors import DriftlineError
from monitor.incidents.model import Entry
from monitor.web.backend import Backend

LOOK_S: Final = 1.0
HEARTBEAT_S: Final = 15.0
OVERLAP_MS: Final = 10_000
"""Entries are dated before they are committed, by several processes: those of the last seconds are read again."""
MOST_BEHIND: Final = 200
"""Events that wait for one browser; beyond it is cut off, and comes back for the rest by its last id."""
MOST_RESUMED: Final = 1_000

Key = tuple[int, int, int]
"""Time, incident, number of the entry: the order of the feed, and the id of an event."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``judged`` has no id, for what it says is only that pages of evidence are old."""

    name: str
    data: bytes
    key: Key | None = None

    def encoded(self) -> bytes:
        """As ``text/event-stream`` has it."""
        number = b"" if self.key is None else f"id: {'-'.join(map(str, self.key))}\n".encode()
        return b"%sevent: %s\ndata: %s\n\n" % (number, self.name.encode(), self.data)


@dataclass(eq=False)
class _Browser:
    queue: asyncio.Queue[Event | None] = field(default_factory=lambda: asyncio.Queue(MOST_BEHIND))


class Feed:
    """Shares what one reader sees out to all browsers. Everything but :meth:`close` runs on one event loop."""

    def __init__(self) -> None:
        self._browsers: set[_Browser] = set()
        self._reader: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._known: dict[Key, None] = {}
        self._judged: int | None = None
        self._closed = False

    @property
    def browsers(self) -> int:
        """How many listen."""
        return len(self._browsers)

    def close(self) -> None:
        """End all connections, from any thread."""
        self._closed = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended before us
                self._loop.call_soon_threadsafe(self._end_all)

    async def events(
        self, backend: Callable[[], Backend | None], *, after: Key | None, now_ms: int
    ) -> AsyncIterator[bytes]:
        """What happens from now on, as ``text/event-stream``; first what happened after the given event."""
        self._loop = asyncio.get_running_loop()
        browser = _Browser()
        self._browsers.add(browser)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read(backend, now_ms))
        try:
            yield b"retry: 3000\n: connected\n\n"
            last = after
            if after is not None:
                for event in await run_in_threadpool(_since, backend(), after):
                    last = event.key
                    yield event.encoded()
            while not self._closed:
                try:
                    event_or_end = await asyncio.wait_for(browser.queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if event_or_end is None:
                    return
                key = event_or_end.key
                if key is None or last is None or key > last:
                    yield event_or_end.encoded()
        finally:
            self._browsers.discard(browser)
            if not self._browsers and self._reader is not None:
                self._reader.cancel()
                self._reader = None

    async def _read(self, backend: Callable[[], Backend | None], now_ms: int) -> None:
        since_ms = now_ms
        while not self._closed:
            with suppress(DriftlineError):  # the database is away: the next look may see more
                entries, judged = await run_in_threadpool(_look, backend(), since_ms - OVERLAP_MS)
                fresh = [each for each in entries if _key(each) not in self._known and each.at_ms >= now_ms]
                self._known = {_key(each): None for each in entries}
                for each in fresh:
                    self._tell(_event(each))
                if judged is not None and judged != self._judged:
                    self._judged = judged
                    self._tell(Event("judged", b"%d" % judged))
                since_ms = max([since_ms, *(each.at_ms for each in entries)])
            await asyncio.sleep(LOOK_S)

    def _tell(self, event: Event) -> None:
        for browser in list(self._browsers):
            try:
                browser.queue.put_nowait(event)
            except asyncio.QueueFull:
                self._end(browser)

    def _end(self, browser: _Browser) -> None:
        self._browsers.discard(browser)
        while not browser.queue.empty():
            browser.queue.get_nowait()
        browser.queue.put_nowait(None)

    def _end_all(self) -> None:
        for browser in list(self._browsers):
            self._end(browser)


def key_of(text: str) -> Key | None:
    """The key that an event's id spells; None where it is none."""
    parts = text.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in parts):
        return None
    at_ms, incident, seq = map(int, parts)
    return at_ms, incident, seq


def _look(backend: Backend | None, since_ms: int) -> tuple[list[Entry], int | None]:
    if backend is None:
        return [], None
    with backend.alerts.reading() as store:
        entries = list(store.recent_entries(since_ms))
    return entries, backend.judge.judged_before()


def _since(backend: Backend | None, after: Key) -> list[Event]:
    if backend is None:
        return []
    with backend.alerts.reading() as store:
        entries = store.recent_entries(after[0], limit=MOST_RESUMED)
    return [_event(each) for each in entries if _key(each) > after]


def _key(entry: Entry) -> Key:
    return entry.at_ms, entry.incident_id, entry.seq


def _event(entry: Entry) -> Event:
    told = {"incident": entry.incident_id, "seq": entry.seq, "kind": entry.kind, "at_ms": entry.at_ms}
    return Event("entry", msgspec.json.encode(told), _key(entry))
