"""What the judge knows of each stream, evidence by the minute, levels by the hour.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three tables, empty: the judge fills them from its next step on."""
    op.create_table(
        "streams",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_digest", sa.LargeBinary(), nullable=False),
        sa.Column("guardrail", sa.Text(), nullable=False),
        sa.Column("guardrail_version", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("score_kind", sa.Text(), nullable=False),
        sa.Column("semantics", sa.Text(), nullable=False),
        sa.Column("threshold_milli", sa.BigInteger(), nullable=False),
        sa.Column("tick", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_streams"),
        sa.UniqueConstraint("unit_digest", name="uq_streams_unit_digest"),
    )
    op.create_table(
        "evidence_points",
        sa.Column("stream_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tick", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("log_evidence", sa.Double(), nullable=False),
        sa.Column("spent", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "tick", "signal", "question", name="pk_evidence_points"),
        sa.ForeignKeyConstraint(["stream_id"], ["streams.id"], name="fk_evidence_points_stream_id"),
    )
    op.create_index("ix_evidence_points_tick", "evidence_points", ["tick"])
    op.create_table(
        "hour_levels",
        sa.Column("stream_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tick", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("mean", sa.Double(), nullable=False),
        sa.Column("approved_level", sa.Double(), nullable=False),
        sa.Column("page_limit", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "tick", "signal", "question", name="pk_hour_levels"),
        sa.ForeignKeyConstraint(["stream_id"], ["streams.id"], name="fk_hour_levels_stream_id"),
    )
    op.create_index("ix_hour_levels_tick", "hour_levels", ["tick"])


def downgrade() -> None:
    """The course of the evidence is lost; counts, baselines and findings stay."""
    op.drop_index("ix_hour_levels_tick", "hour_levels")
    op.drop_table("hour_levels")
    op.drop_index("ix_evidence_points_tick", "evidence_points")
    op.drop_table("evidence_points")
    op.drop_table("streams")
