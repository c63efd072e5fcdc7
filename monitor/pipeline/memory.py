"""All that a partition remembers of its past events: ids, requests, prompts.

State follows its partition: every part depends on a bounded stretch of the log before an event, nothing of it is
stored, and after a restart it is rebuilt by reading that stretch again. Parts that build on each other need their
stretches one before the other: whether a prompt is remembered depends on the requests and ids before *it*.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch
from monitor.pipeline.dedupe import DuplicateFilter
from monitor.pipeline.join import RequestJoin
from monitor.pipeline.recall import UNKNOWN, Recall


@dataclass(frozen=True, slots=True)
class MemoryRule:
    """How far back a partition remembers, in offsets; 0 turns a part off.

    Attributes:
        ids: a repeated event id is a duplicate.
        requests: events of one request find each other.
    """

    ids: int = 65_536
    requests: int = 16_384


class PartitionMemory:
    """Owned by one worker thread; batches in offset order."""

    def __init__(self, rule: MemoryRule) -> None:
        self._rule = rule
        self._ids = DuplicateFilter(rule.ids)
        self._requests = RequestJoin(rule.requests)

    def duplicates(self, batch: EventBatch) -> NDArray[np.bool_]:
        """Which events repeat an earlier one by id. Call once per batch, before :meth:`recall`."""
        return self._ids.duplicates(batch.event_id, batch.offset)

    def recall(self, batch: EventBatch) -> Recall:
        """What is remembered about each event."""
        layer, surface, harm, _ = self._requests.look(batch)
        return Recall(layer, surface, harm, np.full(len(batch), UNKNOWN, np.int16))

    def warm_from(self, position: int) -> int:
        """The offset to read again from, so that a fresh memory is exact from ``position`` on."""
        return max(0, position - max(self._rule.ids, self._rule.requests))
