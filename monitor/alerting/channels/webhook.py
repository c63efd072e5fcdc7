"""The webhook channel: the body as JSON by POST, signed.

The signature is an HMAC-SHA256 over ``<t>.<body>``: a receiver that checks it and the age of ``t`` knows that the
body comes from here and is not an old one played back. See monitor/alerting/README.md for a receiver's check.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import msgspec

from monitor.alerting.channels.answers import require_delivered
from monitor.alerting.channels.outbound import Outbound
from monitor.alerting.ports import Notification
from monitor.clock import Clock

SIGNATURE: Final = "X-Driftline-Signature"
DEDUP_KEY: Final = "X-Driftline-Dedup-Key"
ATTEMPT: Final = "X-Driftline-Attempt"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"


def signature(secret: bytes, body: bytes, *, at_s: int) -> str:
    """``t=<unix seconds>,v1=<hex>``; v1 is the HMAC-SHA256 of ``<t>.<body>``."""
    digest = hmac.new(secret, b"%d." % at_s + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


class WebhookChannel:
    """Posts to one address."""

    def __init__(self, *, url: str, secret: bytes | None, outbound: Outbound, clock: Clock) -> None:
        """
        Raises:
            ChannelError: nothing may be sent to this address whatever it resolves to.
        """
        self._url = url
        self._host = outbound.check(url).host
        self._secret = secret
        self._outbound = outbound
        self._clock = clock

    @property
    def longest_ms(self) -> int:
        """The longest time that a request may take."""
        return self._outbound.longest_ms

    def send(self, notification: Notification, *, attempt: int) -> None:
        """Post it.

        Raises:
            ChannelError: the receiver did not take it.
        """
        body = msgspec.json.encode(notification.body, order="deterministic")
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "driftline",
            DEDUP_KEY: notification.dedup_key,
            IDEMPOTENCY_KEY: f"{notification.dedup_key}-{notification.seq}",
            ATTEMPT: str(attempt),
        }
        if self._secret is not None:
            headers[SIGNATURE] = signature(self._secret, body, at_s=self._clock.now_ms() // 1000)
        answer = self._outbound.post(self._url, body=body, headers=headers)
        require_delivered(answer, host=self._host, now_ms=self._clock.now_ms())
