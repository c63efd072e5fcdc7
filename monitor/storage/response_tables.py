"""The tables of the response. All times are epoch milliseconds in BIGINT columns.

Documents (findings, timeline data, notification bodies) are JSON in text columns: kept byte for byte, because the
timeline is chained by hash and because JSONB would refuse a ``\\u0000`` that came with an event.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    UniqueConstraint,
    select,
    text,
)

from monitor.storage.schema import RowId, SafeText, metadata

incidents: Final = Table(
    "incidents",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", SafeText, nullable=False),
    Column("guardrail", SafeText, nullable=False),
    Column("status", SafeText, nullable=False),
    Column("severity", SafeText, nullable=False),
    Column("title", SafeText, nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("onset_low_ms", BigInteger, nullable=False),
    Column("last_found_ms", BigInteger, nullable=False),
    Column("acknowledged_by", SafeText),
    Column("acknowledged_at_ms", BigInteger),
    Column("resolved_at_ms", BigInteger),
    Column("closed_at_ms", BigInteger),
    Column("trouble", SafeText),
    Column("trouble_rule", SafeText, nullable=False, server_default=""),
    Column("exercise", Boolean, nullable=False, server_default=text("false")),
    Index("ix_incidents_guardrail", "guardrail", "status", "id"),
    Index("ix_incidents_guardrail_newest", "guardrail", "id"),
    Index("ix_incidents_status", "status", "id"),
    Index("ix_incidents_key", "key"),
)

cases: Final = Table(
    "cases",
    metadata,
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
)

escalations: Final = Table(
    "escalations",
    metadata,
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), primary_key=True, autoincrement=False),
    # When something is to be done; null: nothing is.
    Column("wakes_ms", BigInteger),
    Column("document", Text, nullable=False),
    Index("ix_escalations_wakes_ms", "wakes_ms"),
)

silences: Final = Table(
    "silences",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("begin_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_silences_end_ms", "end_ms"),
)

captures: Final = Table(
    "captures",
    metadata,
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), primary_key=True, autoincrement=False),
    Column("finding_id", SafeText, primary_key=True),
    Column("moment", SafeText, primary_key=True),
    # When it is to be made; null: it is made.
    Column("due_ms", BigInteger, index=True),
    Column("seq", BigInteger),
    Column("document", Text),
)

measures: Final = Table(
    "measures",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), nullable=False, index=True),
    Column("due_ms", BigInteger, index=True),
    Column("document", Text, nullable=False),
)

action_items: Final = Table(
    "action_items",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), nullable=False, index=True),
    Column("due_ms", BigInteger, index=True),
    Column("document", Text, nullable=False),
)

inbound_alerts: Final = Table(
    "inbound_alerts",
    metadata,
    Column("source", SafeText, primary_key=True),
    Column("fingerprint", SafeText, primary_key=True),
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), nullable=False, index=True),
    Column("document", Text, nullable=False),
)

# Requests that were taken, so that the same one sent again within its window is recognised.
inbound_seen: Final = Table(
    "inbound_seen",
    metadata,
    Column("digest", SafeText, primary_key=True),
    Column("at_ms", BigInteger, nullable=False, index=True),
)

releases: Final = Table(
    "releases",
    metadata,
    Column("kind", SafeText, primary_key=True),
    Column("name", SafeText, primary_key=True),
    Column("version", SafeText, primary_key=True),
    Column("seen_ms", BigInteger, nullable=False),
    Column("told", Boolean, nullable=False),
)

findings: Final = Table(
    "findings",
    metadata,
    Column("id", SafeText, primary_key=True),
    Column("guardrail", SafeText, nullable=False),
    Column("signal", SafeText, nullable=False),
    Column("kind", SafeText, nullable=False),
    Column("onset_low_ms", BigInteger, nullable=False),
    Column("detected_at_ms", BigInteger, nullable=False, index=True),
    Column("ended_at_ms", BigInteger),
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), index=True),
    Column("document", Text, nullable=False),
    Column("trouble", SafeText),
)

OF_AN_EXERCISE: Final = (
    select(incidents.c.id).where(incidents.c.id == findings.c.incident_id, incidents.c.exercise).exists()
)
"""A finding that a drill has made up."""

dismissals: Final = Table(
    "dismissals",
    metadata,
    Column("finding_id", SafeText, primary_key=True),
    Column("by", SafeText, nullable=False),
    Column("reason", SafeText, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("effective_tick", BigInteger),
    Index("ix_dismissals_effective_tick", "effective_tick"),
)

timeline: Final = Table(
    "timeline",
    metadata,
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", SafeText, nullable=False),
    Column("kind", SafeText, nullable=False),
    Column("data", Text, nullable=False),
    Column("previous_hash", SafeText, nullable=False),
    Column("hash", SafeText, nullable=False),
    Column("content", SafeText, nullable=False, server_default=""),
    Index("ix_timeline_at_ms", "at_ms"),
)

outbox: Final = Table(
    "outbox",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("channel", SafeText, nullable=False),
    Column("deed", SafeText, nullable=False),
    Column("dedup_key", SafeText, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", SafeText, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    # Not handed out before this: the retry time of a failed one, the end of the claim of a claimed one.
    Column("due_at_ms", BigInteger, nullable=False),
    Column("error", SafeText),
    Column("delivered_at_ms", BigInteger),
    UniqueConstraint("incident_id", "channel", "seq", name="uq_outbox_message"),
    Index(
        "ix_outbox_waiting",
        "incident_id",
        "channel",
        "seq",
        postgresql_where=text("state = 'waiting'"),
        sqlite_where=text("state = 'waiting'"),
    ),
)

eval_runs: Final = Table(
    "eval_runs",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("model", SafeText, nullable=False, index=True),
    Column("version", SafeText, nullable=False),
    Column("state", SafeText, nullable=False),
    Column("recorded_by", SafeText, nullable=False),
    Column("recorded_at_ms", BigInteger, nullable=False),
    Column("reason", SafeText, nullable=False),
    Column("results", Text, nullable=False),
    Index(
        "uq_eval_runs_approved_model",
        "model",
        unique=True,
        postgresql_where=text("state = 'approved'"),
        sqlite_where=text("state = 'approved'"),
    ),
)
