"""Ports of counting to storage. Implemented in monitor.storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from monitor.counts.model import Cluster, Slice, TickCounts
from monitor.signals.layout import Layout


class Mark(StrEnum):
    """Why a partition's ticks closed."""

    data = "data"
    """Event time moved on."""
    idle = "idle"
    """The partition was caught up at ``clock_ms``."""
    end = "end"
    """It will never bring another record."""
    new_log = "new_log"
    """None did: behind the name lies another log from here on, and it is read from its start. The row's offsets are
    the position that was reached in the former one."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Per-commit record statistics; every record is in exactly one of the first four."""

    events: int = 0
    duplicates: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Dead-lettered records by reason."""
    gap: int = 0
    """Records that the log no longer has or could not hand out (retention, corruption)."""
    late: int = 0
    """Events counted in a later tick than their own."""
    reused_ids: int = 0
    """Events that were counted although their event_id was used before: their content differs."""
    future: int = 0
    """Events whose clock was not believed, counted in the tick that was open."""


@dataclass(frozen=True, slots=True)
class Position:
    """The position of a partition. ``generation`` fences off earlier owners."""

    partition: str
    next_offset: int
    """-1 before the first commit: start at the beginning of the log."""
    closed_before: int | None
    """Ticks below this one are closed for the partition; None while nothing is known."""
    generation: int
    state: bytes
    """The state from which the tick assignment goes on exactly; empty at the start."""
    left_at: int | None = None
    """Position that was reached in the former log, if this claim found another log behind the name."""


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Which log lies behind a partition's name: a topic that was deleted and made anew, or a file that was rotated,
    is another log under the same name, and a position in the one means nothing in the other."""

    now: str
    """The identity of this log among all others; empty where the source has none."""
    was: str = ""
    """The stored value to compare with it."""
    renewed: bool = False
    """Whether it is another log than the stored one."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One atomic step of one partition: counts, ledger row and position together."""

    partition: str
    generation: int
    from_offset: int
    to_offset: int
    closed_before: int | None
    mark: Mark
    clock_ms: int | None
    state: bytes
    layout: Layout
    """Which columns of the cells hold which signal; a signal that is switched off has none."""
    counts: Sequence[TickCounts]
    tally: Tally
    clusters: Sequence[Cluster] = ()


class CountStore(Protocol):
    """The counting side: positions, slices, tick counts."""

    def register(self, source: str, partitions: Sequence[str]) -> None:
        """Make these partitions known and active: no tick closes without them. Idempotent."""

    def retire_sources_except(self, sources: Sequence[str]) -> None:
        """Partitions of other sources hold no tick open any more."""

    def log_id(self, partition: str) -> str:
        """The stored identity of the log behind a registered partition, see :class:`LogIdentity`; empty if none."""

    def claim(self, partition: str, *, owner: str, now_ms: int, log: LogIdentity | None = None) -> Position:
        """Take the partition over: generation + 1, so that every earlier owner is fenced off.

        Of a log that was renewed since ``log.was`` was stored, the position is the beginning, and the ledger records
        it (:attr:`Mark.new_log`); event time and closed ticks stay.
        """

    def slice_ids(self, slices: Sequence[Slice]) -> Sequence[int]:
        """The ids of slices, new ones for new slices; safe against other workers doing the same."""

    def commit(self, commit: Commit, *, now_ms: int) -> None:
        """Store counts and ledger row and move the position, if it still is (from_offset, generation).

        Raises:
            Fenced: the position has moved or belongs to another generation; nothing was written.
            StoreUnavailable: nothing was written, or the answer was lost; claim again before going on.
        """
