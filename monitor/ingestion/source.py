"""Sources of records: the one interface that Kafka, files and standard input share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from monitor.counting.ports import LogIdentity
from monitor.events.records import RecordBlock


@dataclass(frozen=True, slots=True)
class Polled:
    """The result of one poll.

    Attributes:
        blocks: at most one or a few blocks per partition, each in offset order.
        caught_up: partitions whose every record up to the end of the log has been handed out, as known to this
            poll. Only a source that never ends can be caught up: its worker may then mark the time as idle.
        ended: partitions that will never bring another record (the end of a file).
        clock_ms: epoch milliseconds read from the injected clock just before the poll began: whatever the log held
            at that moment of a caught-up partition has been handed out. None for sources that have no now (files).
    """

    blocks: Sequence[RecordBlock]
    caught_up: frozenset[str]
    ended: frozenset[str]
    clock_ms: int | None
    lag: Mapping[str, int] = field(default_factory=dict)
    """Per owned partition the records that the log is known to hold beyond what was handed out."""


class Assignment(Protocol):
    """Callbacks from a source to its worker about the partitions that it owns."""

    def assigned(self, partitions: Sequence[str]) -> Mapping[str, int]:
        """Claim these partitions; returns the offset to start reading each from. May block on storage."""

    def position(self, partition: str) -> int:
        """Records of an assigned partition below this are counted; -1 before the first."""

    def revoked(self, partitions: Sequence[str]) -> None:
        """Give these partitions back in order: commit what is counted. May block on storage."""

    def lost(self, partitions: Sequence[str]) -> None:
        """These partitions belong to another worker already: drop uncommitted counts."""


class UnchangingLogs:
    """For sources whose names keep their log while they are read, and whose position is not stored."""

    def identify(self, partition: str, known: str) -> LogIdentity:
        """The log that it was."""
        return LogIdentity(now=known, was=known)

    def confirm(self, *, ask: bool) -> None:
        """Does nothing: there is no identity to check."""


class Source(Protocol):
    """A log that can be read by partition from any offset."""

    def start(self, assignment: Assignment) -> None:
        """Begin; the assignment is called back from inside :meth:`poll` (or from here, if all is known)."""

    def poll(self, *, timeout_s: float, behind: str | None = None) -> Polled:
        """The next blocks; blocks for at most ``timeout_s`` seconds.

        Args:
            timeout_s: how long to wait for a first record.
            behind: the partition whose event time is furthest behind, to be read first by sources that can
                choose (files); Kafka ignores it.

        Raises:
            SourceUnavailable: the log cannot be read now; try again later.
            SourceRefused: it will not get better by itself (authorisation, unknown topic).
        """

    def partitions(self) -> frozenset[str]:
        """All partitions of the log, also those that other workers own."""

    def identify(self, partition: str, known: str) -> LogIdentity:
        """Which log lies behind a partition now, compared with what was stored of it when it was claimed last.

        Args:
            partition: one that is being assigned.
            known: the stored identity; empty if none is.
        """

    def confirm(self, *, ask: bool) -> None:
        """Make sure that what was handed out came from the logs that were identified. Call it before a commit.

        Args:
            ask: ask the log itself, which may block; else only what is known without asking is looked at.

        Raises:
            SourceUnavailable: another log lies behind a name now. Start anew: what is not committed is read again.
        """

    def committed(self, positions: Mapping[str, int]) -> None:
        """These positions are durable now; for lag tools only. Must not raise."""

    def pause(self, partitions: frozenset[str]) -> None:
        """Hand out nothing more of these partitions until :meth:`resume` (back-pressure)."""

    def resume(self, partitions: frozenset[str]) -> None:
        """Undo :meth:`pause`."""

    def close(self) -> None:
        """Stop reading; idempotent."""
