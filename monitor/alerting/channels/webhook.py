"""The webhook channel: the body as JSON by POST, signed.

| answer | meaning |
| --- | --- |
| 2xx | delivered |
| 408, 425, 429, 5xx, 3xx, no answer | later again, not before the Retry-After that came with it |
| other 4xx | never again: the receiver does not want it |

The signature is an HMAC-SHA256 over ``<t>.<body>``: a receiver that checks it and the age of ``t`` knows that the
body comes from here and is not an old one played back. See monitor/alerting/README.md for a receiver's check.
"""

from __future__ import annotations

import hashlib
import hmac
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from monitor.alerting.channels.base import ChannelError
from monitor.alerting.channels.outbound import Answer, Outbound
from monitor.alerting.ports import Notification
from monitor.clock import Clock
from monitor.incidents.words import plain

SIGNATURE: Final = "X-Driftline-Signature"
DEDUP_KEY: Final = "X-Driftline-Dedup-Key"
ATTEMPT: Final = "X-Driftline-Attempt"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
_WORTH_ANOTHER_TRY: Final = frozenset({408, 425, 429})
_LONGEST_RETRY_AFTER_S: Final = 3600


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
        """As long as a request may take."""
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
        self._judge(self._outbound.post(self._url, body=body, headers=headers))

    def _judge(self, answer: Answer) -> None:
        if 200 <= answer.status < 300:
            return
        hint = "; redirects are not followed, give the final address" if 300 <= answer.status < 400 else ""
        said = plain(answer.body[:800].decode("utf-8", "replace"), longest=200)
        raise ChannelError(
            f"{self._host} answered {answer.status}{hint}" + (f": {said}" if said else ""),
            permanent=400 <= answer.status < 500 and answer.status not in _WORTH_ANOTHER_TRY,
            retry_after_ms=self._retry_after_ms(answer),
        )

    def _retry_after_ms(self, answer: Answer) -> int | None:
        """RFC 9110, 10.2.3: seconds or a date; an hour at most, and nothing for what is neither."""
        value = answer.headers.get("Retry-After", "").strip()
        if value.isascii() and value.isdigit():
            seconds = float(value[:9])
        else:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - self._clock.now_ms() / 1000
            except (ValueError, TypeError, OverflowError):
                return None
        return int(max(0.0, min(seconds, _LONGEST_RETRY_AFTER_S)) * 1000)
