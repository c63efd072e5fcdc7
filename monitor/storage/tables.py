"""The tables, once, for PostgreSQL and SQLite alike. All times are epoch milliseconds in BIGINT columns.

Documents (findings, timeline data, notification bodies) are JSON in text columns: kept byte for byte, because the
timeline is chained by hash and because JSONB would refuse a ``\\u0000`` that came with an event.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator


def storable(value: str) -> str:
    """The text as both databases can take it: NUL and lone surrogates become U+FFFD.

    Names and notes come from outside; PostgreSQL refuses NUL, UTF-8 has no surrogates, and a value that can never
    be stored would stop its partition for ever.
    """
    return value.replace("\x00", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")


class SafeText(TypeDecorator[str]):
    """TEXT whose values pass through :func:`storable`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Called for every value bound to such a column."""
        return None if value is None else storable(value)


metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite numbers rows by itself only in a column that is declared exactly INTEGER PRIMARY KEY (64 bits there too).
RowId: Final = BigInteger().with_variant(Integer(), "sqlite")

partitions: Final = Table(
    "partitions",
    metadata,
    Column("partition", SafeText, primary_key=True),
    Column("source", SafeText, nullable=False),
    Column("active", Boolean(create_constraint=False), nullable=False),
    Column("ended", Boolean(create_constraint=False), nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("closed_before", BigInteger),
    Column("generation", BigInteger, nullable=False),
    Column("owner", SafeText, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("claimed_at_ms", BigInteger),
    Column("committed_at_ms", BigInteger),
    # Identity of the log that next_offset is a position in, empty where the source has none.
    Column("log_id", SafeText, nullable=False, server_default=""),
    CheckConstraint("next_offset >= -1", name="next_offset"),
)

tick_ledger: Final = Table(
    "tick_ledger",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("partition", SafeText, nullable=False),
    Column("from_offset", BigInteger, nullable=False),
    Column("to_offset", BigInteger, nullable=False),
    Column("closed_before", BigInteger),
    Column("mark", SafeText, nullable=False),
    Column("clock_ms", BigInteger),
    Column("layout", SafeText, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("late", BigInteger, nullable=False),
    Column("future", BigInteger, nullable=False),
    Column("gap", BigInteger, nullable=False),
    Column("rejected", Text, nullable=False),
    Column("committed_at_ms", BigInteger, nullable=False),
    CheckConstraint("to_offset >= from_offset", name="offsets"),
)

layouts: Final = Table(
    "layouts",
    metadata,
    Column("fingerprint", SafeText, primary_key=True),
    Column("document", Text, nullable=False),
)

tick_counts: Final = Table(
    "tick_counts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("partition", SafeText, nullable=False),
    Column("tick", BigInteger, nullable=False, index=True),
    Column("from_offset", BigInteger, nullable=False),
    Column("to_offset", BigInteger, nullable=False),
    Column("layout", SafeText, nullable=False),
    Column("cells", LargeBinary, nullable=False),
)

hour_counts: Final = Table(
    "hour_counts",
    metadata,
    # The first tick of the hour, whose counts are the whole hour's, of all partitions.
    Column("tick", BigInteger, primary_key=True, autoincrement=False),
    Column("layout", SafeText, primary_key=True),
    Column("cells", LargeBinary, nullable=False),
)

ledger_days: Final = Table(
    "ledger_days",
    metadata,
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("partition", SafeText, primary_key=True),
    Column("commits", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("late", BigInteger, nullable=False),
    Column("future", BigInteger, nullable=False),
    Column("gap", BigInteger, nullable=False),
    Column("rejected", Text, nullable=False),
)

retention: Final = Table(
    "retention",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("rolled_before", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single_row"),
)

clusters: Final = Table(
    "clusters",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("partition", SafeText, nullable=False),
    Column("tick", BigInteger, nullable=False, index=True),
    Column("layout", SafeText, nullable=False),
    Column("name", SafeText, nullable=False),
    Column("slice_id", BigInteger, nullable=False),
    Column("hits", BigInteger, nullable=False),
    Column("senders", BigInteger, nullable=False),
    Column("since_ms", BigInteger, nullable=False, server_default="0"),
)

slices: Final = Table(
    "slices",
    metadata,
    Column("id", RowId, primary_key=True),
    # SHA-256 of the twelve fields below and unique for them: twelve texts from outside can be longer than the
    # 2704 bytes that a PostgreSQL index entry may have.
    Column("digest", LargeBinary, nullable=False),
    Column("guardrail", SafeText, nullable=False),
    Column("guardrail_version", SafeText, nullable=False),
    Column("category", SafeText, nullable=False),
    Column("stage", SafeText, nullable=False),
    Column("score_kind", SafeText, nullable=False),
    Column("semantics", SafeText, nullable=False),
    Column("threshold_milli", BigInteger, nullable=False),
    Column("language", SafeText, nullable=False),
    Column("app", SafeText, nullable=False),
    Column("model", SafeText, nullable=False),
    Column("model_version", SafeText, nullable=False),
    Column("format", SafeText, nullable=False),
    UniqueConstraint("digest"),
)

judge: Final = Table(
    "judge",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("judged_before", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single_row"),
)

leases: Final = Table(
    "leases",
    metadata,
    Column("name", SafeText, primary_key=True),
    Column("holder", SafeText, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
)

snapshots: Final = Table(
    "snapshots",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("tick", BigInteger, nullable=False),
    Column("fingerprint", SafeText, nullable=False),
    Column("blob", LargeBinary, nullable=False),
)

baselines: Final = Table(
    "baselines",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("unit_digest", LargeBinary, nullable=False),
    Column("guardrail", SafeText, nullable=False),
    Column("guardrail_version", SafeText, nullable=False),
    Column("category", SafeText, nullable=False),
    Column("stage", SafeText, nullable=False),
    Column("score_kind", SafeText, nullable=False),
    Column("semantics", SafeText, nullable=False),
    Column("threshold_milli", BigInteger, nullable=False),
    Column("state", SafeText, nullable=False),
    Column("from_tick", BigInteger, nullable=False),
    Column("to_tick", BigInteger, nullable=False),
    Column("effective_tick", BigInteger),
    Column("counts", LargeBinary, nullable=False),
    Column("layout", SafeText, nullable=False),
    Column("approved_by", SafeText, nullable=False),
    Column("reason", SafeText, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Index(
        "uq_baselines_approved_unit",
        "unit_digest",
        unique=True,
        postgresql_where=text("state = 'approved'"),
        sqlite_where=text("state = 'approved'"),
    ),
    # With every step the judge asks for those without a tick, which it has not seen.
    Index("ix_baselines_effective_tick", "effective_tick"),
)

streams: Final = Table(
    "streams",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("unit_digest", LargeBinary, nullable=False),
    Column("guardrail", SafeText, nullable=False),
    Column("guardrail_version", SafeText, nullable=False),
    Column("category", SafeText, nullable=False),
    Column("stage", SafeText, nullable=False),
    Column("score_kind", SafeText, nullable=False),
    Column("semantics", SafeText, nullable=False),
    Column("threshold_milli", BigInteger, nullable=False),
    # When it was written last; the document is what the judge knew then, null for all traffic together.
    Column("tick", BigInteger, nullable=False),
    Column("state", SafeText, nullable=False),
    Column("document", Text),
    UniqueConstraint("unit_digest"),
)

evidence_points: Final = Table(
    "evidence_points",
    metadata,
    Column("stream_id", BigInteger, ForeignKey("streams.id"), primary_key=True, autoincrement=False),
    Column("tick", BigInteger, primary_key=True, autoincrement=False, index=True),
    Column("signal", SafeText, primary_key=True),
    Column("question", SafeText, primary_key=True),
    Column("log_evidence", Double, nullable=False),
    Column("spent", Double, nullable=False),
)

hour_levels: Final = Table(
    "hour_levels",
    metadata,
    Column("stream_id", BigInteger, ForeignKey("streams.id"), primary_key=True, autoincrement=False),
    Column("tick", BigInteger, primary_key=True, autoincrement=False, index=True),
    Column("signal", SafeText, primary_key=True),
    Column("question", SafeText, primary_key=True),
    Column("events", BigInteger, nullable=False),
    Column("mean", Double, nullable=False),
    Column("approved_level", Double, nullable=False),
    Column("page_limit", Double, nullable=False),
)

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
