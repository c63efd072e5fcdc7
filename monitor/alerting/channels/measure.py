"""A measure of containment as a request to a receiver of the team's own: JSON by POST, signed as a webhook is."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from monitor.alerting.channels.answers import require_delivered
from monitor.alerting.channels.json_post import HEADERS, Target
from monitor.alerting.channels.webhook import IDEMPOTENCY_KEY, SIGNATURE, signature
from monitor.incidents.words import plain

LONGEST_ANSWER = 200


class MeasureWebhook:
    """Carries out the measures of one receiver."""

    def __init__(self, target: Target) -> None:
        """
        Raises:
            ChannelError: nothing may be sent to this address whatever it resolves to.
        """
        self._target = target
        self._host = target.outbound.check(target.url).host

    @property
    def longest_ms(self) -> int:
        """The longest that one request takes."""
        return self._target.outbound.longest_ms

    def request(self, document: Mapping[str, object], *, key: str) -> str:
        """Ask for it; returns the receiver's answer, one safe line.

        Raises:
            ChannelError: it was not taken.
        """
        body = msgspec.json.encode(document, order="deterministic")
        now_ms = self._target.clock.now_ms()
        signed = {SIGNATURE: signature(self._target.secret or b"", body, at_s=now_ms // 1000)}
        headers = {**HEADERS, IDEMPOTENCY_KEY: key, **signed}
        answer = self._target.outbound.post(self._target.url, body=body, headers=headers)
        require_delivered(answer, host=self._host, now_ms=now_ms)
        said = plain(answer.body.decode("utf-8", "replace"), longest=LONGEST_ANSWER)
        return f"{answer.status} {said}".strip()
