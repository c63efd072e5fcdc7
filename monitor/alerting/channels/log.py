"""The log channel: one structured line per notification, for log pipelines that alert by themselves."""

from __future__ import annotations

from typing import Final

import structlog

from monitor.alerting.ports import Notification

_LOG: Final = structlog.stdlib.get_logger("driftline.notifications")


class LogChannel:
    """Writes to the service's own log; cannot fail."""

    longest_ms: Final = 100

    def send(self, notification: Notification, *, attempt: int) -> None:
        """One line with the whole body as fields."""
        _LOG.warning(
            "notification",
            deed=notification.deed.value,
            dedup_key=notification.dedup_key,
            incident_id=notification.incident_id,
            seq=notification.seq,
            attempt=attempt,
            body=notification.body,
        )
