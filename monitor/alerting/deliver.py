"""From the outbox to the channels: claim, send, mark. At least once, in order within (incident, channel).

Marking comes after sending: whoever is killed in between has the notification sent again, with the same dedup key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from monitor.alerting.breaker import Breakers
from monitor.alerting.channels.base import Channel, ChannelError
from monitor.alerting.ports import EventAction, Outbox, Pending

_LOG: Final = structlog.stdlib.get_logger("driftline.delivery")

AT_ONCE: Final = 8
"""Claimed per step and sent one after the other: 8 x 11 s of a dead receiver are a minute and a half."""
SLACK_MS: Final = 30_000
"""Extra time of a claim beyond the longest sending: database, scheduling, a short suspension."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Time of the next try: 5 s, 10 s, 20 s ... 10 min, each up to a fifth earlier, indefinitely.

    Never giving up on passing trouble is what "at least once" means; the backlog gauge shows what waits.
    """

    first_ms: int = 5_000
    most_ms: int = 600_000
    jitter: float = 0.2
    """Spreads retries, so that receivers that come back are not hit by all at once."""

    def wait_ms(self, pending: Pending) -> int:
        """Waiting time after this failed try; depends on nothing but the notification and its tries."""
        doublings = min(pending.attempts, 30)
        full = min(self.most_ms, self.first_ms * 2**doublings)
        digest = hashlib.sha256(f"{pending.id}/{pending.attempts}".encode()).digest()
        share = int.from_bytes(digest[:4]) / 2**32
        return int(full * (1 - self.jitter * share))


class Outcome(StrEnum):
    """Outcome of one try."""

    sent = "sent"
    retried = "retried"
    given_up = "given_up"


@dataclass(frozen=True, slots=True)
class Delivered:
    """Result of a step: the channel and outcome of each try."""

    outcomes: tuple[tuple[str, Outcome], ...] = ()

    @property
    def claimed(self) -> int:
        """All that were taken; 0 means that nothing was due."""
        return len(self.outcomes)

    def count(self, outcome: Outcome) -> int:
        """The number of tries that ended so."""
        return sum(each is outcome for _, each in self.outcomes)


def deliver_step(
    outbox: Outbox,
    channels: Mapping[str, Channel],
    *,
    now_ms: int,
    backoff: Backoff = Backoff(),
    breakers: Breakers | None = None,
) -> Delivered:
    """Send what is due, at most :data:`AT_ONCE`; call again while something was claimed.

    A failed notification holds up the later ones of its own incident and channel, nothing else. With breakers, a
    receiver that fails again and again is left alone for a while.

    Raises:
        StoreUnavailable: what was sent and could not be marked is sent again when its claim runs out.
    """
    longest_ms = max((channel.longest_ms for channel in channels.values()), default=0)
    outcomes: list[tuple[str, Outcome]] = []
    for pending in outbox.claim(now_ms=now_ms, lease_ms=AT_ONCE * longest_ms + SLACK_MS, limit=AT_ONCE):
        if pending.notification.deed is EventAction.page and not outbox.wanted(pending):
            continue  # withdrawn: somebody acknowledged while it was claimed
        failure = _send(pending, channels, breakers or Breakers(), now_ms)
        if failure is None:
            outbox.delivered(pending, now_ms=now_ms)
            outcome = Outcome.sent
        elif failure.permanent:
            outbox.failed(pending, error=str(failure), retry_at_ms=None)
            outcome = Outcome.given_up
        else:
            wait_ms = max(backoff.wait_ms(pending), failure.retry_after_ms or 0)
            outbox.failed(pending, error=str(failure), retry_at_ms=now_ms + wait_ms)
            outcome = Outcome.retried
        outcomes.append((pending.notification.channel, outcome))
        if failure is not None and not isinstance(failure, PutOffError):
            _LOG.warning(
                "notification failed",
                incident_id=pending.notification.incident_id,
                seq=pending.notification.seq,
                channel=pending.notification.channel,
                attempt=pending.attempts + 1,
                permanent=failure.permanent,
                error=str(failure),
            )
    return Delivered(tuple(outcomes))


class PutOffError(ChannelError):
    """It was not tried: its receiver has failed again and again."""


def _send(pending: Pending, channels: Mapping[str, Channel], breakers: Breakers, now_ms: int) -> ChannelError | None:
    name = pending.notification.channel
    wait_ms = breakers.wait_ms(name, now_ms)
    if wait_ms > 0:
        return PutOffError(f"channel {name!r} has failed again and again", permanent=False, retry_after_ms=wait_ms)
    failure = _tried(pending, channels)
    if failure is None or failure.permanent:  # refused for good: the receiver is there
        breakers.arrived(name)
    else:
        breakers.failed(name, now_ms)
    return failure


def _tried(pending: Pending, channels: Mapping[str, Channel]) -> ChannelError | None:
    name = pending.notification.channel
    channel = channels.get(name)
    if channel is None:
        return ChannelError(f"the settings have no channel {name!r} any more", permanent=True)
    try:
        channel.send(pending.notification, attempt=pending.attempts + 1)
    except ChannelError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a channel's bug must not stop the other channels
        return ChannelError(f"channel {name!r} failed: {type(error).__name__}: {error}", permanent=False)
    return None
