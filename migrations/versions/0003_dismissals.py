"""Notices that a person has dismissed, and the tick from which the judge minds it.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table."""
    op.create_table(
        "dismissals",
        sa.Column("finding_id", sa.Text(), primary_key=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("effective_tick", sa.BigInteger(), nullable=True),
    )


def downgrade() -> None:
    """Dismissed notices count as believed again."""
    op.drop_table("dismissals")
