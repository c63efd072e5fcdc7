"""Incidents and their timeline: the nouns of the response record.

All times are epoch milliseconds (UTC): ``*_at_ms`` by the service's clock, ``onset_low_ms`` and ``last_found_ms``
in event time.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from monitor.findings.model import IncidentType


class Status(StrEnum):
    """Status of an incident; only forward, except that a new page re-opens a resolved one."""

    open = "open"
    acknowledged = "acknowledged"
    resolved = "resolved"
    closed = "closed"


class Severity(StrEnum):
    """In the words of the PagerDuty Events API, so that no channel has to translate."""

    critical = "critical"
    error = "error"
    warning = "warning"


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """The response record: one per guardrail and onset."""

    id: int
    """1, 2, 3...; shown as ``INC-1``."""
    key: str
    """Stable dedup key of every notification about it."""
    guardrail: str
    status: Status
    severity: Severity
    title: str
    opened_at_ms: int
    onset_low_ms: int
    """Earliest onset among its findings, event time."""
    last_found_ms: int
    """Latest page among its findings, event time."""
    acknowledged_by: str | None = None
    acknowledged_at_ms: int | None = None
    resolved_at_ms: int | None = None
    closed_at_ms: int | None = None
    trouble: IncidentType | None = None
    """The most specific type among its pages."""
    trouble_rule: str = ""
    """The rule that typed that page."""
    exercise: bool = False
    """It was made by a drill: everybody is told so, and nothing of it is booked."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an incident's timeline; append-only, chained by SHA-256 to the line before it."""

    incident_id: int
    seq: int
    """1, 2, 3... without gaps."""
    at_ms: int
    actor: str
    """``driftline`` or the name of the person."""
    kind: str
    """``opened``, ``finding_added``, ``finding_upgraded``, ``finding_ended``, ``acknowledged``, ``note``, ..."""
    data: dict[str, object]
    previous_hash: str
    """``hash`` of entry seq - 1; 64 zeros for the first."""
    hash: str
    """Hex SHA-256 over the canonical JSON of the other fields, with ``content`` in place of ``data``."""
    content: str = ""
    """Hex SHA-256 over the hashes of the fields of ``data``; empty in older entries, which hash it whole."""
