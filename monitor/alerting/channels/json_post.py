"""The common part of channels that post JSON: encode, send by the guarded way out, judge the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from monitor.alerting.channels.answers import require_delivered
from monitor.alerting.channels.outbound import Answer, Outbound
from monitor.clock import Clock

HEADERS: Final[Mapping[str, str]] = {"Content-Type": "application/json", "User-Agent": "driftline"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A channel's address, key and way out.

    Attributes:
        url: the receiver's; its path and query may be secret and are never shown.
        secret: a key, token or password; None: none is needed.
        buttons: whether messages may have buttons that act on the incident.
    """

    url: str
    secret: bytes | None
    outbound: Outbound
    clock: Clock
    buttons: bool = False


class JsonPost:
    """Posts documents to one address."""

    def __init__(self, target: Target) -> None:
        """
        Raises:
            ChannelError: nothing may be sent to this address whatever it resolves to.
        """
        self._target = target
        self.host = target.outbound.check(target.url).host

    @property
    def longest_ms(self) -> int:
        """The longest time that a request may take."""
        return self._target.outbound.longest_ms

    def now_ms(self) -> int:
        """The service's clock."""
        return self._target.clock.now_ms()

    def post(self, document: object) -> Answer:
        """Send it; returns the answer of a receiver that took it.

        Raises:
            ChannelError: the receiver did not take it.
        """
        body = msgspec.json.encode(document, order="deterministic")
        answer = self._target.outbound.post(self._target.url, body=body, headers=HEADERS)
        require_delivered(answer, host=self.host, now_ms=self.now_ms())
        return answer
