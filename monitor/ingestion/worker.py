"""The counting worker: poll, decode, count, commit; one thread, any number of partitions.

Back-pressure is plain: a worker holds the records of one poll and nothing more. While the database or the dead-letter
topic cannot take what was counted, it does not poll, and the log keeps what it holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from monitor.counting.counter import CountRule, PartitionCounter, sum_tally
from monitor.counting.ports import CountStore, LogIdentity, Tally
from monitor.counting.slice_table import SliceTable
from monitor.errors import Fenced
from monitor.events.formats.decoder import BlockDecoder
from monitor.events.reasons import NO_FAULT
from monitor.events.records import RecordBlock
from monitor.ingestion.deadletter import DeadLetters
from monitor.ingestion.gaps import Gap, OnGap
from monitor.ingestion.source import Source

COMMIT_EVENTS: Final = 200_000
"""A commit is due at the latest after so many records: what a crash makes us read again stays within a second."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """Another log lies behind a partition's name, and is read from its start."""

    partition: str
    left_at: int
    """Position that was reached in the former log; what it held beyond is unknown."""
    log: LogIdentity


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """One step of the worker, for metrics and the terminal.

    ``tally`` is what was committed in the step; ``lag`` (records) and ``newest_ms`` are per owned partition.
    """

    polled: int
    tally: Tally
    owned: int = 0
    """Partitions that this worker counts."""
    commit_seconds: Sequence[float] = ()
    newest_ms: Mapping[str, int] = field(default_factory=dict)
    lag: Mapping[str, int] = field(default_factory=dict)
    ended: bool = False
    """Every partition has ended and everything is committed."""
    renewed: Sequence[Renewal] = ()
    """Partitions that were claimed in the step and have another log behind their name than before."""


