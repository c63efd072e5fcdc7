"""Room for what is kept for longer than ticks: counts by the hour, the ledger by the day.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three tables, empty: nothing is rolled up yet."""
    op.create_table(
        "hour_counts",
        sa.Column("tick", sa.BigInteger(), nullable=False),
        sa.Column("layout", sa.Text(), nullable=False),
        sa.Column("cells", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tick", "layout", name="pk_hour_counts"),
    )
    op.create_table(
        "ledger_days",
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("commits", "events", "duplicates", "late", "future", "gap")
        ),
        sa.Column("rejected", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day", "partition", name="pk_ledger_days"),
    )
    op.create_table(
        "retention",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rolled_before", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_retention_single_row")),
        sa.PrimaryKeyConstraint("id", name="pk_retention"),
    )


def downgrade() -> None:
    """What was rolled up is lost; an earlier version reads ticks alone."""
    for table in ("retention", "ledger_days", "hour_counts"):
        op.drop_table(table)
