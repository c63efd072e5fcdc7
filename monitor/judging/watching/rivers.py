"""River's detectors on the judge's counts: an option per signal.

    rivers.add(RiverTest(...)) -> id            rivers.reset(id, since=tick)       rivers.remove(id)
    rivers.advance(at, id, bin, count, ticks=) -> (ticks consumed, alarmed ids)     stops after an alarm's tick
    rivers.retreat(keep)                        undoes the last advance past ``keep`` ticks
    rivers.rebuild(id, ticks, counts)           where it would stand, had it been fed these counts

A detector is fed the values of a tick's events, of the whole stream, in an order that is drawn from a seed, for
counts hold none; beyond :data:`EVENTS_AT_MOST`, so is the choice of events. What river remembers is its own business
and cannot be written down safely, so it is not stored: after a restart a detector is built again from counts. To
bound how many of them that takes, each forgets what is older than two stretches of :data:`STRETCH` ticks: a second
one is fed since the beginning of every stretch, and takes over at the next.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.arena import Slots

Ints = NDArray[np.int64]

STRETCH: Final = 2_160
"""Six hours of 10 s ticks: a detector knows the last 6 to 12 hours, and a restart feeds it those again."""
EVENTS_AT_MOST: Final = 256
"""Most events of one tick; 256 events of .7 microseconds (ADWIN) are .2 ms a tick and stream."""


class RiverId(msgspec.Struct, frozen=True):
    """A river detector among the tests of a stream: not a number, so that no engine's array takes it for a place."""

    number: int
    """Its id in :class:`Rivers`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiverTest:
    """The inputs of each detector.

    Attributes:
        detector, parameters: as in the settings, checked.
        values: the value of each bin.
        seed: of the order of events.
        since: first tick that it knows.
    """

    detector: str
    parameters: tuple[tuple[str, float | int | bool | str], ...]
    values: tuple[float, ...]
    seed: int
    since: int


@dataclass(slots=True)
class _Pair:
    """The detector in charge, and the one that takes over at the next stretch."""

    test: RiverTest
    stretch: int | None = None
    speaks: Any = None
    learns: Any = None

    def copy(self) -> _Pair:
        same = self.learns is self.speaks
        speaks = None if self.speaks is None else self.speaks.copy()
        return _Pair(self.test, self.stretch, speaks, speaks if same else self.learns.copy())

    def feed(self, tick: int, counts: Ints) -> bool:
        """Whether it reports drift after this tick's (B,) counts."""
        stretch = tick // STRETCH
        if self.stretch is None:
            self.speaks = self.learns = self._new()
        elif stretch > self.stretch:
            # While there is but one, it has known all there is to know since less than a stretch ago.
            self.speaks = self.learns if stretch == self.stretch + 1 else self._new()
            self.learns = self._new() if stretch == self.stretch + 1 else self.speaks
        self.stretch = stretch
        chosen = _few(counts, self.test.seed, tick)
        alarmed = self.speaks.update(chosen).state.value == "alarmed"
        if self.learns is not self.speaks and self.learns.update(chosen).state.value == "alarmed":
            self.learns.reset()  # an alarm while its test is off does not count against the stream later
        return bool(alarmed)

    def _new(self) -> Any:
        from detectors.river_drift import RiverDetector, named  # noqa: PLC0415 - takes a second to load; few need it

        built = named(self.test.detector, dict(self.test.parameters))
        return RiverDetector(built.make, values=self.test.values, binary=built.binary, seed=self.test.seed)


@dataclass(slots=True)
class _Fed:
    """The last advance: what came, and where each detector stood before."""

    at: Ints
    test: Ints
    bins: Ints
    events: Ints
    before: dict[int, _Pair] = field(default_factory=dict)
    consumed: int = 0


