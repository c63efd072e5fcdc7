"""Two deployments in one consumer group: each would count a part of the log, and both would take it for the whole.

A member of the group belongs to the deployment of its database. It writes that identity, and when, into the metadata
of the offsets that it commits, and looks who else does: before it joins, and every few seconds from then on. Where
another deployment has committed lately, whoever comes later does not join; of two that came at once, the one with
the larger identity leaves. Offsets alone would not do: an old one says nothing about who reads today.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from kafka.errors import KafkaTimeoutError
from kafka.structs import OffsetAndMetadata, TopicPartition

from monitor.errors import SourceUnavailable

LIVE_MS: Final = 60_000
"""A deployment that has committed no longer ago than this is at work; clocks may differ by most of it."""
EVERY_MS: Final = 10_000
"""How often each says that it is there, and looks for others: six times until it would be taken for gone."""
JOINING_MS: Final = 10_000
LOOKING_MS: Final = 1_000
"""Longest wait for the brokers' answer: before joining, and at work, where the next look will do as well."""
_MARK: Final = "driftline"


class Deployment:
    """The identity of this process's deployment, in a group."""

    def __init__(self, consumer: Any, *, own: str, group: str) -> None:
        """``own`` is the identity; empty: it has none, and nothing is written or looked for."""
        self._consumer = consumer
        self._own = own
        self._group = group
        self._looked_ms: int | None = None
        self._positions: dict[TopicPartition, int] = {}

    def offsets(
        self, positions: Mapping[TopicPartition, int], now_ms: int
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """What to commit."""
        self._positions |= positions
        metadata = f"{_MARK} {self._own} {now_ms}" if self._own else ""
        return {tp: OffsetAndMetadata(position, metadata, -1) for tp, position in positions.items()}

    def due(self, now_ms: int) -> bool:
        """Whether it is time to look, and to say that we are here."""
        return bool(self._own) and (self._looked_ms is None or abs(now_ms - self._looked_ms) >= EVERY_MS)

    def alive(self, owned: Collection[TopicPartition], now_ms: int) -> dict[TopicPartition, OffsetAndMetadata]:
        """What to commit again, so that others see us: the newest positions of what is ours."""
        self._positions = {tp: at for tp, at in self._positions.items() if tp in owned}
        return self.offsets(self._positions, now_ms)

    def confirm(self, every: Collection[TopicPartition], now_ms: int, *, joining: bool) -> None:
        """That no other deployment is at work in the group.

        Args:
            every: all partitions of the topics.
            now_ms: the clock.
            joining: we are not in the group yet.

        Raises:
            SourceUnavailable: one is; waiting helps once it has left.
        """
        if not self._own:
            return
        self._looked_ms = now_ms
        timeout_ms = JOINING_MS if joining else LOOKING_MS
        try:
            committed = self._consumer._coordinator.fetch_committed_offsets(set(every), timeout_ms=timeout_ms)
        except KafkaTimeoutError:
            if joining:
                raise
            return
        for tp in sorted(committed):
            mark, _, rest = (committed[tp].metadata or "").partition(" ")
            other, _, at = rest.partition(" ")
            lately = mark == _MARK and at.isdigit() and abs(now_ms - int(at)) < LIVE_MS
            if lately and other != self._own and (joining or other < self._own):
                raise SourceUnavailable(
                    f"Kafka: deployment {other} reads {tp.topic} in group {self._group!r} and counts into another "
                    f"database than ours ({self._own}); each would see a part of the log. Give one of them "
                    "a group of its own (source.kafka.group), or both the same database"
                )
