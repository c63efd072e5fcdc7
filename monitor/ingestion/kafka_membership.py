"""Which partitions this process owns: the consumer group's word for it, and the worker's claim on each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.structs import TopicPartition

from monitor.errors import DriftlineError
from monitor.ingestion.source import Assignment


def partition_name(tp: TopicPartition) -> str:
    """The partition's name everywhere outside of ingestion."""
    return f"{tp.topic}-{tp.partition}"


def topic_name(partition: str) -> str:
    """The topic of a partition by its name: ``events`` of ``events-3``."""
    return partition.rpartition("-")[0]


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]  # the client carries no types
    """Listens to the group and keeps the worker's claims in step with it.

    The client calls the listener on its own thread, always while the polling thread waits inside ``poll`` or
    ``close``, so nothing here runs twice at a time. *Revoked* and *lost* are passed on at once, because a partition
    must be given back before the group hands it to somebody else. *Assigned* may wait for storage and may fail, and
    neither must hold up heartbeats: a new partition is only paused at first, and :meth:`settle` claims it on the
    polling thread. A partition that is not claimed yet hands out nothing.
    """

    def __init__(self, consumer: Any, assignment: Assignment) -> None:
        self.owned: set[TopicPartition] = set()
        self._consumer = consumer
        self._assignment = assignment
        self._unclaimed: list[TopicPartition] = []
        self._paused: set[str] = set()
        self._failure: DriftlineError | None = None

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """New partitions: paused, at a position that is never read, so that the client does not look one up."""
        for tp in sorted(assigned):
            self._consumer.pause(tp)
            self._consumer.seek(tp, 0)
            self._unclaimed.append(tp)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Give back in order."""
        self._release(revoked, self._assignment.revoked)

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """The group threw us out: too late to give back."""
        self._release(lost, self._assignment.lost)

    def hold_on(self) -> None:
        """Keep a rejoin that has begun wanted until it is over. To be called before each poll.

        The client (3.0.12) rejoins when the topics' metadata differ from those that it assigned by. Where the poll
        ends before the rejoin, the assignment is made in the background by the new metadata, nothing differs any
        more, and the response is never read: heartbeats stay off, the group removes the member, and it goes on
        reading indefinitely. The Java client had the same fault (KAFKA-9815) and mended it the same way.
        """
        coordinator = self._consumer._coordinator
        if coordinator.rejoining or coordinator.need_rejoin():
            coordinator.request_rejoin()

    def settle(self) -> bool:
        """Claim what is new; whether there was anything.

        Raises:
            DriftlineError: what a callback raised; a failed claim is tried again by the next call.
        """
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        if not self._unclaimed:
            return False
        starts = self._assignment.assigned([partition_name(tp) for tp in self._unclaimed])
        for tp in self._unclaimed:
            start = starts[partition_name(tp)]
            if start < 0:
                self._consumer.seek_to_beginning(tp)
            else:
                self._consumer.seek(tp, start)
            if partition_name(tp) not in self._paused:
                self._consumer.resume(tp)
        self.owned.update(self._unclaimed)
        self._unclaimed.clear()
        return True

    def pause(self, names: frozenset[str]) -> None:
        """Hand out nothing more of these."""
        self._paused |= names
        self._consumer.pause(*(tp for tp in self.owned if partition_name(tp) in names))

    def resume(self, names: frozenset[str]) -> None:
        """Hand them out again."""
        self._paused -= names
        self._consumer.resume(*(tp for tp in self.owned if partition_name(tp) in names))

    def running(self) -> set[TopicPartition]:
        """Partitions that are owned and not paused."""
        return {tp for tp in self.owned if partition_name(tp) not in self._paused}

    def _release(self, gone: Iterable[TopicPartition], tell: Callable[[Sequence[str]], None]) -> None:
        partitions = set(gone)
        claimed = sorted(partitions & self.owned)
        self._unclaimed = [tp for tp in self._unclaimed if tp not in partitions]
        self.owned -= partitions
        names = [partition_name(tp) for tp in claimed]
        self._paused -= set(names)
        if names:
            try:
                tell(names)
            except DriftlineError as error:
                self._failure = error  # raised on the polling thread: the client would only log it
