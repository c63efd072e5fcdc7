"""The first tables: positions, counts, judgement, response.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only in a column that is declared exactly INTEGER PRIMARY KEY.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNIT = ("guardrail", "guardrail_version", "category", "stage", "score_kind", "semantics")
STRATUM = ("language", "app", "model", "model_version", "format")


def big(name: str, *, nullable: bool = False) -> sa.Column[int]:
    """A BIGINT column: a count, an offset, a tick or epoch milliseconds."""
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def words(name: str, *, nullable: bool = False) -> sa.Column[str]:
    """A TEXT column."""
    return sa.Column(name, sa.Text(), nullable=nullable)


def binary(name: str) -> sa.Column[bytes]:
    """A BYTEA or BLOB column."""
    return sa.Column(name, sa.LargeBinary(), nullable=False)


# Names of CHECK constraints are wrapped in op.f: final, not to be put through the naming convention once more.


def upgrade() -> None:
    """From nothing."""
    counting()
    judging()
    response()


def counting() -> None:
    """What the workers write."""
    op.create_table(
        "partitions",
        words("partition"),
        words("source"),
        sa.Column("active", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("ended", sa.Boolean(create_constraint=False), nullable=False),
        big("next_offset"),
        big("closed_before", nullable=True),
        big("generation"),
        words("owner"),
        binary("state"),
        big("claimed_at_ms", nullable=True),
        big("committed_at_ms", nullable=True),
        sa.PrimaryKeyConstraint("partition", name="pk_partitions"),
        sa.CheckConstraint("next_offset >= -1", name=op.f("ck_partitions_next_offset")),
    )
    op.create_table(
        "tick_ledger",
        sa.Column("id", ROW_ID, nullable=False),
        words("partition"),
        big("from_offset"),
        big("to_offset"),
        big("closed_before", nullable=True),
        words("mark"),
        big("clock_ms", nullable=True),
        words("layout"),
        big("events"),
        big("duplicates"),
        big("late"),
        big("future"),
        big("gap"),
        words("rejected"),
        big("committed_at_ms"),
        sa.PrimaryKeyConstraint("id", name="pk_tick_ledger"),
        sa.CheckConstraint("to_offset >= from_offset", name=op.f("ck_tick_ledger_offsets")),
    )
    op.create_table(
        "tick_counts",
        sa.Column("id", ROW_ID, nullable=False),
        words("partition"),
        big("tick"),
        big("from_offset"),
        big("to_offset"),
        words("layout"),
        binary("cells"),
        sa.PrimaryKeyConstraint("id", name="pk_tick_counts"),
    )
    op.create_index("ix_tick_counts_tick", "tick_counts", ["tick"])
    op.create_table(
        "slices",
        sa.Column("id", ROW_ID, nullable=False),
        binary("digest"),
        *(words(name) for name in UNIT),
        big("threshold_milli"),
        *(words(name) for name in STRATUM),
        sa.PrimaryKeyConstraint("id", name="pk_slices"),
        sa.UniqueConstraint("digest", name="uq_slices_digest"),
    )


def judging() -> None:
    """What the judge writes."""
    op.create_table(
        "judge",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        big("judged_before"),
        sa.PrimaryKeyConstraint("id", name="pk_judge"),
        sa.CheckConstraint("id = 1", name=op.f("ck_judge_single_row")),
    )
    op.create_table(
        "leases",
        words("name"),
        words("holder"),
        big("token"),
        big("expires_at_ms"),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "snapshots",
        sa.Column("id", ROW_ID, nullable=False),
        big("tick"),
        words("fingerprint"),
        binary("blob"),
        sa.PrimaryKeyConstraint("id", name="pk_snapshots"),
    )
    op.create_table(
        "baselines",
        sa.Column("id", ROW_ID, nullable=False),
        binary("unit_digest"),
        *(words(name) for name in UNIT),
        big("threshold_milli"),
        words("state"),
        big("from_tick"),
        big("to_tick"),
        big("effective_tick", nullable=True),
        binary("counts"),
        words("layout"),
        words("approved_by"),
        words("reason"),
        big("created_at_ms"),
        sa.PrimaryKeyConstraint("id", name="pk_baselines"),
    )
    only_approved = sa.text("state = 'approved'")
    op.create_index(
        "uq_baselines_approved_unit",
        "baselines",
        ["unit_digest"],
        unique=True,
        postgresql_where=only_approved,
        sqlite_where=only_approved,
    )


def response() -> None:
    """What alerting and the people write."""
    op.create_table(
        "incidents",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        words("key"),
        words("guardrail"),
        words("status"),
        words("severity"),
        words("title"),
        big("opened_at_ms"),
        big("onset_low_ms"),
        big("last_found_ms"),
        words("acknowledged_by", nullable=True),
        big("acknowledged_at_ms", nullable=True),
        big("resolved_at_ms", nullable=True),
        big("closed_at_ms", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_table(
        "findings",
        words("id"),
        words("guardrail"),
        words("signal"),
        words("kind"),
        big("onset_low_ms"),
        big("detected_at_ms"),
        big("ended_at_ms", nullable=True),
        big("incident_id", nullable=True),
        words("document"),
        sa.PrimaryKeyConstraint("id", name="pk_findings"),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_findings_incident_id"),
    )
    op.create_index("ix_findings_detected_at_ms", "findings", ["detected_at_ms"])
    op.create_index("ix_findings_incident_id", "findings", ["incident_id"])
    op.create_table(
        "timeline",
        sa.Column("incident_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        big("at_ms"),
        words("actor"),
        words("kind"),
        words("data"),
        words("previous_hash"),
        words("hash"),
        sa.PrimaryKeyConstraint("incident_id", "seq", name="pk_timeline"),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_timeline_incident_id"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", ROW_ID, nullable=False),
        big("incident_id"),
        big("seq"),
        words("channel"),
        words("deed"),
        words("dedup_key"),
        words("body"),
        words("state"),
        big("attempts"),
        big("due_at_ms"),
        words("error", nullable=True),
        big("delivered_at_ms", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_outbox_incident_id"),
        sa.UniqueConstraint("incident_id", "channel", "seq", name="uq_outbox_message"),
    )
    still_waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["incident_id", "channel", "seq"],
        postgresql_where=still_waiting,
        sqlite_where=still_waiting,
    )


def downgrade() -> None:
    """Back to nothing; all data is lost."""
    for table in (
        "outbox",
        "timeline",
        "findings",
        "incidents",
        "baselines",
        "snapshots",
        "leases",
        "judge",
        "slices",
        "tick_counts",
        "tick_ledger",
        "partitions",
    ):
        op.drop_table(table)
