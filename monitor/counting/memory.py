"""All that a partition remembers of its past events: ids, requests, prompts.

State follows its partition: every part depends on a bounded stretch of the log before an event, nothing of it is
stored, and after a restart it is rebuilt by reading that stretch again. Parts that build on each other need their
stretches one before the other: whether a prompt is remembered depends on the requests and ids before *it*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.near import RecentPrints
from monitor.counting.dedupe import DuplicateFilter, contents_of
from monitor.counting.join import RequestJoin
from monitor.events.batch import EventBatch
from monitor.signals.recall import UNKNOWN, Recall


@dataclass(frozen=True, slots=True)
class MemoryRule:
    """The reach of a partition's memory, in offsets; 0 turns a part off.

    Attributes:
        ids: an event that comes again under its id is a duplicate.
        requests: events of one request find each other.
        prompts: prompts find their near-duplicates; needs requests, for each counts once.
    """

    ids: int = 65_536
    requests: int = 16_384
    prompts: int = 65_536


SHORTEST: Final = 16
"""Characters of a prompt that is remembered: hello, thanks and yes are common, and no attack is that short."""


class PartitionMemory:
    """Owned by one worker thread; batches in offset order."""

    def __init__(self, rule: MemoryRule) -> None:
        self._rule = rule
        self._ids = DuplicateFilter(rule.ids)
        self._requests = RequestJoin(rule.requests)
        self._prompts = RecentPrints(reach=rule.prompts) if rule.prompts and rule.requests else None

    def duplicates(self, batch: EventBatch) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which events repeat an earlier one, and which use an earlier id for something else.

        Call once per batch, before :meth:`recall`.
        """
        return self._ids.look(batch.event_id, contents_of(batch), batch.offset)

    def recall(self, batch: EventBatch, duplicate: NDArray[np.bool_]) -> Recall:
        """The memory of each event. A duplicate adds nothing: its prompt is not remembered twice."""
        layer, surface, harm, first = self._requests.look(batch)
        n = len(batch)
        near, hits, senders = np.full(n, UNKNOWN, np.int8), np.full(n, UNKNOWN, np.int16), np.zeros(n, np.int16)
        cluster, since = np.zeros(n, np.uint64), np.zeros(n, np.int64)
        if self._prompts is not None:
            asks = first & ~duplicate & ((batch.input_length < 0) | (batch.input_length >= SHORTEST))
            found = self._prompts.look(
                batch.fingerprint[asks], batch.offset[asks], batch.session_id[asks], batch.time_ms[asks]
            )
            near[asks], hits[asks], cluster[asks], senders[asks] = found.near, found.hits, found.name, found.senders
            since[asks] = found.since
        return Recall(layer, surface, harm, near, hits, cluster, senders, since)

    def warm_from(self, position: int) -> int:
        """The offset to read again from, so that a fresh memory is exact from ``position`` on.

        Which prompts are remembered depends on the ids and requests before each of them.
        """
        before = max(self._rule.ids, self._rule.requests)
        return max(0, position - before - (self._rule.prompts if self._prompts is not None else 0))
