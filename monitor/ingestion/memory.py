"""A log in memory: for tests and replays; passes the conformance suite of all sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitor.clock import Clock
from monitor.events.headers import Header
from monitor.events.records import RecordBlock
from monitor.ingestion.blocks import join_records
from monitor.ingestion.source import Assignment, Polled, UnchangingLogs


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """One record; ``timestamp_ms`` -1 means none."""

    value: bytes | None
    key: bytes | None = None
    timestamp_ms: int = -1
    headers: Sequence[Header] = ()


class MemorySource(UnchangingLogs):
    """Partitions as lists of records; the offset is the place in the list.

    Without a clock the lists are all there is and partitions end; with a clock the log never ends: :meth:`append`
    adds to it, and a poll lists the partitions that are caught up.
    """

    def __init__(
        self,
        logs: Sequence[tuple[str, Sequence[bytes | MemoryRecord | None]]],
        *,
        clock: Clock | None = None,
        block_records: int = 1000,
    ) -> None:
        if block_records < 1:
            raise ValueError(f"block_records must be at least 1, got {block_records}")
        self._logs = {name: [_record(item) for item in items] for name, items in logs}
        if len(self._logs) != len(logs):
            raise ValueError(f"partition names repeat: {[name for name, _ in logs]}")
        self._clock = clock
        self._block_records = block_records
        self._position: dict[str, int] = {}
        self._paused: frozenset[str] = frozenset()

    def start(self, assignment: Assignment) -> None:
        """Claim every partition at once."""
        starts = assignment.assigned(list(self._logs))
        self._position = {name: max(0, starts[name]) for name in self._logs}

    def append(self, partition: str, records: Sequence[bytes | MemoryRecord | None]) -> None:
        """Add records to the end of a partition's log."""
        self._logs[partition].extend(_record(item) for item in records)

    def poll(self, *, timeout_s: float, behind: str | None = None) -> Polled:
        """One block per partition that has more; if ``behind`` has more, only that one's. Never waits."""
        now = None if self._clock is None else self._clock.now_ms()
        wanted = [behind] if behind is not None and self._has_more(behind) else list(self._position)
        blocks = [self._take(name) for name in wanted if self._has_more(name)]
        drained = frozenset(
            name for name, at in self._position.items() if at >= len(self._logs[name]) and name not in self._paused
        )
        live = now is not None
        return Polled(
            blocks=blocks,
            caught_up=drained if live else frozenset(),
            ended=frozenset() if live else drained,
            clock_ms=now,
        )

    def partitions(self) -> frozenset[str]:
        """All partitions."""
        return frozenset(self._logs)

    def committed(self, positions: Mapping[str, int]) -> None:
        """Does nothing: there are no offsets to commit."""

    def pause(self, partitions: frozenset[str]) -> None:
        """Hand out nothing more of these."""
        self._paused |= partitions

    def resume(self, partitions: frozenset[str]) -> None:
        """Hand them out again."""
        self._paused -= partitions

    def close(self) -> None:
        """Hand out nothing more."""
        self._position = {}

    def _has_more(self, partition: str) -> bool:
        at = self._position.get(partition)
        return at is not None and partition not in self._paused and at < len(self._logs[partition])

    def _take(self, partition: str) -> RecordBlock:
        at = self._position[partition]
        records = self._logs[partition][at : at + self._block_records]
        self._position[partition] = at + len(records)
        return join_records(
            partition=partition,
            offsets=range(at, at + len(records)),
            timestamps=[record.timestamp_ms for record in records],
            keys=[record.key for record in records],
            values=[record.value for record in records],
            next_offset=at + len(records),
            headers=[record.headers for record in records],
        )


def _record(item: bytes | MemoryRecord | None) -> MemoryRecord:
    return item if isinstance(item, MemoryRecord) else MemoryRecord(item)