class Rivers:
    """Detectors of many streams and signals, by id."""

    def __init__(self) -> None:
        self._slots = Slots()
        self._pairs: dict[int, _Pair] = {}
        self._fed: _Fed | None = None

    def add(self, test: RiverTest) -> int:
        """Starts a detector; returns its id."""
        one = self._slots.take()
        self._pairs[one] = _Pair(test)
        return one

    def put_back(self, tests: dict[int, RiverTest]) -> None:
        """The detectors of a snapshot, by their ids; each is to be rebuilt from counts."""
        self._slots.restore(max(tests, default=-1) + 1, np.array(sorted(tests), np.int64))
        self._pairs = {one: _Pair(test) for one, test in tests.items()}

    def reset(self, one: int, *, since: int) -> None:
        """A new detector, which knows nothing before this tick."""
        test = self._pairs[one].test
        self._pairs[one] = _Pair(dataclasses.replace(test, since=since))

    def remove(self, one: int) -> None:
        """Ends a detector; its id may be handed out again."""
        del self._pairs[one]
        self._slots.free(one)

    def first_tick(self, one: int, *, before: int) -> int:
        """The oldest tick whose counts :meth:`rebuild` needs."""
        return max(self._pairs[one].test.since, ((before - 1) // STRETCH - 1) * STRETCH)

    def rebuild(self, one: int, ticks: Ints, counts: Ints) -> None:
        """Brings a detector to where (T,) ticks with (T, B) counts since :meth:`first_tick` would have brought it."""
        self._pairs[one] = pair = _Pair(self._pairs[one].test)
        for tick, row in zip(ticks.tolist(), counts, strict=True):
            if row.any():
                pair.feed(tick, row)

    def advance(self, ticks: Ints, at: Ints, test: Ints, bins: Ints, events: Ints) -> tuple[int, list[int]]:
        """Feeds cells of the (T,) ticks, given by their place ``at`` in rising order, until some detector alarms."""
        if not len(at):
            self._fed = None
            return len(ticks), []
        before = {one: self._pairs[one].copy() for one in np.unique(test).tolist()} if len(ticks) > 1 else {}
        self._fed = _Fed(at, test, bins, events, before)
        for place, one, counts in _rows(self._fed, self._pairs, len(ticks)):
            if self._fed.consumed and place >= self._fed.consumed:
                break
            if self._pairs[one].feed(int(ticks[place]), counts):
                self._fed.consumed = place + 1
        alarmed = [
            one
            for one in np.unique(test).tolist()
            if self._fed.consumed and self._pairs[one].speaks.reading().state.value == "alarmed"
        ]
        self._fed.consumed = self._fed.consumed or len(ticks)
        return self._fed.consumed, alarmed

    def retreat(self, ticks: Ints, keep: int) -> None:
        """Sets the detectors back to the first ``keep`` of the last advance's ticks."""
        fed = self._fed
        if fed is None or fed.consumed <= keep:
            return
        self._pairs |= fed.before
        for place, one, counts in _rows(fed, self._pairs, keep):
            self._pairs[one].feed(int(ticks[place]), counts)


def _rows(fed: _Fed, pairs: dict[int, _Pair], ticks: int) -> Iterator[tuple[int, int, Ints]]:
    """(place, id, (B,) counts) of the first ticks, tick by tick."""
    end = int(np.searchsorted(fed.at, ticks))
    order = np.lexsort((fed.test[:end], fed.at[:end]))
    at, test, bins, events = (column[:end][order] for column in (fed.at, fed.test, fed.bins, fed.events))
    starts = np.flatnonzero(np.r_[True, (np.diff(at) != 0) | (np.diff(test) != 0)]) if end else np.zeros(0, np.int64)
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), end], strict=True):
        counts = np.zeros(len(pairs[int(test[start])].test.values), np.int64)
        np.add.at(counts, bins[start:stop], events[start:stop])
        if counts.any():
            yield int(at[start]), int(test[start]), counts


def _few(counts: Ints, seed: int, tick: int) -> Ints:
    """At most :data:`EVENTS_AT_MOST` of a tick's events, drawn by seed and tick alone."""
    if counts.sum() <= EVENTS_AT_MOST:
        return counts
    rng = np.random.default_rng([seed, tick])
    drawn: Ints = rng.multinomial(EVENTS_AT_MOST, counts / counts.sum()).astype(np.int64)
    return drawn
