"""A service that is killed at a chosen instant: before or after any commit, and before or after anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from monitor.alerting.ports import Alerts, AlertStore, Notification, Outbox, Pending
from tests.stories.world import Actuator, Receiver


class KilledError(BaseException):
    """SIGKILL: no handler of the service may catch it."""


@dataclass
class Fuse:
    """Counts the instants; at the chosen one the service is killed, once."""

    blows_at: int | None = None
    passed: int = 0
    places: list[str] = field(default_factory=list)

    def point(self, place: str) -> None:
        self.passed += 1
        self.places.append(place)
        if self.passed == self.blows_at:
            raise KilledError(f"{self.passed}: {place}")


@dataclass
class CrashAlerts(Alerts):
    inner: Alerts
    fuse: Fuse

    @contextmanager
    def transaction(self) -> Iterator[AlertStore]:
        with self.inner.transaction() as store:
            yield store
            self.fuse.point("before a commit")
        self.fuse.point("after a commit")


@dataclass
class CrashOutbox(Outbox):
    inner: Outbox
    fuse: Fuse

    def claim(self, *, now_ms: int, lease_ms: int, limit: int) -> Sequence[Pending]:
        claimed = self.inner.claim(now_ms=now_ms, lease_ms=lease_ms, limit=limit)
        if claimed:
            self.fuse.point("after a claim")
        return claimed

    def delivered(self, pending: Pending, *, now_ms: int) -> None:
        self.inner.delivered(pending, now_ms=now_ms)
        self.fuse.point("after it was marked as delivered")

    def failed(self, pending: Pending, *, error: str, retry_at_ms: int | None) -> None:
        self.inner.failed(pending, error=error, retry_at_ms=retry_at_ms)
        self.fuse.point("after it was marked as failed")

    def wanted(self, pending: Pending) -> bool:
        return self.inner.wanted(pending)

    def backlog(self) -> int:
        return self.inner.backlog()


@dataclass
class CrashReceiver(Receiver):
    fuse: Fuse = field(default_factory=Fuse)

    def send(self, notification: Notification, *, attempt: int) -> None:
        self.fuse.point(f"before sending to {self.name}")
        super().send(notification, attempt=attempt)
        self.fuse.point(f"after sending to {self.name}")


@dataclass
class CrashActuator(Actuator):
    fuse: Fuse = field(default_factory=Fuse)

    def request(self, document: Mapping[str, object], *, key: str) -> str:
        self.fuse.point("before a measure is sent")
        said = super().request(document, key=key)
        self.fuse.point("after a measure was sent")
        return said
