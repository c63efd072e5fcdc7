"""The common part of all sources of findings; the registry lists them in the order in which they report.

    follower.ends(counts)             where ticks must be cut, so that how they are grouped does not show
    follower.follow(stretch)          findings of the ticks just judged
    follower.approve(approval, tick)  what a new baseline settles
    follower.retire(number, tick)     what ends with a stream that has stopped
    follower.open()                   what has been reported and is not over

A base class rather than a protocol: most followers need only the two abstract methods, and a class that derives from
it is what the conformance test looks for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from monitor.clock import NEVER
from monitor.counts.cuts import by_guardrail, events_only
from monitor.counts.model import LoadedCounts
from monitor.findings.model import Finding
from monitor.judging.watching.battery import TestId
from monitor.judging.watching.fleet import Fleet
from monitor.signals.registry import COLUMNS
from monitor.signals.signal import Signal


@dataclass(frozen=True, eq=False)
class Stretch:
    """Ticks that were just judged. Structure changes after the last one only."""

    fleet: Fleet
    counts: LoadedCounts
    """Counts of these ticks."""
    from_tick: int
    to_tick: int
    """The tick after the last one; may lie far beyond the last tick with events."""
    alarmed: Sequence[TestId] = ()
    """Tests that alarmed in the last tick."""
    _of_signal: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=dict)

    @cached_property
    def events(self) -> LoadedCounts:
        """The cells that count events, with the slice's id in place of the cell."""
        return events_only(self.counts)

    def of_signal(self, signal: Signal) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """int64 (T,), the ticks that have the signal, rising; int64 (T, G, bins), by ``fleet.guardrails``."""
        if signal.name not in self._of_signal:
            most = len(self.fleet.guardrails)
            self._of_signal[signal.name] = by_guardrail(self.counts, self._guardrail, signal, most=most)
        return self._of_signal[signal.name]

    @cached_property
    def _guardrail(self) -> NDArray[np.int64]:
        """(cells,) place of each cell's guardrail."""
        return self.fleet.guardrails_of(self.counts.cell // COLUMNS)

    @cached_property
    def by_guardrail(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """int64 (T,), the ticks with events, rising; int64 (T, G), their events by ``fleet.guardrails``."""
        events = self.events
        ticks, row = np.unique(events.tick, return_inverse=True)
        table = np.zeros((len(ticks), len(self.fleet.guardrails)), np.int64)
        np.add.at(table, (row, self.fleet.guardrails_of(events.cell)), events.count)
        return ticks, table


@dataclass(frozen=True, slots=True, eq=False)
class Approval:
    """A baseline that takes effect."""

    number: int
    """Number of its unit."""
    span: tuple[int, int]
    """Ticks of its window, half-open."""
    counts: LoadedCounts
    by_person: bool
    """Or by the policy."""


class Follower(ABC):
    """A source of findings. What it remembers is in the fleet's state, as :class:`Case` and counts."""

    of_epochs: ClassVar[bool] = False
    """Its findings rest on an epoch's own tests, and end before the next epoch begins."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._rule = fleet.rule

    def ends(self, counts: LoadedCounts) -> int:
        """The tick after the first in which it would change what is tested; ``NEVER`` if it changes nothing."""
        return NEVER

    @abstractmethod
    def follow(self, stretch: Stretch) -> list[Finding]:
        """New versions of findings."""

    def approve(self, approval: Approval, tick: int) -> list[Finding]:
        """Ends the findings that are over as this baseline takes effect with ``tick``."""
        return []

    def retire(self, number: int, tick: int) -> list[Finding]:
        """Ends the findings of a unit that has stopped, before ``tick``: no event of it will end them."""
        return []

    @abstractmethod
    def open(self) -> Iterable[Finding]:
        """The reported findings that are not over, notices and pages."""
