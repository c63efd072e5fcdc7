"""The protocol of a channel: a way to a receiver."""

from __future__ import annotations

from typing import Protocol

from monitor.alerting.ports import Notification
from monitor.errors import DriftlineError


class ChannelError(DriftlineError):
    """A notification did not arrive.

    Attributes:
        permanent: trying the same again cannot help; it is given up, kept and counted.
        retry_after_ms: the waiting time that the receiver requested.
    """

    def __init__(self, message: str, *, permanent: bool, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after_ms = retry_after_ms


class Channel(Protocol):
    """Sends notifications to one receiver. May block for at most ``longest_ms``."""

    @property
    def longest_ms(self) -> int:
        """The longest that one :meth:`send` takes, in milliseconds."""

    def send(self, notification: Notification, *, attempt: int) -> None:
        """Deliver; returning means that the receiver has it.

        Args:
            notification: the message. Receivers fold repetitions by its dedup key and seq.
            attempt: 1 for the first try.

        Raises:
            ChannelError: it did not arrive, or its arrival is unknown.
        """
