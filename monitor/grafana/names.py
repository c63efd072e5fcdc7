"""Names that last: links between dashboards, alert rules and saved URLs hold them, so none of them ever changes."""

from __future__ import annotations

from typing import Final

TAG: Final = "driftline"
"""On every dashboard and annotation; the links between dashboards go by it."""
FOLDER: Final = "driftline"
FOLDER_TITLE: Final = "Driftline"
POSTGRESQL: Final = "driftline-postgresql"
PROMETHEUS: Final = "driftline-prometheus"
CONTACT_POINT: Final = "Driftline"
CONTACT_POINT_UID: Final = "driftline-webhook"
OWNER_LABEL: Final = "driftline"
"""Label of our alert rules, by which the notification policy routes them: ``driftline="itself"``."""
OWNER_VALUE: Final = "itself"

FLEET: Final = "driftline-fleet"
GUARDRAIL: Final = "driftline-guardrail"
STREAM: Final = "driftline-stream"
INCIDENTS: Final = "driftline-incidents"
ITSELF: Final = "driftline-itself"
