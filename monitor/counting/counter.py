"""Counting one partition: de-duplicate, assign ticks, bin every signal, add up.

The heavy part of the service and the part that scales out. Whatever happens here follows from the log and the
recorded marks; a commit carries the counts since the last one, and sums of counts are all that the judge sees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.counts import add_up, filled
from monitor.counting.clusters import few, sightings
from monitor.counting.memory import MemoryRule, PartitionMemory
from monitor.counting.ports import Commit, Mark, Position, Tally
from monitor.counting.slice_table import SliceTable
from monitor.counting.tick import NO_TICK, TickAssigner, TickRule
from monitor.counts.model import Cluster, Slice, TickCounts
from monitor.events.batch import MISSING, EventBatch
from monitor.events.reasons import NO_FAULT
from monitor.signals import intake
from monitor.signals.intake import Record
from monitor.signals.recall import Recall
from monitor.signals.registry import (
    COLUMNS,
    EVENTS_COLUMN,
    LAYOUT,
    OFFSETS,
    USED_COLUMNS,
    columns_of,
    pooled_columns_of,
)

_NO_FAULT: Final = frozenset(reason.value for reason in NO_FAULT)
Marks = tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]
"""Of each event of a batch: is it new, is it a copy, does it reuse an identifier?"""


@dataclass(frozen=True, slots=True)
class CountRule:
    """The rule of counting a partition: the tick rule, the partition's memory, and signals left out."""

    tick: TickRule = field(default_factory=TickRule)
    memory: MemoryRule = field(default_factory=MemoryRule)
    off: frozenset[str] = frozenset()
    labels_from: frozenset[str] | None = None
    """Sources (topics, files) whose records may be labels; elsewhere they are events. None: any."""


