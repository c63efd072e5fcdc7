"""The tables of counting and judging. All times are epoch milliseconds in BIGINT columns."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from monitor.storage.schema import RowId, SafeText, metadata

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

deployment: Final = Table(
    "deployment",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    # Its identity in a consumer group: drawn at random, once.
    Column("name", SafeText, nullable=False),
    CheckConstraint("id = 1", name="single_row"),
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
    # Length of the ticks that the judge goes by; null until a judge of a version that writes it has made a step.
    Column("tick_ms", BigInteger),
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