class Worker:
    """Counts the partitions that its source assigns to it."""

    def __init__(
        self,
        open_source: Callable[[OnGap], Source],
        store: CountStore,
        decoder: BlockDecoder,
        dead_letters: DeadLetters,
        slices: SliceTable,
        rule: CountRule,
        *,
        owner: str,
        source_of: Callable[[str], str],
        now_ms: Callable[[], int],
        commit_interval_ms: int,
        timer: Callable[[], float],
    ) -> None:
        """Args:
        open_source: makes the source that records come from; it gets the callback for gaps.
        source_of: name of the topic (or other source) of a partition.
        now_ms: the clock that paces commits and dates them; the one of the marks is the source's own.
        commit_interval_ms: a commit is due at the latest after this time.
        timer: seconds, for how long commits take.
        """
        self._source = open_source(self._on_gap)
        self._store = store
        self._decoder = decoder
        self._dead_letters = dead_letters
        self._slices = slices
        self._rule = rule
        self._owner = owner
        self._source_of = source_of
        self._now_ms = now_ms
        self._commit_interval_ms = commit_interval_ms
        self._counters: dict[str, PartitionCounter] = {}
        self._gaps: dict[str, list[Gap]] = defaultdict(list)
        self._ended: set[str] = set()
        self._uncommitted = 0
        self._committed_at = now_ms()
        self._tallies: list[Tally] = []
        self._seconds: list[float] = []
        self._renewed: list[Renewal] = []
        self._timer = timer

    @property
    def sources(self) -> list[str]:
        """The topics, or other sources, that it may read."""
        return sorted({self._source_of(partition) for partition in self._source.partitions()})

    def start(self) -> None:
        """Make all partitions of the source known, so that no tick closes without them, and join."""
        self._source.start(self)
        self._register(self._source.partitions())

    def step(self, *, timeout_s: float) -> WorkerReport:
        """Poll once, count what came, commit if it is time.

        Raises:
            TryAgain: the log or a store cannot be reached. Throw the worker away and start a new one: everything that
                is not committed will be read again.
            Fenced: another worker counts one of our partitions. Start anew as well: we may be out of the group.
            SourceRefused, StoreRefused: trying again will not help.
        """
        polled = self._source.poll(timeout_s=timeout_s, behind=self._behind())
        for block in polled.blocks:
            if block.partition in self._counters:
                self._count(block, polled.clock_ms)
        for partition in list(self._gaps):
            self._skip(partition, before=None)
        for partition in polled.caught_up & self._counters.keys():
            if polled.clock_ms is not None:
                self._counters[partition].idle(polled.clock_ms)
        for partition in polled.ended & self._counters.keys():
            self._ended.add(partition)
            self._counters[partition].end()
        if self._due() and (claimed := self._commit(list(self._counters), ask=True)):
            # The group never notified us: go on as if all were well, and this partition is counted by whoever has
            # claimed it, while we are a member in name only.
            raise Fenced(f"partition {claimed[0]} was claimed by another worker while it was ours; joining anew")
        return self._report(sum(len(block) for block in polled.blocks), polled.lag)

    def close(self) -> None:
        """Commit what is counted and leave."""
        self._commit(list(self._counters), ask=True)
        self._source.close()

    def abandon(self) -> None:
        """Leave without committing: what is not committed will be read again. Idempotent."""
        self._counters.clear()
        self._source.close()

    # -- callbacks of the source -------------------------------------------------------------------------------

    def assigned(self, partitions: Sequence[str]) -> Mapping[str, int]:
        """Claim partitions; each is read from before its position, to warm its duplicate filter."""
        self._register(partitions)
        for partition in partitions:
            log = self._source.identify(partition, self._store.log_id(partition))
            position = self._store.claim(partition, owner=self._owner, now_ms=self._now_ms(), log=log)
            if position.left_at is not None:
                self._renewed.append(Renewal(partition, position.left_at, log))
            source = self._source_of(partition)
            self._counters[partition] = PartitionCounter(position, self._rule, self._slices, source=source)
        return {partition: self._counters[partition].start_offset for partition in partitions}

    def position(self, partition: str) -> int:
        """Position of its counter; reading starts before it, to warm its memory."""
        return self._counters[partition].next_offset

    def revoked(self, partitions: Sequence[str]) -> None:
        """Commit what is counted, and let go."""
        # A Kafka client calls this on its own thread, which must not wait for an answer to itself.
        self._commit([partition for partition in partitions if partition in self._counters], ask=False)
        self.lost(partitions)

    def lost(self, partitions: Sequence[str]) -> None:
        """Another worker counts them now, from our last commit on."""
        for partition in partitions:
            self._counters.pop(partition, None)
            self._gaps.pop(partition, None)
            self._ended.discard(partition)

    def _on_gap(self, gap: Gap) -> None:
        """Remember a gap until the records before it are counted."""
        self._gaps[gap.partition].append(gap)

    # -- one block ------------------------------------------------------------------------------------------------

    def _register(self, partitions: Sequence[str] | frozenset[str]) -> None:
        by_source: dict[str, list[str]] = defaultdict(list)
        for partition in partitions:
            by_source[self._source_of(partition)].append(partition)
        for source, names in sorted(by_source.items()):
            self._store.register(source, sorted(names))

    def _behind(self) -> str | None:
        """The partition to read next if the source can choose: the one whose event time is furthest behind."""
        running = [name for name in self._counters if name not in self._ended]
        unread = [name for name in running if self._counters[name].newest_ms is None]
        if unread:
            return min(unread)
        return min(running, key=lambda name: (self._counters[name].newest_ms or 0, name), default=None)

    def _count(self, block: RecordBlock, clock_ms: int | None) -> None:
        counter = self._counters[block.partition]
        self._skip(block.partition, before=int(block.offset[0]) if len(block) else block.next_offset)
        decoded = self._decoder.decode(block)
        position = counter.next_offset
        for why in decoded.rejected:
            if why.offset >= position and why.reason not in NO_FAULT:
                self._dead_letters.send(
                    partition=block.partition,
                    offset=why.offset,
                    reason=why.reason.value,
                    detail=why.sentence,
                    key=block.key(why.row),
                    value=block.value(why.row),
                )
        rejected = [(why.offset, why.reason.value) for why in decoded.rejected for _ in range(why.times)]
        counter.count(decoded.batch, rejected, clock_ms=clock_ms)
        self._uncommitted += len(block)

    def _skip(self, partition: str, *, before: int | None) -> None:
        """Count the gaps that end at or before this offset (all of them if None)."""
        waiting = self._gaps.pop(partition, [])
        later = [gap for gap in waiting if before is not None and gap.to_offset > before]
        if later:
            self._gaps[partition] = later
        counter = self._counters.get(partition)
        for gap in waiting[: len(waiting) - len(later)]:
            if counter is None or gap.to_offset <= counter.next_offset:
                continue  # lost while warming up: those records are counted already
            first = max(gap.from_offset, counter.next_offset)
            self._dead_letters.send(
                partition=partition, offset=first, reason=gap.reason.value, detail=gap.detail, key=None, value=None
            )
            counter.skip(gap.to_offset, records=gap.to_offset - first)

    # -- commit -----------------------------------------------------------------------------------------------------

    def _due(self) -> bool:
        return (
            self._uncommitted >= COMMIT_EVENTS
            or self._now_ms() - self._committed_at >= self._commit_interval_ms
            or any(counter.tick_closed for counter in self._counters.values())
        )

    def _commit(self, partitions: list[str], *, ask: bool) -> list[str]:
        """Commit these; returns those that another worker has claimed, which are let go."""
        self._committed_at = self._now_ms()
        dirty = [name for name in partitions if self._counters[name].dirty]
        if not dirty:
            return []
        self._source.confirm(ask=ask)
        self._dead_letters.flush()
        positions, claimed = {}, []
        for name in dirty:
            counter = self._counters[name]
            commit = counter.commit(self._store.slice_ids)
            began = self._timer()
            try:
                self._store.commit(commit, now_ms=self._now_ms())
            except Fenced:
                self.lost([name])
                claimed.append(name)
                continue
            counter.committed()
            positions[name] = commit.to_offset
            self._tallies.append(commit.tally)
            self._seconds.append(self._timer() - began)
        if len(partitions) >= len(self._counters):
            self._uncommitted = 0
        self._source.committed({name: offset for name, offset in positions.items() if offset >= 0})
        return claimed

    def _report(self, polled: int, lag: Mapping[str, int]) -> WorkerReport:
        tally, seconds = sum_tally(self._tallies), self._seconds
        renewed, self._renewed = self._renewed, []
        self._tallies, self._seconds = [], []
        newest = {name: counter.newest_ms for name, counter in self._counters.items()}
        running = [name for name in self._counters if name not in self._ended]
        clean = not any(counter.dirty for counter in self._counters.values())
        return WorkerReport(
            polled=polled,
            owned=len(self._counters),
            tally=tally,
            commit_seconds=seconds,
            newest_ms={name: at for name, at in newest.items() if at is not None},
            lag={name: records for name, records in lag.items() if name in self._counters},
            ended=bool(self._ended) and not running and clean,
            renewed=renewed,
        )
