"""Meaning of a receiver's answer: delivered, retry later, or never retry.

| answer | meaning |
| --- | --- |
| 2xx | delivered |
| 408, 425, 429, 5xx, 3xx | later again, not before the Retry-After that came with it |
| other 4xx | never retry: the receiver rejects it |
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final

from monitor.alerting.channels.base import ChannelError
from monitor.alerting.channels.outbound import Answer
from monitor.incidents.words import plain

_WORTH_ANOTHER_TRY: Final = frozenset({408, 425, 429})
_LONGEST_RETRY_AFTER_S: Final = 3600


def require_delivered(answer: Answer, *, host: str, now_ms: int) -> None:
    """Return if the receiver has it.

    Raises:
        ChannelError: it does not; whether trying again can help, and when at the earliest.
    """
    if 200 <= answer.status < 300:
        return
    hint = "; redirects are not followed, give the final address" if 300 <= answer.status < 400 else ""
    detail = plain(answer.body[:800].decode("utf-8", "replace"), longest=200)
    raise ChannelError(
        f"{host} answered {answer.status}{hint}" + (f": {detail}" if detail else ""),
        permanent=400 <= answer.status < 500 and answer.status not in _WORTH_ANOTHER_TRY,
        retry_after_ms=_retry_after_ms(answer, now_ms=now_ms),
    )


def _retry_after_ms(answer: Answer, *, now_ms: int) -> int | None:
    """RFC 9110, 10.2.3: seconds or a date; an hour at most, and nothing for what is neither."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        seconds = float(value[:9])
    else:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now_ms / 1000
        except (ValueError, TypeError, OverflowError):
            return None
    return int(max(0.0, min(seconds, _LONGEST_RETRY_AFTER_S)) * 1000)