class PartitionCounter:
    """Counts one partition from one position on; owned by one worker thread."""

    def __init__(self, position: Position, rule: CountRule, slices: SliceTable, *, source: str = "") -> None:
        """``source`` is the name of the topic, or other source, that the partition is one of."""
        self._labels_from, self._may_label = rule.labels_from, source in (rule.labels_from or ())
        self.partition = position.partition
        self._generation = position.generation
        self._committed = position.next_offset
        self._next = position.next_offset
        self._ticks = TickAssigner(rule.tick, position.state)
        self._committed_closed = self._ticks.closed_before
        self._memory = PartitionMemory(rule.memory)
        self._off = rule.off
        self._layout = LAYOUT.without(rule.off)
        self._slices = slices
        self._pending: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
        self._clusters: list[Cluster] = []
        self._mark = Mark.data
        self._end_committed = False
        self._clock_ms: int | None = None
        self._clear_tally()

    def _clear_tally(self) -> None:
        self._events = self._duplicates = self._reused_ids = self._late = self._future = self._gap = 0
        self._rejected: Counter[str] = Counter()

    @property
    def start_offset(self) -> int:
        """First offset to read: before the position, so that the partition's memory is warm; -1 = the beginning."""
        return -1 if self._next < 0 else self._memory.warm_from(self._next)

    @property
    def next_offset(self) -> int:
        """Everything below is counted; -1 before the first record."""
        return self._next

    @property
    def closed_before(self) -> int | None:
        """Ticks below this are closed."""
        return self._ticks.closed_before

    @property
    def newest_ms(self) -> int | None:
        """The partition's event time."""
        return self._ticks.newest_ms

    @property
    def dirty(self) -> bool:
        """Whether a commit would store anything new."""
        moved = self._next != self._committed or self._ticks.closed_before != self._committed_closed
        return moved or (self._mark is Mark.end and not self._end_committed)

    @property
    def tick_closed(self) -> bool:
        """Whether a tick has closed since the last commit: the judge is waiting for it."""
        return self._ticks.closed_before != self._committed_closed

    def count(
        self, batch: EventBatch, rejected: Sequence[tuple[int, str]] = (), *, clock_ms: int | None = None
    ) -> int:
        """Count a decoded batch; returns how many of its events were counted.

        Args:
            batch: events in offset order; those below the position only warm the memory.
            rejected: (offset, reason) of the records of this block that could not be read.
            clock_ms: the reader's clock before these records were read.
        """
        if self._labels_from is not None and not self._may_label:
            batch = replace(batch, harmful=np.full(len(batch), MISSING, np.int8))
        duplicate, reused = self._memory.duplicates(batch)
        recall = self._memory.recall(batch, duplicate)
        fresh = batch.offset >= self._next
        use = fresh & ~duplicate
        begins = self._ticks.open_tick
        ticks, late, future, now = self._ticks.assign(batch.time_ms, batch.record_ms, use, clock_ms=clock_ms)
        counted = int(use.sum())
        slices = self._slices.codes(batch)
        if counted:
            self._sum(batch, recall, slices, ticks, use)
        if intake.SIGNAL.name not in self._off:
            unread = [offset for offset, reason in rejected if offset >= self._next and reason not in _NO_FAULT]
            self._take_in(batch, slices, np.r_[begins, now], (fresh, duplicate, reused), unread)
        self._events += counted
        self._duplicates += int((fresh & duplicate).sum())
        self._reused_ids += int((fresh & reused).sum())
        self._late += late
        self._future += future
        self._rejected.update(reason for offset, reason in rejected if offset >= self._next)
        self._next = max(self._next, batch.next_offset)
        self._mark, self._clock_ms = Mark.data, clock_ms
        return counted

    def skip(self, to_offset: int, *, records: int) -> None:
        """The log could not hand out the records before ``to_offset``; ``records`` of them are lost to us."""
        if to_offset > self._next:
            self._gap += records
            self._next = to_offset

    def idle(self, clock_ms: int) -> None:
        """The partition was caught up at ``clock_ms``."""
        self._ticks.idle(clock_ms)
        self._mark, self._clock_ms = Mark.idle, clock_ms

    def end(self) -> None:
        """The partition will never bring another record."""
        self._ticks.end()
        self._mark = Mark.end

    def commit(self, ids_of: Callable[[Sequence[Slice]], Sequence[int]]) -> Commit:
        """Everything since the last commit, as one atomic step. Call :meth:`committed` once it is durable."""
        return Commit(
            partition=self.partition,
            generation=self._generation,
            from_offset=self._committed,
            to_offset=self._next,
            closed_before=self._ticks.closed_before,
            mark=self._mark,
            clock_ms=self._clock_ms,
            state=self._ticks.state(),
            layout=self._layout,
            counts=self._collect(ids_of),
            tally=Tally(
                events=self._events,
                duplicates=self._duplicates,
                reused_ids=self._reused_ids,
                rejected=dict(self._rejected),
                gap=self._gap,
                late=self._late,
                future=self._future,
            ),
            clusters=self._named(ids_of),
        )

    def committed(self) -> None:
        """The last :meth:`commit` is durable."""
        self._committed = self._next
        self._committed_closed = self._ticks.closed_before
        self._end_committed = self._mark is Mark.end
        self._pending.clear()
        self._clusters.clear()
        self._clear_tally()

    def _sum(
        self,
        batch: EventBatch,
        recall: Recall,
        slices: NDArray[np.int32],
        ticks: NDArray[np.int64],
        use: NDArray[np.bool_],
    ) -> None:
        columns = columns_of(batch, recall, self._off)
        self._add_up(ticks, slices, columns, use, is_event=batch.harmful == MISSING)  # a label is no event
        self._clusters = few([*self._clusters, *sightings(recall, ticks, slices, use)])
        pooled = pooled_columns_of(batch, recall, self._off)
        rows = np.flatnonzero(use & (pooled >= 0).any(axis=0)) if len(pooled) else np.empty(0, np.int64)
        if len(rows):
            # Every event is counted once, in its own slice: volume, silence and shares of traffic come from there.
            slices = self._slices.pooled_codes(batch, rows)
            everything = np.ones(len(rows), np.bool_)
            self._add_up(ticks[rows], slices, np.ascontiguousarray(pooled[:, rows]), everything, is_event=~everything)

    def _take_in(
        self,
        batch: EventBatch,
        slices: NDArray[np.int32],
        now: NDArray[np.int64],
        marks: Marks,
        unread: Sequence[int],
    ) -> None:
        """What became of the records, each in the partition's tick at its place in the log.

        Args:
            now: that tick before the batch and after each event; nothing is counted before there is any.
            marks: what was found of each event.
            unread: offsets of the records that could not be read.
        """
        fresh, duplicate, reused = marks
        codes = intake.SIGNAL.code(batch)
        codes[self._slices.is_pooled(slices) & (codes == Record.event)] = Record.pooled
        if self._labels_from is not None:
            codes[codes == Record.label] = Record.event
        codes[reused] = Record.reused_id
        codes[duplicate] = Record.duplicate
        before = np.searchsorted(batch.offset, np.asarray(unread, np.int64), side="right")
        tick = np.r_[now[1:][fresh], now[before]]
        code = np.r_[codes[fresh], np.full(len(unread), Record.rejected, np.int16)]
        known = tick > NO_TICK
        if not known.any():
            return
        key, number = np.unique(tick[known] * COLUMNS + code[known], return_counts=True)
        cell = self._slices.of_records * COLUMNS + OFFSETS[intake.SIGNAL.name] + key % COLUMNS
        self._pending.append((key // COLUMNS, cell, number))

    def _add_up(
        self,
        ticks: NDArray[np.int64],
        slices: NDArray[np.int32],
        columns: NDArray[np.int32],
        use: NDArray[np.bool_],
        *,
        is_event: NDArray[np.bool_],
    ) -> None:
        first = int(ticks[use].min())
        # One key per (tick, slice); np.unique of the few distinct keys, not of the events, where ticks are dense.
        width = len(self._slices)
        key = (ticks - first) * width + slices.astype(np.int64)
        span = int(key[use].max()) + 1
        if span <= 4 * len(ticks) + 1024:
            present = np.flatnonzero(np.bincount(key[use], minlength=span))
            place = np.zeros(span, np.int64)
            place[present] = np.arange(len(present))
            rows = place[np.where(use, key, 0)]
        else:
            present, rows = np.unique(np.where(use, key, key[use][0]), return_inverse=True)
        sums = np.zeros((len(present), USED_COLUMNS), np.int64)
        add_up(rows, columns, use, sums)
        add_up(rows, np.full((1, len(rows)), EVENTS_COLUMN, np.int32), use & is_event, sums)
        row, column, number = filled(sums)
        tick, code = first + present[row] // width, present[row] % width
        self._pending.append((tick, code * COLUMNS + column, number))

    def _named(self, ids_of: Callable[[Sequence[Slice]], Sequence[int]]) -> list[Cluster]:
        """The clusters with the ids of their slices instead of our own codes."""
        if not self._clusters:
            return []
        ids = ids_of([self._slices.slice_of(seen.slice_id) for seen in self._clusters])
        return [replace(seen, slice_id=int(i)) for seen, i in zip(self._clusters, ids, strict=True)]

    def _collect(self, ids_of: Callable[[Sequence[Slice]], Sequence[int]]) -> list[TickCounts]:
        if not self._pending:
            return []
        tick, cell, count = (np.concatenate(parts) for parts in zip(*self._pending, strict=True))
        codes, place = np.unique(cell // COLUMNS, return_inverse=True)
        ids = np.asarray(ids_of([self._slices.slice_of(int(code)) for code in codes]), np.int64)
        cell = ids[place] * COLUMNS + cell % COLUMNS
        order = np.lexsort((cell, tick))
        tick, cell, count = tick[order], cell[order], count[order]
        start = np.flatnonzero(np.r_[True, (np.diff(tick) != 0) | (np.diff(cell) != 0)])
        tick, cell, count = tick[start], cell[start], np.add.reduceat(count, start)
        edges = np.flatnonzero(np.r_[True, np.diff(tick) != 0, True])
        return [
            TickCounts(tick=int(tick[a]), cells=cell[a:b], counts=count[a:b]) for a, b in pairwise(edges.tolist())
        ]


def sum_tally(tallies: Sequence[Tally]) -> Tally:
    """Tallies added up."""
    rejected: Counter[str] = Counter()
    for tally in tallies:
        rejected.update(tally.rejected)
    merged: Mapping[str, int] = dict(rejected)
    return Tally(
        events=sum(t.events for t in tallies),
        duplicates=sum(t.duplicates for t in tallies),
        reused_ids=sum(t.reused_ids for t in tallies),
        rejected=merged,
        gap=sum(t.gap for t in tallies),
        late=sum(t.late for t in tallies),
        future=sum(t.future for t in tallies),
    )
